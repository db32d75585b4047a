//! What the zones of a tenant have counted, those among them that are gone.
//!
//! A version of a zone counts by itself, so that queries cost what they did before. Here its counts are
//! known from the moment when it is made, and when nobody can add to them any more they are added up.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::columns::{Columns, Count};

/// Versions that are known before it is looked which of them are over.
const FEW: usize = 64;

/// What the programs of one version of a zone have counted.
#[derive(Debug, Default)]
pub struct Runs {
    /// Of each program how often it ran to its end, and behind it of each of its pools how often it then
    /// had chosen from it.
    pub(crate) answers: Columns,
    /// Where the first of each program is.
    pub(crate) firsts: Box<[usize]>,
    /// How often any of them failed.
    pub(crate) failures: AtomicU64,
}

/// What one version of a zone counts.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// How many queries it was asked.
    pub queries: Arc<Count>,
    /// What its programs did.
    pub runs: Arc<Runs>,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    /// Queries for names in the zones.
    pub queries: u64,
    /// Programs that ran to their end.
    pub programs_run: u64,
    /// Programs that failed.
    pub programs_failed: u64,
}

/// The counts of all versions of the zones of one tenant since the start.
#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// What those have counted that are over.
    over: Total,
    versions: Vec<Counts>,
    /// How many may be known before it is looked again.
    most: usize,
}

impl Counts {
    fn read(&self) -> Total {
        let answers = &self.runs.answers;
        Total {
            queries: self.queries.read(),
            programs_run: self.runs.firsts.iter().map(|first| answers.read(*first)).sum(),
            programs_failed: self.runs.failures.load(Ordering::Relaxed),
        }
    }

    /// Whether nobody else has them, so that nobody adds to them any more.
    fn is_over(&mut self) -> bool {
        Arc::get_mut(&mut self.queries).is_some() && Arc::get_mut(&mut self.runs).is_some()
    }
}

impl Total {
    fn add(&mut self, other: Self) {
        self.queries += other.queries;
        self.programs_run += other.programs_run;
        self.programs_failed += other.programs_failed;
    }
}

impl Tally {
    /// Takes in what a version of a zone is going to count.
    pub(super) fn take(&self, counts: Counts) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.versions.len() >= known.most.max(FEW) {
            known.add_up();
            known.most = 2 * known.versions.len();
        }
        known.versions.push(counts);
    }

    /// What was counted so far.
    pub(super) fn read(&self) -> Total {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.add_up();
        let mut total = known.over;
        known.versions.iter().for_each(|counts| total.add(counts.read()));
        total
    }
}

impl Known {
    fn add_up(&mut self) {
        let over = &mut self.over;
        self.versions.retain_mut(|counts| {
            let is_over = counts.is_over();
            if is_over {
                over.add(counts.read());
            }
            !is_over
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_stays_when_its_version_goes() {
        let (tally, mut places) = (Tally::default(), crate::columns::Counts::new(2));
        let mut kept = Vec::new();
        for round in 0..1000u64 {
            let counts = Counts { queries: Arc::new(places.take()), ..Counts::default() };
            tally.take(counts.clone());
            counts.queries.add(round as usize);
            counts.runs.failures.fetch_add(2, Ordering::Relaxed);
            if round % 100 == 0 {
                kept.push(counts);
            }
            let total = tally.read();
            assert_eq!((total.queries, total.programs_failed), (round + 1, 2 * (round + 1)));
        }
        let known = || tally.0.lock().unwrap().versions.len();
        assert_eq!(tally.read().queries, 1000);
        assert_eq!(known(), kept.len(), "those that are over are not kept");
        // A version that nobody serves any more and somebody still answers with.
        kept[0].queries.add(0);
        assert_eq!(tally.read().queries, 1001);
        kept.clear();
        assert_eq!((tally.read().queries, known()), (1001, 0));
    }

    #[test]
    fn versions_that_nobody_asks_about_do_not_pile_up() {
        let tally = Tally::default();
        for _ in 0..10_000 {
            tally.take(Counts::default());
        }
        assert!(tally.0.lock().unwrap().versions.len() <= FEW);
    }
}
