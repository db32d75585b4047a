//! What several benches stand on: a server without sockets, and questions in octets.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use halfmoon::offline::Offline;
use halfmoon::transport::{Peer, Protocol};
use halfmoon::worker::Worker;
use halfmoon_healthcheck::Outcome;
use halfmoon_lua::Settings;
use halfmoon_wire::{NameBuf, Type};

/// Questions that cost differently: what is asked, the name, the type.
pub const QUESTIONS: [(&str, &str, Type); 13] = [
    ("static", "host4711.example.", Type::A),
    ("nodata", "host4711.example.", Type::AAAA),
    ("nxdomain", "nowhere.example.", Type::A),
    ("nxdomain, deep", "a.b.c.d.e.f.g.h.example.", Type::A),
    ("referral", "www.sub.example.", Type::A),
    ("alias", "alias.example.", Type::A),
    ("wildcard", "x.wild.example.", Type::A),
    ("plan, ifportup all", "up.example.", Type::A),
    ("plan, ifurlup first", "first.example.", Type::A),
    ("plan, pickwhashed", "hash.example.", Type::A),
    ("plan, if netmask", "branch.example.", Type::A),
    ("lua, loop", "lua.example.", Type::A),
    ("lua, call site", "site.example.", Type::A),
];

/// Names with an address beside the ones that are asked for.
const NAMES: u32 = 10_000;

/// The zone that [`QUESTIONS`] are of, `example.`.
///
/// # Panics
/// Never: a string takes whatever is written.
#[must_use]
pub fn zone() -> String {
    let mut text = String::from("$TTL 60\n@ SOA ns host 1 2 3 4 5\n@ NS ns\nns A 192.0.2.53\n");
    for i in 0..NAMES {
        writeln!(text, "host{i} A 10.0.{}.{}", i >> 8 & 255, i & 255).expect("a string takes all");
    }
    text.push_str(
        "sub NS ns.sub\nns.sub A 192.0.2.54\nalias CNAME host7\n*.wild A 192.0.2.9\n\
         up LUA A \"ifportup(443, {{'192.0.2.1', '192.0.2.2'}, {'192.0.2.3'}}, {selector='all'})\"\n\
         first LUA A \"ifurlup('https://www.example/', {'192.0.2.1', '192.0.2.2'}, {selector='first'})\"\n\
         hash LUA A \"pickwhashed({{80, '192.0.2.1'}, {20, '192.0.2.2'}})\"\n\
         branch LUA A \";if netmask({'10.0.0.0/8'}) then return '192.0.2.1' else return '192.0.2.2' end\"\n\
         lua LUA A \";local a = {} for i = 1, 4 do a[i] = '192.0.2.' .. i end return a\"\n\
         site LUA A \";local up = ifportup(443, {'192.0.2.1', '192.0.2.2'}, {selector='all'}) \
         if #up == 2 then return up end return '192.0.2.9'\"\n",
    );
    text
}

/// A worker that serves one zone file; every endpoint it probes is up, though nothing is probed.
///
/// # Panics
/// When the zone is refused.
#[must_use]
pub fn worker(name: &str, zone: &str) -> Worker {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join(format!("{name}.zone")), zone).expect("a file");
    let offline = Offline::load(folder.path().to_owned(), Settings::default());
    let offline = offline.expect("a readable folder");
    let zones = offline.shared.zones.load().zones().len();
    assert_eq!(zones, 1, "{:#?}", offline.reports);
    let health = &offline.shared.health;
    for report in health.checks() {
        health.report(&report.check, Outcome::success(0));
    }
    offline.worker()
}

/// Someone who asks over UDP.
#[must_use]
pub const fn peer() -> Peer {
    Peer {
        remote: SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)), 4711),
        local: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 53),
        protocol: Protocol::Udp,
    }
}

/// The octets of a question with an OPT record.
///
/// # Panics
/// When `name` is no name.
#[must_use]
pub fn query(name: &str, rtype: Type) -> Vec<u8> {
    let name: NameBuf = name.parse().expect("a name");
    let mut octets = vec![0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    octets.extend(name.as_name().as_wire());
    octets.extend(rtype.0.to_be_bytes());
    octets.extend([0, 1, 0, 0, 41, 4, 0xd0, 0, 0, 0, 0, 0, 0]);
    octets
}
