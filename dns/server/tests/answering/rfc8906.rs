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
fn s3_1_2_unknown_types_exist_or_not() {
    assert_eq!(rcode("example. TYPE1000", |_| {}), 0);
    assert_eq!(rcode("x.example. TYPE1000", |_| {}), 3);
}

#[test]
fn s3_1_4_unknown_opcodes_are_not_implemented() {
    for opcode in [1, 2, 3, 4, 5, 6, 15] {
        assert_eq!(rcode("example. SOA", |octets| octets[2] = opcode << 3), 4, "{opcode}");
    }
}

#[test]
fn s3_1_3_unknown_flags_are_ignored_and_not_repeated() {
    let mut zones = Zones::example("");
    let (mut octets, _) = query("example. SOA");
    octets[2] |= 0x07;
    octets[3] |= 0xf0;
    let reply = zones.raw(&octets, Protocol::Udp).unwrap();
    assert_eq!(reply[2], 0x85, "AA from us, TC not repeated");
    assert_eq!(reply[3], 0x10, "CD repeated, the rest not");
}

#[test]
fn s3_1_1_other_classes_and_meta_types() {
    assert_eq!(rcode("example. SOA", |octets| *octets.last_mut().unwrap() = 3), 5);
    assert_eq!(rcode("example. AXFR +tcp", |_| {}), 5);
    assert_eq!(rcode("example. OPT", |_| {}), 1);
    // RFC 9619: one question, no more and no less.
    assert_eq!(rcode("example. SOA", |octets| octets[5] = 0), 1);
}

#[test]
fn s3_2_3_and_3_2_4_unknown_edns_flags_and_options_are_ignored() {
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

/// What section 8 asks, and expects: the flags and options of dig, the RCODE, whether the SOA is
/// there, and the OPT record's flags, if there is one.
#[test]
fn s8_the_test_suite_of_the_rfc() {
    const SOA: &str = "example. SOA";
    type Change = fn(&mut Vec<u8>);
    let plain: Change = |_| {};
    let version: Change = |octets| {
        let at = octets.len() - 5;
        octets[at] = 1;
    };
    let flag: Change = |octets| {
        let at = octets.len() - 3;
        octets[at] |= 0x40;
    };
    let both: Change = |octets| {
        let at = octets.len() - 5;
        (octets[at], octets[at + 2]) = (1, 0x40);
    };
    // Behind 4 octets of option 100.
    let version_and_option: Change = |octets| {
        let at = octets.len() - 9;
        octets[at] = 1;
    };
    type Row = (&'static str, String, Change, u16, bool, Option<bool>);
    let rows: [Row; 19] = [
        ("8.1.1", SOA.into(), plain, 0, true, None),
        ("8.1.2", "example. TYPE1000".into(), plain, 0, false, None),
        ("8.1.3.1", SOA.into(), |octets| octets[3] |= 0x10, 0, true, None),
        ("8.1.3.2", SOA.into(), |octets| octets[3] |= 0x20, 0, true, None),
        ("8.1.3.3", SOA.into(), |octets| octets[3] |= 0x40, 0, true, None),
        ("8.1.3.4", SOA.into(), |octets| octets[2] |= 1, 0, true, None),
        ("8.1.4", SOA.into(), |octets| octets[2] |= 0x78, 4, false, None),
        ("8.1.5", format!("{SOA} +tcp"), plain, 0, true, None),
        ("8.2.1", format!("{SOA} +edns"), plain, 0, true, Some(false)),
        ("8.2.2", format!("{SOA} +edns"), version, 16, false, Some(false)),
        ("8.2.3", format!("{SOA} +option=100"), plain, 0, true, Some(false)),
        ("8.2.4", format!("{SOA} +edns"), flag, 0, true, Some(false)),
        ("8.2.5", format!("{SOA} +edns"), both, 16, false, Some(false)),
        ("8.2.6", format!("{SOA} +option=100"), version_and_option, 16, false, Some(false)),
        ("8.2.7", "large.example. TXT +edns=512".into(), plain, 0, false, Some(false)),
        ("8.2.8", format!("{SOA} +do"), plain, 0, true, Some(true)),
        ("8.2.9", format!("{SOA} +do"), version, 16, false, Some(true)),
        (
            "8.2.10",
            format!("{SOA} +subnet=0.0.0.0/0 +option=3 +option=10:0102030405060708"),
            plain,
            0,
            true,
            Some(false),
        ),
        ("8.2 over TCP", format!("{SOA} +tcp +edns"), plain, 0, true, Some(false)),
    ];
    let text =
        format!("large TXT {}\n", "\"0123456789012345678901234567890123456789\" ".repeat(20));
    let mut zones = Zones::example(&text);
    for (section, question, change, rcode, has_soa, opt) in rows {
        let (mut octets, protocol) = query(&question);
        change(&mut octets);
        let reply = zones.raw(&octets, protocol).expect(section);
        assert_eq!(reply[3] & 0x40, 0, "{section}: the reserved bit is clear");
        let reply = hickory_proto::op::Message::from_vec(&reply).unwrap();
        assert_eq!(u16::from(reply.metadata.response_code), rcode, "{section}");
        assert_eq!(!reply.answers.is_empty(), has_soa, "{section}");
        let edns = reply.edns.as_ref();
        assert_eq!(edns.map(|edns| edns.flags().dnssec_ok), opt, "{section}");
        assert_eq!(edns.map_or(0, |edns| edns.flags().z), 0, "{section}: no flag but DO");
        assert_eq!(edns.map_or(0, |edns| edns.version()), 0, "{section}");
        let answered = rcode == 0;
        assert_eq!(reply.metadata.authoritative, answered, "{section}");
        assert_eq!(reply.metadata.truncation, section == "8.2.7", "{section}");
    }
}
