//! The last good answers of record programs, for when they fail.
//!
//! One answer for each record, published for all threads: a query that keeps or reads one takes no
//! lock and waits for nobody. Only answers are kept that hold for everybody ([`Answers::said`]).
//! Plans keep none: they say what the question and health say, and when they fail they are meant to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use arc_swap::ArcSwapOption;
use halfmoon_lua::{Answers, Program, Said};
use halfmoon_wire::{Name, SuffixHashes};
use halfmoon_zones::{Hosted, Position};

use crate::shared::Served;

/// How long an answer may live that is said again, in seconds: the program may work soon. As for stale
/// answers of resolvers (RFC 8767 section 4).
const MOST_TTL: u32 = 30;

/// What a record program said when it last said something.
#[derive(Debug, Default)]
pub struct LastGood {
    said: ArcSwapOption<Said>,
    /// The second in which it was kept.
    kept: AtomicU32,
    used: AtomicU64,
}

impl LastGood {
    /// Keeps what a program has just said, once in a second at most. `date` is any clock that all
    /// threads share, in seconds.
    pub fn keep(&self, answers: &Answers, date: u32) {
        if self.kept.load(Ordering::Relaxed) == date
            || self.kept.swap(date, Ordering::Relaxed) == date
        {
            return;
        }
        // What was said to one client only leaves what was said to all.
        if let Some(said) = answers.said() {
            self.said.store(Some(Arc::new(said)));
        }
    }

    /// Says it again, if there is something. `ttl` is that of the record.
    pub fn say(&self, answers: &mut Answers, ttl: u32) -> bool {
        let said = self.said.load();
        let Some(said) = &*said else { return false };
        answers.say(said, ttl, MOST_TTL);
        self.used.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// How often it stood in for a program that failed.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }
}

/// What the same program at the same owner said for the zone's version before, or nothing yet.
pub(crate) fn inherited(
    before: Option<&Hosted<Served>>,
    owner: Name<'_>,
    program: &Arc<Program>,
) -> Arc<LastGood> {
    let find = |hosted: &Hosted<Served>| {
        let mut hashes = SuffixHashes::default();
        hashes.compute(owner);
        let Position::Exact(node) = hosted.zone.find(owner, &hashes) else { return None };
        node.programs().find_map(|known| {
            let entry = hosted.beside.programs.entry(known.number)?;
            let is_same = entry.program.as_ref().is_some_and(|known| Arc::ptr_eq(known, program));
            entry.last_good.clone().filter(|_| is_same)
        })
    };
    before.and_then(find).unwrap_or_default()
}
