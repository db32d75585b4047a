//! Asks a server as fast as dnsperf can, and takes the time it spent.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::kinds::{Kind, Want};
use crate::process::{Time, installed};
use crate::servers::Running;
use crate::{Args, Result};

/// What one query cost, in microseconds of the server's CPU time, and how many came a second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pub(crate) user: f64,
    pub(crate) total: f64,
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

/// One run of dnsperf on these processors.
pub(crate) fn run(
    running: &Running,
    kind: &Kind,
    queries: &Path,
    args: &Args,
    processors: &str,
) -> Result<Cost> {
    let before = running.process.time();
    let (answered, seconds) = dnsperf(running, kind, queries, args, processors)?;
    let Time { user, system } = running.process.time();
    let spent = |after: f64, before: f64| (after - before) / 1000.0 / answered;
    let user = spent(user, before.user);
    Ok(Cost { user, total: user + spent(system, before.system), rate: answered / seconds })
}

fn dnsperf(
    running: &Running,
    kind: &Kind,
    queries: &Path,
    args: &Args,
    processors: &str,
) -> Result<(f64, f64)> {
    let program = installed("dnsperf").ok_or("dnsperf is not installed")?;
    let (outstanding, seconds) = (args.outstanding.to_string(), args.seconds.to_string());
    let port = running.address.port().to_string();
    let clients = if kind.tcp { "10" } else { "8" };
    let output = Command::new("taskset")
        .args(["-c", processors])
        .arg(program)
        .args(["-B", "-s", "127.0.0.1", "-p", &port, "-l", &seconds, "-q", &outstanding])
        .args(["-c", clients, "-T", "1", "-t", "2", "-m", if kind.tcp { "tcp" } else { "udp" }])
        .arg("-d")
        .arg(queries)
        .output()?;
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
