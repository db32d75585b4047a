//! Those who share the checking: what each may have, and that nobody has it by way of another.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use halfmoon_healthcheck::{
    Account, Check, Group, Health, Limits, Pace, Probe, Rate, Refused, Settings, State,
    TargetPolicy,
};

mod common;
use common::{Endpoint, http, quick, status, until};

fn tcp(number: u32) -> Check {
    let address = Ipv4Addr::from_bits(0x7F01_0000 + number);
    let pace = Pace { interval: Duration::from_millis(500), ..Pace::default() };
    Check { probe: Probe::Tcp((address, 80).into()), pace, source: None }
}

fn networks(allow: &str) -> TargetPolicy {
    let allow = allow.split_whitespace().map(|network| network.parse().expect("a network"));
    TargetPolicy::new(allow.collect(), Vec::new())
}

fn account(name: &str, checks: Option<usize>, probes_per_second: Option<u32>) -> Account {
    Account::new(&format!("tenants.{name}"), Limits { targets: None, checks, probes_per_second })
}

fn allowed(name: &str, allow: &str) -> Account {
    let targets = Some(networks(allow));
    Account::new(&format!("tenants.{name}"), Limits { targets, ..Limits::default() })
}

fn unprobed() -> Health {
    Health::unprobed(networks("127.0.0.0/8 ::1/128"))
}

#[test]
fn an_account_holds_so_many_checks_and_each_once() {
    let (a, b) = (account("a", Some(2), None), account("b", Some(2), None));
    let health = unprobed();
    let (of_a, of_b) = (health.on(Some(&a)), health.on(Some(&b)));
    let first = of_a.acquire(tcp(1)).expect("there is room");
    let _again = of_a.acquire(tcp(1)).expect("it is held already");
    let second = of_a.acquire(tcp(2)).expect("there is room");
    let refused = of_a.acquire(tcp(3)).map(|_| ()).expect_err("that would be three");
    assert_eq!(refused.to_string(), "3 checks, more than the 2 that `tenants.a.checks` allows");
    assert_eq!(health.holdings(&a).checks, 2);
    // Whoever else holds it, each is charged, and whoever has no account is not.
    let theirs = of_b.acquire(tcp(1)).expect("it is another account");
    let _anybodys = health.acquire(tcp(3)).expect("nobody's account");
    assert_eq!(theirs.id(), first.id(), "it is one check");
    assert_eq!(health.checks().len(), 3);
    assert_eq!((health.holdings(&a).checks, health.holdings(&b).checks), (2, 1));
    drop(second);
    let _third = of_a.acquire(tcp(3)).expect("there is room again");
    drop((first, theirs));
    assert_eq!(health.holdings(&b), Default::default());
}

#[test]
fn an_account_holds_as_many_probes_as_its_checks_make() {
    let a = account("a", None, Some(5));
    let health = unprobed().on(Some(&a));
    let mut held: Vec<_> = (0..2).map(|n| health.acquire(tcp(n)).expect("2 a second")).collect();
    assert_eq!(health.holdings(&a).probes, Rate::whole(4));
    let refused = health.acquire(tcp(3)).map(|_| ()).expect_err("that would be six");
    let expected = "6 probes a second, more than the 5 that `tenants.a.probes_per_second` allows";
    assert_eq!(refused.to_string(), expected);
    let pace = Pace { interval: Duration::from_secs(1), ..Pace::default() };
    held.push(health.acquire(Check { pace, ..tcp(3) }).expect("one fits"));
}

#[test]
fn a_calculated_check_counts_with_all_that_it_is_made_of() {
    let group = |parts: &[u32]| {
        let parts = parts.iter().map(|part| Arc::new(tcp(*part))).collect();
        let probe = Probe::Group(Group { at_least: 1, parts });
        Check { probe, pace: Group::pace(), source: None }
    };
    let a = account("a", Some(4), None);
    let health = unprobed().on(Some(&a));
    let refused = health.acquire(group(&[1, 2, 3, 4])).map(|_| ()).expect_err("five");
    assert!(matches!(refused, Refused::Checks { wanted: 5, limit: 4, .. }), "{refused}");
    assert!(health.checks().is_empty(), "nothing is left behind");
    let held = health.acquire(group(&[1, 2, 1])).expect("three");
    assert_eq!(health.holdings(&a).checks, 3);
    assert_eq!(health.holdings(&a).probes, Rate::whole(4));
    let _part = health.acquire(tcp(1)).expect("it is among them");
    drop(held);
    assert_eq!(health.holdings(&a).checks, 1);
}

#[test]
fn new_versions_may_hold_as_much_as_those_that_they_replace() {
    let a = account("a", Some(3), None);
    let health = unprobed().on(Some(&a));
    let acquire = |numbers: std::ops::Range<u32>| -> Result<Vec<_>, Refused> {
        numbers.map(|number| health.acquire(tcp(number))).collect()
    };
    let first = acquire(0..3).expect("three");
    for turn in 0..3 {
        // The same once more, and all others, while the old ones are there.
        health.begin(&a);
        drop(acquire(0..3).expect("they are held"));
        drop(acquire(10 * turn..10 * turn + 3).expect("three others"));
    }
    health.begin(&a);
    assert!(acquire(10..14).is_err(), "four are too many in any version");
    drop(first);
    assert_eq!(health.holdings(&a), Default::default());
}

#[test]
fn what_one_may_have_checked_does_not_become_another_ones() {
    let (a, b) = (allowed("a", "127.1.0.0/16"), allowed("b", "127.2.0.0/16"));
    let health = unprobed();
    let mut reader = health.reader();
    let (of_a, of_b) = (health.on(Some(&a)), health.on(Some(&b)));
    let _held = of_a.acquire(tcp(1)).expect("allowed");
    of_a.request(b"a", tcp(2));
    let expected =
        "target 127.1.0.1 is in none of the networks that `tenants.b.targets.allow` names";
    let refused = of_b.acquire(tcp(1)).map(|_| ()).expect_err("outside of its targets");
    assert_eq!(refused.to_string(), expected);
    for number in 1..=2 {
        of_b.request(b"b", tcp(number));
        assert!(reader.load().find_on(Some(&b), &tcp(number)).is_none(), "{number}");
        assert!(reader.load().find(&tcp(number)).is_none(), "nobody asked without an account");
    }
    assert!(reader.load().find_on(Some(&a), &tcp(2)).is_some());
    assert_eq!((a.refused(), b.refused(), health.counts().refused), (0, 2, 2));
    let last = b.last_refusal().expect("it was refused something");
    assert_eq!(
        (last.check.as_str(), last.why.to_string().as_str()),
        ("tcp 127.1.0.1:80", expected)
    );
    assert_eq!(
        of_b.objection(&tcp(2)).map(|why| why.to_string().contains("tenants.b")),
        Some(true)
    );
    assert_eq!(of_a.objection(&tcp(2)), None);
    // Whoever only looks on asks for nothing, and is told all the same.
    let looking = of_b.looking_on();
    looking.request(b"b", tcp(2));
    assert_eq!((b.refused(), looking.objection(&tcp(2)).is_some()), (2, true));
    // What the operator does not allow is not to be had by anybody.
    let everything = allowed("c", "0.0.0.0/0 ::/0");
    let outside = Check { probe: Probe::Tcp(([192, 0, 2, 1], 80).into()), ..tcp(1) };
    let refused = health.on(Some(&everything)).acquire(outside).map(|_| ());
    assert!(matches!(refused, Err(Refused::Target(_))), "{refused:?}");
}

#[test]
fn computed_checks_of_one_account_cost_no_other() {
    let (hostile, other) = (account("hostile", Some(100), None), account("other", None, None));
    let health = Health::start(Settings::default()).expect("threads");
    let theirs = health.on(Some(&hostile));
    let named = theirs.acquire(tcp(0)).expect("named in the text");
    for number in 0..1000 {
        theirs.request(b"zone", tcp(number));
    }
    health.on(Some(&other)).request(b"other", tcp(5000));
    let reader = &mut health.reader();
    let patience = std::time::Instant::now() + common::PATIENCE;
    while reader.load().find_on(Some(&other), &tcp(5000)).is_none() {
        assert!(std::time::Instant::now() < patience, "the other one has its check");
        std::thread::yield_now();
    }
    let held = health.holdings(&hostile);
    assert_eq!((held.checks, held.computed), (100, 99), "the named one and the first others");
    assert_eq!(health.checks().len(), 101);
    assert!(hostile.refused() > 0);
    // What is computed and named costs nothing more.
    assert_eq!(theirs.objection(named.check()), None);
    let why = theirs.objection(&tcp(999)).expect("there is no room");
    assert!(matches!(why, Refused::Checks { wanted: 101, limit: 100, .. }), "{why}");
}

#[tokio::test]
async fn a_host_is_judged_for_each_holder_where_it_leads() {
    let endpoint = Endpoint::http(Ipv4Addr::LOCALHOST, &status(200, "")).await;
    let port = endpoint.address.port();
    let url = format!("http://localhost:{port}/").parse().expect("a URL");
    let check = quick(Probe::Http(Box::new(halfmoon_healthcheck::HttpProbe::new(url, None))));
    let (a, b) = (allowed("a", "127.0.0.0/8 ::1/128"), allowed("b", "192.0.2.0/24"));
    let health = Health::start(Settings::default()).expect("threads");
    let ours = health.on(Some(&a)).acquire(check.clone()).expect("who knows where it leads");
    let theirs = health.on(Some(&b)).acquire(check.clone()).expect("who knows where it leads");
    assert_ne!(ours.id(), theirs.id(), "the one may not tell the other what it found");
    let state = |id| {
        let report = health.check(id).expect("held");
        (report.verdict.state != State::Unknown).then_some((report.verdict.state, report.reason))
    };
    let (found, _) = until("a probe for the one", || state(ours.id())).await;
    let (denied, why) = until("a probe for the other", || state(theirs.id())).await;
    assert_eq!((found, denied), (State::Up, State::Down), "{why}");
    assert!(why.contains("not allowed"), "{why}");
    // Whoever names the address shares it.
    let named = http(endpoint.url("http", "localhost", "/"), endpoint.address.ip());
    let one = health.on(Some(&a)).acquire(named.clone()).expect("allowed");
    assert_eq!(health.acquire(named).expect("allowed").id(), one.id());
}
