//! Many checks and a registry that hears of them; nothing is probed.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::UNIX_EPOCH;

use super::*;
use crate::board::Board;
use crate::check::{Check, Pace};
use crate::outcome::Outcome;
use crate::registry::Registry;
use crate::report::Last;

const CHECKS: u8 = 10;

/// A registry in which so many checks, each of a network of its own, are up.
struct Site {
    registry: Registry,
    ids: Vec<CheckId>,
    now: SystemTime,
}

impl Site {
    fn new() -> Self {
        let registry = Registry::new(Board::new(Duration::from_millis(1)), 0, 0, Some(800));
        let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let mut site = Self { registry, ids: Vec::new(), now };
        for number in 0..CHECKS {
            let target = SocketAddr::from((Ipv4Addr::new(10, 0, number, 1), 80));
            let pace = Pace { interval: Duration::from_secs(10), fall: 2, ..Pace::default() };
            let check = Check { probe: Probe::Tcp(target), pace, source: None };
            site.ids.push(site.registry.hold(check, None).expect("an allowed target").0);
        }
        (0..CHECKS).for_each(|number| site.hear(number, Outcome::success(0)));
        site
    }

    fn hear(&mut self, number: u8, outcome: Outcome) {
        self.now += Duration::from_millis(200);
        let last = Last { outcome, latency: Duration::ZERO, at: self.now };
        self.registry.record(self.ids[usize::from(number)], last);
    }

    /// Two failures, after which it is down unless the prober suspects itself.
    fn fail(&mut self, number: u8) {
        (0..2).for_each(|_| self.hear(number, Outcome::failure("nobody there")));
    }

    fn is_up(&self, number: u8) -> bool {
        let occupant = self.registry.occupant(self.ids[usize::from(number)]);
        occupant.expect("it is held").judge.state() == State::Up
    }

    fn looked(&self) -> Option<SystemTime> {
        self.registry.doubts.looked
    }
}

#[test]
fn what_few_do_takes_no_look_at_all() {
    let mut site = Site::new();
    for number in 0..3 {
        site.fail(number);
        assert!(!site.is_up(number));
        assert_eq!(site.looked(), None, "{number}");
    }
    site.fail(3);
    assert_eq!(site.looked(), Some(site.now), "four of ten may be nearly all of those heard of");
    assert!(!site.is_up(3) && !site.registry.doubts.is_suspect());
}

#[test]
fn what_nearly_all_do_is_still_noticed() {
    let mut site = Site::new();
    // All begin to fail before the first of them goes down.
    (0..CHECKS).for_each(|number| site.hear(number, Outcome::failure("nobody there")));
    (0..CHECKS).for_each(|number| site.hear(number, Outcome::failure("nobody there")));
    assert!(site.registry.doubts.is_suspect());
    assert!((0..CHECKS).all(|number| site.is_up(number)));
    (0..CHECKS).for_each(|number| site.hear(number, Outcome::success(0)));
    assert!(!site.registry.doubts.is_suspect());
    // What the sums were before is no more: few are few again.
    site.now += WINDOW * 2;
    let looked = site.looked();
    site.fail(0);
    assert!(!site.is_up(0));
    assert_eq!(site.looked(), looked);
}

#[test]
fn checks_that_are_gone_count_for_nothing() {
    let mut site = Site::new();
    // Of four that are left two are half.
    for number in 4..CHECKS {
        site.registry.release(site.ids[usize::from(number)], Default::default());
    }
    site.fail(0);
    assert!(site.looked().is_none());
    site.fail(1);
    assert!(site.looked().is_some());
}
