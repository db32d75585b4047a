//! What became of the zones each time they were read, for those who watch the server.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use halfmoon_zones::{Loaded, Outcome};

use crate::shared::Served;

/// Counts loads. Written by the thread that publishes.
#[derive(Debug, Default)]
pub struct Loads {
    done: AtomicU64,
    failed: AtomicU64,
    refused: AtomicU64,
    took: AtomicU64,
    at: AtomicU64,
}

/// What [`Loads`] has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoadCounts {
    /// Loads that changed something.
    pub done: u64,
    /// Times that the zones could not be read at all.
    pub failed: u64,
    /// Versions of zones that were refused.
    pub refused: u64,
    /// How long the last load took.
    pub took: Duration,
    /// When it was done, in seconds since 1970; 0: never.
    pub at: u64,
}

impl Loads {
    /// Takes in what a load found.
    pub fn note(&self, loaded: &Loaded<Served>, took: Duration) {
        let is_refused = |outcome| matches!(outcome, Outcome::Kept | Outcome::Refused);
        let refused = loaded.reports.iter().filter(|file| is_refused(file.outcome)).count();
        let date = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.refused.fetch_add(refused as u64, Ordering::Relaxed);
        self.took.store(took.as_micros() as u64, Ordering::Relaxed);
        self.at.store(date.as_secs(), Ordering::Relaxed);
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    /// The zones could not be read at all.
    pub fn fail(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// What was counted so far.
    #[must_use]
    pub fn read(&self) -> LoadCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        LoadCounts {
            done: read(&self.done),
            failed: read(&self.failed),
            refused: read(&self.refused),
            took: Duration::from_micros(read(&self.took)),
            at: read(&self.at),
        }
    }
}
