//! Types that nobody knows.

use super::support::{Zones, query};

#[test]
fn s3_data_of_an_unknown_type_leaves_as_it_came() {
    let mut zones =
        Zones::example("a TYPE65280 \\# 5 03777777c0\nnone TYPE65280 \\# 0\na TYPE731 \\# 1 ff\n");
    let reply = zones.ask("a.example. TYPE65280");
    assert_eq!(reply.message.answers.len(), 1);
    assert!(reply.octets.windows(7).any(|octets| octets == b"\0\x05\x03www\xc0"));
    assert_eq!(zones.ask("a.example. TYPE731").message.answers.len(), 1);
    assert_eq!(zones.ask("a.example. TYPE732").message.answers.len(), 0);
    let (octets, protocol) = query("none.example. TYPE65280");
    assert!(zones.raw(&octets, protocol).unwrap().ends_with(b"\xc0\x0c\xff\0\0\x01\0\0\0\x3c\0\0"));
}

#[test]
fn s3_wildcards_and_aliases_carry_unknown_types() {
    let mut zones = Zones::example("*.w TYPE65280 \\# 1 00\nto CNAME x.w\n");
    assert_eq!(zones.ask("a.w.example. TYPE65280").message.answers.len(), 1);
    assert_eq!(zones.ask("to.example. TYPE65280").message.answers.len(), 2);
}

#[test]
fn s4_names_are_compressed_in_the_data_of_old_types_alone() {
    let mut zones = Zones::example(
        "mx MX 1 host\nsrv SRV 1 2 3 host\nkx KX 1 host\ndn DNAME host\nrp RP host host\n",
    );
    // The name whole, or its first label and a pointer.
    for (name, rtype, compressed) in [
        ("mx", "MX", true),
        ("srv", "SRV", false),
        ("kx", "KX", false),
        ("dn", "DNAME", false),
        ("rp", "RP", false),
    ] {
        let octets = zones.ask(&format!("{name}.example. {rtype}")).octets;
        let has = |part: &[u8]| octets.windows(part.len()).any(|octets| octets == part);
        assert_eq!(has(b"\x04host\xc0"), compressed, "{rtype}");
        assert_eq!(has(b"\x04host\x07example\0"), !compressed, "{rtype}");
    }
}

#[test]
fn s8_unknown_types_bring_nothing_along() {
    let mut zones = Zones::example("a TYPE65280 \\# 6 04686f737400\nhost A 192.0.2.1\n");
    assert!(zones.ask("a.example. TYPE65280").message.additionals.is_empty());
}
