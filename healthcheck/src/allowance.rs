//! How many probes may start, so that there is never a burst: in no 100 ms more than twice as many as
//! on average.
//!
//! Pure: time comes in as an argument.

use std::time::{Duration, Instant};

use crate::schedule::OPENINGS;

/// As many may start at once as are due in this time.
const AT_ONCE: Duration = Duration::from_millis(50);
/// So many times the average may start while what was late is made up for. Together with those at
/// once it makes twice the average in 100 ms.
const CATCH_UP: f64 = 1.5;
/// A few may start at once however few there are.
const FEW: f64 = 16.0;

/// What may start.
#[derive(Debug)]
pub(crate) struct Allowance {
    left: f64,
    grown: Instant,
}

impl Allowance {
    pub(crate) fn new(now: Instant) -> Self {
        Self { left: FEW, grown: now }
    }

    /// Lets it grow until now; `rate` probes are due in a second on average.
    pub(crate) fn grow(&mut self, rate: f64, now: Instant) {
        let elapsed = now.saturating_duration_since(self.grown).as_secs_f64();
        self.grown = now;
        // New checks are started on top of the others, at a rate of their own.
        let growth = (CATCH_UP * rate).max(rate + OPENINGS);
        let most = (rate * AT_ONCE.as_secs_f64()).max(FEW);
        self.left = (self.left + growth * elapsed).min(most);
    }

    /// Whether one may start.
    pub(crate) fn has_one(&self) -> bool {
        self.left >= 1.0
    }

    /// One has started.
    pub(crate) fn spend(&mut self) {
        self.left -= 1.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many start in each millisecond of the first 100 after a stall, everything being due.
    fn after_a_stall(rate: f64, stall: Duration) -> usize {
        let start = Instant::now();
        let mut allowance = Allowance::new(start);
        let mut started = 0;
        for millis in 0..100 {
            allowance.grow(rate, start + stall + Duration::from_millis(millis));
            while allowance.has_one() {
                allowance.spend();
                started += 1;
            }
        }
        started
    }

    #[test]
    fn what_was_late_is_made_up_for_without_a_burst() {
        for stall in [Duration::ZERO, Duration::from_millis(30), Duration::from_secs(100)] {
            let started = after_a_stall(5000.0, stall);
            assert!(started <= 1000, "{started} of 500 on average, after {stall:?}");
            assert!(started >= 500, "{started}: it would never catch up, after {stall:?}");
        }
    }

    #[test]
    fn a_few_wait_for_nothing() {
        assert!(after_a_stall(1.0, Duration::from_secs(10)) >= 16);
    }
}
