//! Zones that are in production somewhere: they load without an error and answer.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use halfmoon::transport::{Peer, Protocol, Service, Verdict};
use halfmoon_lua::Dialect;
use halfmoon_wire::{NameBuf, Type};
use halfmoon_zones::{Fault, Level, Outcome};

use super::corpus::{load, shared};

/// The RCODE and the count of answers to a question.
fn ask(worker: &mut impl Service, name: &str, rtype: Type) -> (u8, u8) {
    let name: NameBuf = name.parse().unwrap();
    let mut query = vec![0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    query.extend(name.as_name().as_wire());
    query.extend(rtype.0.to_be_bytes());
    query.extend([0, 1]);
    let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5300);
    let peer = Peer { remote: address, local: address, protocol: Protocol::Tcp };
    let mut out = vec![0; 65_535];
    let verdict = worker.answer(&query, &peer, 65_535, &mut out);
    assert!(matches!(verdict, Verdict::Reply(_)));
    (out[3] & 0xf, out[7])
}

#[test]
fn the_root_zone_loads_without_fault_but_for_signatures_of_their_day() {
    let Some(folder) = shared("zones/root") else {
        return;
    };
    let loaded = load(&folder, Dialect::Halfmoon);
    assert_eq!(loaded.reports.len(), 1);
    // The file is a copy of one day, and not all of its signatures are in it.
    let is_of_the_data = |fault: &&Fault| {
        !["rrsig-", "denial-"].iter().any(|rule| fault.rule.starts_with(rule))
            || fault.level == Level::Error
    };
    let faults: Vec<&Fault> = loaded.reports[0].faults.iter().filter(is_of_the_data).collect();
    assert!(faults.is_empty(), "{faults:#?}");
    let mut worker = loaded.worker();
    assert_eq!(ask(&mut worker, ".", Type::NS), (0, 13));
    assert_eq!(ask(&mut worker, "com.", Type::DS).0, 0);
    assert_eq!(ask(&mut worker, "nowhere-at-all.", Type::A).0, 3);
}

/// All zones that its `named.conf` names are served, in both dialects; every program runs.
fn lua_zones(dialect: Dialect) {
    let Some(folder) = shared("zones/grapheneos") else {
        return;
    };
    let loaded = load(&folder, dialect);
    let zones = loaded.shared.zones.load();
    let conf = std::fs::read_to_string(folder.join("named.conf")).unwrap();
    let named: Vec<NameBuf> = conf
        .lines()
        .filter_map(|line| line.strip_prefix("zone \"")?.split('"').next()?.parse().ok())
        .collect();
    assert!(named.len() > 10);
    for apex in &named {
        assert!(zones.zone(apex.as_name()).is_some(), "{apex} is served");
    }
    assert_eq!(loaded.reports.len(), named.len(), "nothing else is taken for a zone");
    for report in &loaded.reports {
        assert_eq!(report.outcome, Outcome::Loaded);
        let errors: Vec<_> =
            report.faults.iter().filter(|fault| fault.level == Level::Error).collect();
        assert!(errors.is_empty(), "{errors:#?}");
    }
    let programs: Vec<(String, Type)> = zones
        .zones()
        .iter()
        .flat_map(|hosted| hosted.zone.nodes())
        .flat_map(|node| node.programs().map(move |p| (node.owner().to_string(), p.inner)))
        .collect();
    assert!(programs.len() > 5, "{programs:?}");
    let mut worker = loaded.worker();
    for (owner, inner) in programs {
        let (rcode, answers) = ask(&mut worker, &owner, inner);
        assert_eq!(rcode, 0, "{owner} {inner}");
        assert!(answers > 0, "{owner} {inner}");
    }
}

#[test]
fn lua_zones_in_production_load_and_run() {
    lua_zones(Dialect::Halfmoon);
}

#[test]
fn lua_zones_in_production_load_and_run_in_the_powerdns_dialect() {
    lua_zones(Dialect::PowerDns);
}
