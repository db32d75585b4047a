//! Programs whose checks are on an account: what is refused at load, and what at run time.

use std::net::SocketAddr;
use std::time::Duration;

use halfmoon_healthcheck::{Account, Check, Limits, Outcome, Pace, Probe, TargetPolicy};
use halfmoon_lua::{Compiler, Dialect, Finding, Program, Step};
use halfmoon_zones::Fault;

use crate::world::{World, name, source};

fn account(limits: Limits) -> Account {
    Account::new("tenants.a", limits)
}

fn targets(allow: &str) -> Limits {
    let allow = allow.split_whitespace().map(|network| network.parse().unwrap()).collect();
    Limits { targets: Some(TargetPolicy::new(allow, Vec::new())), ..Limits::default() }
}

fn world(limits: Limits) -> World {
    let mut world = World::new(Dialect::Halfmoon);
    world.account = Some(account(limits));
    world
}

/// A list that only Lua knows.
fn computed(port: u16, last: std::ops::RangeInclusive<u32>) -> String {
    format!(
        "A ;local t = {{}} for n = {}, {} do t[#t + 1] = '192.0.2.' .. n end \
         return ifportup({port}, t, {{selector='all'}})",
        last.start(),
        last.end()
    )
}

fn check(address: &str) -> Check {
    let address: SocketAddr = address.parse().unwrap();
    Check { probe: Probe::Tcp(address), pace: Pace::default(), source: None }
}

#[test]
fn what_is_too_much_is_a_fault_where_it_stands() {
    let two = Limits { checks: Some(2), ..Limits::default() };
    let one = Limits { probes_per_second: Some(1), ..Limits::default() };
    for (limits, record, expected) in [
        (two.clone(), "A ifportup(80, {'192.0.2.1', '192.0.2.2'}, {selector='all'})", None),
        (
            two,
            "A ifportup(80, {'192.0.2.1', '192.0.2.2', '192.0.2.3'}, {selector='all'})",
            Some("41: error: 3 checks, more than the 2 that `tenants.a.checks` allows"),
        ),
        (
            one,
            "A ifportup(80, {'192.0.2.1', '192.0.2.2'}, {selector='all', interval=1})",
            Some(
                "28: error: 2 probes a second, more than the 1 that `tenants.a.probes_per_second` allows",
            ),
        ),
        (
            targets("192.0.2.0/25"),
            "A ifportup(80, {'192.0.2.1', '192.0.2.200'}, {selector='all'})",
            Some(
                "28: error: target 192.0.2.200 is in none of the networks that `tenants.a.targets.allow` names",
            ),
        ),
    ] {
        let world = world(limits);
        let (program, faults) = world.compile(record);
        match expected {
            None => assert!(program.is_some() && faults.is_empty(), "{record}: {faults:?}"),
            Some(expected) => {
                assert!(program.is_none(), "{record}");
                assert_eq!(faults.len(), 1, "{record}: {faults:?}");
                assert!(faults[0].starts_with(expected), "{}", faults[0]);
                let held = world.health.holdings(world.account.as_ref().unwrap());
                assert_eq!(held.checks, 0, "what is refused holds nothing");
            }
        }
    }
}

#[test]
fn what_the_operator_gives_is_all_there_is_in_either_dialect() {
    let mut world = World::new(Dialect::PowerDns);
    world.account = Some(account(targets("192.0.2.0/25")));
    let (_, faults) = world.compile("A ifportup(80, {'192.0.2.1', '192.0.2.200'})");
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0].contains(": error: target 192.0.2.200"), "{}", faults[0]);
    // What nobody may have probed is a warning there, as it was.
    world.account = None;
    let (program, faults) = world.compile("A ifportup(80, {'169.254.169.254'})");
    assert!(program.is_some() && faults[0].contains(": warning: "), "{faults:?}");
}

#[test]
fn the_same_record_of_another_account_is_another_program() {
    let world = World::new(Dialect::Halfmoon);
    let mut compiler = Compiler::new(world.settings.clone(), world.health.clone());
    let (zone, owner) = (name("example.com."), name("www.example.com."));
    let source = source("A ifportup(80, {'192.0.2.200'})");
    let mut compile = |account: &Account, faults: &mut Vec<Fault>| {
        compiler.set_account(Some(account));
        compiler.compile(zone.as_name(), owner.as_name(), &source, faults)
    };
    let (a, b) = (account(targets("192.0.2.0/24")), account(targets("192.0.2.0/25")));
    let mut faults = Vec::new();
    let first = compile(&a, &mut faults);
    assert!(first.is_some(), "{faults:?}");
    assert!(compile(&b, &mut faults).is_none(), "it may not have what the other one has");
    assert_eq!(faults.iter().map(|fault| fault.rule).collect::<Vec<_>>(), ["tenant-targets"]);
    assert_eq!((world.health.holdings(&a).checks, world.health.holdings(&b).checks), (1, 0));
    // The same one's is the same program, and is charged once.
    let again = compile(&a, &mut faults);
    assert_eq!(first.as_deref().map(Program::text), again.as_deref().map(Program::text));
    assert_eq!(world.health.holdings(&a).checks, 1);
}

#[test]
fn computed_checks_over_the_budget_are_refused_and_count_as_not_up() {
    let mut world = world(Limits { checks: Some(3), ..Limits::default() });
    let program = world.program(&computed(80, 1..=5));
    world.run(&program);
    let account = world.account.clone().unwrap();
    assert_eq!(world.health.holdings(&account).checks, 3);
    assert_eq!(account.refused(), 2);
    for last in 1..=5 {
        let is_held =
            world.health.report(&check(&format!("192.0.2.{last}:80")), Outcome::success(0));
        assert_eq!(is_held, last <= 3, "192.0.2.{last}");
    }
    assert_eq!(world.run(&program), "192.0.2.1 192.0.2.2 192.0.2.3");
    // Another one's are its own affair, and what it has had checked is not told to it.
    world.account = Some(Account::new("tenants.b", targets("198.51.100.0/24")));
    let other = world.program(&computed(80, 1..=2));
    let answer = world.run(&other);
    assert_eq!(answer.split(' ').count(), 1, "nothing is known of any, so one is tried: {answer}");
    let b = world.account.clone().unwrap();
    assert_eq!((b.refused(), world.health.holdings(&b).checks), (2, 0));
}

#[test]
fn who_asks_why_is_told_what_is_not_checked() {
    let mut world = world(targets("192.0.2.0/25"));
    let program = world.program(&computed(80, 127..=128));
    world.run(&program);
    let (_, story) = world.tell(&program);
    let findings = story.steps.iter().filter_map(|step| match step {
        Step::Call(call) => Some(call.findings.iter()),
        _ => None,
    });
    let refused: Vec<String> = findings
        .flatten()
        .filter_map(|finding| match finding {
            Finding::Refused { check, why } => Some(format!("{check}: {why}")),
            _ => None,
        })
        .collect();
    let expected = "tcp 192.0.2.128:80: target 192.0.2.128 is in none of the networks that \
                    `tenants.a.targets.allow` names";
    assert_eq!(refused, [expected]);
}

#[test]
fn a_thousand_computed_targets_cost_only_their_own_budget() {
    let mut world = world(Limits { checks: Some(10), ..Limits::default() });
    let hostile = world.program(
        "A ;local t = {} for n = 1, 250 do t[n] = '192.0.2.' .. n end \
         for port = 1, 4 do ifportup(port, t) end return t[1]",
    );
    world.settings.time = Duration::from_secs(10);
    assert_eq!(world.run(&hostile), "192.0.2.1");
    let theirs = world.account.take().unwrap();
    assert_eq!((world.health.holdings(&theirs).checks, theirs.refused()), (10, 990));
    let ours = world.program(&computed(99, 1..=50));
    world.run(&ours);
    assert_eq!(world.health.checks().len(), 60);
}
