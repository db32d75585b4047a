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
/// 2^64 divided by the golden ratio.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// The points in time at which checks are due.
#[derive(Debug)]
pub(crate) struct Schedule {
    origin: Instant,
    /// The phase of the next check, in 2^-64 of its interval.
    phase: u64,
    /// The first opening that is not taken.
    opening: Instant,
    due: BinaryHeap<Reverse<Entry>>,
}

/// A check that is due, and its phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    due: Instant,
    pub(crate) id: CheckId,
    phase: u64,
    is_opening: bool,
}

impl Schedule {
    /// An empty schedule. The seed is the first phase.
    pub(crate) fn new(origin: Instant, seed: u64) -> Self {
        Self {
            origin,
            phase: seed,
            opening: origin,
            due: BinaryHeap::new(),
        }
    }

    /// Takes a check on; when it is due first.
    pub(crate) fn enter(&mut self, id: CheckId, interval: Duration, now: Instant) -> Instant {
        let phase = self.phase;
        self.phase = phase.wrapping_add(GOLDEN);
        let point = self.point_after(now, phase, interval);
        let opening = self.opening.max(now);
        let entry = if opening < point {
            self.opening = opening + OPENING;
            Entry {
                due: opening,
                id,
                phase,
                is_opening: true,
            }
        } else {
            Entry {
                due: point,
                id,
                phase,
                is_opening: false,
            }
        };
        self.due.push(Reverse(entry));
        entry.due
    }

    /// Takes a check that is due off the schedule.
    pub(crate) fn pop(&mut self, now: Instant) -> Option<Entry> {
        if self.next()? > now {
            return None;
        }
        self.due.pop().map(|Reverse(entry)| entry)
    }

    /// Puts a check back for the next time; when that is. Points that were missed stay missed.
    pub(crate) fn again(&mut self, entry: Entry, interval: Duration, now: Instant) -> Instant {
        // A point that comes right after the opening would find out nothing new.
        let after = if entry.is_opening {
            now + interval / 2
        } else {
            now
        };
        let due = self.point_after(after, entry.phase, interval);
        self.due.push(Reverse(Entry {
            due,
            is_opening: false,
            ..entry
        }));
        due
    }

    /// When the next check is due.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.due.peek().map(|Reverse(entry)| entry.due)
    }

    /// Forgets the checks that nobody holds, if they are more than those that somebody does.
    pub(crate) fn tidy(&mut self, held: usize, is_held: impl Fn(CheckId) -> bool) {
        if self.due.len() > 2 * held + 1024 {
            self.due.retain(|Reverse(entry)| is_held(entry.id));
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
