//! Checks that are calculated from others.

use std::net::Ipv4Addr;
use std::sync::Arc;

use halfmoon_healthcheck::{
    Check, Denial, Group, Health, Outcome, Probe, Refused, State, TargetPolicy,
};
use tokio::net::TcpListener;

mod common;
use common::{Endpoint, nothing_allowed, start, status, tcp, until};

fn group(at_least: usize, parts: &[Check]) -> Check {
    let parts = parts.iter().cloned().map(Arc::new).collect();
    Check { probe: Probe::Group(Group { at_least, parts }), pace: Group::pace(), source: None }
}

fn part(last: u8) -> Check {
    tcp((Ipv4Addr::new(192, 0, 2, last), 80).into())
}

fn down() -> Outcome {
    Outcome::Failure("it is a test".into())
}

#[test]
fn a_group_follows_its_parts() {
    let health = Health::unprobed(TargetPolicy::default());
    let parts = [part(1), part(2), part(3)];
    let two = health.acquire(group(2, &parts)).expect("allowed");
    let all = health.acquire(group(3, &parts)).expect("allowed");
    let mut changes = health.subscribe();
    let mut reader = health.reader();
    for (last, outcome, state_of_two, state_of_all) in [
        (1, Outcome::success(9), State::Unknown, State::Unknown),
        (2, Outcome::success(9), State::Up, State::Unknown),
        (3, down(), State::Up, State::Down),
        (1, down(), State::Down, State::Down),
        (3, Outcome::success(0), State::Up, State::Down),
        (1, Outcome::success(0), State::Up, State::Up),
    ] {
        assert!(health.report(&part(last), outcome.clone()), "the group holds its parts");
        let snapshot = reader.load();
        let states = [&two, &all].map(|handle| snapshot.verdict(handle.id()).state);
        assert_eq!(states, [state_of_two, state_of_all], "{last} {outcome:?}");
    }
    let mut told = Vec::new();
    while let Some(change) = changes.try_next() {
        if let Probe::Group(_) = change.check.probe {
            told.push((change.check.to_string(), change.to, change.reason));
        }
    }
    let all_of_them = "3 of (tcp 192.0.2.1:80, tcp 192.0.2.2:80, tcp 192.0.2.3:80)".to_owned();
    assert!(
        told.contains(&(all_of_them, State::Down, "2 of 3 up, 3 needed".to_owned())),
        "{told:?}"
    );
}

#[test]
fn a_group_may_be_part_of_a_group_and_come_late() {
    let health = Health::unprobed(TargetPolicy::default());
    let inner = group(1, &[part(1), part(2)]);
    let inner_handle = health.acquire(inner.clone()).expect("allowed");
    health.report(&part(1), Outcome::success(0));
    // Its parts are known already.
    let outer = health.acquire(group(2, &[inner.clone(), part(3)])).expect("allowed");
    let mut reader = health.reader();
    assert_eq!(reader.load().verdict(outer.id()).state, State::Unknown);
    health.report(&part(3), Outcome::success(0));
    assert_eq!(reader.load().verdict(outer.id()).state, State::Up);
    let late = health.acquire(group(1, &[inner, part(3)])).expect("allowed");
    assert_eq!(reader.load().verdict(late.id()).state, State::Up, "before anything happens");
    health.report(&part(2), down());
    health.report(&part(1), down());
    assert_eq!(reader.load().verdict(outer.id()).state, State::Down);
    drop((outer, late, inner_handle));
    assert!(health.checks().is_empty(), "who held the parts is gone");
    assert!(!health.report(&part(1), down()));
}

#[test]
fn equal_parts_are_one_check_with_everybody_elses() {
    let health = Health::unprobed(TargetPolicy::default());
    let own = health.acquire(part(1)).expect("allowed");
    let twice = health.acquire(group(2, &[part(1), part(1)])).expect("allowed");
    assert_eq!(health.checks().len(), 2);
    let mut reader = health.reader();
    health.report(&part(1), Outcome::success(0));
    assert_eq!(reader.load().verdict(twice.id()).state, State::Up);
    drop(twice);
    assert_eq!(reader.load().verdict(own.id()).state, State::Up);
    assert_eq!(health.checks().len(), 1);
}

#[test]
fn a_group_of_what_may_not_be_probed_is_refused() {
    let health = Health::unprobed(nothing_allowed());
    let address = Ipv4Addr::new(127, 0, 0, 1);
    let check = group(1, &[part(1), group(1, &[tcp((address, 80).into())])]);
    let refused = health.acquire(check.clone()).map(|_| ()).expect_err("refused");
    assert!(matches!(refused, Refused::Target(Denial::Denied { .. })), "{refused}");
    health.request(b"zone", check);
    assert_eq!(health.counts().refused, 1);
    assert!(health.checks().is_empty());
}

#[test]
fn a_group_that_a_program_computes_is_leased_with_its_parts() {
    let health = Health::unprobed(TargetPolicy::default());
    let check = group(1, &[part(1), part(2)]);
    health.request(b"zone", check.clone());
    let mut reader = health.reader();
    let id = reader.load().find(&check).expect("a check that was requested");
    assert!(health.report(&part(2), Outcome::success(0)));
    assert_eq!(reader.load().verdict(id).state, State::Up);
}

#[tokio::test]
async fn parts_are_probed_and_the_group_is_not() {
    let one = Endpoint::http(Ipv4Addr::new(127, 0, 10, 1), &status(200, "")).await;
    let two = Endpoint::http(Ipv4Addr::new(127, 0, 10, 2), &status(200, "")).await;
    let (first, second) = (one.address, two.address);
    let health = start();
    let handle = health.acquire(group(2, &[tcp(first), tcp(second)])).expect("allowed");
    let mut reader = health.reader();
    let mut is = |state| reader.load().verdict(handle.id()).state == state;
    until("both to be up", || is(State::Up).then_some(())).await;
    two.close().await;
    until("one to be down", || is(State::Down).then_some(())).await;
    let _listener = TcpListener::bind(second).await.expect("the port is free again");
    until("it to be up again", || is(State::Up).then_some(())).await;
    assert_eq!(health.counts().inconclusive, 0, "nobody tried to probe the group");
}
