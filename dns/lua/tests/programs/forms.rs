//! The forms of programs, their results, and what is kept between runs.

use halfmoon_lua::{Dialect, Reads, Settings};
use halfmoon_wire::Type;

use crate::world::{World, name};

const BOTH: [Dialect; 2] = [Dialect::Halfmoon, Dialect::PowerDns];

/// Runs a program and shows the records as a zone file would.
fn ask(dialect: Dialect, record: &str) -> String {
    let mut world = World::new(dialect);
    let program = world.program(record);
    let said = world.run(&program);
    if world.answers.is_empty() {
        return said;
    }
    let shown: Vec<String> =
        world.answers.rdatas().map(|rdata| text(program.inner(), rdata)).collect();
    shown.join(" | ")
}

fn text(rtype: Type, rdata: &[u8]) -> String {
    let mut shown = Vec::new();
    halfmoon_zones::rdata::show(rtype, rdata, &mut shown);
    String::from_utf8(shown).unwrap()
}

#[test]
fn results_become_records_of_the_inner_type() {
    for (record, expected) in [
        ("A '192.0.2.1'", "192.0.2.1"),
        ("A ;return '192.0.2.1'", "192.0.2.1"),
        ("A ;local a = '192.0.2.1'\nreturn a", "192.0.2.1"),
        ("A {'192.0.2.2', '192.0.2.1'}", "192.0.2.2 | 192.0.2.1"),
        ("A {'192.0.2.1', '192.0.2.1'}", "192.0.2.1"),
        ("A ;return {[3]='192.0.2.3'}", "192.0.2.3"),
        // Only the first value counts.
        ("A ;return '192.0.2.1', '192.0.2.2'", "192.0.2.1"),
        ("A '192.0.2.1', nil", "192.0.2.1"),
        ("AAAA '2001:db8:0::1'", "2001:db8::1"),
        ("CNAME 'www.example.org'", "www.example.org."),
        ("CNAME 'www.example.org.'", "www.example.org."),
        ("PTR ;return newDN('a.b'):toString()", "a.b."),
        ("NS 'ns'", "ns."),
        ("MX '10 mail.example.org'", "10 mail.example.org."),
        ("MX {'10 a', '20 b'}", "10 a. | 20 b."),
        ("SRV '0 5 443 host.example.org.'", "0 5 443 host.example.org."),
        ("CAA '0 issue \\'ca.example\\''", "0 issue \"'ca.example'\""),
        ("CAA ('0 issue %s'):format('ca.example')", "0 issue \"ca.example\""),
        (
            "LOC '52 14 05 N 00 08 50 E 10m'",
            "52 14 5.000 N 0 8 50.000 E 10.00m 1.00m 10000.00m 10.00m",
        ),
        ("LOC latlonloc()", "50 6 0.000 N 8 42 0.000 E 0.00m 1.00m 10000.00m 10.00m"),
        ("SPF 'v=spf1'", "\"v=spf1\""),
        ("SPF 'two words'", "\"two\" \"words\""),
        ("HTTPS '1 . alpn=h2'", "1 . alpn=\"h2\""),
        ("TYPE65280 '\\\\# 2 0a0b'", "\\# 2 0a0b"),
        // A string for TXT is put in quotes and nothing else is done to it.
        ("TXT 'two words'", "\"two words\""),
        ("TXT 5", "\"5\""),
        ("TXT 5.5", "\"5.5\""),
        ("TXT ''", "\"\""),
        ("TXT {'a', 'b'}", "\"a\" | \"b\""),
        ("TXT 'a\\\\\\\\b'", "\"a\\\\b\""),
        ("TXT 'a\\\\065b'", "\"aAb\""),
        ("TXT ;return ('x'):rep(300)", &format!("\"{}\" \"{}\"", "x".repeat(255), "x".repeat(45))),
        ("TXT ;return 'a' .. string.char(34) .. ' ' .. string.char(34) .. 'b'", "\"a\" \"b\""),
    ] {
        for dialect in BOTH {
            assert_eq!(ask(dialect, record), expected, "{record} {dialect:?}");
        }
    }
}

#[test]
fn what_is_no_record_is_a_failure_and_an_empty_list_is_none() {
    for (record, expected) in [
        ("A {}", ""),
        ("TXT ;return {}", ""),
        ("A pickrandomsample(0, {'192.0.2.1'})", ""),
        ("A filterForward('192.0.2.1', newNMG({'10.0.0.0/8'}), '')", ""),
        ("A ;return ''", "BadResult"),
        ("CNAME ;return ''", "BadResult"),
        ("A ;return 'x'", "BadResult"),
        ("A ;return '192.0.2.1 '", "BadResult"),
        ("A ;return '192.0.2.01'", "BadResult"),
        ("AAAA ;return '192.0.2.1'", "BadResult"),
        ("A ;return {'192.0.2.1', 'x'}", "BadResult"),
        ("MX ;return 'mail.example.org'", "BadResult"),
        ("TXT ;return 'a' .. string.char(34)", "BadResult"),
        ("A ;return bestwho", "NoResult"),
        ("A ;local a = nil return a", "NoResult"),
        ("A ;local a = true return a", "NoResult"),
        ("A ;local t = {} t.a = '192.0.2.1' return t", "NoResult"),
        ("A ;local t = {'192.0.2.1'} return {t}", "NoResult"),
        ("A ;return tostring", "NoResult"),
        ("A ;local a = 1", "NoResult"),
        ("A ;error('no')", "Script"),
        ("A ;local a = nil return a.b", "Script"),
        ("A ;while true do end", "Fuel"),
    ] {
        assert_eq!(ask(Dialect::PowerDns, record), expected, "{record}");
        // What is wrong for everybody to see is found at load here.
        let (program, _) = World::new(Dialect::Halfmoon).compile(record);
        if program.is_some() || expected.is_empty() {
            assert_eq!(ask(Dialect::Halfmoon, record), expected, "{record}");
        }
    }
}

#[test]
fn only_the_very_first_character_makes_statements() {
    for (record, works) in [
        ("A ;return '192.0.2.1'", true),
        ("A  ;return '192.0.2.1'", false),
        ("A return '192.0.2.1'", false),
        ("A ;'192.0.2.1'", false),
    ] {
        let (program, faults) = World::new(Dialect::Halfmoon).compile(record);
        assert_eq!(program.is_some(), works, "{record}: {faults:?}");
        let program = World::new(Dialect::PowerDns).program(record);
        assert_eq!(program.is_faulty(), !works, "{record}");
    }
}

#[test]
fn globals_are_kept_only_if_shared_and_only_in_their_zone() {
    let count = "TXT ;counter = (counter or 0) + 1 return counter";
    let set = "TXT ;shape = 'round' return shape";
    for dialect in BOTH {
        for (shared, expected) in [(false, ["'1'", "'1'", "'1'"]), (true, ["'1'", "'2'", "'3'"])] {
            let mut world = World::with(Settings { shared, ..Settings::of(dialect) });
            let program = world.program(count);
            assert_eq!([(); 3].map(|()| world.run(&program)), expected, "{dialect:?} {shared}");
        }
        // Another program of the zone sees it; one of another zone does not.
        let mut world = World::with(Settings { shared: true, ..Settings::of(dialect) });
        assert_eq!(world.ask(set), "'round'");
        assert_eq!(world.ask("TXT ;return tostring(shape)"), "'round'");
        world.zone = name("com.");
        assert_eq!(world.ask("TXT ;return tostring(shape)"), "'nil'");
        world.zone = name("EXAMPLE.com.");
        assert_eq!(world.ask("TXT ;return tostring(shape)"), "'round'");
        assert!(!world.answers.reads().is_empty());
    }
}

#[test]
fn what_is_kept_is_bounded() {
    let settings =
        Settings { shared: true, time: std::time::Duration::from_secs(10), ..Settings::default() };
    let mut world = World::with(settings);
    let grow = world
        .program("TXT ;kept = kept or {} kept[#kept + 1] = ('x'):rep(20000) .. #kept return #kept");
    let mut most = 0;
    for _ in 0..1000 {
        let said = world.run(&grow);
        let count: u32 = said.trim_matches('\'').parse().unwrap_or_else(|_| panic!("{said}"));
        most = most.max(count);
    }
    assert!((100..400).contains(&most), "4 MiB are about 200 of 20,000 octets: {most}");
    // Many zones do not take more than some.
    let set = world.program("TXT ;shape = 'round' return shape");
    for i in 0..100 {
        world.zone = name(&format!("z{i}.example.com."));
        assert_eq!(world.run(&set), "'round'");
    }
    let get = world.program("TXT ;return tostring(shape)");
    assert_eq!(world.run(&get), "'round'");
    world.zone = name("z0.example.com.");
    assert_eq!(world.run(&get), "'nil'");
}

#[test]
fn functions_that_are_kept_see_the_query_at_hand_and_call_what_they_name() {
    for dialect in BOTH {
        let mut world = World::with(Settings { shared: true, ..Settings::of(dialect) });
        // A call with literal arguments in a function is that call whichever program calls it.
        let made = "TXT ;function f() return pickhashed({'mine'}) end return f()";
        for (record, expected) in [
            (made, "'mine'"),
            ("TXT ;local x = pickhashed({'yours'}) return f()", "'mine'"),
            ("TXT ;return f()", "'mine'"),
            (
                "TXT ;function g() return qname:toString() .. ' ' .. bestwho:toString() end return g()",
                "'www.example.com. 192.0.2.77'",
            ),
        ] {
            assert_eq!(world.ask(record), expected, "{record} {dialect:?}");
        }
        world.qname = name("other.example.com.");
        world.client = crate::world::client("198.51.100.7");
        let get = world.program("TXT ;return g()");
        assert_eq!(world.run(&get), "'other.example.com. 198.51.100.7'");
        assert!(world.answers.reads().contains(Reads::CLIENT.and(Reads::NAME)));
        // What a program makes of a variable is gone with the query, as on the peer.
        for (record, expected) in [
            ("TXT ;qname:chopOff() return qname:toString()", "'example.com.'"),
            ("TXT ;qname = 'mine' return qname", "'mine'"),
            ("TXT ;qname = nil return qname:toString()", "'other.example.com.'"),
            ("TXT ;return qname:toString()", "'other.example.com.'"),
            ("TXT ;return tostring(tcp) .. ednsPKTSize .. type(ecswho)", "'false-1nil'"),
        ] {
            assert_eq!(world.ask(record), expected, "{record} {dialect:?}");
        }
    }
}

#[test]
fn checks_of_a_function_that_is_kept_begin_at_load() {
    let mut world = World::with(Settings { shared: true, ..Settings::of(Dialect::Halfmoon) });
    let made = world.program(
        "A ;function f() return ifportup(80, {'192.0.2.1', '192.0.2.2'}, {selector='all'}) end return f()",
    );
    world.observe("+192.0.2.1 -192.0.2.2");
    assert_eq!(world.run(&made), "192.0.2.1");
    // Another program has to ask for them, as for any that it computes, and knows what they are.
    let other = world.program("A ;return f()");
    world.run(&other);
    assert_eq!(world.run(&other), "192.0.2.1");
}
