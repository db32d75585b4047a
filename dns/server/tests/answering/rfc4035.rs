//! Where zones meet: whose DS records are. What is signed has its tests in `tests/dnssec`.

use halfmoon::transport::Protocol;

use super::support::{Zones, example, query};

const DS: &str = "DS 7 13 2 0000000000000000000000000000000000000000000000000000000000000000";

/// A zone as `example` has it, of another name.
fn zone(text: &str) -> String {
    format!("$TTL 60\n@ SOA ns.else. host. 1 2 3 4 9\n@ NS ns.else.\n{text}")
}

#[test]
fn s3_1_4_1_the_parent_answers_for_the_ds_of_a_child_that_is_here_too() {
    let mut zones = Zones::new(&[
        ("example", &example(&format!("sub NS ns.else.\nsub {DS}\nplain NS ns.else.\n"))),
        ("sub.example", &zone("")),
        ("plain.example", &zone("")),
    ]);
    let reply = zones.ask("sub.example. DS").message;
    assert!(reply.metadata.authoritative && reply.authorities.is_empty());
    assert_eq!(reply.answers.len(), 1);
    zones.check("plain.example. DS", "NOERROR aa | | example. 5 SOA |");
    // All else is the child's.
    zones.check("sub.example. NS", "NOERROR aa | sub.example. NS ns.else. | |");
    zones.check("sub.example. TXT", "NOERROR aa | | sub.example. 9 SOA |");
    zones.check("x.sub.example. DS", "NXDOMAIN aa | | sub.example. 9 SOA |");
}

#[test]
fn s3_1_4_1_a_child_without_its_parent_says_that_there_is_none() {
    let mut zones = Zones::example("");
    zones.check("example. DS", "NOERROR aa | | example. 5 SOA |");
}

#[test]
fn s3_1_4_1_where_only_a_zone_further_up_is_here_it_refers_to_the_one_between() {
    let mut zones = Zones::new(&[
        ("example", &example("mid NS ns.mid.else.\n")),
        ("low.mid.example", &zone("")),
    ]);
    zones.check("low.mid.example. DS", "NOERROR | | mid.example. NS ns.mid.else. |");
    zones.check("low.mid.example. NS", "NOERROR aa | low.mid.example. NS ns.else. | |");
}

#[test]
fn s3_1_4_1_the_root_has_no_parent() {
    let mut zones =
        Zones::new(&[("root", ". 60 SOA a. host. 1 2 3 4 5\n. 60 NS a.\na. 60 A 192.0.2.1\n")]);
    zones.check(". DS", "NOERROR aa | | . 5 SOA |");
}

#[test]
fn s3_1_6_checking_disabled_is_repeated_and_authentic_data_is_not_claimed() {
    let mut zones = Zones::example("");
    let (mut octets, _) = query("example. SOA +do");
    octets[3] |= 0x30;
    let reply = zones.raw(&octets, Protocol::Udp).unwrap();
    assert_eq!(reply[3] & 0x30, 0x10);
}
