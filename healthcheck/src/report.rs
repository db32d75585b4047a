//! What people are shown of the checks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use crate::account::Account;
use crate::check::Check;
use crate::latency::{Histogram, Latencies};
use crate::outcome::Outcome;
use crate::verdict::{CheckId, State, Verdict};

/// All that is known of one check, for people.
#[derive(Clone, Debug)]
pub struct Report {
    /// Its place on the board.
    pub id: CheckId,
    /// The check.
    pub check: Arc<Check>,
    /// Whose it is, if one account alone has it; else all share it who want it.
    pub owner: Option<Account>,
    /// Its state, weight, and since when.
    pub verdict: Verdict,
    /// Why it is in its state, as in `connection refused`; empty while it is unknown.
    pub reason: String,
    /// Whether the state is from another process, and nothing was heard of the target in this one.
    pub is_recalled: bool,
    /// The result of the last probe; `None` before the first.
    pub last: Option<Last>,
    /// When it is probed next; `None` if it is not scheduled.
    pub next: Option<SystemTime>,
    /// How many [`crate::Handle`]s, not counting clones, hold it.
    pub holders: usize,
    /// Whether it was computed at run time and lives as long as it is asked for.
    pub is_leased: bool,
    /// For whom it was computed, on each account for whom first, as [`crate::Health::request`] was told.
    pub leased_by: Vec<Arc<[u8]>>,
}

impl Report {
    /// What tells the check from others of its name: those with another pace, other expectations, or of another
    /// owner. 16 hexadecimal digits, the same in each process.
    #[must_use]
    pub fn key(&self) -> String {
        self.check.digits(self.owner.as_ref())
    }
}

/// The result of one probe.
#[derive(Clone, Debug)]
pub struct Last {
    /// What was found.
    pub outcome: Outcome,
    /// How long it took.
    pub latency: Duration,
    /// When it was known.
    pub at: SystemTime,
}

impl Last {
    /// What was found, in words.
    #[must_use]
    pub fn reason(&self) -> String {
        match &self.outcome {
            Outcome::Success { .. } => format!("answered in {} ms", self.latency.as_millis()),
            Outcome::Failure(reason) | Outcome::Inconclusive(reason) => reason.clone().into_owned(),
        }
    }
}

/// What was done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Probes that came to an end.
    pub probes: u64,
    /// Those that failed.
    pub failures: u64,
    /// Those that the prober could not carry out.
    pub inconclusive: u64,
    /// Probes left out because the last one of the same check was still under way.
    pub skipped: u64,
    /// Checks computed at run time that were refused.
    pub refused: u64,
    /// Requests that were dropped because too many came at once, or too many are held.
    pub dropped: u64,
    /// Changes of state to up.
    pub to_up: u64,
    /// Changes of state to down.
    pub to_down: u64,
    /// How long the probes took that found success.
    pub successful: Latencies,
    /// How long the probes took that failed.
    pub failed: Latencies,
}

/// The counters behind [`Counts`].
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) probes: AtomicU64,
    pub(crate) failures: AtomicU64,
    pub(crate) inconclusive: AtomicU64,
    pub(crate) skipped: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) dropped: AtomicU64,
    to_up: AtomicU64,
    to_down: AtomicU64,
    successful: Histogram,
    failed: Histogram,
}

impl Counters {
    pub(crate) fn read(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            probes: read(&self.probes),
            failures: read(&self.failures),
            inconclusive: read(&self.inconclusive),
            skipped: read(&self.skipped),
            refused: read(&self.refused),
            dropped: read(&self.dropped),
            to_up: read(&self.to_up),
            to_down: read(&self.to_down),
            successful: self.successful.read(),
            failed: self.failed.read(),
        }
    }

    /// Counts a probe that came to an end.
    pub(crate) fn probe(&self, outcome: &Outcome, latency: Duration) {
        count(&self.probes);
        match outcome {
            Outcome::Success { .. } => self.successful.add(latency),
            Outcome::Failure(_) => {
                count(&self.failures);
                self.failed.add(latency);
            }
            Outcome::Inconclusive(_) => count(&self.inconclusive),
        }
    }

    /// Counts a change of state.
    pub(crate) fn change(&self, to: State) {
        match to {
            State::Up => count(&self.to_up),
            State::Down => count(&self.to_down),
            State::Unknown => {}
        }
    }
}

pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}
