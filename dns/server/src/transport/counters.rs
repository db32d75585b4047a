//! What the transports have seen since they started.

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
    pub(super) turned_away: AtomicU64,
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
    /// Connections closed to keep to the limits (TCP).
    pub turned_away: u64,
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
            turned_away: of(&self.turned_away),
        }
    }

    /// Adds to one count; nothing is written if there is nothing to add.
    pub(super) fn add(count: &AtomicU64, many: usize) {
        if many > 0 {
            count.fetch_add(many as u64, Ordering::Relaxed);
        }
    }
}
