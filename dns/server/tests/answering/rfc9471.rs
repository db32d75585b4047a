//! Glue that a referral cannot do without.

use std::fmt::Write;

use super::support::Zones;

#[test]
fn s3_1_in_domain_glue_is_there_or_the_reply_is_truncated() {
    let mut text = String::new();
    for i in 0..14 {
        writeln!(text, "sub NS name-server-number-{i}.sub").unwrap();
        writeln!(text, "name-server-number-{i}.sub AAAA 2001:db8::{i:x}").unwrap();
    }
    let mut zones = Zones::example(&text);
    let reply = zones.ask("www.sub.example. A");
    assert!(reply.message.metadata.truncation);
    let reply = zones.ask("www.sub.example. A +edns");
    assert!(!reply.message.metadata.truncation);
    assert_eq!(reply.message.additionals.len(), 14);
}

#[test]
fn s3_2_sibling_glue_comes_as_far_as_it_fits() {
    let mut text = String::new();
    for i in 0..8 {
        writeln!(text, "sub NS name-server-number-{i}-of-the-sibling.sibling").unwrap();
        writeln!(text, "name-server-number-{i}-of-the-sibling.sibling AAAA 2001:db8::{i:x}")
            .unwrap();
    }
    text.push_str("sibling NS ns.else.\n");
    let mut zones = Zones::example(&text);
    assert!(!zones.ask("www.sub.example. A").message.metadata.truncation);
    assert_eq!(zones.ask("www.sub.example. A +edns").message.additionals.len(), 8);
}

#[test]
fn s3_1_glue_may_come_from_a_wildcard_below_the_cut() {
    let mut zones = Zones::example(
        "sub NS ns.sub\n*.sub A 192.0.2.1\ndeep NS ns.a.deep\n*.deep A 192.0.2.2\na.deep A 192.0.2.3\n",
    );
    for (asked, additional) in [("www.sub.example. A", 1), ("www.deep.example. A", 0)] {
        let reply = zones.ask(asked);
        assert_eq!(reply.message.answers.len(), 0, "{asked}");
        assert_eq!(reply.message.additionals.len(), additional, "{asked}");
    }
}

#[test]
fn s2_3_glue_of_siblings_that_need_each_other() {
    let mut zones = Zones::example(
        "one NS ns.two\ntwo NS ns.one\nns.one A 192.0.2.1\nns.two AAAA 2001:db8::2\n",
    );
    zones.check(
        "www.one.example. A",
        "NOERROR | | one.example. NS ns.two.example. | ns.two.example. AAAA 2001:db8::2",
    );
}

#[test]
fn s3_1_glue_comes_over_tcp_whole() {
    let mut text = String::new();
    for i in 0..30 {
        writeln!(text, "sub NS ns{i}.sub\nns{i}.sub A 192.0.2.{i}\nns{i}.sub AAAA 2001:db8::{i:x}")
            .unwrap();
    }
    let mut zones = Zones::example(&text);
    let reply = zones.ask("www.sub.example. A +tcp").message;
    assert_eq!((reply.authorities.len(), reply.additionals.len()), (30, 60));
    assert!(!reply.metadata.truncation);
    assert!(zones.ask("www.sub.example. A +edns").message.metadata.truncation);
}

#[test]
fn s3_1_hosts_of_another_zone_of_this_server_are_no_glue() {
    let other = "$TTL 60\n@ SOA ns.else. host. 1 2 3 4 5\n@ NS ns.else.\nns A 192.0.2.9\n";
    let mut zones = Zones::new(&[
        ("example", &super::support::example("sub NS ns.other.\n")),
        ("other", other),
    ]);
    zones.check("www.sub.example. A", "NOERROR | | sub.example. NS ns.other. |");
}
