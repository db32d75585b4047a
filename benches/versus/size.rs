//! What zones take: time until the first answer, and memory once they are served.
//!
//! The same files go to this server, Knot and NSD, one after the other. Records that Lua computes
//! and the cost of a change are ours alone.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use halfmoon_wire::Type;

use crate::kinds::{Query, Want, apex, question};
use crate::servers::{self, Running, Server};
use crate::{Args, Result, check};

/// How long a server may take to load.
const PATIENCE: Duration = Duration::from_secs(300);

/// Zones that are all alike.
struct Case {
    name: &'static str,
    zones: usize,
    /// Records of each zone, its apex not counted.
    records: fn(zone: usize) -> String,
    servers: &'static [Server],
    signed: bool,
}

/// What a server of ours is told beside its zones.
const PLAIN: &str = "workers = 1\ntcp_workers = 1\n";
const SIGNED: &str = "workers = 1\ntcp_workers = 1\n[dnssec]\nzones = [\"*\"]\nkeys = \"keys\"\n";

/// The zones of a small server.
const MIXED: &str = "2,000 zones of 10 records, 200 Lua records with checks";

const CASES: [Case; 6] = [
    Case { name: "1 million records", zones: 1, records: million, servers: &STATIC, signed: false },
    Case {
        name: "100,000 zones of 10 records",
        zones: 100_000,
        records: ten,
        servers: &STATIC,
        signed: false,
    },
    Case {
        name: "100,000 records",
        zones: 1,
        records: |_| (0..100_000).map(address).collect(),
        servers: &[Server::Halfmoon],
        signed: false,
    },
    Case {
        name: "100,000 Lua records",
        zones: 1,
        records: lua,
        servers: &[Server::Halfmoon],
        signed: false,
    },
    Case { name: MIXED, zones: 2_000, records: mixed, servers: &[Server::Halfmoon], signed: false },
    Case {
        name: "10,000 signed zones of 10 records",
        zones: 10_000,
        records: ten,
        servers: &[Server::Halfmoon],
        signed: true,
    },
];

/// Those that have the same static data.
const STATIC: [Server; 3] = [Server::Halfmoon, Server::Knot, Server::Nsd];

/// What was measured of one server.
struct Size {
    /// Until the first right answer.
    start: Duration,
    /// Resident, in KiB.
    memory: u64,
}

fn address(at: usize) -> String {
    format!("h{at} A {}\n", ip(at))
}

fn ip(at: usize) -> Ipv4Addr {
    Ipv4Addr::from(0x0b00_0000 + at as u32)
}

fn million(_: usize) -> String {
    (0..1_000_000).map(address).collect()
}

fn ten(_: usize) -> String {
    // With the three of the apex.
    (0..7).map(address).collect()
}

/// Ten records of each text.
fn lua(_: usize) -> String {
    (0..100_000)
        .map(|at| {
            let (a, b) = (ip(at / 10 * 2), ip(at / 10 * 2 + 1));
            format!("h{at} LUA A \"pickwhashed({{{{80,'{a}'}},{{20,'{b}'}}}})\"\n")
        })
        .collect()
}

fn mixed(zone: usize) -> String {
    let mut text = ten(zone);
    if zone.is_multiple_of(10) {
        let [high, low] = (zone as u16).to_be_bytes();
        text +=
            &format!("up LUA A \"ifportup(443, {{'127.2.{high}.{low}','127.3.{high}.{low}'}})\"\n");
    }
    text
}

pub(crate) fn run(args: &Args) -> Result<()> {
    println!("| zones | server | until the first answer | resident MiB |\n|---|---|---|---|");
    let (mut plain, mut many) = (None, None);
    for case in &CASES {
        if !args.only.is_empty() && !args.only.iter().any(|part| case.name.contains(part.as_str()))
        {
            continue;
        }
        let folder = tempfile::tempdir()?;
        let zones = write(case, folder.path())?;
        let mut sizes = Vec::new();
        for server in case.servers {
            let Some(program) = server.program(args) else {
                continue;
            };
            let begun = Instant::now();
            let more = match server {
                Server::Halfmoon if case.signed => SIGNED,
                Server::Halfmoon => PLAIN,
                _ => "",
            };
            let mut running =
                servers::serve(*server, &program, &zones, folder.path(), "0,1", more)?;
            wait(&mut running, &zones)?;
            let size = Size { start: begun.elapsed(), memory: settle(&running) };
            println!(
                "| {} | {} | {:.0} ms | {:.1} |",
                case.name,
                server.name(),
                size.start.as_secs_f64() * 1000.0,
                size.memory as f64 / 1024.0
            );
            if *server == Server::Halfmoon {
                match case.name {
                    "100,000 records" => plain = Some(size.memory),
                    "100,000 Lua records" => {
                        if let Some(plain) = plain {
                            let each = size.memory.saturating_sub(plain) as f64 / 100_000.0;
                            let met = if each <= 1.5 { "met" } else { "not met" };
                            println!(
                                "| | | more than that for each Lua record: | {each:.2} KiB, at most 1.5: {met} |"
                            );
                        }
                    }
                    _ => {}
                }
                if case.zones > 1 {
                    let (elapsed, spent) = change(&mut running, &zones)?;
                    println!(
                        "| {}, one of them changed | halfmoon | {:.0} ms, of which {:.1} ms of CPU time | |",
                        case.name,
                        elapsed.as_secs_f64() * 1000.0,
                        spent
                    );
                    many = Some(spent);
                }
            }
            sizes.push(size);
        }
        judge(case, &sizes);
    }
    if many.is_some() {
        let folder = tempfile::tempdir()?;
        let one = Case {
            name: "1 zone",
            zones: 1,
            records: ten,
            servers: &[Server::Halfmoon],
            signed: false,
        };
        let zones = write(&one, folder.path())?;
        let mut running =
            servers::serve(Server::Halfmoon, &args.halfmoon, &zones, folder.path(), "0,1", PLAIN)?;
        wait(&mut running, &zones)?;
        settle(&running);
        let (elapsed, spent) = change(&mut running, &zones)?;
        let elapsed = elapsed.as_secs_f64() * 1000.0;
        println!(
            "| 1 zone, changed | halfmoon | {elapsed:.0} ms, of which {spent:.1} ms of CPU time | |"
        );
    }
    Ok(())
}

/// Says whether what is asked for is met: static data in no more time and memory than the better of the
/// others, the zones of a small server in 300 ms and 48 MiB.
fn judge(case: &Case, sizes: &[Size]) {
    let (start, memory) = match sizes {
        [_, others @ ..] if !others.is_empty() => (
            others.iter().map(|size| size.start).min().unwrap_or_default(),
            others.iter().map(|size| size.memory).min().unwrap_or_default(),
        ),
        _ if case.name == MIXED => (Duration::from_millis(300), 48 << 10),
        _ => return,
    };
    let Some(own) = sizes.first() else {
        return;
    };
    let met = |yes: bool| if yes { "met" } else { "not met" };
    println!(
        "| {}, at most | | {:.0} ms: {} | {:.1}: {} |",
        case.name,
        start.as_secs_f64() * 1000.0,
        met(own.start <= start),
        memory as f64 / 1024.0,
        met(own.memory <= memory)
    );
}

fn write(case: &Case, folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let at = folder.join("zones");
    fs::create_dir(&at)?;
    fs::write(folder.join("places.mmdb"), [])?;
    let mut zones = Vec::new();
    for zone in 0..case.zones {
        let name = format!("z{zone}.test");
        let path = at.join(format!("{name}.zone"));
        fs::write(&path, apex() + &(case.records)(zone))?;
        zones.push((name, path));
    }
    Ok(zones)
}

/// Waits until the last zone is answered for.
fn wait(running: &mut Running, zones: &[(String, PathBuf)]) -> Result<()> {
    let (name, _) = zones.last().ok_or("no zones")?;
    until(running, &format!("h3.{name}."), ip(3))
}

/// Waits until a name has this address, or a program's.
fn until(running: &mut Running, name: &str, address: Ipv4Addr) -> Result<()> {
    let octets = question(name, Type::A, false, None);
    let programs = vec![address, ip(0), ip(1)];
    let query = Query { octets, want: Want::One(programs), signed: false };
    let exact = Query { want: Want::All(vec![address]), ..query.clone() };
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = check::ask(running.address, &query.octets);
        let suits = |query: &Query| answer.as_ref().is_ok_and(|answer| check::suits(answer, query));
        if suits(&exact) || address == ip(3) && suits(&query) {
            return Ok(());
        }
        if Instant::now() > deadline || running.process.has_ended() {
            return Err(format!("no answer:\n{}", running.process.said()).into());
        }
        check::pause(Duration::from_millis(1));
    }
}

/// Waits until a server does nothing for a while; its memory then.
fn settle(running: &Running) -> u64 {
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut before = running.process.time().total();
    while Instant::now() < deadline {
        check::pause(Duration::from_millis(500));
        let now = running.process.time().total();
        if now - before < 20e6 {
            break;
        }
        before = now;
    }
    running.process.memory()
}

/// Changes a zone: how long until it is answered for, and the milliseconds of CPU time that took.
fn change(running: &mut Running, zones: &[(String, PathBuf)]) -> Result<(Duration, f64)> {
    let (name, path) = zones.get(zones.len() / 2).ok_or("no zones")?;
    let text = fs::read_to_string(path)?;
    let new = Ipv4Addr::new(192, 0, 2, 99);
    let text = text.replace(&format!("h2 A {}\n", ip(2)), &format!("h2 A {new}\n"));
    // Of all threads there are: of those that have ended meanwhile, or before, only ticks would be known.
    let before = running.process.time_of("");
    let begun = Instant::now();
    let beside = path.with_extension("new");
    fs::write(&beside, text.replacen("hostmaster 1 ", "hostmaster 2 ", 1))?;
    fs::rename(&beside, path)?;
    until(running, &format!("h2.{name}."), new)?;
    let elapsed = begun.elapsed();
    Ok((elapsed, (running.process.time_of("") - before) / 1e6))
}
