//! What the transports have seen since they started.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of one transport. Threads add to them once a batch; reading never disturbs them.
#[derive(Debug, Default)]
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
    pub(super) udp: Arc<Tally>,
    pub(super) tcp: Arc<Tally>,
}

impl Tallies {
    /// What UDP has seen.
    #[must_use]
    pub fn udp(&self) -> Counters {
        self.udp.read()
    }

    /// What TCP has seen.
    #[must_use]
    pub fn tcp(&self) -> Counters {
        self.tcp.read()
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
    pub(super) fn read(&self) -> Counters {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Counters {
            queries: of(&self.queries),
            answers: of(&self.answers),
            unsent: of(&self.unsent),
            refused: of(&self.refused),
            panics: of(&self.panics),
            connections: of(&self.connections),
            full: of(&self.full),
            full_for_address: of(&self.full_for_address),
            gave_way: of(&self.gave_way),
            idle: of(&self.idle),
            slow_queries: of(&self.slow_queries),
            slow_readers: of(&self.slow_readers),
            pipelined: of(&self.pipelined),
        }
    }

    /// Adds to one count; nothing is written if there is nothing to add.
    pub(super) fn add(count: &AtomicU64, many: usize) {
        if many > 0 {
            count.fetch_add(many as u64, Ordering::Relaxed);
        }
    }
}
