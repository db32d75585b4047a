//! What is known of all checks together without a look at each of them: enough to say that it cannot be
//! that nearly all fail.
//!
//! Whatever is in doubt is counted so that a look is rather taken than not.

use std::time::{SystemTime, UNIX_EPOCH};

use super::{WINDOW, concerns};
use crate::registry::Occupant;
use crate::verdict::State;

/// Seconds of which falls are counted one by one: those of the window, and the parts of one at its ends.
const SECONDS: u64 = WINDOW.as_secs() + 2;

/// Sums over all checks.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Crowd {
    /// Those that are up and are heard of within the window.
    expected: usize,
    /// Those that are up and fail.
    failing: usize,
    falls: Falls,
}

/// As what one check is in the sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    is_expected: bool,
    is_failing: bool,
}

/// How many checks went down, by the second.
#[derive(Clone, Copy, Debug, Default)]
struct Falls {
    counts: [u32; SECONDS as usize],
    /// The newest second, since 1970.
    latest: u64,
}

impl Counted {
    /// As what a check is to be counted now.
    pub(crate) fn of(occupant: &Occupant) -> Self {
        let is_meant = occupant.judge.state() == State::Up && concerns(occupant);
        Self {
            is_expected: is_meant && occupant.check.pace.interval <= WINDOW,
            is_failing: is_meant && occupant.failing.is_some(),
        }
    }
}

impl Crowd {
    /// A check is now this, and was that before.
    pub(crate) fn exchange(&mut self, before: Counted, now: Counted) {
        let moved = |sum: usize, before: bool, now: bool| {
            (sum + usize::from(now)).saturating_sub(usize::from(before))
        };
        self.expected = moved(self.expected, before.is_expected, now.is_expected);
        self.failing = moved(self.failing, before.is_failing, now.is_failing);
    }

    /// A check went down that was up.
    pub(crate) fn fell(&mut self, now: SystemTime) {
        self.falls.add(now);
    }

    /// Whether it may be that of those that are heard of, at least half of those expected, so many in a
    /// thousand fail, in several networks.
    pub(crate) fn may_fail(&mut self, part: u16, now: SystemTime) -> bool {
        let failing = self.failing.saturating_add(self.falls.lately(now));
        failing >= 2
            && failing.saturating_mul(2000) >= usize::from(part).saturating_mul(self.expected)
    }
}

impl Falls {
    fn add(&mut self, now: SystemTime) {
        self.pass(now);
        let place = &mut self.counts[(self.latest % SECONDS) as usize];
        *place = place.saturating_add(1);
    }

    /// How many there were within the window, or a little longer ago.
    fn lately(&mut self, now: SystemTime) -> usize {
        self.pass(now);
        self.counts.iter().map(|count| *count as usize).sum()
    }

    /// Forgets what was long ago. A clock that is put back has them remembered for longer.
    fn pass(&mut self, now: SystemTime) {
        let second = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let passed = second.saturating_sub(self.latest).min(SECONDS);
        for ago in 0..passed {
            self.counts[((second - ago) % SECONDS) as usize] = 0;
        }
        self.latest = self.latest.max(second);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const UP: Counted = Counted { is_expected: true, is_failing: false };
    const FAILING: Counted = Counted { is_expected: true, is_failing: true };

    fn at(seconds: f64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs_f64(1_700_000_000.0 + seconds)
    }

    #[test]
    fn one_is_never_enough() {
        let mut crowd = Crowd::default();
        crowd.exchange(Counted::default(), FAILING);
        assert!(!crowd.may_fail(1, at(0.0)));
        crowd.exchange(Counted::default(), FAILING);
        assert!(crowd.may_fail(1000, at(0.0)));
    }

    /// Of ten checks, so many fail and are up still, and so many fell at these times.
    fn crowd(failing: usize, fell: &[f64]) -> Crowd {
        let mut crowd = Crowd::default();
        for number in 0..10 {
            crowd.exchange(Counted::default(), UP);
            if number < failing {
                crowd.exchange(UP, FAILING);
            }
        }
        for seconds in fell {
            crowd.exchange(UP, Counted::default());
            crowd.fell(at(*seconds));
        }
        crowd
    }

    #[test]
    fn few_failures_are_no_reason_to_look() {
        // 800 of 1000 of half of those expected: four of ten.
        let cases = [
            (0, &[][..], false),
            (3, &[], false),
            (4, &[], true),
            // Two of the eight that are left, and those that fell.
            (1, &[0.0, 0.0], false),
            (2, &[0.0, 0.0], true),
            // Long ago.
            (2, &[-40.0, -40.0], false),
            (2, &[-29.9, -29.9], true),
        ];
        for (failing, fell, expected) in cases {
            let may = crowd(failing, fell).may_fail(800, at(0.0));
            assert_eq!(may, expected, "{failing} fail, {fell:?} fell");
        }
    }

    #[test]
    fn whoever_is_counted_no_more_leaves_the_sums() {
        let mut crowd = crowd(4, &[]);
        for _ in 0..4 {
            crowd.exchange(FAILING, Counted::default());
        }
        assert_eq!((crowd.expected, crowd.failing), (6, 0));
    }

    #[test]
    fn falls_are_counted_for_as_long_as_they_matter() {
        let mut falls = Falls::default();
        for second in 0..100 {
            let now = at(f64::from(second));
            falls.add(now);
            let window = WINDOW.as_secs() as usize;
            let lately = falls.lately(now);
            assert!(lately >= (second as usize + 1).min(window + 1), "{second}: {lately}");
            assert!(lately <= window + 2, "{second}: {lately}");
        }
        assert_eq!(falls.lately(at(1000.0)), 0);
        falls.add(at(1000.0));
        // A clock that is put back.
        assert_eq!(falls.lately(at(10.0)), 1);
    }
}
