//! Supposing, and what it keeps waiting: nobody.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use halfmoon_healthcheck::{Check, Health, Outcome, State, TargetPolicy};

mod common;
use common::tcp;

fn check(number: u32) -> Check {
    let address = IpAddr::V4(Ipv4Addr::from_bits(0xc000_0000 | number));
    tcp((address, 80).into())
}

#[test]
fn results_are_taken_in_while_something_is_supposed() {
    let health = Health::unprobed(TargetPolicy::default());
    let held = health.acquire(check(1)).unwrap();
    let (told, results) = mpsc::channel();
    let was_taken_in = std::cell::Cell::new(false);
    let supposed = health.suppose(&|id, _| {
        assert_eq!(id, held.id());
        let (health, told) = (health.clone(), told.clone());
        thread::spawn(move || {
            health.report(&check(1), Outcome::success(0));
            let _ = told.send(());
        });
        was_taken_in.set(results.recv_timeout(Duration::from_secs(10)).is_ok());
        Some(State::Down)
    });
    assert!(was_taken_in.get(), "it waits until all is supposed");
    assert_eq!(supposed.snapshot.verdict(held.id()).state, State::Down);
    assert_eq!(health.check(held.id()).unwrap().verdict.state, State::Up);
}

#[test]
fn all_of_many_are_there_once() {
    for count in [0, 1, 255, 256, 257, 512, 1000] {
        let health = Health::unprobed(TargetPolicy::default());
        let handles: Vec<_> = (1..=count).map(|n| health.acquire(check(n)).unwrap()).collect();
        let expected: HashSet<_> = handles.iter().map(|handle| handle.id()).collect();
        let listed: Vec<_> = health.checks().into_iter().map(|report| report.id).collect();
        assert_eq!(listed.len(), expected.len(), "{count}");
        assert_eq!(listed.into_iter().collect::<HashSet<_>>(), expected, "{count}");
        assert_eq!(health.pending(), (count as usize, count as usize));
        let seen = std::cell::RefCell::new(Vec::new());
        let supposed = health.suppose(&|id, _| {
            seen.borrow_mut().push(id);
            Some(State::Up)
        });
        let seen = seen.into_inner();
        assert_eq!(seen.len(), expected.len(), "{count}");
        assert!(seen.iter().all(|id| supposed.snapshot.verdict(*id).state == State::Up), "{count}");
        assert_eq!(seen.into_iter().collect::<HashSet<_>>(), expected, "{count}");
    }
}
