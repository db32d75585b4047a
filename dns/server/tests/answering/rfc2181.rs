//! Section 9: an RRset is there whole, or the reply says that it is not.

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
