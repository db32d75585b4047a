//! What the transports have seen since they started.

use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of one thread of UDP, or of all TCP. UDP adds to them once a batch, each thread in a place of
/// its own, of two lines of the processor's cache, which are fetched together; reading disturbs nobody for
/// long.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Tally {
    pub(super) queries: AtomicU64,
    pub(super) answers: AtomicU64,
    pub(super) unsent: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) panics: AtomicU64,
    pub(super) connections: AtomicU64,
    pub(super) full: AtomicU64,
    pub(super) full_for_address: AtomicU64,
    pub(super) gave_way: AtomicU64,
    pub(super) idle: AtomicU64,
    pub(super) slow_queries: AtomicU64,
    pub(super) slow_readers: AtomicU64,
    pub(super) pipelined: AtomicU64,
}

/// Where both transports of a server count: to be read from wherever they are wanted.
#[derive(Clone, Debug)]
pub struct Tallies {
    pub(super) udp: Vec<Arc<Tally>>,
    pub(super) tcp: Arc<Tally>,
}

impl Tallies {
    /// What UDP has seen.
    #[must_use]
    pub fn udp(&self) -> Counters {
        Tally::read(&self.udp)
    }

    /// What TCP has seen.
    #[must_use]
    pub fn tcp(&self) -> Counters {
        Tally::read(slice::from_ref(&self.tcp))
    }
}

/// Counts since the start, of UDP or of TCP.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages handed to the service.
    pub queries: u64,
    /// Answers handed to the kernel.
    pub answers: u64,
    /// Answers that could not be sent.
    pub unsent: u64,
    /// Datagrams and streams that were not handed to the service: too large, from port 0, from
    /// ourselves, with a length that no query has.
    pub refused: u64,
    /// Queries at which the service panicked.
    pub panics: u64,
    /// Connections accepted (TCP).
    pub connections: u64,
    /// Connections closed at once because there were as many as there may be, each of them in use
    /// (TCP).
    pub full: u64,
    /// Connections closed at once because their address had as many as it may have, each of them in
    /// use (TCP).
    pub full_for_address: u64,
    /// Connections closed for a new one at one of these limits (TCP).
    pub gave_way: u64,
    /// Connections closed because no query came for too long (TCP).
    pub idle: u64,
    /// Connections closed because a query, or the header of a proxy, had begun and took too long to
    /// come (TCP).
    pub slow_queries: u64,
    /// Connections closed because answers were not taken in time (TCP).
    pub slow_readers: u64,
    /// How often a client had more queries waiting than are answered at a time, and its answers were
    /// written before more of them were looked at (TCP).
    pub pipelined: u64,
}

impl Tally {
    /// The sums of several.
    pub(super) fn read(tallies: &[Arc<Self>]) -> Counters {
        let of = |count: fn(&Self) -> &AtomicU64| {
            tallies.iter().map(|tally| count(tally).load(Ordering::Relaxed)).sum()
        };
        Counters {
            queries: of(|tally| &tally.queries),
            answers: of(|tally| &tally.answers),
            unsent: of(|tally| &tally.unsent),
            refused: of(|tally| &tally.refused),
            panics: of(|tally| &tally.panics),
            connections: of(|tally| &tally.connections),
            full: of(|tally| &tally.full),
            full_for_address: of(|tally| &tally.full_for_address),
            gave_way: of(|tally| &tally.gave_way),
            idle: of(|tally| &tally.idle),
            slow_queries: of(|tally| &tally.slow_queries),
            slow_readers: of(|tally| &tally.slow_readers),
            pipelined: of(|tally| &tally.pipelined),
        }
    }

    /// Adds to one count; nothing is written if there is nothing to add.
    pub(super) fn add(count: &AtomicU64, many: usize) {
        if many > 0 {
            count.fetch_add(many as u64, Ordering::Relaxed);
        }
    }
}
