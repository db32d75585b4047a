//! RRsets, cuts, and names: what the clarifications clarify.

use std::fmt::Write;

use super::support::Zones;

#[test]
fn s9_an_rrset_that_does_not_fit_is_left_out_whole() {
    let mut text = String::new();
    for i in 0..200 {
        writeln!(text, "many A 192.0.{}.{}", i / 256, i % 256).unwrap();
    }
    let mut zones = Zones::example(&text);
    let reply = zones.ask("many.example. A +edns=4096");
    assert!(reply.message.metadata.truncation);
    assert!(reply.message.answers.is_empty());
    assert!(reply.message.edns.is_some(), "the OPT record stays");
    assert!(reply.octets.len() <= 1232);
}

#[test]
fn s9_additional_addresses_that_do_not_fit_are_no_truncation() {
    let mut text = String::new();
    for i in 0..20 {
        writeln!(text, "@ MX {i} mail-with-a-long-name-{i}").unwrap();
        writeln!(text, "mail-with-a-long-name-{i} AAAA 2001:db8::{i:x}").unwrap();
    }
    let mut zones = Zones::example(&text);
    let reply = zones.ask("example. MX +edns=900");
    assert!(!reply.message.metadata.truncation);
    assert_eq!(reply.message.answers.len(), 20);
    assert!(reply.message.additionals.len() < 20);
}

#[test]
fn s5_2_an_rrset_has_one_ttl() {
    let mut zones = Zones::example("a 30 A 192.0.2.1\na 60 A 192.0.2.2\n");
    let reply = zones.ask("a.example. A");
    assert!(reply.message.answers.iter().all(|record| record.ttl == 30));
}

#[test]
fn s5_a_record_is_in_an_rrset_once() {
    let mut zones =
        Zones::example("a A 192.0.2.1\na A 192.0.2.1\nA A 192.0.2.1\nmx MX 5 a\nmx MX 5 A\n");
    assert_eq!(zones.ask("a.example. A").message.answers.len(), 1);
    // Names are the same whatever their case (RFC 4034 section 6.2).
    assert_eq!(zones.ask("mx.example. MX").message.answers.len(), 1);
}

#[test]
fn s5_1_an_rrset_is_sent_whole_however_large() {
    let mut text = String::new();
    for i in 0..4000 {
        writeln!(text, "many A 192.{}.{}.{}", i / 65_536, i / 256 % 256, i % 256).unwrap();
    }
    for i in 0..4200 {
        writeln!(text, "more A 192.{}.{}.{}", i / 65_536, i / 256 % 256, i % 256).unwrap();
    }
    let mut zones = Zones::example(&text);
    // 16 octets each: the first is as much as a message holds, the second is more.
    let reply = zones.ask("many.example. A +tcp");
    assert!(!reply.message.metadata.truncation);
    assert_eq!(reply.message.answers.len(), 4000);
    let reply = zones.ask("more.example. A +tcp");
    assert!(reply.message.metadata.truncation && reply.message.answers.is_empty());
}

#[test]
fn s6_1_servers_at_a_cut_are_told_without_authority_and_those_of_the_zone_with() {
    let mut zones = Zones::example("sub NS ns.else.\n");
    zones.check("example. NS", "NOERROR aa | example. NS ns.else. | |");
    zones.check("sub.example. NS", "NOERROR | | sub.example. NS ns.else. |");
}

#[test]
fn s7_1_a_soa_beside_an_answer_stands_in_denials_alone() {
    let mut zones = Zones::example("www A 192.0.2.1\n");
    zones.check("www.example. A", "NOERROR aa | www.example. A 192.0.2.1 | |");
    zones.check("example. SOA", "NOERROR aa | example. 60 SOA | |");
    zones.check("www.example. SOA", "NOERROR aa | | example. 5 SOA |");
}

#[test]
fn s10_1_an_alias_has_nothing_else() {
    let mut zones = Zones::example("a CNAME b\nb A 192.0.2.1\n");
    for rtype in ["TXT", "MX", "SOA", "NS", "DNAME"] {
        zones.check(
            &format!("a.example. {rtype}"),
            "NOERROR aa | a.example. CNAME b.example. | example. 5 SOA |",
        );
    }
}

#[test]
fn s10_3_a_host_that_is_an_alias_gets_no_addresses_along() {
    let mut zones = Zones::example("@ MX 1 alias\nalias CNAME host\nhost A 192.0.2.1\n");
    zones.check("example. MX", "NOERROR aa | example. MX 1 alias.example. | |");
}
