#!/bin/sh
# Builds the server twice: to see what it runs while it answers, and laid out by what was seen.
#
# A plain release build answers the same. This one needs a third fewer instructions for an answer; benches/NOTES.md has
# the figures. It needs dnsperf, root (for a network namespace in which nothing but loopback exists) and llvm-profdata,
# which `rustup component add llvm-tools` brings, or Debian's package llvm-19. It takes as long as three release builds.
set -eu
cd "$(dirname "$0")/.."

host=$(rustc -vV | sed -n 's/^host: //p')
folder=${CARGO_TARGET_DIR:-$PWD/target}/pgo
server=$folder/$host/release/halfmoon

# Its version has to understand what this compiler writes: the compiler's own comes first, then the newest there is.
profdata=${LLVM_PROFDATA:-}
if [ -z "$profdata" ]; then
    for program in "$(rustc --print sysroot)/lib/rustlib/$host/bin/llvm-profdata" \
        llvm-profdata-22 llvm-profdata-21 llvm-profdata-20 llvm-profdata-19 llvm-profdata; do
        if command -v "$program" >/dev/null; then
            profdata=$program
            break
        fi
    done
fi
if [ -z "$profdata" ]; then
    echo "pgo: no llvm-profdata here; 'rustup component add llvm-tools' or 'apt-get install llvm-19', or name one in LLVM_PROFDATA" >&2
    exit 1
fi
if ! command -v dnsperf >/dev/null; then
    echo "pgo: dnsperf asks the server while it is looked at; 'apt-get install dnsperf'" >&2
    exit 1
fi

# With a target of its own the flags are not for what runs while it is built.
build() {
    CARGO_TARGET_DIR=$folder RUSTFLAGS="${RUSTFLAGS:-} $1" cargo build --release --locked --target "$host" -p halfmoon --bin halfmoon
}

echo "pgo: 1 of 4: a server that writes down what it runs"
rm -rf "$folder/seen" "$folder/seen.profdata"
build "-Cprofile-generate=$folder/seen"

echo "pgo: 2 of 4: questions of all kinds"
cargo run --release --locked -p halfmoon-benches --bin versus -- --halfmoon "$server" --servers halfmoon --rounds 1 --seconds 1

echo "pgo: 3 of 4: what was seen, put together"
"$profdata" merge -o "$folder/seen.profdata" "$folder/seen"

echo "pgo: 4 of 4: the server laid out by it"
build "-Cprofile-use=$folder/seen.profdata"
echo "pgo: built $server"
