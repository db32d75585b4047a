//! `--checks`: what 50,000 health checks cost those who ask, and how long after a verdict answers are
//! others.
//!
//! The same questions go to a server with the checks and to one without, in turn, while the other is
//! stopped; what counts is the CPU time of the thread that answers. Then one endpoint is up and down in
//! turn, and a name is asked for without pause: an answer is late by what passes from when the
//! endpoint begins to say otherwise.

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

use halfmoon_wire::Type;
use hickory_proto::op::Message;

use crate::endpoints::{Endpoints, restless};
use crate::kinds::{FIXED, Kind, MADE, Query, Want, apex, question};
use crate::load;
use crate::servers::{self, Running, Server};
use crate::table::median;
use crate::{Args, Result, check};

/// Programs with checks, and the endpoints of each.
const PROGRAMS: usize = 10_000;
const ENDPOINTS: usize = 5;
/// Names with addresses.
const NAMES: usize = 10_000;
/// Verdicts of which each is waited for.
const VERDICTS: usize = 400;
/// What the thread that answers may take at most, of what it takes without checks: what the noise of a
/// machine hides.
const MOST: f64 = 1.05;
/// How late the 99th of a hundred answers may be at most.
const LATEST: Duration = Duration::from_millis(1);
/// The processor of the servers, and that of dnsperf and the endpoints.
const APART: [&str; 2] = ["0", "1"];

pub(crate) fn run(args: &Args) -> Result<()> {
    let endpoints = Endpoints::start()?;
    let folder = tempfile::tempdir()?;
    let kind = kind();
    let file = load::write(&kind, 0, folder.path())?;
    let mut without = start(args, &endpoints, &folder.path().join("without"), false)?;
    check::kind(&mut without, &kind)?;
    let mut with = start(args, &endpoints, &folder.path().join("with"), true)?;
    check::kind(&mut with, &kind)?;
    wait(&mut with)?;

    println!("| checks | µs of the thread that answers | of the process |\n|---|---|---|");
    let (mut ratios, mut costs) = (Vec::new(), [Vec::new(), Vec::new()]);
    for round in 0..args.rounds {
        let mut own = [0.0; 2];
        for at in [round % 2, (round + 1) % 2] {
            let (asked, other) = if at == 0 { (&without, &with) } else { (&with, &without) };
            other.process.signal("STOP")?;
            asked.process.signal("CONT")?;
            // What is due meanwhile is probed first.
            check::pause(Duration::from_secs(1));
            let cost = load::run(&[asked], &kind, &file, args, APART[1])?;
            own[at] = cost.udp;
            costs[at].push(cost);
        }
        ratios.push(own[1] / own[0]);
    }
    for (costs, checks) in costs.iter().zip([0, PROGRAMS * ENDPOINTS]) {
        let of = |field: fn(&load::Cost) -> f64| median(costs.iter().map(field).collect());
        println!("| {checks} | {:.2} | {:.2} |", of(|cost| cost.udp), of(|cost| cost.total));
    }
    without.process.signal("STOP")?;
    with.process.signal("CONT")?;
    check::pause(Duration::from_secs(2));
    let mut late = verdicts(&mut with, &endpoints)?;
    late.sort_by(f64::total_cmp);
    let part = |part: f64| late[((late.len() as f64 * part) as usize).min(late.len() - 1)];
    println!("\n| verdicts | p50 µs | p99 | most |\n|---|---|---|---|");
    println!("| {} | {:.0} | {:.0} | {:.0} |", late.len(), part(0.5), part(0.99), part(1.0));
    let met = |yes: bool| if yes { "yes" } else { "no" };
    let ratio = median(ratios);
    println!("\n| point | measured | at most | met |\n|---|---|---|---|");
    println!("| 6. with checks over without | {ratio:.2} | {MOST:.2} | {} |", met(ratio <= MOST));
    let latest = LATEST.as_secs_f64() * 1e6;
    println!(
        "| 6. verdict to answer, p99 µs | {:.0} | {latest:.0} | {} |",
        part(0.99),
        met(part(0.99) <= latest)
    );
    Ok(())
}

/// Questions for addresses, in an order that is the same each time.
fn kind() -> Kind {
    let queries = (0..NAMES)
        .map(|number| {
            let at = number * 7919 % NAMES;
            let octets = question(&format!("h{at}.{FIXED}."), Type::A, false, None);
            Query { octets, want: Want::All(vec![address(at)]), signed: false }
        })
        .collect();
    Kind { name: "fixed", servers: &[Server::Halfmoon], queries, tcp: false, fresh: false }
}

fn address(at: usize) -> Ipv4Addr {
    Ipv4Addr::from(0x0b00_0000 + at as u32)
}

fn start(args: &Args, endpoints: &Endpoints, folder: &Path, has_checks: bool) -> Result<Running> {
    let (zones, port) = (folder.join("zones"), endpoints.port);
    fs::create_dir_all(&zones)?;
    fs::write(folder.join("places.mmdb"), [])?;
    let mut fixed = apex();
    for at in 0..NAMES {
        writeln!(fixed, "h{at} A {}", address(at))?;
    }
    fs::write(zones.join(format!("{FIXED}.zone")), fixed)?;
    if has_checks {
        let mut made = apex();
        for at in 0..PROGRAMS {
            let list: Vec<_> = (0..ENDPOINTS)
                .map(|i| {
                    let [_, a, b, c] = ((at * ENDPOINTS + i) as u32).to_be_bytes();
                    format!("'{}'", Ipv4Addr::new(127, 1 + a, b, c))
                })
                .collect();
            writeln!(
                made,
                "p{at} LUA A \"ifportup({port}, {{{}}}, {{selector='all', interval=10}})\"",
                list.join(",")
            )?;
        }
        let (one, other) = (restless(0), Ipv4Addr::new(127, 8, 0, 1));
        writeln!(
            made,
            "turns LUA A \"ifurlup('http://turns.test:{port}/', {{'{one}','{other}'}}, \
             {{selector='all', interval=0.05}})\""
        )?;
        fs::write(zones.join(format!("{MADE}.zone")), made)?;
    }
    let more = "workers = 1\ntcp_workers = 1\n[lua]\ndialect = \"powerdns\"\n";
    servers::serve(Server::Halfmoon, &args.halfmoon, &[], folder, APART[0], more)
}

/// Waits until each check has been carried out once.
fn wait(running: &mut Running) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut at = 0;
    while at < PROGRAMS {
        let query = question(&format!("p{at}.{MADE}."), Type::A, false, None);
        match check::ask(running.address, &query) {
            Ok(answer) if answer.answers.len() == ENDPOINTS => at += PROGRAMS / 100,
            _ if Instant::now() > deadline || running.process.has_ended() => {
                return Err(
                    format!("program {at} does not answer:\n{}", running.process.said()).into()
                );
            }
            _ => check::pause(Duration::from_millis(50)),
        }
    }
    // The first round of probes takes one interval.
    check::pause(Duration::from_secs(10));
    Ok(())
}

/// How late the answer was to each of many verdicts, in microseconds.
fn verdicts(running: &mut Running, endpoints: &Endpoints) -> Result<Vec<f64>> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(running.address)?;
    socket.set_read_timeout(Some(Duration::from_millis(500)))?;
    let query = question(&format!("turns.{MADE}."), Type::A, false, None);
    let mut buffer = [0; 4096];
    let mut counted = || -> Result<usize> {
        socket.send(&query)?;
        let length = socket.recv(&mut buffer)?;
        Ok(Message::from_vec(&buffer[..length])?.answers.len())
    };
    let (mut late, mut seen) = (Vec::new(), endpoints.last(restless(0)));
    endpoints.let_change(true);
    let deadline = Instant::now() + Duration::from_secs(120);
    while late.len() < VERDICTS {
        if Instant::now() > deadline || running.process.has_ended() {
            return Err(format!("{} verdicts seen:\n{}", late.len(), running.process.said()).into());
        }
        let answers = counted()?;
        let last = endpoints.last(restless(0));
        if let Some((at, is_up)) = last.filter(|_| last != seen)
            && answers == 1 + usize::from(is_up)
        {
            late.push(at.elapsed().as_secs_f64() * 1e6);
            seen = last;
        }
    }
    endpoints.let_change(false);
    Ok(late)
}
