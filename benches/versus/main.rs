//! What an answer costs here and on other servers: CPU time per answered query, user and system,
//! of the whole process, in one run on one machine.
//!
//! Each kind of question (`kinds`) goes to each server that is installed and can answer it
//! (`servers`), in turn and for several rounds, through dnsperf on a processor of its own (`load`).
//! Answers are looked at before they count (`check`). `--size` asks for memory and
//! time to load instead (`size`), `--changes` how late answers are while everything changes (`changes`),
//! `--checks` what many health checks cost those who ask (`checks`). Everything runs in a network namespace
//! in which nothing exists but loopback.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a table is what it is for")]

mod bare;
mod changes;
mod check;
mod checks;
mod endpoints;
mod kinds;
mod load;
mod process;
mod servers;
mod size;
mod table;

use std::error::Error;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use clap::Parser;

/// Tells this program, started again, that it is in the namespace.
const INSIDE: &str = "HALFMOON_VERSUS_INSIDE";

/// Compares what answers cost on this server and on others.
#[derive(Debug, Parser)]
struct Args {
    /// The binary of this server, built for release.
    #[arg(long, default_value = "target/release/halfmoon")]
    halfmoon: PathBuf,
    /// How long each server is asked in each round, in seconds.
    #[arg(long, default_value_t = 2)]
    seconds: u32,
    /// How many rounds; medians over them are shown.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Only kinds of questions whose name contains one of these.
    #[arg(long, value_delimiter = ';')]
    only: Vec<String>,
    /// Only these servers: halfmoon, gdnsd, knot, nsd, powerdns; bare, which is no server but our sockets with
    /// one answer to everything.
    #[arg(long, value_delimiter = ',')]
    servers: Vec<String>,
    /// What names, addresses and shapes of records are chosen by.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Names of several shapes with one to four addresses each, instead of short names with one.
    #[arg(long)]
    shapes: bool,
    /// Queries under way at a time.
    #[arg(long, default_value_t = 200)]
    outstanding: u32,
    /// Measures memory and the time to load instead.
    #[arg(long)]
    size: bool,
    /// Measures how late answers are while health and a zone change, instead.
    #[arg(long)]
    changes: bool,
    /// Measures what 50,000 health checks cost those who ask, and how late answers follow verdicts, instead.
    #[arg(long)]
    checks: bool,
    /// Is the server `bare` on this port.
    #[arg(long, hide = true)]
    bare: Option<u16>,
    /// Starts everything, checks the answers, and measures for a moment only.
    #[arg(long)]
    smoke: bool,
}

/// Whatever stands in the way, said once and at length.
type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

fn main() -> Result<()> {
    let mut args = Args::parse();
    if let Some(port) = args.bare {
        return bare::serve(port);
    }
    args.halfmoon = fs::canonicalize(&args.halfmoon).map_err(|error| {
        format!("{}: {error}; build it with `cargo build --release`", args.halfmoon.display())
    })?;
    if env::var_os(INSIDE).is_none() {
        // Who asks itself leaves the server its processor. Where single answers are timed, all of it runs
        // before whatever else the machine has to do, the server among it, which inherits that: threads
        // of the kernel and of other programs take a processor for up to 10 ms at a time, several times a
        // second, so that else the last hundredth tells how busy the machine is.
        let pin = if args.changes || args.checks { "chrt --fifo 1 taskset -c 1" } else { "" };
        let script = format!("ip link set lo up && exec {pin} \"$0\" \"$@\"");
        let error = Command::new("unshare")
            .args(["--net", "sh", "-c", &script])
            .arg(env::current_exe()?)
            .args(env::args_os().skip(1))
            .env(INSIDE, "yes")
            .exec();
        return Err(format!("cannot run `unshare` (it needs root): {error}").into());
    }
    if args.smoke {
        (args.seconds, args.rounds) = (1, 1);
    }
    if args.size {
        return size::run(&args);
    }
    if args.changes {
        return changes::run(&args);
    }
    if args.checks {
        return checks::run(&args);
    }
    table::run(&args)
}
