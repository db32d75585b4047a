//! `createReverse` and `createReverse6`, as in RFC 1034's reverse zones.

use halfmoon_lua::Dialect;

use crate::world::{World, name};

/// Each row: the name in question, the call, the text it gives in both dialects.
fn check_all(rows: &[(&str, &str, &str)]) {
    for (qname, call, expected) in rows {
        for dialect in [Dialect::Halfmoon, Dialect::PowerDns] {
            let mut world = World::new(dialect);
            world.qname = name(qname);
            let said = world.ask(&format!("TXT {call}"));
            assert_eq!(said, format!("'{expected}'"), "{call} for {qname}");
            assert_eq!(world.answers.reads().to_string(), "name", "{call}");
        }
    }
}

#[test]
fn names_for_ipv4_addresses_follow_the_format() {
    let four = "4.3.2.1.in-addr.arpa.";
    check_all(&[
        (four, "createReverse('%1%.%2%.%3%.%4%')", "1.2.3.4"),
        (four, "createReverse('%4%-%3%-%2%-%1%.example.')", "4-3-2-1.example."),
        (four, "createReverse('ip-%5%.example.')", "ip-1-2-3-4.example."),
        (four, "createReverse('%6%.example.')", "01020304.example."),
        (four, "createReverse('%s.%s')", "1.2"),
        (four, "createReverse('same.example.')", "same.example."),
        (four, "createReverse('%1$03d-%2$03d.%3$02x%4$02x')", "001-002.0304"),
        (four, "createReverse('%|4$03|.%|3$s|')", "004.3"),
        (four, "createReverse('%7%x%99%')", "x"),
        (four, "createReverse('100%%%1%')", "100%1"),
        ("255.0.254.10.in-addr.arpa.", "createReverse('%6%')", "0afe00ff"),
        // As written in the query, leading zeros and all.
        ("04.003.2.1.in-addr.arpa.", "createReverse('%5%')", "1-2-003-04"),
        ("04.003.2.1.in-addr.arpa.", "createReverse('%6%')", "01020304"),
        ("4.3.2.1.more.in-addr.arpa.", "createReverse('%5%')", "1-2-3-4"),
        // The whole name counts, not what is below the zone.
        ("2.1.in-addr.arpa.", "createReverse('%5%')", "error"),
        ("1.in-addr.arpa.", "createReverse('%5%')", "unknown"),
        ("256.3.2.1.in-addr.arpa.", "createReverse('%5%')", "error"),
        ("x.3.2.1.in-addr.arpa.", "createReverse('%5%')", "error"),
        ("+4.3.2.1.in-addr.arpa.", "createReverse('%5%')", "error"),
        (four, "createReverse('%5%', {['1.2.3.4']='www.example.'})", "www.example."),
        (four, "createReverse('%5%', {['1.2.3.5']='www.example.'})", "1-2-3-4"),
        ("04.3.2.1.in-addr.arpa.", "createReverse('%5%', {['1.2.3.4']='www'})", "www"),
        (four, "createReverse('%5%', nil)", "1-2-3-4"),
    ]);
}

#[test]
fn names_for_ipv6_addresses_follow_the_format() {
    let one = "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.";
    let net = "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.";
    let zero = "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa.";
    let short = "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.A.a.0.0.ip6.arpa.";
    check_all(&[
        (one, "createReverse6('%33%.example.')", "2001-db8--1.example."),
        (net, "createReverse6('%33%')", "2001-db8--0"),
        (zero, "createReverse6('%33%')", "0--0"),
        (short, "createReverse6('%33%')", "0aa--0"),
        (one, "createReverse6('%34%:%35%:%41%')", "2001:0db8:0001"),
        (one, "createReverse6('%1%%2%%3%%4%-%32%')", "2001-1"),
        (short, "createReverse6('%34%')", "00aA"),
        (one, "createReverse6('%42%')", ""),
        (one, "createReverse6('%33%', {['2001:DB8:0::1']='www.example.'})", "www.example."),
        (one, "createReverse6('%33%', {['2001:db8::2']='www.example.'})", "2001-db8--1"),
        ("4.3.2.1.in-addr.arpa.", "createReverse6('%33%')", "unknown"),
        (
            "x.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.",
            "createReverse6('%33%')",
            "error",
        ),
        (
            "10.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.",
            "createReverse6('%33%')",
            "error",
        ),
    ]);
}

#[test]
fn a_format_that_is_none_is_a_fault_or_an_error() {
    for format in ["%", "%1", "%0%", "%1%%s", "%y"] {
        let mut world = World::new(Dialect::PowerDns);
        world.qname = name("4.3.2.1.in-addr.arpa.");
        let record = format!("PTR createReverse('{format}')");
        assert_eq!(world.ask(&record), "056572726f7200", "{record}");
        let (program, faults) = World::new(Dialect::Halfmoon).compile(&record);
        assert!(program.is_none(), "{record}");
        assert!(faults[0].contains("is not a format"), "{faults:?}");
    }
    // What a program computes is judged when it runs.
    let mut world = World::new(Dialect::Halfmoon);
    world.qname = name("4.3.2.1.in-addr.arpa.");
    assert_eq!(world.ask("TXT ;local f = '%' .. '' return createReverse(f)"), "Script");
    assert_eq!(world.ask("TXT ;local f = '%5%' return createReverse(f)"), "'1-2-3-4'");
}

#[test]
fn exceptions_have_to_be_addresses() {
    for (record, why) in [
        ("PTR createReverse('%5%', {['x']='a.'})", "'x' is not an address"),
        ("PTR createReverse('%5%', {'a.'})", "the exceptions are no list"),
        ("PTR createReverse('%5%', {['1.2.3.4']=true})", "a name has to be a string"),
        ("PTR createReverse()", "too few arguments"),
        ("PTR createReverse('%5%', {}, 1)", "too many arguments"),
        ("PTR createReverse(true)", "does not take a boolean"),
    ] {
        let (program, faults) = World::new(Dialect::Halfmoon).compile(record);
        assert!(program.is_none(), "{record}");
        assert!(faults[0].contains(why), "{record}: {faults:?}");
        assert_eq!(World::new(Dialect::PowerDns).ask(record), "Script", "{record}");
    }
}
