//! Denials and how long they last.

use super::support::Zones;

#[test]
fn s2_1_and_2_2_names_and_types_that_are_not_there() {
    let mut zones = Zones::example("a.b A 192.0.2.1\n");
    zones.check("nowhere.example. A", "NXDOMAIN aa | | example. 5 SOA |");
    zones.check("a.b.example. AAAA", "NOERROR aa | | example. 5 SOA |");
    // An empty non-terminal exists (RFC 8020).
    zones.check("b.example. A", "NOERROR aa | | example. 5 SOA |");
    zones.check("x.a.b.example. A", "NXDOMAIN aa | | example. 5 SOA |");
}

#[test]
fn s3_the_lesser_of_ttl_and_minimum_counts() {
    let zone =
        |ttl: u32, minimum: u32| format!("@ {ttl} SOA ns. host. 1 2 3 4 {minimum}\n@ 60 NS ns.\n");
    for (ttl, minimum, expected) in [(60, 5, 5), (5, 60, 5), (7, 7, 7)] {
        let mut zones = Zones::new(&[("example", &zone(ttl, minimum))]);
        zones.check("x.example. A", &format!("NXDOMAIN aa | | example. {expected} SOA |"));
        zones.check("example. SOA", &format!("NOERROR aa | example. {ttl} SOA | |"));
    }
}

#[test]
fn s2_1_a_name_error_behind_an_alias_bears_the_soa_of_the_last_zone() {
    let other = "$TTL 60\n@ SOA ns.else. host. 1 2 3 4 9\n@ NS ns.else.\nthere TXT x\n";
    let mut zones = Zones::new(&[
        (
            "example",
            &super::support::example("gone CNAME gone.other.\nnodata CNAME there.other.\n"),
        ),
        ("other", other),
    ]);
    zones
        .check("gone.example. A", "NXDOMAIN aa | gone.example. CNAME gone.other. | other. 9 SOA |");
    zones.check(
        "nodata.example. A",
        "NOERROR aa | nodata.example. CNAME there.other. | other. 9 SOA |",
    );
}

#[test]
fn s2_2_no_servers_of_the_zone_stand_beside_a_denial() {
    // They would make it look like a referral (section 2.2.1).
    let mut zones = Zones::example("www A 192.0.2.1\n");
    for question in ["www.example. AAAA", "nothing.example. A"] {
        let reply = zones.ask(question).message;
        assert_eq!(reply.authorities.len(), 1, "{question}");
        assert!(reply.metadata.authoritative && reply.additionals.is_empty(), "{question}");
    }
}

#[test]
fn s3_the_soa_of_a_denial_is_that_of_the_apex_whole() {
    let mut zones = Zones::example("");
    let denial = zones.ask("x.y.example. A").message.authorities;
    let soa = zones.ask("example. SOA").message.answers;
    assert_eq!((&denial[0].name, &denial[0].data), (&soa[0].name, &soa[0].data));
}
