//! `dblookup` and `resolve`: what the zones on this server say.

use halfmoon_lua::Dialect;

use crate::world::{World, name, zones};

const ZONE: &str = "\
www 300 A 192.0.2.1
www 300 A 192.0.2.2
www 300 TXT \"two words\" \"a\\\"b\"
www 300 MX 10 mail
* 300 A 192.0.2.99
alias 300 CNAME www
loop 300 CNAME loop
out 300 CNAME www.elsewhere.test.
code 300 LUA A \"'192.0.2.77'\"
sub 300 NS ns.sub
ns.sub 300 A 192.0.2.53
ent.below 300 A 192.0.2.5
";

fn world(dialect: Dialect) -> World {
    let mut world = World::new(dialect);
    world.data = zones(&[("example.com.", ZONE), ("other.test.", "@ 300 A 192.0.2.200\n")]);
    world
}

#[test]
fn records_are_looked_up_by_their_exact_name() {
    for (call, expected) in [
        ("dblookup('www.example.com', pdns.A)", "192.0.2.1|192.0.2.2"),
        ("dblookup('WWW.Example.com.', pdns.A)", "192.0.2.1|192.0.2.2"),
        ("dblookup('www.example.com', 1)", "192.0.2.1|192.0.2.2"),
        ("dblookup('www.example.com', '1')", "192.0.2.1|192.0.2.2"),
        ("dblookup(newDN('www.example.com'):toString(), pdns.A)", "192.0.2.1|192.0.2.2"),
        ("dblookup('www.example.com', pdns.MX)", "10 mail.example.com."),
        ("dblookup('alias.example.com', pdns.CNAME)", "www.example.com."),
        ("dblookup('other.test', pdns.A)", "192.0.2.200"),
        ("dblookup('example.com', pdns.SOA)", "ns.a. host.a. 1 2 3 4 5"),
        // No wildcards, no aliases, no programs, nothing of another zone's.
        ("dblookup('x.example.com', pdns.A)", ""),
        ("dblookup('alias.example.com', pdns.A)", ""),
        ("dblookup('code.example.com', pdns.A)", ""),
        ("dblookup('code.example.com', pdns.LUA)", ""),
        ("dblookup('ns.sub.example.com', pdns.A)", ""),
        ("dblookup('below.example.com', pdns.A)", ""),
        ("dblookup('www.elsewhere.test', pdns.A)", ""),
        ("dblookup('www.example.com', pdns.AAAA)", ""),
        ("dblookup('www.example.com', pdns.ANY)", ""),
    ] {
        for dialect in [Dialect::Halfmoon, Dialect::PowerDns] {
            let said = world(dialect).ask(&format!("TXT ;return table.concat({call}, '|')"));
            assert_eq!(said, format!("'{expected}'"), "{call}");
        }
    }
    for (call, expected) in [
        ("#dblookup('www.example.com', pdns.TXT)[1]", "18"),
        ("dblookup('www.example.com', pdns.TXT)[1]:sub(1, 4):byte()", "34"),
        ("type(dblookup('nowhere.test', pdns.A))", "table"),
    ] {
        let said = world(Dialect::Halfmoon).ask(&format!("TXT ;return {call}"));
        assert_eq!(said, format!("'{expected}'"), "{call}");
    }
}

#[test]
fn what_is_looked_up_can_be_the_answer() {
    for (record, expected) in [
        ("A dblookup('www.example.com', 1)", "192.0.2.1 192.0.2.2"),
        ("A dblookup('www.example.com', 'A')", "192.0.2.1 192.0.2.2"),
        ("A dblookup('www.example.com', pdns.A)", "192.0.2.1 192.0.2.2"),
        ("A dblookup('nowhere.test', 1)", ""),
        ("A dblookup('www.example.com', pdns.TXT)", "BadResult"),
        ("A country('DE') and dblookup('other.test', 1) or '192.0.2.9'", "192.0.2.200"),
    ] {
        let mut world = world(Dialect::Halfmoon);
        assert_eq!(world.ask(record), expected, "{record}");
    }
    let plan = world(Dialect::Halfmoon).program("A dblookup('www.example.com', 1)");
    assert!(plan.is_plan());
}

#[test]
fn what_cannot_be_looked_up_is_an_error() {
    for call in [
        "dblookup('a..b', 1)",
        "dblookup('www.example.com')",
        "dblookup('www.example.com', 65536)",
        "dblookup('www.example.com', -1)",
        "dblookup('www.example.com', true)",
        "dblookup('www.example.com', 1, 2)",
        "resolve('a..b', 1)",
        "resolve('www.example.com')",
        "resolve('www.example.com', 65536)",
        "resolve('www.example.com', 1, 2)",
    ] {
        assert_eq!(world(Dialect::PowerDns).ask(&format!("A {call}")), "Script", "{call}");
    }
}

#[test]
fn names_resolve_as_far_as_they_are_ours() {
    let list = "local t = {} for i, r in ipairs(resolve(NAME, pdns.A)) do t[i] = r:toString() end \
                return table.concat(t, '|')";
    for (target, expected, noted) in [
        ("www.example.com", "192.0.2.1|192.0.2.2", ""),
        ("alias.example.com", "192.0.2.1|192.0.2.2", ""),
        ("loop.example.com", "", ""),
        ("code.example.com", "", ""),
        ("nothing.other.test", "", ""),
        ("out.example.com", "", "resolve: no zone on this server answers for www.elsewhere.test."),
        (
            "www.elsewhere.test",
            "",
            "resolve: no zone on this server answers for www.elsewhere.test.",
        ),
        (
            "ns.sub.example.com",
            "",
            "resolve: no zone on this server answers for ns.sub.example.com.",
        ),
    ] {
        let mut world = world(Dialect::PowerDns);
        let said = world.ask(&format!("TXT ;{}", list.replace("NAME", &format!("'{target}'"))));
        assert_eq!(said, format!("'{expected}'"), "{target}");
        let notes: Vec<&str> =
            world.machine.notes().iter().map(|note| note.text.as_str()).collect();
        assert_eq!(notes.concat(), noted, "{target}");
    }
}

#[test]
fn what_resolve_finds_are_records() {
    for (method, expected) in [
        ("toString()", "192.0.2.1"),
        ("content()", "192.0.2.1"),
        ("qname()", "www.example.com."),
        ("qtype()", "A"),
        ("qtype():getCode()", "1"),
        ("ttl()", "300"),
        ("auth()", "true"),
        ("zoneId()", "0"),
        ("wildcardName()", "www.example.com."),
    ] {
        let call = format!("TXT ;return tostring(resolve('www.example.com', 1)[1]:{method})");
        assert_eq!(world(Dialect::PowerDns).ask(&call), format!("'{expected}'"), "{method}");
    }
}

#[test]
fn lookups_cannot_do_more_than_a_budget_pays_for() {
    let many: String =
        (0..1500).map(|i| format!("big 300 A 10.0.{}.{}\n", i / 250, i % 250)).collect();
    for body in [
        "while true do dblookup('big.example.com', pdns.A) end",
        "while true do resolve('big.example.com', pdns.A) end",
    ] {
        let mut world = World::new(Dialect::PowerDns);
        world.data = zones(&[("example.com.", &many)]);
        let said = world.ask(&format!("A ;{body}"));
        assert!(matches!(said.as_str(), "Fuel" | "Memory"), "{body}: {said}");
    }
}

#[test]
fn programs_may_say_something_for_the_log() {
    for (body, expected) in [
        ("pdnslog('hello')", "4 hello"),
        ("pdnslog('hello', pdns.loglevels.Error)", "3 hello"),
        ("pdnslog('hello', nil)", "4 hello"),
        ("pdnslog(5, 7)", "7 5"),
        ("for i = 1, 100 do pdnslog('x') end", "4 x4 x4 x4 x4 x4 x4 x4 x"),
        ("pdnslog(('y'):rep(1000))", &format!("4 {}", "y".repeat(300))),
        ("return '192.0.2.1'", ""),
    ] {
        let mut world = World::new(Dialect::PowerDns);
        world.qname = name("www.example.com.");
        world.ask(&format!("A ;{body}"));
        let notes: String = world
            .machine
            .notes()
            .iter()
            .map(|note| format!("{} {}", note.level, note.text))
            .collect();
        assert_eq!(notes, expected, "{body}");
    }
    assert_eq!(World::new(Dialect::PowerDns).ask("A pdnslog()"), "Script");
    assert_eq!(World::new(Dialect::PowerDns).ask("A pdnslog('a', 1, 2)"), "Script");
}
