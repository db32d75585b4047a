//! What the answering threads count, each by itself, so that counting costs nobody anything.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use halfmoon_wire::Rcode;

use crate::counters::Event;

/// RCODEs that are told apart: those of RFC 6895 section 2.3 that fit, up to BADCOOKIE (23).
const RCODES: usize = 24;

/// The meters of all threads that answered at some time.
#[derive(Debug, Default)]
pub struct Meters {
    meters: Mutex<Vec<Arc<Meter>>>,
    made: AtomicUsize,
}

/// What one thread has counted. Nobody else writes to it.
#[derive(Debug)]
#[repr(align(64))]
pub struct Meter {
    lane: usize,
    started: Instant,
    /// Milliseconds from `started` to the last sign of life.
    beat: AtomicU64,
    has_ended: AtomicBool,
    rcodes: [AtomicU64; RCODES],
    /// Messages that got no answer: not even a header, or more than their network may have.
    silent: AtomicU64,
    /// By [`Event`].
    events: [AtomicU64; Event::COUNT],
}

/// What all threads have counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readings {
    /// Replies by RCODE, the extended ones among them.
    pub rcodes: [u64; RCODES],
    /// Messages that got no reply.
    pub silent: u64,
    /// What [`crate::counters::Counters`] tells by name.
    pub(crate) events: [u64; Event::COUNT],
    /// Threads that answer.
    pub threads: usize,
    /// How long the thread that was silent longest has not shown a sign of life, in milliseconds.
    pub longest_silence: u64,
}

impl Meters {
    /// A meter for a thread that begins to answer.
    #[must_use]
    pub fn take(&self) -> Arc<Meter> {
        let meter = Arc::new(Meter::new(self.made.fetch_add(1, Ordering::Relaxed)));
        let mut meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
        // A thread that panics at each query must not make the list grow without end.
        if let Some(last) = meters.iter().position(|meter| meter.has_ended())
            && meters.iter().filter(|meter| meter.has_ended()).nth(1).is_some()
        {
            let gone = meters.swap_remove(last);
            if let Some(kept) = meters.iter().find(|meter| meter.has_ended()) {
                kept.take_over(&gone);
            }
        }
        meters.push(Arc::clone(&meter));
        meter
    }

    /// What was counted so far.
    #[must_use]
    pub fn read(&self) -> Readings {
        let meters = self.meters.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sum = Readings::default();
        for meter in meters.iter() {
            for (sum, count) in sum.rcodes.iter_mut().zip(&meter.rcodes) {
                *sum += count.load(Ordering::Relaxed);
            }
            sum.silent += meter.silent.load(Ordering::Relaxed);
            for (sum, count) in sum.events.iter_mut().zip(&meter.events) {
                *sum += count.load(Ordering::Relaxed);
            }
            if !meter.has_ended() {
                sum.threads += 1;
                sum.longest_silence = sum.longest_silence.max(meter.silence());
            }
        }
        sum
    }
}

impl Meter {
    fn new(lane: usize) -> Self {
        Self {
            lane,
            started: Instant::now(),
            beat: AtomicU64::new(0),
            has_ended: AtomicBool::new(false),
            rcodes: Default::default(),
            silent: AtomicU64::new(0),
            events: Default::default(),
        }
    }

    /// A meter that nobody reads, of a thread that is none of those that answer.
    #[must_use]
    pub fn apart() -> Arc<Self> {
        Arc::new(Self::new(usize::MAX))
    }

    /// Which of the threads this is; numbers are not used again.
    #[must_use]
    pub fn lane(&self) -> usize {
        self.lane
    }

    /// Counts a reply.
    pub fn reply(&self, rcode: Rcode) {
        if let Some(count) = self.rcodes.get(usize::from(rcode.0)) {
            bump(count);
        }
    }

    /// Counts a message that gets no reply.
    pub fn silent(&self) {
        bump(&self.silent);
    }

    /// Counts something that happened.
    pub(crate) fn count(&self, event: Event) {
        bump(&self.events[event as usize]);
    }

    /// Shows that the thread is alive at this moment.
    pub fn beat(&self, now: Instant) {
        let millis = now.saturating_duration_since(self.started).as_millis() as u64;
        self.beat.store(millis, Ordering::Relaxed);
    }

    /// The thread answers no more; what it counted stays.
    pub fn end(&self) {
        self.has_ended.store(true, Ordering::Relaxed);
    }

    fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Relaxed)
    }

    /// Milliseconds since the last sign of life.
    fn silence(&self) -> u64 {
        let now = self.started.elapsed().as_millis() as u64;
        now.saturating_sub(self.beat.load(Ordering::Relaxed))
    }

    /// Adds what a meter has counted that is given up. Both have ended.
    fn take_over(&self, other: &Self) {
        let own = self.rcodes.iter().chain(&self.events);
        for (own, other) in own.zip(other.rcodes.iter().chain(&other.events)) {
            own.fetch_add(other.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        self.silent.fetch_add(other.silent.load(Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// Adds one to a count that only this thread writes.
fn bump(count: &AtomicU64) {
    count.store(count.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_that_come_and_go_leave_their_counts() {
        let meters = Meters::default();
        for _ in 0..100 {
            let meter = meters.take();
            meter.reply(Rcode::SERVFAIL);
            meter.reply(Rcode::BADCOOKIE);
            meter.silent();
            meter.count(Event::TransferTooMany);
            meter.end();
        }
        let _alive = meters.take();
        let read = meters.read();
        assert_eq!((read.rcodes[2], read.rcodes[23], read.silent), (100, 100, 100));
        assert_eq!(read.events[Event::TransferTooMany as usize], 100);
        assert_eq!(read.threads, 1);
        assert!(meters.meters.lock().unwrap().len() <= 3);
    }
}
