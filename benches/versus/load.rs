//! Asks a server as fast as dnsperf can, and takes the time it spent.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::kinds::{Kind, Want};
use crate::process::{Time, installed};
use crate::servers::Running;
use crate::{Args, Result};

/// What one query cost, in microseconds of the server's CPU time, and how many came a second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) user: f64,
    pub(crate) total: f64,
    /// That of our own threads alone that answer over UDP.
    pub(crate) udp: f64,
    pub(crate) rate: f64,
}

/// Writes questions as dnsperf reads them with `-B`: as in a TCP stream.
pub(crate) fn write(kind: &Kind, number: usize, folder: &Path) -> Result<PathBuf> {
    let path = folder.join(format!("queries-{number}"));
    let mut file = BufWriter::new(File::create(&path)?);
    for query in &kind.queries {
        file.write_all(&(query.octets.len() as u16).to_be_bytes())?;
        file.write_all(&query.octets)?;
    }
    file.flush()?;
    Ok(path)
}

/// How often a run is tried: on a machine with other work a server may be put aside for so long that
/// queries are lost.
const TRIES: usize = 3;

/// One run of dnsperf on these processors against each server at the same time; what their answers
/// cost together.
pub(crate) fn run(
    servers: &[&Running],
    kind: &Kind,
    queries: &Path,
    args: &Args,
    processors: &str,
) -> Result<Cost> {
    let mut tried = run_once(servers, kind, queries, args, processors);
    for _ in 1..TRIES {
        let Err(error) = &tried else {
            break;
        };
        eprintln!("once more: {error}");
        tried = run_once(servers, kind, queries, args, processors);
    }
    tried
}

fn run_once(
    servers: &[&Running],
    kind: &Kind,
    queries: &Path,
    args: &Args,
    processors: &str,
) -> Result<Cost> {
    let mut ids: Vec<_> = servers.iter().map(|running| running.process.id()).collect();
    ids.dedup();
    let spent = || -> Vec<Time> {
        let once = servers.iter().take(ids.len());
        once.map(|running| running.process.time()).collect()
    };
    let answering = || -> f64 {
        servers.iter().take(ids.len()).map(|running| running.process.time_of("udp")).sum()
    };
    let (before, before_udp) = (spent(), answering());
    let asked: Vec<_> = servers
        .iter()
        .map(|running| start(running, kind, queries, args, servers.len() as u32, processors))
        .collect::<Result<_>>()?;
    let (mut answered, mut rate) = (0.0, 0.0);
    for (child, running) in asked.into_iter().zip(servers) {
        let (count, seconds) = finish(child, running, kind)?;
        answered += count;
        rate += count / seconds;
    }
    let (mut user, mut total) = (0.0, 0.0);
    for (after, before) in spent().iter().zip(before) {
        user += (after.user - before.user) / 1000.0 / answered;
        total += (after.total() - before.total()) / 1000.0 / answered;
    }
    let udp = (answering() - before_udp) / 1000.0 / answered;
    Ok(Cost { user, total, udp, rate })
}

/// Starts dnsperf, one of `of` that run.
fn start(
    running: &Running,
    kind: &Kind,
    queries: &Path,
    args: &Args,
    of: u32,
    processors: &str,
) -> Result<Child> {
    let program = installed("dnsperf").ok_or("dnsperf is not installed")?;
    let outstanding = (args.outstanding / of).to_string();
    let (seconds, port) = (args.seconds.to_string(), running.address.port().to_string());
    // Many sockets where they are to be spread over the threads of a server.
    let clients = match (kind.tcp, of) {
        (true, _) => "10",
        (false, 1) => "8",
        (false, _) => "32",
    };
    let child = Command::new("taskset")
        .args(["-c", processors])
        .arg(program)
        .args(["-B", "-s", "127.0.0.1", "-p", &port, "-l", &seconds, "-q", &outstanding])
        .args(["-c", clients, "-T", "1", "-t", "2", "-m", if kind.tcp { "tcp" } else { "udp" }])
        .arg("-d")
        .arg(queries)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    Ok(child)
}

/// Waits for its end: how many queries were answered, and in how many seconds.
fn finish(child: Child, running: &Running, kind: &Kind) -> Result<(f64, f64)> {
    let output = child.wait_with_output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let after = |what: &str| {
        text.lines()
            .find_map(|line| line.trim_start().strip_prefix(what))
            .unwrap_or_default()
            .trim()
    };
    let number =
        |text: &str| text.split_whitespace().next().and_then(|word| word.parse::<f64>().ok());
    let answered = number(after("Queries completed:")).filter(|answered| *answered > 0.0);
    let lost = number(after("Queries lost:")).unwrap_or(0.0);
    let seconds = number(after("Run time (s):"));
    let (Some(answered), Some(seconds)) = (answered, seconds) else {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("dnsperf says nothing of use:\n{text}\n{said}").into());
    };
    let rcode = if kind.queries.iter().any(|query| matches!(query.want, Want::NoName)) {
        "NXDOMAIN"
    } else {
        "NOERROR"
    };
    let codes = after("Response codes:");
    let right = codes.split(", ").find_map(|code| number(code.trim().strip_prefix(rcode)?));
    if right != Some(answered) || lost > answered / 1000.0 {
        let who = running.server.name();
        return Err(format!("{who}, `{}`: {codes}, {lost} lost of {answered}", kind.name).into());
    }
    Ok((answered, seconds))
}
