//! Choices that have to be those of PowerDNS, vector by vector.

use halfmoon_lua::Dialect;

use crate::world::{World, client, name};

const WEIGHTS: &str = "{ {15, '1.2.3.4'}, {42, '4.3.2.1'} }";

#[test]
fn hashed_choices_are_those_of_the_peer() {
    let (a, b) = ("1.2.3.4", "4.3.2.1");
    for (who, hashed, weighted, consistent) in [
        ("127.0.0.1", a, a, b),
        ("192.0.2.1", a, a, b),
        ("198.51.100.7", b, b, a),
        ("203.0.113.9", a, b, b),
        ("10.1.2.3", a, a, b),
        ("1.2.3.0", b, a, b),
        ("::1", b, b, b),
        ("2001:db8::1", a, b, b),
    ] {
        for dialect in [Dialect::Halfmoon, Dialect::PowerDns] {
            let mut world = World::new(dialect);
            world.client = client(who);
            let mut check = |call: &str, expected: &str| {
                assert_eq!(world.ask(&format!("A {call}")), expected, "{call} for {who}");
            };
            check("pickhashed({'1.2.3.4', '4.3.2.1'})", hashed);
            check(&format!("pickwhashed({WEIGHTS})"), weighted);
            check(&format!("pickchashed({WEIGHTS})"), consistent);
            check("pickchashed({ {42, '4.3.2.1'}, {15, '1.2.3.4'} })", consistent);
        }
    }
}

#[test]
fn names_hash_like_on_the_peer() {
    for (qname, expected) in [
        ("test.namehashed.example.org.", "1.2.3.4"),
        ("TEST.nameHashed.example.org.", "1.2.3.4"),
        ("test2.namehashed.example.org.", "4.3.2.1"),
    ] {
        let mut world = World::new(Dialect::PowerDns);
        world.qname = name(qname);
        assert_eq!(world.ask(&format!("A picknamehashed({WEIGHTS})")), expected, "{qname}");
    }
}

#[test]
fn the_subnet_is_hashed_when_there_is_one() {
    let mut world = World::new(Dialect::PowerDns);
    world.client = client("192.0.2.1 for 1.2.3.0/24");
    assert_eq!(world.ask("A pickhashed({'1.2.3.4', '4.3.2.1'})"), "4.3.2.1");
}

#[test]
fn what_is_wrong_there_fails_only_when_it_is_reached() {
    for (record, expected) in [
        ("A country('DE') and '192.0.2.1' or pickrandom()", "192.0.2.1"),
        ("A country('US') and '192.0.2.1' or pickrandom()", "Script"),
        ("A pickrandom({})", "Script"),
        ("A ifportup(80, {})", "Script"),
        ("A pickwhashed({{0, '192.0.2.1'}})", "Script"),
        ("A ifportup(80, {'192.0.2.1', {'192.0.2.2'}})", "Script"),
        ("A ifportup(80, {'192.0.2.1'}, {failOnIncompleteCheck=true})", "Script"),
        ("A ifportup(80, {'192.0.2.1'}, {colour='red'})", "192.0.2.1"),
        ("A ifportup(80, {'192.0.2.1'}, {selector='best'})", "192.0.2.1"),
        ("A ifportup('80', {'1'})", "0.0.0.1"),
        ("A pickrandom({'2001:db8::1'})", "BadResult"),
        ("A nothing()", "Script"),
        ("A nil", "NoResult"),
        ("A true", "NoResult"),
        ("A {a='192.0.2.1'}", "NoResult"),
        ("A {{'192.0.2.1'}}", "NoResult"),
        ("A bestwho", "NoResult"),
        ("A ''", "BadResult"),
        ("A 'not an address'", "BadResult"),
        ("A return", "Faulty"),
        ("A ;goto done", "Faulty"),
        ("A createForward()", "0.0.0.0"),
        ("A createForward('x')", "Script"),
    ] {
        let mut world = World::new(Dialect::PowerDns);
        assert_eq!(world.ask(record), expected, "{record}");
        let (_, faults) = world.compile(record);
        assert!(faults.iter().all(|fault| fault.contains(": warning: ")), "{faults:?}");
    }
}

#[test]
fn one_failure_is_enough_there() {
    let mut world = World::new(Dialect::PowerDns);
    let program = world.program("A ifportup(80, {'192.0.2.1', '192.0.2.2'}, {selector='all'})");
    for report in world.health.checks() {
        let outcome = if report.check.address() == Some("192.0.2.1".parse().unwrap()) {
            halfmoon_healthcheck::Outcome::success(0)
        } else {
            halfmoon_healthcheck::Outcome::Failure("refused".into())
        };
        assert!(world.health.report(&report.check, outcome));
    }
    assert_eq!(world.run(&program), "192.0.2.1");
}
