//! Questions with the answers that the majority of BIND, NSD, Knot and PowerDNS gave, all zones
//! in one server.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use flate2::read::GzDecoder;
use halfmoon::config::Config;
use halfmoon::offline::Offline;
use halfmoon::transport::{Peer, Protocol, Service, Verdict};
use halfmoon::worker::Worker;
use halfmoon_lua::Dialect;
use halfmoon_wire::{Name, NameBuf, Type};
use halfmoon_zones::rdata;
use serde::Deserialize;
use tempfile::TempDir;

use super::corpus::{load, shared};

#[derive(Deserialize)]
struct Case {
    id: String,
    origin: String,
    zone: String,
    qname: String,
    qtype: String,
    expect: Expected,
}

#[derive(Deserialize)]
struct Expected {
    rcode: String,
    flags: Vec<String>,
    answer: Vec<String>,
    authority: Vec<String>,
    additional: Vec<String>,
}

/// Owner, TTL, type and data, names in lower case and uncompressed.
type Record = (Vec<u8>, u32, u16, Vec<u8>);

/// What counts of a reply.
#[derive(Debug, PartialEq)]
struct Reply {
    rcode: String,
    flags: Vec<String>,
    sections: [BTreeSet<Record>; 3],
}

#[test]
fn the_majority_agrees() {
    let Some((cases, folder)) = cases() else { return };
    let offline = load(folder.path(), Dialect::Halfmoon);
    compare(&cases, &offline, &[]);
}

#[test]
fn the_majority_agrees_with_signed_zones_signatures_aside() {
    let Some((cases, folder)) = cases() else { return };
    let path = folder.path().display();
    for denial in [
        "denial = \"compact\"",
        "denial = \"nsec\"",
        "denial = \"nsec3\"",
        "denial = \"nsec3\"\nnsec3 = { opt_out = true }",
    ] {
        let text = format!(
            "[zones]\npath = \"{path}\"\n[lua]\ntime = \"10s\"\n[limits]\nresponses_per_second = 0\n\
             [dnssec]\nzones = [\"*\"]\nkeys = \"keys\"\nsignatures_per_source = 4000000000\n{denial}\n"
        );
        let keys = tempfile::tempdir().unwrap();
        let config = Config::parse(&text, &keys.path().join("halfmoon.toml")).unwrap();
        let offline = Offline::configured(&config).unwrap();
        // Signatures are wanted (DO), and compact denials understood with their code (CO).
        compare(&cases, &offline, b"\0\0\x29\x10\0\0\0\xc0\0\0\0");
    }
}

/// The cases, and a folder with their zones.
fn cases() -> Option<(Vec<Case>, TempDir)> {
    let path = shared("answers/cases.jsonl.gz")?;
    let mut text = String::new();
    GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    let cases: Vec<Case> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let folder = tempfile::tempdir().unwrap();
    for case in &cases {
        std::fs::write(folder.path().join(format!("{}zone", case.origin)), &case.zone).unwrap();
    }
    assert!(cases.len() > 6_000, "the cases are all there");
    Some((cases, folder))
}

/// Asks each question, with this OPT record if there is one.
fn compare(cases: &[Case], offline: &Offline, opt: &[u8]) {
    let zones = offline.shared.zones.load().zones().len();
    assert_eq!(zones, cases.len(), "every zone is served");
    let mut worker = offline.worker();
    let (mut wrong, mut signatures) = (String::new(), 0);
    for case in cases {
        let want = Reply::expected(&case.expect);
        let mut got = ask(&mut worker, case, opt);
        for section in &mut got.sections {
            let before = section.len();
            section.retain(|(_, _, rtype, _)| !OF_DNSSEC.contains(&Type(*rtype)));
            signatures += before - section.len();
        }
        if !got.sections[0].is_empty() && !want.sections[0].is_empty() {
            // Beside an answer the authority section is each server's own choice.
            got.sections[1] = want.sections[1].clone();
        }
        if got != want {
            writeln!(
                wrong,
                "{} {} {}\n got {got:?}\nwant {want:?}",
                case.id, case.qname, case.qtype
            )
            .unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(opt.is_empty() || signatures > cases.len(), "{signatures} signatures and proofs");
}

/// Types that signing adds, and OPT.
const OF_DNSSEC: [Type; 4] = [Type::OPT, Type::RRSIG, Type::NSEC, Type::NSEC3];

fn ask(worker: &mut Worker, case: &Case, opt: &[u8]) -> Reply {
    let name: NameBuf = case.qname.parse().unwrap();
    let rtype: Type = case.qtype.parse().unwrap();
    let mut query = vec![0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, u8::from(!opt.is_empty())];
    query.extend(name.as_name().as_wire());
    query.extend(rtype.0.to_be_bytes());
    query.extend([0, 1]);
    query.extend(opt);
    let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5300);
    // A signed answer may need more room than a datagram has.
    let protocol = if opt.is_empty() { Protocol::Udp } else { Protocol::Tcp };
    let peer = Peer { remote: address, local: address, protocol };
    let mut out = vec![0; 65_535];
    let Verdict::Reply(length) = worker.answer(&query, &peer, 65_535, &mut out) else {
        panic!("{}: no reply", case.id);
    };
    Reply::read(&out[..length])
}

impl Reply {
    fn expected(expected: &Expected) -> Self {
        let section = |lines: &[String]| lines.iter().map(|line| record(line)).collect();
        Self {
            rcode: expected.rcode.clone(),
            flags: expected.flags.clone(),
            sections: [
                section(&expected.answer),
                section(&expected.authority),
                section(&expected.additional),
            ],
        }
    }

    fn read(octets: &[u8]) -> Self {
        let word = |at: usize| u16::from_be_bytes([octets[at], octets[at + 1]]);
        let flags = [(0x8000, "QR"), (0x0400, "AA"), (0x0200, "TC")]
            .iter()
            .filter(|(bit, _)| word(2) & bit != 0)
            .map(|(_, name)| (*name).to_owned())
            .collect();
        let mut at = 12;
        name(octets, &mut at);
        at += 4;
        let sections = [6, 8, 10].map(|count| {
            (0..word(count))
                .map(|_| {
                    let owner = name(octets, &mut at);
                    let rtype = word(at);
                    let ttl = u32::from(word(at + 4)) << 16 | u32::from(word(at + 6));
                    let end = at + 10 + usize::from(word(at + 8));
                    at += 10;
                    let data = data(octets, Type(rtype), &mut at, end);
                    at = end;
                    (owner, ttl, rtype, data)
                })
                .collect()
        });
        let rcode = halfmoon_wire::Rcode(word(2) & 0xf).to_string();
        Self { rcode, flags, sections }
    }
}

/// A line `owner ttl type data`.
fn record(line: &str) -> Record {
    let mut parts = line.splitn(4, ' ');
    let mut part = || parts.next().unwrap();
    let owner: NameBuf = part().parse().unwrap();
    let ttl = part().parse().unwrap();
    let rtype: Type = part().parse().unwrap();
    let mut octets = Vec::new();
    rdata::parse(rtype, part().as_bytes(), Some(Name::ROOT), &mut octets).unwrap();
    let (mut at, end) = (0, octets.len());
    let owner = owner.as_name().to_lower().as_name().as_wire().to_vec();
    (owner, ttl, rtype.0, data(&octets, rtype, &mut at, end))
}

/// The record data up to `end`, names in it in full.
fn data(octets: &[u8], rtype: Type, at: &mut usize, end: usize) -> Vec<u8> {
    let names = match rtype {
        Type::NS | Type::CNAME | Type::DNAME => 1,
        Type::SOA => 2,
        _ => 0,
    };
    let mut data: Vec<u8> = (0..names).flat_map(|_| name(octets, at)).collect();
    data.extend(&octets[*at..end]);
    data
}

/// The name at `at`, in lower case and uncompressed; `at` is behind it then.
fn name(octets: &[u8], at: &mut usize) -> Vec<u8> {
    let mut full = Vec::new();
    let (mut place, mut behind) = (*at, None);
    loop {
        let length = usize::from(octets[place]);
        if length >= 0xc0 {
            behind.get_or_insert(place + 2);
            place = (length & 0x3f) << 8 | usize::from(octets[place + 1]);
            continue;
        }
        full.extend(octets[place..=place + length].iter().map(u8::to_ascii_lowercase));
        place += 1 + length;
        if length == 0 {
            *at = behind.unwrap_or(place);
            return full;
        }
    }
}
