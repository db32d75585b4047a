//! What several benches stand on: a server without sockets, and questions in octets.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use halfmoon::offline::Offline;
use halfmoon::transport::{Peer, Protocol};
use halfmoon::worker::Worker;
use halfmoon_healthcheck::Outcome;
use halfmoon_lua::Settings;
use halfmoon_wire::{NameBuf, Type};

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
