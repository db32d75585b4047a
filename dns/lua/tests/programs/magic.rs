//! Places as records, and names that spell addresses to choose from.

use halfmoon_lua::Dialect;

use crate::world::{World, client, name};

const BOTH: [Dialect; 2] = [Dialect::Halfmoon, Dialect::PowerDns];

#[test]
fn places_are_data_of_a_location() {
    for (who, expected) in [
        ("192.0.2.1", "50 6 0 N 8 42 0 E"),
        ("2001:db8::1", "52 30 0 N 13 24 0 E"),
        ("198.51.100.1", "34 0 0 N 118 12 0 W"),
        ("203.0.113.200", "36 48 0 S 174 42 0 E"),
        ("10.0.0.1", "0 0 0 S 0 0 0 W"),
    ] {
        let mut world = World::new(Dialect::Halfmoon);
        world.client = client(who);
        let said = world.ask("TXT latlonloc()");
        assert_eq!(said, format!("'{expected} 0.00m 1.00m 10000.00m 10.00m'"), "{who}");
        assert!(world.ask("LOC latlonloc()").starts_with("00121613"), "{who}");
    }
}

#[test]
fn the_closest_of_the_addresses_in_the_name_answers() {
    let rows = [
        ("192.0.2.1", "192-0-2-1.198-51-100-1", "192.0.2.1"),
        ("198.51.100.9", "192-0-2-1.198-51-100-1", "198.51.100.1"),
        ("198.51.100.9", "192-0-2-1.203-0-113-1.198-51-100-1", "198.51.100.1"),
        // What is no address ends the list.
        ("198.51.100.9", "192-0-2-1.x.198-51-100-1", "192.0.2.1"),
        ("198.51.100.9", "192-0-2-1", "192.0.2.1"),
        ("198.51.100.9", "x.192-0-2-1", "Script"),
        ("198.51.100.9", "192-0-2-256", "Script"),
    ];
    for (who, labels, expected) in rows {
        for dialect in BOTH {
            let mut world = World::new(dialect);
            world.client = client(who);
            world.qname = name(&format!("{labels}.magic.example.com."));
            assert_eq!(world.ask("A closestMagic()"), expected, "{labels} for {who} {dialect:?}");
        }
    }
    // The peer takes a number for an address.
    for (dialect, expected) in [(Dialect::Halfmoon, "Script"), (Dialect::PowerDns, "0.0.0.1")] {
        let mut world = World::new(dialect);
        world.qname = name("1.magic.example.com.");
        assert_eq!(world.ask("A closestMagic()"), expected);
    }
    let mut world = World::new(Dialect::Halfmoon);
    world.qname = name("192-0-2-1.198-51-100-1.example.com.");
    world.ask("A closestMagic()");
    assert_eq!(world.answers.reads().to_string(), "place client name");
    assert_eq!(World::new(Dialect::PowerDns).ask("TXT closestMagic(1)"), "Script");
}

#[test]
fn coordinates_of_the_address_that_a_name_spells() {
    for (qname, halfmoon, powerdns) in [
        ("1.100.51.198.example.com.", "34.000000 -118.200000", "34.000000 -118.200000"),
        ("1.0.0.10.example.com.", "0.000000 0.000000", "0.000000 0.000000"),
        ("x.0.0.10.example.com.", "0.000000 0.000000", "0.000000 0.000000"),
        ("a.example.com.", "unknown", "unknown"),
    ] {
        for (dialect, expected) in BOTH.into_iter().zip([halfmoon, powerdns]) {
            // In the peer's dialect a place without an accuracy radius is none.
            let mut world = World::new(dialect);
            world.qname = name(qname);
            let said = world.ask("TXT latlonMagic()");
            assert_eq!(said, format!("'{expected}'"), "{qname} {dialect:?}");
        }
    }
}
