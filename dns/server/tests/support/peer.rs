//! Other servers to compare with, in a network namespace in which nothing exists but loopback.

use std::fs;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

use hickory_proto::op::Message;

use super::{udp, wait_for};

/// Tells a test that is started again that it is in the namespace.
const INSIDE: &str = "HALFMOON_IN_A_NETWORK_OF_ITS_OWN";

/// Where Debian has servers; users often have no `sbin` in their path.
const PLACES: [&str; 4] = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];

/// Where a program is, if it is installed.
pub fn installed(program: &str) -> Option<PathBuf> {
    PLACES.iter().map(|place| Path::new(place).join(program)).find(|path| path.exists())
}

/// Runs the test `inner` of this binary, which is ignored otherwise, in a network namespace. Without
/// one, or without one of the programs, it says loudly that nothing was tested.
#[track_caller]
pub fn alone(inner: &str, programs: &[&str]) {
    let skipped = |why: &str| {
        // Not through `eprintln!`, which the test harness keeps to itself when a test passes.
        let _ = writeln!(io::stderr(), "SKIPPED: {why}; {inner} was not run");
    };
    if let Some(absent) = programs.iter().find(|program| installed(program).is_none()) {
        return skipped(&format!("{absent} is not installed"));
    }
    let Some(options) = namespace() else {
        return skipped("no network namespace is to be had");
    };
    let ended = Command::new("unshare")
        .args(options)
        .args(["sh", "-c", "ip link set lo up && exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", inner, "--ignored", "--nocapture"])
        .env(INSIDE, "yes")
        .output()
        .unwrap();
    let (out, err) =
        (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "{out}\n{err}");
    assert!(out.contains("1 passed"), "{inner} is no test of this binary:\n{out}");
    // What the inner test says it left out is said here too.
    // So are the figures it found.
    for line in err.lines().filter(|line| line.contains("SKIPPED") || line.starts_with("| ")) {
        let _ = writeln!(io::stderr(), "{line}");
    }
}

/// How `unshare` makes a network namespace here.
fn namespace() -> Option<&'static [&'static str]> {
    let options: [&[&str]; 2] = [&["--net"], &["--net", "--map-root-user"]];
    options.into_iter().find(|options| {
        let mut command = Command::new("unshare");
        command.args(*options).args(["sh", "-c", "ip link set lo up"]);
        let quiet = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        quiet.is_ok_and(|status| status.success())
    })
}

/// Whether this process is in the namespace: the first thing an inner test asks, and ends if not,
/// as when somebody runs all ignored tests.
pub fn is_alone() -> bool {
    if std::env::var_os(INSIDE).is_none() {
        return false;
    }
    let devices = fs::read_to_string("/proc/net/dev").unwrap();
    let devices: Vec<&str> =
        devices.lines().skip(2).filter_map(|line| line.split(':').next()).collect();
    assert!(devices.iter().all(|name| name.trim() == "lo"), "{devices:?}");
    true
}

/// A port that nobody else takes meanwhile: the namespace is ours, each port is given once, and they lie
/// below those that the kernel gives to connections, which keep theirs for a minute after they end.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(10_000);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Another server; killed when dropped.
pub struct Peer {
    child: Child,
    program: String,
    log: PathBuf,
}

impl Peer {
    /// Starts `program`, which stays in the foreground; what it says goes to a file in `folder`.
    pub fn start(program: &str, args: &[&str], folder: &Path) -> Self {
        let log = folder.join(format!("{program}.log"));
        let out = fs::File::create(&log).unwrap();
        let child = Command::new(installed(program).unwrap())
            .args(args)
            .stdin(Stdio::null())
            .stdout(out.try_clone().unwrap())
            .stderr(out)
            .spawn()
            .unwrap();
        Self { child, program: program.to_owned(), log }
    }

    /// Asks until the server answers and `good` likes the answer.
    #[track_caller]
    pub fn wait_for_answer(
        &mut self,
        server: SocketAddr,
        question: &Message,
        good: impl Fn(&Message) -> bool,
    ) -> Message {
        wait_for(&format!("an answer of {}", self.program), || {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("{} ended, {status}:\n{}", self.program, self.said());
            }
            udp(server, question).ok().filter(|answer| good(answer))
        })
    }

    /// All that it has said so far.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap()).into_owned()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let said = self.said();
            let last = said.lines().count().saturating_sub(40);
            let lines: Vec<&str> = said.lines().skip(last).collect();
            let _ = writeln!(io::stderr(), "{} said last:\n{}", self.program, lines.join("\n"));
        }
    }
}
