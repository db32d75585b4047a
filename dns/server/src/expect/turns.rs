//! Whose tests are run where there is no time for all: those that wait longest come first.
//!
//! Each zone has all the time that one may have once after a change, however many others take all they can get. As
//! long as some wait for that, whoever loads does it again; those that had it do not wait once more.

use std::collections::HashSet;
use std::time::Duration;

use halfmoon_wire::NameBuf;

/// How long the tests of one zone may take: whoever writes them may not be trusted with the thread that
/// publishes.
const LONGEST: Duration = Duration::from_secs(3);

/// Which zones a load may test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Coming {
    /// All that are not served as they are: something may have changed.
    #[default]
    All,
    /// The same once more, for those that wait.
    Again,
    /// Some that have changed.
    Some,
}

/// How long the tests of a zone may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share {
    /// So long.
    pub(super) time: Duration,
    /// It is all that one zone may have.
    pub(super) is_whole: bool,
}

/// How long tests take, and who waits.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// How long all tests of one load may take; `None`: as long as they like.
    pub(super) most: Option<Duration>,
    coming: Coming,
    /// How long those of this load have taken.
    taken: Duration,
    /// The zones whose tests have had no time so far, those that wait longest first.
    waiting: Vec<NameBuf>,
    /// Those of them whose turn it is in this load, until they come.
    due: HashSet<NameBuf>,
    /// Those that have come since it was said what comes.
    met: HashSet<NameBuf>,
    /// Those that were through, or had their whole share, since something has changed.
    heard: HashSet<NameBuf>,
}

impl Turns {
    /// For as much as may be taken in one load.
    pub(super) fn new(most: Option<Duration>) -> Self {
        Self { most, ..Self::default() }
    }

    /// What the next load may test, which may come in several pieces.
    pub(super) fn expect(&mut self, coming: Coming) {
        self.coming = coming;
        self.met.clear();
        if coming == Coming::All {
            self.heard.clear();
        }
    }

    /// All zones are others from now on.
    pub(super) fn forget(&mut self) {
        *self = Self::new(self.most);
    }

    /// A load begins.
    pub(super) fn begin(&mut self) {
        self.taken = Duration::ZERO;
        let turns = match self.coming {
            Coming::All | Coming::Again => self.turns(),
            // Nothing is kept for those that may not come.
            Coming::Some => 0,
        };
        self.due = self.waiting.iter().take(turns).copied().collect();
    }

    /// How long one zone may take at most.
    fn each(&self) -> Duration {
        self.most.map_or(LONGEST, |most| LONGEST.min(most / 2))
    }

    /// How many have their turn in one load. Something is left for those that do not wait.
    fn turns(&self) -> usize {
        let (most, each) = (self.most.unwrap_or_default(), self.each());
        let turns = most.as_nanos().checked_div(each.as_nanos()).unwrap_or_default();
        usize::try_from(turns).unwrap_or(usize::MAX).saturating_sub(1)
    }

    /// How long the tests of this zone may take.
    pub(super) fn share(&mut self, apex: &NameBuf) -> Share {
        let each = self.each();
        self.met.insert(*apex);
        if self.coming == Coming::Some {
            self.heard.remove(apex);
        }
        let Some(most) = self.most.filter(|_| !self.due.remove(apex)) else {
            return Share { time: each, is_whole: true };
        };
        let kept = each.saturating_mul(u32::try_from(self.due.len()).unwrap_or(u32::MAX));
        // No zone takes all from those that come after it.
        let left = most.saturating_sub(self.taken).saturating_sub(kept) / 2;
        Share { time: left.min(each), is_whole: left >= each && !each.is_zero() }
    }

    /// So long have the tests of a zone taken; whether they were stopped before they were through.
    pub(super) fn note(&mut self, apex: NameBuf, share: Share, took: Duration, is_stopped: bool) {
        self.taken += took;
        if !is_stopped || share.is_whole {
            self.waiting.retain(|other| *other != apex);
            self.heard.insert(apex);
        } else if !self.heard.contains(&apex) && !self.waiting.contains(&apex) {
            self.waiting.push(apex);
        }
    }

    /// A load is done: how many wait.
    pub(super) fn finish(&mut self) -> usize {
        if self.coming != Coming::Some {
            // Others are gone, or something else is wrong with them now.
            self.waiting.retain(|apex| self.met.contains(apex));
        }
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn zone(name: &str) -> NameBuf {
        name.parse().unwrap()
    }

    /// Loads all of these, each with what it takes to be through, in order; those that were not stopped.
    fn load(turns: &mut Turns, coming: Coming, zones: &BTreeMap<String, Duration>) -> Vec<String> {
        turns.expect(coming);
        turns.begin();
        let mut through = Vec::new();
        for (name, needs) in zones {
            let share = turns.share(&zone(name));
            let is_stopped = *needs > share.time;
            turns.note(zone(name), share, share.time.min(*needs), is_stopped);
            if !is_stopped {
                through.push(name.clone());
            }
        }
        assert!(turns.taken <= turns.most.unwrap_or(Duration::MAX), "{:?}", turns.taken);
        through
    }

    #[test]
    fn each_has_its_turn_after_so_many_loads_and_then_it_is_over() {
        let mut turns = Turns::new(Some(30 * SECOND));
        // They take all they can get, always.
        let mut zones: BTreeMap<_, _> =
            (100..200).map(|n| (format!("h{n}.test"), Duration::MAX)).collect();
        for n in 0..5 {
            zones.insert(format!("z{n}.test"), 2 * SECOND);
        }
        let mut through = load(&mut turns, Coming::All, &zones);
        assert_eq!(through, [""; 0]);
        let mut loads = 1;
        while turns.finish() > 0 {
            through.extend(load(&mut turns, Coming::Again, &zones));
            loads += 1;
            assert!(loads <= 12, "they wait without end: {:?}", turns.waiting);
        }
        // Nine have had all they may have in the first, and nine have in each other.
        assert_eq!(loads, 1 + (105_usize - 9).div_ceil(9));
        through.sort();
        through.dedup();
        assert_eq!(through, ["z0.test", "z1.test", "z2.test", "z3.test", "z4.test"]);
        // A change, and all of them may wait again.
        load(&mut turns, Coming::All, &zones);
        assert!(turns.finish() > 0);
    }

    #[test]
    fn who_is_quick_does_not_wait_for_those_that_have_their_turn() {
        let mut turns = Turns::new(Some(30 * SECOND));
        let mut zones: BTreeMap<_, _> =
            (10..60).map(|n| (format!("h{n}.test"), Duration::MAX)).collect();
        load(&mut turns, Coming::All, &zones);
        assert!(turns.finish() > 9);
        zones.insert("a.test".to_owned(), SECOND);
        assert_eq!(load(&mut turns, Coming::All, &zones), ["a.test"]);
        // Of a load of few, nothing is kept for others.
        turns.expect(Coming::Some);
        turns.begin();
        let share = turns.share(&zone("a.test"));
        assert_eq!(share, Share { time: LONGEST, is_whole: true });
        turns.note(zone("a.test"), share, LONGEST, true);
        assert!(turns.finish() > 9, "they still wait");
        // Those that do not come do not wait.
        assert_eq!(load(&mut turns, Coming::Again, &BTreeMap::new()), [""; 0]);
        assert_eq!(turns.finish(), 0);
    }

    #[test]
    fn without_limit_nobody_waits_and_without_time_nobody_is_through() {
        for (most, through, waiting) in [(None, 1, 0), (Some(Duration::ZERO), 0, 1)] {
            let mut turns = Turns::new(most);
            let zones = BTreeMap::from([("a.test".to_owned(), SECOND)]);
            assert_eq!(load(&mut turns, Coming::All, &zones).len(), through);
            assert_eq!(turns.finish(), waiting);
        }
    }
}
