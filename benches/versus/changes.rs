//! `--changes`: how late answers are while health changes a thousand times a second and a zone is read
//! anew each second, beside the same without. Each answer is looked at.
//!
//! Queries leave at times that are fixed before, whatever becomes of those before them, and a query
//! is late by what passes from when it leaves. The server has a processor of its own; who asks, and the
//! endpoints, share the other.

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use halfmoon_wire::Type;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RData;

use crate::endpoints::{Endpoints, restless};
use crate::kinds::{FIXED, MADE, apex, question};
use crate::servers::{self, Running, Server};
use crate::table::median;
use crate::{Args, Result, check};

/// Names of the zone that is read anew.
const NAMES: usize = 10_000;
/// Names with a pool, of which one of two endpoints changes at each probe.
const POOLS: usize = 200;
/// Seconds between two probes: 200 changes in that time are 1,000 a second.
const INTERVAL: &str = "0.2";
/// Queries a second.
const RATE: u32 = 5_000;
/// After this long a query is lost.
const LOST: Duration = Duration::from_secs(1);
/// How often the 99.9th of a thousand may be as late as without changes, at most.
const MOST: f64 = 2.0;

/// What came of the queries of one round.
#[derive(Debug, Default)]
struct Round {
    /// In microseconds, in order.
    late: Vec<f64>,
    lost: usize,
    wrong: usize,
    /// Answers without the endpoint that changes, and with it.
    seen: [usize; 2],
    /// A second.
    changes: f64,
    versions: u32,
}

pub(crate) fn run(args: &Args) -> Result<()> {
    let endpoints = Endpoints::start()?;
    let folder = tempfile::tempdir()?;
    let mut running = start(args, &endpoints, folder.path())?;
    wait(&mut running)?;
    println!(
        "| round | p50 µs | p99 | p99.9 | most | changes/s | versions | lost | wrong |\n|---|---|---|---|---|---|---|---|---|"
    );
    let (mut ratios, mut version, mut bad) = (Vec::new(), 1, 0);
    for _ in 0..args.rounds {
        let mut worst = [0.0; 2];
        for (at, is_busy) in [false, true].into_iter().enumerate() {
            endpoints.let_change(is_busy);
            check::pause(Duration::from_millis(500));
            let round = ask(&running, &endpoints, folder.path(), &mut version, is_busy, args)?;
            endpoints.let_change(false);
            let late = |part: f64| {
                let place = (round.late.len() as f64 * part) as usize;
                round
                    .late
                    .get(place.min(round.late.len().saturating_sub(1)))
                    .copied()
                    .unwrap_or(0.0)
            };
            worst[at] = late(0.999);
            bad += round.lost + round.wrong;
            println!(
                "| {} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {} | {} | {} |",
                if is_busy { "changing" } else { "quiet" },
                late(0.5),
                late(0.99),
                late(0.999),
                late(1.0),
                round.changes,
                round.versions,
                round.lost,
                round.wrong
            );
            if is_busy && (round.seen.contains(&0) || round.versions < args.seconds) {
                return Err(format!("nothing changed: {:?}", round.seen).into());
            }
        }
        ratios.push(worst[1] / worst[0]);
    }
    let ratio = median(ratios);
    let met = if ratio <= MOST && bad == 0 { "yes" } else { "no" };
    println!("\n| point | ratio | at most | met |\n|---|---|---|---|");
    println!("| 4. p99.9 while everything changes, over quiet | {ratio:.2} | {MOST:.2} | {met} |");
    Ok(())
}

/// Where a version of the zone waits.
fn beside(folder: &Path, version: u32) -> PathBuf {
    folder.join(format!("{FIXED}.{version}"))
}

fn fixed(version: u32) -> String {
    let mut text = apex().replacen("hostmaster 1 ", &format!("hostmaster {version} "), 1);
    for at in 0..NAMES {
        let _ = writeln!(text, "h{at} A {}", address(at));
    }
    let _ = writeln!(text, "version A {}", Ipv4Addr::from(version));
    text
}

fn address(at: usize) -> Ipv4Addr {
    Ipv4Addr::from(0x0b00_0000 + at as u32)
}

/// The endpoint of a pool that is always up.
const fn steady(at: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 8, (at >> 8) as u8, at as u8)
}

fn start(args: &Args, endpoints: &Endpoints, folder: &Path) -> Result<Running> {
    let zones = folder.join("zones");
    fs::create_dir_all(&zones)?;
    fs::write(folder.join("places.mmdb"), [])?;
    fs::write(zones.join(format!("{FIXED}.zone")), fixed(1))?;
    let mut made = apex();
    for at in 0..POOLS {
        let (one, other, port) = (restless(at), steady(at), endpoints.port);
        writeln!(
            made,
            "p{at} LUA A \"ifurlup('http://p{at}.test:{port}/', {{'{one}','{other}'}}, \
             {{selector='all', interval={INTERVAL}}})\""
        )?;
    }
    fs::write(zones.join(format!("{MADE}.zone")), made)?;
    let more = "workers = 1\ntcp_workers = 1\n[lua]\ndialect = \"powerdns\"\n";
    servers::serve(Server::Halfmoon, &args.halfmoon, &[], folder, "0", more)
}

/// Waits until all pools answer with both of their endpoints.
fn wait(running: &mut Running) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(30);
    let mut at = 0;
    while at < POOLS {
        let query = question(&format!("p{at}.{MADE}."), Type::A, false, None);
        match check::ask(running.address, &query) {
            Ok(answer) if addresses(&answer).len() == 2 => at += 1,
            _ if Instant::now() > deadline || running.process.has_ended() => {
                return Err(
                    format!("pool {at} does not answer:\n{}", running.process.said()).into()
                );
            }
            _ => check::pause(Duration::from_millis(20)),
        }
    }
    Ok(())
}

fn addresses(answer: &Message) -> Vec<Ipv4Addr> {
    let addresses = answer.answers.iter().filter_map(|record| match record.data {
        RData::A(address) => Some(address.0),
        _ => None,
    });
    addresses.collect()
}

/// What is asked, by the number of the query.
#[derive(Clone, Copy)]
enum Asked {
    Fixed(usize),
    Pool(usize),
    Version,
}

impl Asked {
    const fn of(number: usize) -> Self {
        match number % 8 {
            0..=2 => Self::Fixed(number * 7919 % NAMES),
            3 => Self::Version,
            _ => Self::Pool(number * 31 % POOLS),
        }
    }

    fn query(self, id: u16) -> Vec<u8> {
        let name = match self {
            Self::Fixed(at) => format!("h{at}.{FIXED}."),
            Self::Pool(at) => format!("p{at}.{MADE}."),
            Self::Version => format!("version.{FIXED}."),
        };
        let mut octets = question(&name, Type::A, false, None);
        octets[..2].copy_from_slice(&id.to_be_bytes());
        octets
    }
}

/// Asks for as long as a round lasts.
fn ask(
    running: &Running,
    endpoints: &Endpoints,
    folder: &Path,
    version: &mut u32,
    is_busy: bool,
    args: &Args,
) -> Result<Round> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(running.address)?;
    socket.set_read_timeout(Some(Duration::from_millis(50)))?;
    let count = (RATE * args.seconds) as usize;
    // Which query an answer belongs to: identifiers do not come round within the time they may take.
    let sent: Mutex<Vec<Option<(Instant, usize)>>> = Mutex::new(vec![None; 1 << 16]);
    let is_over = AtomicBool::new(false);
    let (before, first, started) = (endpoints.changed(), *version, Instant::now());
    if is_busy {
        // Written before: who asks and who listens would wait for it, and it would look as if answers were late.
        for next in 1..=args.seconds {
            fs::write(beside(folder, first + next), fixed(first + next))?;
        }
    }
    let queries: Vec<_> = (0..count).map(|number| Asked::of(number).query(number as u16)).collect();
    let mut round = thread::scope(|scope| -> Result<Round> {
        let receiver = scope.spawn(|| receive(&socket, &sent, &is_over));
        let begun = Instant::now();
        let reload = |next: u32| -> Result<()> {
            let path = folder.join("zones").join(format!("{FIXED}.zone"));
            Ok(fs::rename(beside(folder, next), path)?)
        };
        let writer = is_busy.then(|| {
            let first = *version;
            scope.spawn(move || {
                (1..=args.seconds).try_for_each(|second| {
                    let due = Duration::from_millis(u64::from(second) * 1000 - 500);
                    check::pause(due.saturating_sub(begun.elapsed()));
                    reload(first + second).map_err(|error| error.to_string())
                })
            })
        });
        for (number, query) in queries.iter().enumerate() {
            let due = Duration::from_secs(1) / RATE * number as u32;
            let left = due.saturating_sub(begun.elapsed());
            if !left.is_zero() {
                check::pause(left);
            }
            let mut sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
            sent[number & 0xffff] = Some((Instant::now(), number));
            socket.send(query)?;
        }
        check::pause(LOST);
        is_over.store(true, Ordering::Relaxed);
        if let Some(writer) = writer {
            writer.join().map_err(|_| "the writer panicked")??;
            *version += args.seconds;
        }
        Ok(receiver.join().map_err(|_| "the receiver panicked")?)
    })?;
    round.late.sort_by(f64::total_cmp);
    round.lost = count - round.late.len();
    round.changes = (endpoints.changed() - before) as f64 / started.elapsed().as_secs_f64();
    round.versions = round.versions.saturating_sub(first);
    Ok(round)
}

/// Takes answers and looks at them.
fn receive(
    socket: &UdpSocket,
    sent: &Mutex<Vec<Option<(Instant, usize)>>>,
    is_over: &AtomicBool,
) -> Round {
    let (mut round, mut buffer) = (Round::default(), [0; 4096]);
    while !is_over.load(Ordering::Relaxed) {
        let Ok(length) = socket.recv(&mut buffer) else {
            continue;
        };
        let now = Instant::now();
        let id = usize::from(u16::from_be_bytes([buffer[0], buffer[1]]));
        let known = sent.lock().unwrap_or_else(PoisonError::into_inner)[id].take();
        let (Some((at, number)), Ok(answer)) = (known, Message::from_vec(&buffer[..length])) else {
            round.wrong += 1;
            continue;
        };
        round.late.push(now.duration_since(at).as_secs_f64() * 1e6);
        if answer.metadata.response_code != ResponseCode::NoError {
            round.wrong += 1;
            continue;
        }
        let found = addresses(&answer);
        let is_right = match Asked::of(number) {
            Asked::Fixed(at) => found == [address(at)],
            Asked::Pool(at) => {
                let both = found.contains(&restless(at));
                round.seen[usize::from(both)] += 1;
                found.contains(&steady(at)) && found.len() == 1 + usize::from(both)
            }
            // One version follows the other, and none comes back.
            Asked::Version => {
                let version = found.first().map_or(0, |address| u32::from(*address));
                let is_newer = version >= round.versions;
                round.versions = round.versions.max(version);
                is_newer
            }
        };
        round.wrong += usize::from(!is_right);
    }
    round
}
