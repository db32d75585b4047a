//! What has to be answered to whatever comes.

use halfmoon::transport::Protocol;

use super::support::{Zones, query};

/// The RCODE of the reply to a query whose octets `change` has changed.
#[track_caller]
fn rcode(question: &str, change: impl FnOnce(&mut Vec<u8>)) -> u8 {
    let mut zones = Zones::example("");
    let (mut octets, protocol) = query(question);
    change(&mut octets);
    zones.raw(&octets, protocol).expect("a reply")[3] & 0xf
}

#[test]
fn s3_1_unknown_types_exist_or_not() {
    assert_eq!(rcode("example. TYPE1000", |_| {}), 0);
    assert_eq!(rcode("x.example. TYPE1000", |_| {}), 3);
}

#[test]
fn s3_1_unknown_opcodes_are_not_implemented() {
    for opcode in [1, 2, 3, 4, 5, 6, 15] {
        assert_eq!(rcode("example. SOA", |octets| octets[2] = opcode << 3), 4, "{opcode}");
    }
}

#[test]
fn s3_1_unknown_flags_are_ignored_and_not_repeated() {
    let mut zones = Zones::example("");
    let (mut octets, _) = query("example. SOA");
    octets[2] |= 0x07;
    octets[3] |= 0xf0;
    let reply = zones.raw(&octets, Protocol::Udp).unwrap();
    assert_eq!(reply[2], 0x85, "AA from us, TC not repeated");
    assert_eq!(reply[3], 0x10, "CD repeated, the rest not");
}

#[test]
fn s3_1_4_other_classes_and_meta_types() {
    assert_eq!(rcode("example. SOA", |octets| *octets.last_mut().unwrap() = 3), 5);
    assert_eq!(rcode("example. AXFR +tcp", |_| {}), 5);
    assert_eq!(rcode("example. OPT", |_| {}), 1);
    // RFC 9619: one question, no more and no less.
    assert_eq!(rcode("example. SOA", |octets| octets[5] = 0), 1);
}

#[test]
fn s3_2_unknown_edns_flags_and_options_are_ignored() {
    let mut zones = Zones::example("");
    let (mut octets, _) = query("example. SOA +edns");
    let length = octets.len();
    octets[length - 3] |= 0x7f;
    octets[length - 1] = 6;
    octets.extend([0xfd, 0xe9, 0, 2, 1, 2]);
    let reply = zones.raw(&octets, Protocol::Udp).unwrap();
    assert_eq!(reply[3] & 0xf, 0);
    assert_eq!(reply[reply.len() - 4..], [0, 0, 0, 0], "no flags, no options");
}
