//! AXFR.

use std::fmt::Write as _;
use std::fs;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{RData, RecordType};

use crate::site::{ALLOWED, Asked, ZONE, serve, transfer};
use crate::support::{question, tcp, udp};

#[test]
fn s2_2_everything_between_two_soas() {
    let folder = tempfile::tempdir().unwrap();
    let (_running, server) = serve(folder.path(), ZONE, ALLOWED);
    let (records, messages) = transfer(server);
    assert_eq!(messages, 1);
    assert_eq!(records.first(), records.last());
    let mut found: Vec<String> = records[1..records.len() - 1]
        .iter()
        .map(|record| format!("{} {} {}", record.name, record.ttl, u16::from(record.record_type())))
        .collect();
    found.sort();
    let mut expected = [
        "example.org. 60 2",
        "example.org. 60 15",
        "ns.example.org. 60 1",
        "Mail.example.org. 60 1",
        "Mail.example.org. 60 28",
        "*.wild.example.org. 60 16",
        "alias.example.org. 60 5",
        "dn.example.org. 60 39",
        "sub.example.org. 60 2",
        "ns.sub.example.org. 60 1",
        "a.b.empty.example.org. 60 16",
        "odd.example.org. 60 65280",
        "lua.example.org. 60 65402",
        "lua.example.org. 60 65402",
    ];
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn programs_leave_as_type_65402() {
    let folder = tempfile::tempdir().unwrap();
    let (_running, server) = serve(folder.path(), ZONE, ALLOWED);
    let (records, _) = transfer(server);
    let programs: Vec<Vec<u8>> = records
        .iter()
        .filter(|record| u16::from(record.record_type()) == 65402)
        .filter_map(|record| match &record.data {
            RData::Unknown { rdata, .. } => Some(rdata.anything.clone()),
            _ => None,
        })
        .collect();
    // The type of the records that are made, and the text as character-strings.
    assert_eq!(programs, [&b"\0\x01\x13;return '192.0.2.3'"[..], b"\0\x10\x06'text'"]);
}

#[test]
fn s2_2_1_large_zones_come_in_many_messages() {
    let folder = tempfile::tempdir().unwrap();
    let mut zone = "$TTL 60\n@ SOA ns host 7 3600 600 604800 5\n@ NS ns.else.\n".to_owned();
    for i in 0..60_000 {
        writeln!(zone, "host-{i} A 192.0.2.{}", i % 250).unwrap();
        writeln!(zone, "many AAAA 2001:db8::{i:x}").unwrap();
    }
    let (_running, server) = serve(folder.path(), &zone, ALLOWED);
    let (records, messages) = transfer(server);
    assert_eq!(records.len(), 2 + 1 + 120_000);
    assert!(messages > 100, "{messages}");
    // Names compress: what does not fit into the message is in the next, and nothing twice.
    let mut names: Vec<String> =
        records[1..].iter().map(|record| format!("{} {}", record.name, record.data)).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 120_002);
}

#[test]
fn s3_5_a_version_is_transferred_whole_whatever_is_loaded_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let zone = |serial: u32| {
        let mut zone =
            format!("$TTL 60\n@ SOA ns host {serial} 3600 600 604800 5\n@ NS ns.else.\n");
        for i in 0..40_000 {
            writeln!(zone, "host-{i} TXT {serial}").unwrap();
        }
        zone
    };
    let (running, server) = serve(folder.path(), &zone(1), ALLOWED);
    let mut asked = Asked::new(server, &question("example.org.", RecordType::AXFR));
    let first = asked.next().unwrap();
    fs::write(folder.path().join("zones/example.org.zone"), zone(2)).unwrap();
    running.logged("zones loaded", running.err().len());
    let mut records = hickory_proto::op::Message::from_vec(&first).unwrap().answers;
    while records.iter().filter(|record| record.record_type() == RecordType::SOA).count() < 2 {
        let message = hickory_proto::op::Message::from_vec(&asked.next().unwrap()).unwrap();
        records.extend(message.answers);
    }
    assert_eq!(records.len(), 40_003);
    let texts = records.iter().filter(|record| record.record_type() == RecordType::TXT);
    assert!(texts.map(|record| record.data.to_string()).all(|text| text == "1"));
    let (records, _) = transfer(server);
    assert!(records[0].data.to_string().contains(" 2 3600 "), "{}", records[0]);
}

#[test]
fn s5_who_is_not_allowed_gets_nothing() {
    for (transfer, zone, code) in [
        ("", "example.org.", ResponseCode::Refused),
        ("allow = [\"192.0.2.0/24\", \"::/0\"]", "example.org.", ResponseCode::Refused),
        // Who may not have zones does not learn which there are.
        ("", "example.net.", ResponseCode::Refused),
        (ALLOWED, "example.net.", ResponseCode::NotAuth),
        (ALLOWED, "www.example.org.", ResponseCode::NotAuth),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (_running, server) = serve(folder.path(), ZONE, transfer);
        for rtype in [RecordType::AXFR, RecordType::IXFR] {
            let answer = tcp(server, &question(zone, rtype)).unwrap();
            assert_eq!(answer.metadata.response_code, code, "{transfer} {zone}");
            assert!(answer.answers.is_empty());
        }
    }
}

#[test]
fn s4_2_not_in_a_datagram() {
    let folder = tempfile::tempdir().unwrap();
    let (_running, server) = serve(folder.path(), ZONE, ALLOWED);
    let answer = udp(server, &question("example.org.", RecordType::AXFR)).unwrap();
    assert_eq!(answer.metadata.response_code, ResponseCode::FormErr);
}

#[test]
fn there_are_so_many_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut zone = "$TTL 60\n@ SOA ns host 7 3600 600 604800 5\n@ NS ns.else.\n".to_owned();
    for i in 0..100_000 {
        writeln!(zone, "host-{i} TXT \"{}\"", "x".repeat(200)).unwrap();
    }
    let (_running, server) = serve(folder.path(), &zone, &format!("{ALLOWED}\nmax = 1"));
    let axfr = question("example.org.", RecordType::AXFR);
    // It is not read to its end, so it stays.
    let mut slow = Asked::new(server, &axfr);
    assert!(slow.next().is_some());
    assert!(Asked::new(server, &axfr).next().is_none(), "closed without an answer");
    // Others are answered meanwhile.
    assert_eq!(
        udp(server, &question("host-1.example.org.", RecordType::TXT)).unwrap().answers.len(),
        1
    );
    drop(slow);
    crate::support::wait_for("a transfer after the first has gone", || {
        Asked::new(server, &axfr).next()
    });
}

#[test]
fn a_zone_signed_here_leaves_as_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let (plain, server) = serve(folder.path(), ZONE, ALLOWED);
    let (expected, _) = transfer(server);
    drop(plain);
    let signing = format!("{ALLOWED}\n[dnssec]\nzones = [\"*\"]\nkeys = \"keys\"");
    let (_running, server) = serve(folder.path(), ZONE, &signing);
    assert_eq!(
        tcp(server, &question("example.org.", RecordType::DNSKEY)).unwrap().answers.len(),
        1
    );
    assert_eq!(transfer(server).0, expected);
}
