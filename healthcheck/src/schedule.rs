//! When each check is probed.
//!
//! Pure: time comes in as an argument.
//!
//! Every check has a phase, a fraction of its interval, and is probed at the points of a grid:
//! `origin + (n + phase) × interval`. Phases follow the golden ratio, which keeps any number of
//! checks evenly spread over the interval, however many come and go: better than chance does. The
//! first phase is random, so that servers that start together do not probe together.
//!
//! A new check is not left to wait for its point: it is probed first as soon as the openings, which
//! are dealt out at a bounded rate, come to it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use crate::verdict::CheckId;

/// From one opening to the next: two thousand new checks a second.
const OPENING: Duration = Duration::from_micros(500);
/// The same as a rate, in a second.
pub(crate) const OPENINGS: f64 = 2000.0;
/// 2^64 divided by the golden ratio.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// Parts of a probe a second that rates are counted in: whole numbers leave nothing behind.
const RATE_UNIT: u64 = 1 << 20;

fn rate_of(interval: Duration) -> u64 {
    // No interval is shorter than 10 ms nor longer than a day.
    (u128::from(RATE_UNIT) * 1_000_000_000 / interval.as_nanos().max(1)) as u64
}

/// The points in time at which checks are due.
#[derive(Debug)]
pub(crate) struct Schedule {
    origin: Instant,
    /// The phase of the next check, in 2^-64 of its interval.
    phase: u64,
    /// The first opening that is not taken.
    opening: Instant,
    due: BinaryHeap<Reverse<Entry>>,
    /// How many of those scheduled are due in a second, in 2^-20.
    rate: u64,
}

/// A check that is due, and its phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    due: Instant,
    pub(crate) id: CheckId,
    phase: u64,
    is_opening: bool,
    interval: Duration,
}

impl Schedule {
    /// An empty schedule. The seed is the first phase.
    pub(crate) fn new(origin: Instant, seed: u64) -> Self {
        Self { origin, phase: seed, opening: origin, due: BinaryHeap::new(), rate: 0 }
    }

    /// Takes a check on; when it is due first.
    pub(crate) fn enter(&mut self, id: CheckId, interval: Duration, now: Instant) -> Instant {
        let phase = self.phase;
        self.phase = phase.wrapping_add(GOLDEN);
        let point = self.point_after(now, phase, interval);
        let opening = self.opening.max(now);
        let entry = if opening < point {
            self.opening = opening + OPENING;
            Entry { due: opening, id, phase, is_opening: true, interval }
        } else {
            Entry { due: point, id, phase, is_opening: false, interval }
        };
        self.push(entry);
        entry.due
    }

    /// Takes a check that is due off the schedule.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<Entry> {
        if self.next()? > now {
            return None;
        }
        let Reverse(entry) = self.due.pop()?;
        self.rate -= rate_of(entry.interval);
        Some(entry)
    }

    /// Puts a check back for the next time; when that is. Points that were missed stay missed.
    pub(crate) fn again(&mut self, entry: Entry, now: Instant) -> Instant {
        let interval = entry.interval;
        // A point that comes right after the opening would find out nothing new.
        let after = if entry.is_opening { now + interval / 2 } else { now };
        let due = self.point_after(after, entry.phase, interval);
        self.push(Entry { due, is_opening: false, ..entry });
        due
    }

    fn push(&mut self, entry: Entry) {
        self.rate += rate_of(entry.interval);
        self.due.push(Reverse(entry));
    }

    /// How many probes are due in a second, on average.
    pub(crate) fn rate(&self) -> f64 {
        self.rate as f64 / RATE_UNIT as f64
    }

    /// When the next check is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.due.peek().map(|Reverse(entry)| entry.due)
    }

    /// Forgets the checks that nobody holds, if they are more than those that somebody does.
    pub(crate) fn tidy(&mut self, held: usize, is_held: impl Fn(CheckId) -> bool) {
        if self.due.len() > 2 * held + 1024 {
            self.due.retain(|Reverse(entry)| is_held(entry.id));
            self.rate = self.due.iter().map(|Reverse(entry)| rate_of(entry.interval)).sum();
        }
    }

    /// The first point of a check's grid after this moment.
    fn point_after(&self, moment: Instant, phase: u64, interval: Duration) -> Instant {
        let interval = interval.as_nanos();
        // No interval is longer than a day, which leaves the product far below 2^128.
        let phase = (u128::from(phase) * interval) >> 64;
        let elapsed = moment.saturating_duration_since(self.origin).as_nanos();
        let rounds = (elapsed + interval - phase) / interval;
        let nanos = u64::try_from(rounds * interval + phase).unwrap_or(u64::MAX);
        self.origin + Duration::from_nanos(nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: Duration = Duration::from_millis(100);

    /// Plays a schedule for as long, and says when each probe starts.
    fn play(schedule: &mut Schedule, from: Instant, length: Duration) -> Vec<Instant> {
        let mut started = Vec::new();
        while let Some(due) = schedule.next().filter(|due| *due < from + length) {
            let entry = schedule.pop(due).expect("a check that is due");
            schedule.again(entry, due);
            started.push(due);
        }
        started
    }

    /// The most probes that start in any window of 100 ms.
    fn peak(started: &[Instant]) -> usize {
        let mut first = 0;
        let mut most = 0;
        for (last, start) in started.iter().enumerate() {
            while *start - started[first] >= WINDOW {
                first += 1;
            }
            most = most.max(last - first + 1);
        }
        most
    }

    fn schedule_of(checks: u32, interval: Duration, now: Instant, seed: u64) -> Schedule {
        let mut schedule = Schedule::new(now, seed);
        for slot in 0..checks {
            schedule.enter(CheckId::new(slot, 0), interval, now);
        }
        schedule
    }

    #[test]
    fn ten_thousand_checks_are_evenly_spread_from_their_first_probe_on() {
        let (now, interval) = (Instant::now(), Duration::from_secs(5));
        for seed in [0, 1, u64::MAX / 3, u64::MAX] {
            let mut schedule = schedule_of(10_000, interval, now, seed);
            let opening = play(&mut schedule, now, interval);
            let steady = play(&mut schedule, now + interval, 10 * interval);
            // 200 start in 100 ms on average; while the new checks are opened, twice as many.
            assert!(peak(&opening) <= 410, "{} at the opening, seed {seed}", peak(&opening));
            assert!(peak(&steady) <= 205, "{} later, seed {seed}", peak(&steady));
            assert_eq!(steady.len(), 100_000, "seed {seed}");
        }
    }

    #[test]
    fn a_few_checks_are_spread_too() {
        let (now, interval) = (Instant::now(), Duration::from_secs(1));
        let mut schedule = schedule_of(10, interval, now, 7);
        play(&mut schedule, now, 2 * interval);
        let steady = play(&mut schedule, now + 2 * interval, 10 * interval);
        assert_eq!(steady.len(), 100);
        assert!(peak(&steady) <= 2, "{}", peak(&steady));
    }

    #[test]
    fn a_new_check_is_probed_at_once_and_then_at_a_fixed_rate() {
        let origin = Instant::now();
        let interval = Duration::from_secs(60);
        let now = origin + Duration::from_secs(1000);
        let mut schedule = Schedule::new(origin, 12345);
        assert_eq!(schedule.enter(CheckId::new(0, 0), interval, now), now);
        let started = play(&mut schedule, now, 20 * interval);
        let first = started[1] - started[0];
        assert!(first >= interval / 2 && first <= interval * 3 / 2, "{first:?}");
        for pair in started[1..].windows(2) {
            assert_eq!(pair[1] - pair[0], interval);
        }
    }

    #[test]
    fn points_that_were_missed_stay_missed() {
        let (now, interval) = (Instant::now(), Duration::from_secs(5));
        let mut schedule = schedule_of(1, interval, now, 0);
        let entry = schedule.pop(now).expect("a new check is due at once");
        let due = schedule.again(entry, now);
        let entry = schedule.pop(due).expect("due");
        let late = due + 3 * interval + Duration::from_secs(1);
        assert_eq!(schedule.again(entry, late), due + 4 * interval);
        assert_eq!(schedule.pop(late), None);
    }

    #[test]
    fn the_longest_interval_fits() {
        let origin = Instant::now();
        let interval = crate::Pace::MAX_INTERVAL;
        let year = Duration::from_secs(365 * 24 * 3600);
        for phase in [0, 1, u64::MAX] {
            let schedule = Schedule::new(origin, phase);
            let point = schedule.point_after(origin + 10 * year, phase, interval);
            let wait = point - (origin + 10 * year);
            assert!(wait > Duration::ZERO && wait <= interval, "{wait:?}");
        }
    }

    #[test]
    fn the_rate_is_that_of_all_that_is_scheduled() {
        let now = Instant::now();
        let mut schedule = schedule_of(50_000, Duration::from_secs(10), now, 3);
        assert!((schedule.rate() - 5000.0).abs() < 1.0, "{}", schedule.rate());
        schedule.enter(CheckId::new(50_000, 0), Duration::from_millis(10), now);
        assert!((schedule.rate() - 5100.0).abs() < 1.0, "{}", schedule.rate());
        play(&mut schedule, now, Duration::from_secs(20));
        assert!((schedule.rate() - 5100.0).abs() < 1.0, "{}", schedule.rate());
        schedule.tidy(0, |_| false);
        assert_eq!(schedule.rate(), 0.0);
    }

    #[test]
    fn checks_that_nobody_holds_are_forgotten() {
        let mut schedule = schedule_of(5000, Duration::from_secs(5), Instant::now(), 0);
        schedule.tidy(10, |id| id.slot() < 10);
        assert_eq!(schedule.due.len(), 10);
    }
}
