//! What the peer does not have: in our own dialect it works, in the peer's it is unknown.

use std::collections::BTreeMap;

use halfmoon_healthcheck::Probe;
use halfmoon_lua::Dialect;

use crate::world::{World, client};

const UP: &str = "+192.0.2.1 +192.0.2.2 +192.0.2.3";

/// How often each answer is given to 4096 clients.
fn census(world: &mut World, record: &str, states: &str) -> BTreeMap<String, u32> {
    let program = world.program(record);
    world.observe(states);
    let mut counts = BTreeMap::new();
    for number in 0..4096 {
        world.client = client(&format!("10.1.{}.{}", number / 256, number % 256));
        *counts.entry(world.run(&program)).or_default() += 1;
    }
    counts
}

/// The answers in order of text, with their thousandths.
fn shares(counts: &BTreeMap<String, u32>) -> String {
    let shares: Vec<String> =
        counts.iter().map(|(answer, count)| format!("{answer} {}", count * 1000 / 4096)).collect();
    shares.join(", ")
}

#[test]
fn weights_count_among_what_is_up() {
    for selector in ["weighted", "whashed", "chashed"] {
        let record = format!(
            "A ifportup(80, {{{{60, '192.0.2.1'}}, {{'192.0.2.2', weight=30}}, {{10, '192.0.2.3'}}}}, {{selector='{selector}'}})"
        );
        for (states, expected) in [
            (UP, [600, 300, 100]),
            ("-192.0.2.1 +192.0.2.2 +192.0.2.3", [0, 750, 250]),
            ("+192.0.2.1 -192.0.2.2 +192.0.2.3", [857, 0, 143]),
            ("-192.0.2.1 -192.0.2.2 +192.0.2.3", [0, 0, 1000]),
            // Nothing is up: the weights are what they were.
            ("-192.0.2.1 -192.0.2.2 -192.0.2.3", [600, 300, 100]),
            ("", [600, 300, 100]),
        ] {
            let mut world = World::new(Dialect::Halfmoon);
            let counts = census(&mut world, &record, states);
            for (last, expected) in (1..).zip(expected) {
                let found = counts.get(&format!("192.0.2.{last}")).copied().unwrap_or(0);
                let found = found * 1000 / 4096;
                // Four standard deviations of 4096 draws, and rounding.
                assert!(found.abs_diff(expected) <= 33, "{selector} {states}: {}", shares(&counts));
            }
        }
    }
}

#[test]
fn by_client_the_answer_stays_and_by_chance_it_does_not() {
    for (selector, is_sticky) in
        [("weighted", false), ("whashed", true), ("chashed", true), ("sample:1", false)]
    {
        let mut world = World::new(Dialect::Halfmoon);
        let program = world.program(&format!(
            "A ifportup(80, {{{{1, '192.0.2.1'}}, {{1, '192.0.2.2'}}}}, {{selector='{selector}'}})"
        ));
        world.observe("+192.0.2.1 +192.0.2.2");
        let first = world.run(&program);
        let is_same = (0..64).all(|_| world.run(&program) == first);
        assert_eq!(is_same, is_sticky, "{selector}");
        let (reads, scope) = (world.answers.reads().to_string(), world.answers.scope());
        let expected = if is_sticky { ("health client", 32) } else { ("health chance", 0) };
        assert_eq!((reads.as_str(), scope), expected, "{selector}");
    }
}

#[test]
fn few_clients_move_when_an_address_fails() {
    let record = "A ifportup(80, {'192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4'}, {selector='chashed'})";
    let mut world = World::new(Dialect::Halfmoon);
    let program = world.program(record);
    world.observe("+192.0.2.1 +192.0.2.2 +192.0.2.3 +192.0.2.4");
    let clients: Vec<_> =
        (0..1024).map(|n| client(&format!("10.1.{}.{}", n / 256, n % 256))).collect();
    let ask = |world: &mut World, program| -> Vec<String> {
        let of = |who: &_| {
            world.client = *who;
            world.run(program)
        };
        clients.iter().map(of).collect()
    };
    let before = ask(&mut world, &program);
    world.observe("-192.0.2.3");
    let after = ask(&mut world, &program);
    for (before, after) in before.iter().zip(&after) {
        assert!(before == after || before == "192.0.2.3", "{before} became {after}");
        assert_ne!(after, "192.0.2.3");
    }
    // In another order it is the same list.
    let turned = world.program(
        "A ifportup(80, {'192.0.2.4', '192.0.2.2', '192.0.2.1', '192.0.2.3'}, {selector='chashed'})",
    );
    assert_eq!(ask(&mut world, &turned), after);
}

#[test]
fn a_sample_has_so_many_of_what_is_up() {
    let list = "ifportup(80, {'192.0.2.1', '192.0.2.2', '192.0.2.3'}";
    for (selector, states, expected) in [
        ("sample:2", UP, 2),
        ("sample:2", "+192.0.2.1 -192.0.2.2 -192.0.2.3", 1),
        ("sample:9", UP, 3),
        ("sample:2", "-192.0.2.1 -192.0.2.2 -192.0.2.3", 2),
    ] {
        let mut world = World::new(Dialect::Halfmoon);
        let program = world.program(&format!("A {list}, {{selector='{selector}'}})"));
        world.observe(states);
        for _ in 0..20 {
            world.run(&program);
            assert_eq!(world.answers.len(), expected, "{selector} {states}");
        }
    }
}

#[test]
fn what_is_probed_may_differ_from_what_is_answered() {
    let mut world = World::new(Dialect::Halfmoon);
    let program = world.program(
        "A ifportup(443, {{'192.0.2.1', probe='10.0.0.1:8443'}, {'192.0.2.2', probe='2001:db8::2'}, '192.0.2.3'}, {selector='all'})",
    );
    let mut probed: Vec<String> = world
        .health
        .checks()
        .iter()
        .map(|report| match &report.check.probe {
            Probe::Tcp(target) => target.to_string(),
            other => format!("{other:?}"),
        })
        .collect();
    probed.sort();
    assert_eq!(probed, ["10.0.0.1:8443", "192.0.2.3:443", "[2001:db8::2]:443"]);
    world.observe("+10.0.0.1");
    assert_eq!(world.run(&program), "192.0.2.1");

    let world = World::new(Dialect::Halfmoon);
    let _program = world.program(
        "A ifurlup('http://www.example/', {{'192.0.2.1', url='http://a.example/x'}, {'192.0.2.2', probe='10.0.0.2'}}, {selector='all'})",
    );
    let mut probed: Vec<String> =
        world.health.checks().iter().map(|report| report.check.to_string()).collect();
    probed.sort();
    assert_eq!(probed, ["http://a.example/x at 192.0.2.1", "http://www.example/ at 10.0.0.2"]);
}

#[test]
fn members_stand_in_groups_too() {
    let record = "A ifportup(80, {{{1, '192.0.2.1'}, {1, '192.0.2.2'}}, {'192.0.2.3'}}, {selector='weighted'})";
    let mut world = World::new(Dialect::Halfmoon);
    let program = world.program(record);
    world.observe("-192.0.2.1 -192.0.2.2 +192.0.2.3");
    assert_eq!(world.run(&program), "192.0.2.3");
    world.observe("+192.0.2.2");
    assert_eq!(world.run(&program), "192.0.2.2");
}

#[test]
fn a_computed_list_is_weighed_as_well() {
    let record = "A ;local l = {} for i = 1, 3 do l[i] = {i, '192.0.2.' .. i, probe='10.0.0.' .. i} end \
                  return ifportup(80, l, {selector='weighted', backupSelector='all'})";
    let mut world = World::new(Dialect::Halfmoon);
    let program = world.program(record);
    assert_eq!(world.run(&program), "192.0.2.1 192.0.2.2 192.0.2.3");
    world.observe("+10.0.0.2");
    assert_eq!(world.run(&program), "192.0.2.2");
}

#[test]
fn programs_say_how_long_answers_live() {
    for (record, said, ttl) in [
        ("A '192.0.2.1'", "192.0.2.1", None),
        ("A ifportup(80, {'192.0.2.1'}, {ttl=30})", "192.0.2.1", Some(30)),
        (
            "A pickselfweighted('http://a.example/', {'192.0.2.1'}, {ttl='30'})",
            "192.0.2.1",
            Some(30),
        ),
        ("A answer({'192.0.2.1', '192.0.2.2'}, {ttl=5})", "192.0.2.1 192.0.2.2", Some(5)),
        ("TXT answer('hello', {ttl=0})", "'hello'", Some(0)),
        ("A answer({}, {ttl=7})", "", Some(7)),
        ("A answer('192.0.2.1')", "192.0.2.1", None),
        ("A answer({'192.0.2.1', '2001:db8::1'})", "192.0.2.1", None),
        (
            "A ;local x = '192.0.2.' .. 1 return answer(ifportup(80, {x}, {ttl=40}), {ttl=50})",
            "192.0.2.1",
            Some(40),
        ),
        ("A ;return answer({'192.0.2.' .. 1}, {ttl=10 + 1})", "192.0.2.1", Some(11)),
        ("A ;return answer({'192.0.2.' .. 1}, {ttl=-1})", "Script", None),
    ] {
        let mut world = World::new(Dialect::Halfmoon);
        assert_eq!(world.ask(record), said, "{record}");
        assert_eq!(world.answers.ttl(), ttl, "{record}");
        world.settings.plans = false;
        assert_eq!(world.ask(record), said, "in Lua: {record}");
        assert_eq!(world.answers.ttl(), ttl, "in Lua: {record}");
    }
}

#[test]
fn programs_deny_the_name() {
    for (record, said, denies) in [
        ("A nxdomain()", "", true),
        ("A ;return nxdomain()", "", true),
        ("A country('DE') and nxdomain() or '192.0.2.1'", "", true),
        ("A country('US') and nxdomain() or '192.0.2.1'", "192.0.2.1", false),
        ("A ;if country('DE') then return nxdomain() end return '192.0.2.1'", "", true),
        ("A ;local x = nxdomain() return '192.0.2.1'", "192.0.2.1", false),
        ("TXT ;return tostring(nxdomain())", "'nxdomain'", false),
        ("A ;return {nxdomain()}", "NoResult", false),
        ("A ;return nxdomain(1)", "Script", false),
        ("A {}", "", false),
    ] {
        for plans in [true, false] {
            let mut world = World::new(Dialect::Halfmoon);
            world.settings.plans = plans;
            let (program, faults) = world.compile(record);
            let Some(program) = program else {
                assert_eq!(said, "Script", "{faults:?}");
                continue;
            };
            assert_eq!(world.run(&program), said, "{record}");
            assert_eq!(world.answers.denies_name(), denies, "{record}");
        }
    }
}

#[test]
fn ties_of_distance_are_decided_by_the_client() {
    let record = "A pickclosest({'192.0.2.1', '192.0.2.2', '198.51.100.1'})";
    let mut world = World::new(Dialect::Halfmoon);
    let program = world.program(record);
    let mut seen = Vec::new();
    for last in 0..=255 {
        world.client = client(&format!("192.0.2.{last}"));
        let first = world.run(&program);
        assert!((0..8).all(|_| world.run(&program) == first));
        seen.push(first);
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen, ["192.0.2.1", "192.0.2.2"]);
    assert_eq!(world.answers.scope(), 32);
}

#[test]
fn distance_is_that_on_the_globe() {
    // From Tokyo it is nearer to Los Angeles than to Auckland, over an ocean that is wide on maps.
    for (dialect, expected) in
        [(Dialect::Halfmoon, "198.51.100.1"), (Dialect::PowerDns, "203.0.113.200")]
    {
        let mut world = World::new(dialect);
        world.client = client("203.0.113.9");
        assert_eq!(world.ask("A pickclosest({'198.51.100.1', '203.0.113.200'})"), expected);
    }
}

#[test]
fn the_peer_has_none_of_it() {
    for (record, said) in [
        ("A nxdomain()", "Script"),
        ("A answer('192.0.2.1')", "Script"),
        ("A ;function answer(x) return x end return answer('192.0.2.1')", "192.0.2.1"),
        ("A ifportup(80, {'192.0.2.1'}, {selector='weighted'})", "192.0.2.1"),
        ("A ifportup(80, {'192.0.2.1'}, {selector='chashed'})", "192.0.2.1"),
        ("A ifportup(80, {'192.0.2.1'}, {selector='sample:2'})", "192.0.2.1"),
        // A group of two addresses, one of which is 0.0.0.80.
        (
            "A ifportup(80, {{80, '192.0.2.1'}}, {selector='all', backupSelector='all'})",
            "0.0.0.80 192.0.2.1",
        ),
        ("A ifportup(80, {{'192.0.2.1', probe='192.0.2.2'}})", "Script"),
        ("A ifportup(80, {'192.0.2.1'}, {ttl=30})", "192.0.2.1"),
    ] {
        let mut world = World::new(Dialect::PowerDns);
        assert_eq!(world.ask(record), said, "{record}");
        assert_eq!(world.answers.ttl(), None, "{record}");
    }
}

#[test]
fn what_cannot_be_meant_is_told_at_load() {
    let mut surprises = Vec::new();
    for (record, expected) in [
        (
            "A ifportup(80, {{0, '192.0.2.1'}}, {selector='weighted'})",
            "16: error: a weight has to be from 1",
        ),
        ("A ifportup(80, {{1, 2, '192.0.2.1'}})", "15: error: a member of a group is an address"),
        ("A ifportup(80, {{'192.0.2.1', wait=80}})", "29: error: a member of a group has no wait"),
        ("A ifportup(80, {{'192.0.2.1', probe='x'}})", "35: error: 'x' is not an address"),
        (
            "A ifportup(80, {{'192.0.2.1', url='http://a.example/'}})",
            "15: error: only ifurlup has members",
        ),
        (
            "A ifurlup('http://a.example/', {{'192.0.2.1', probe='192.0.2.2:80'}})",
            "31: error: the URL says which port",
        ),
        (
            "A ifportup(80, {{'192.0.2.1', probe='169.254.169.254'}})",
            "15: error: target 169.254.169.254",
        ),
        (
            "A ifportup(80, {{1, '192.0.2.1'}}, {selector='all'})",
            "14: warning: the weights count for nothing",
        ),
        (
            "A ifportup(80, {'192.0.2.1'}, {selector='weighted'})",
            "14: warning: no address has a weight",
        ),
        (
            "A ifportup(80, {'192.0.2.1'}, {selector='sample:0'})",
            "39: error: there is no selector 'sample:0'; write 'sample:2'",
        ),
        (
            "A ifportup(80, {'192.0.2.1'}, {ttl=3000000000})",
            "34: error: a TTL is from 0 to 2147483647",
        ),
        (
            "A answer('192.0.2.1', {tll=3})",
            "22: error: 'tll' is no option of answer; write {ttl=30}",
        ),
        ("A answer('192.0.2.1', {3})", "22: error: an option has a name"),
        (
            "A pickselfweighted('http://a.example/', {{1, '192.0.2.1'}})",
            "40: error: the weights of pickselfweighted",
        ),
        ("A nxdomain('x')", "1: error: too many arguments for nxdomain"),
    ] {
        let (_, faults) = World::new(Dialect::Halfmoon).compile(record);
        if !faults.iter().any(|fault| fault.starts_with(expected)) {
            surprises.push(format!("{record}: {faults:#?}"));
        }
    }
    assert!(surprises.is_empty(), "{}", surprises.join("\n"));
}
