//! `createForward`, `createForward6`, `filterForward`.

use halfmoon_lua::Dialect;

use crate::world::{World, name};

const BOTH: [Dialect; 2] = [Dialect::Halfmoon, Dialect::PowerDns];

fn ask(dialect: Dialect, owner: &str, qname: &str, record: &str) -> String {
    let mut world = World::new(dialect);
    (world.owner, world.qname) = (name(owner), name(qname));
    world.ask(record)
}

#[test]
fn names_below_a_wildcard_spell_ipv4_addresses() {
    let wild = "*.v4.example.com.";
    for (owner, labels, expected) in [
        (wild, "1.2.3.4", "1.2.3.4"),
        (wild, "1.2.3.4.static", "1.2.3.4"),
        (wild, "192-0-2-1", "192.0.2.1"),
        (wild, "ip-192-0-2-1", "192.0.2.1"),
        (wild, "ip-is-here-for-you-1-2-3-4", "1.2.3.4"),
        (wild, "1--2--3--4", "1.2.3.4"),
        (wild, "9-1-2-3-4", "1.2.3.4"),
        (wild, "1-2-3-4.a", "1.2.3.4"),
        (wild, "1-2-3-4.a.b.c", "0.0.0.0"),
        (wild, "c0000201", "192.0.2.1"),
        (wild, "C0000201", "192.0.2.1"),
        (wild, "ipc0000201", "192.0.2.1"),
        (wild, "ip-c0000201", "192.0.2.1"),
        (wild, "host-00-c0000201", "192.0.2.1"),
        (wild, "1-2-3-256", "0.0.0.0"),
        (wild, "1-2-3-4x", "0.0.0.0"),
        (wild, "1-2-3", "0.0.0.0"),
        (wild, "c000020", "0.0.0.0"),
        (wild, "c00002zz", "0.0.0.0"),
        (wild, "xyz", "0.0.0.0"),
        (wild, "1.2.3.x", "0.0.0.0"),
        (wild, "1.2.3.256", "0.0.0.0"),
        // Only what stands for the `*` counts.
        ("*.3.4.v4.example.com.", "1.2.3.4", "0.0.0.0"),
        ("*.3.4.v4.example.com.", "1-2-3-4.3.4", "1.2.3.4"),
        ("www.v4.example.com.", "1.2.3.4", "0.0.0.0"),
        ("*.other.example.com.", "1.2.3.4", "0.0.0.0"),
    ] {
        let qname = format!("{labels}.v4.example.com.");
        for dialect in BOTH {
            let said = ask(dialect, owner, &qname, "A createForward()");
            assert_eq!(said, expected, "{qname} at {owner}");
        }
    }
}

#[test]
fn short_numbers_are_those_of_the_peer_in_its_dialect_only() {
    for (labels, halfmoon, powerdns) in
        [("010.0.0.1", "0.0.0.0", "8.0.0.1"), ("0x7f.0.0.1", "0.0.0.0", "127.0.0.1")]
    {
        let (owner, qname) = ("*.example.com.", format!("{labels}.example.com."));
        assert_eq!(ask(Dialect::Halfmoon, owner, &qname, "A createForward()"), halfmoon);
        assert_eq!(ask(Dialect::PowerDns, owner, &qname, "A createForward()"), powerdns);
    }
}

#[test]
fn names_below_a_wildcard_spell_ipv6_addresses() {
    let wild = "*.example.com.";
    for (owner, labels, expected) in [
        (wild, "2001.db8.0.0.0.0.0.1", "2001:db8::1"),
        (wild, "2001-db8--1", "2001:db8::1"),
        (wild, "2001-DB8-0-0-0-0-0-1", "2001:db8::1"),
        (wild, "0--1", "::1"),
        (wild, "20010db8000000000000000000000001", "2001:db8::1"),
        (wild, "ip20010db8000000000000000000000001", "2001:db8::1"),
        (wild, "0010db8000000000000000000000001", "::"),
        (wild, "g0010db800000000000000000000000g", "::"),
        (wild, "2001-db8--x", "::"),
        (wild, "2001-db8--1.a", "::"),
        (wild, "2001.db8.0.0.0.0.1", "::"),
        (wild, "2001.db8.0.0.0.0.0.g", "::"),
        (wild, "www", "::"),
        ("www.example.com.", "2001-db8--1", "::"),
    ] {
        let qname = format!("{labels}.example.com.");
        for dialect in BOTH {
            let said = ask(dialect, owner, &qname, "AAAA createForward6()");
            assert_eq!(said, expected, "{qname} at {owner}");
        }
    }
}

#[test]
fn forwards_pass_a_filter() {
    let four = "newNMG({'192.0.2.0/24', '!192.0.2.128/25', '192.0.2.200', '2001:db8::/32'})";
    for (call, expected) in [
        ("filterForward('192.0.2.1', NETS)", "192.0.2.1"),
        ("filterForward('192.0.2.129', NETS)", "0.0.0.0"),
        ("filterForward('192.0.2.200', NETS)", "192.0.2.200"),
        ("filterForward('198.51.100.1', NETS)", "0.0.0.0"),
        ("filterForward('198.51.100.1', NETS, '192.0.2.9')", "192.0.2.9"),
        ("filterForward('198.51.100.1', NETS, nil)", "0.0.0.0"),
        ("filterForward('198.51.100.1', NETS, '')", ""),
        ("filterForward(newCA('192.0.2.1'), NETS)", "192.0.2.1"),
        ("filterForward(createForward(), NETS)", "192.0.2.77"),
        ("filterForward('x', NETS)", "Script"),
        ("filterForward('192.0.2.1')", "Script"),
        ("filterForward('192.0.2.1', NETS, '', '')", "Script"),
        ("filterForward('192.0.2.1', newNMG())", "0.0.0.0"),
    ] {
        // Through a variable, so that the halfmoon dialect judges when it runs as well.
        let call = call.replace("NETS", four).replace("filterForward(", "f(");
        let record = format!("A ;local f = filterForward return {call}");
        for dialect in BOTH {
            let said = ask(dialect, "*.example.com.", "192-0-2-77.example.com.", &record);
            assert_eq!(said, expected, "{record}");
        }
    }
    let record = format!("AAAA filterForward('2001:db9::1', {four})");
    assert_eq!(ask(Dialect::PowerDns, "*.example.com.", "a.example.com.", &record), "::");
    let record = format!("AAAA filterForward('2001:db8::1', {four})");
    assert_eq!(ask(Dialect::PowerDns, "*.example.com.", "a.example.com.", &record), "2001:db8::1");
}
