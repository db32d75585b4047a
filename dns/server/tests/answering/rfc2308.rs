//! Denials and how long they last.

use super::support::Zones;

#[test]
fn s2_names_and_types_that_are_not_there() {
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
