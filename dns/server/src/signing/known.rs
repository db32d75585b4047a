//! The keys of the signed zones that are served, of all sources, and who tells of them: a zone tells of the keys of zones
//! below it (DS), which may come from other sources, loaded by other threads.
//!
//! Nothing gets here but what is served: what was merely read, refused or held, changes nothing of what others say.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use halfmoon_dnssec::ZoneKeys;
use halfmoon_wire::{NameBuf, hash_name};

/// The keys of all zones.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Of each signed zone, with its source.
    keys: HashMap<NameBuf, (usize, Arc<ZoneKeys>)>,
    /// Of each name that is delegated, in which sources, and by the zones of which hashes.
    delegated: HashMap<NameBuf, Vec<(usize, u64)>>,
    /// The zones of each source that tell of keys that are others by now, by their hashes.
    stale: BTreeMap<usize, HashSet<u64>>,
    /// Sources that have to hear of that.
    untold: BTreeSet<usize>,
}

/// The stamps of the keys that a version of a zone tells of, by the names of the zones below it.
pub(super) type Told = HashMap<NameBuf, u64>;

/// What becomes of a zone of a source.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) apex: NameBuf,
    /// Its keys from now on; `None`: it is signed no longer, or gone.
    pub(super) keys: Option<Arc<ZoneKeys>>,
    /// All names that it delegates, if it is signed.
    pub(super) delegates: Vec<NameBuf>,
    /// Those that it delegated before and does not any longer, and the other way round.
    pub(super) less: Vec<NameBuf>,
    pub(super) more: Vec<NameBuf>,
    /// The keys it tells of; `None`: nobody knows.
    pub(super) told: Option<Told>,
}

impl Known {
    pub(super) fn keys(&self, apex: &NameBuf) -> Option<Arc<ZoneKeys>> {
        self.lock().keys.get(apex).map(|(_, keys)| Arc::clone(keys))
    }

    /// The zones of a source are served as these changes say.
    pub(super) fn serve(&self, source: usize, changes: &[Change]) {
        let mut inner = self.lock();
        // Said before keys are looked up: those that come later are heard of.
        for change in changes {
            inner.delegate(source, change);
        }
        for Change { apex, keys, .. } in changes {
            if !inner.is_other(source, apex, keys.as_ref()) {
                continue;
            }
            match keys {
                Some(keys) => drop(inner.keys.insert(*apex, (source, Arc::clone(keys)))),
                None => drop(inner.keys.remove(apex)),
            }
            for (other, by) in inner.delegated.get(apex).cloned().unwrap_or_default() {
                inner.stale.entry(other).or_default().insert(by);
                inner.untold.insert(other);
            }
        }
        for change in changes {
            let is_stale = change.is_stale(|child| inner.stamp(child));
            let (stale, hash) = (inner.stale.entry(source).or_default(), hash_of(&change.apex));
            if is_stale {
                stale.insert(hash);
                inner.untold.insert(source);
            } else {
                stale.remove(&hash);
            }
        }
        if inner.stale.get(&source).is_some_and(HashSet::is_empty) {
            inner.stale.remove(&source);
            inner.untold.remove(&source);
        }
    }

    /// The zones of a source, by their hashes, that would tell of keys that are others by then if these changes were
    /// served.
    pub(super) fn stale_by(&self, source: usize, changes: &[Change]) -> HashSet<u64> {
        let inner = self.lock();
        let new: HashMap<&NameBuf, Option<u64>> = changes
            .iter()
            .map(|change| (&change.apex, change.keys.as_ref().map(|keys| keys.stamp())))
            .collect();
        let mut stale = HashSet::new();
        for Change { apex, keys, .. } in changes {
            if inner.is_other(source, apex, keys.as_ref()) {
                let by = inner.delegated.get(apex).into_iter().flatten();
                stale.extend(by.filter(|(other, _)| *other == source).map(|(_, by)| *by));
            }
        }
        for change in changes {
            let stamp =
                |child: &NameBuf| new.get(child).copied().unwrap_or_else(|| inner.stamp(child));
            let hash = hash_of(&change.apex);
            let _ = if change.is_stale(stamp) { stale.insert(hash) } else { stale.remove(&hash) };
        }
        stale
    }

    /// The zones of a source that tell of keys that are others by now, by their hashes, each once.
    pub(super) fn take_stale(&self, source: usize) -> HashSet<u64> {
        self.lock().stale.remove(&source).unwrap_or_default()
    }

    /// The sources with such zones that have not heard of it, each once.
    pub(super) fn take_untold(&self) -> BTreeSet<usize> {
        std::mem::take(&mut self.lock().untold)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn stamp(&self, apex: &NameBuf) -> Option<u64> {
        self.keys.get(apex).map(|(_, keys)| keys.stamp())
    }

    /// Whether these keys of a zone of a source would be others than now. Those of another source are not its to take.
    fn is_other(&self, source: usize, apex: &NameBuf, keys: Option<&Arc<ZoneKeys>>) -> bool {
        match (self.keys.get(apex), keys) {
            (Some((other, before)), Some(keys)) => {
                *other != source || before.stamp() != keys.stamp()
            }
            (Some((other, _)), None) => *other == source,
            (None, keys) => keys.is_some(),
        }
    }

    fn delegate(&mut self, source: usize, change: &Change) {
        let by = (source, hash_of(&change.apex));
        for child in &change.less {
            let Some(all) = self.delegated.get_mut(child) else {
                continue;
            };
            if let Some(at) = all.iter().position(|other| *other == by) {
                all.swap_remove(at);
            }
            if all.is_empty() {
                self.delegated.remove(child);
            }
        }
        for child in &change.more {
            self.delegated.entry(*child).or_default().push(by);
        }
    }
}

impl Change {
    /// Whether it tells of other keys than there are; `stamp`: of those of a zone.
    fn is_stale(&self, stamp: impl Fn(&NameBuf) -> Option<u64>) -> bool {
        let told = |child| self.told.as_ref().and_then(|told| told.get(child)).copied();
        match &self.told {
            // It is read again if there is anything that it might tell of.
            None => !self.delegates.is_empty(),
            Some(_) => self.delegates.iter().any(|child| stamp(child) != told(child)),
        }
    }
}

fn hash_of(apex: &NameBuf) -> u64 {
    hash_name(apex.as_name())
}

#[cfg(test)]
mod tests {
    use halfmoon_dnssec::Algorithm;

    use super::*;

    fn name(text: &str) -> NameBuf {
        text.parse().unwrap()
    }

    fn make(apex: &NameBuf) -> Arc<ZoneKeys> {
        Arc::new(ZoneKeys::make(*apex, Algorithm::EcdsaP256Sha256, false).unwrap())
    }

    /// A zone that is signed with these keys and delegates nothing.
    fn leaf(apex: &str, keys: Option<&Arc<ZoneKeys>>) -> Change {
        let (delegates, less, more) = (Vec::new(), Vec::new(), Vec::new());
        let keys = keys.map(Arc::clone);
        Change { apex: name(apex), keys, delegates, less, more, told: Some(Told::new()) }
    }

    /// One that delegates a name from now on, and tells of these keys of it.
    fn parent(apex: &str, child: &NameBuf, told: Option<u64>) -> Change {
        let (delegates, more) = (vec![*child], vec![*child]);
        let told = told.map(|stamp| (*child, stamp)).into_iter().collect();
        let keys = Some(make(&name(apex)));
        Change { delegates, more, told: Some(told), keys, ..leaf(apex, None) }
    }

    fn hashes(names: &[&str]) -> HashSet<u64> {
        names.iter().map(|text| hash_of(&name(text))).collect()
    }

    fn untold(known: &Known) -> Vec<usize> {
        known.take_untold().into_iter().collect()
    }

    #[test]
    fn sources_hear_of_keys_that_their_zones_tell_of() {
        let known = Known::default();
        let (child, keys) = (name("a.test"), make(&name("a.test")));
        known.serve(0, &[parent("test", &child, None)]);
        known.serve(2, &[parent("other", &child, None)]);
        known.serve(1, &[leaf("b.test", Some(&make(&name("b.test"))))]);
        assert!(untold(&known).is_empty(), "nobody delegates it");
        known.serve(1, &[leaf("a.test", Some(&keys))]);
        assert_eq!(untold(&known), [0, 2]);
        assert!(untold(&known).is_empty(), "once");
        assert_eq!(known.take_stale(0), hashes(&["Test"]));
        assert!(known.take_stale(0).is_empty(), "once");
        assert_eq!(known.keys(&name("A.test")).unwrap().stamp(), keys.stamp());
        known.serve(1, &[leaf("a.test", Some(&keys))]);
        assert!(untold(&known).is_empty(), "the same keys");

        let none = Change { less: vec![child], ..leaf("test", None) };
        known.serve(0, &[none]);
        known.serve(3, &[leaf("a.test", None)]);
        assert!(untold(&known).is_empty(), "not its keys");
        assert!(known.keys(&child).is_some());
        known.serve(1, &[leaf("a.test", None)]);
        assert_eq!(untold(&known), [2]);
        assert!(known.keys(&child).is_none());
        known.serve(2, &[Change { less: vec![child], ..leaf("other", None) }]);
        assert!(untold(&known).is_empty());
        let inner = known.lock();
        assert!(inner.delegated.is_empty() && inner.stale.is_empty(), "nothing is left behind");
    }

    #[test]
    fn a_version_that_was_made_before_keys_came_or_went_is_stale_when_it_is_served() {
        let known = Known::default();
        let (child, keys) = (name("a.test"), make(&name("a.test")));
        known.serve(1, &[leaf("a.test", Some(&keys))]);
        known.serve(0, &[parent("test", &child, Some(keys.stamp()))]);
        assert!(untold(&known).is_empty(), "it tells of them");
        for told in [None, Some(keys.stamp() ^ 1)] {
            known.serve(0, &[Change { more: Vec::new(), ..parent("test", &child, told) }]);
            assert_eq!((untold(&known), known.take_stale(0)), (vec![0], hashes(&["test"])));
        }
        let unknown = Change { told: None, more: Vec::new(), ..parent("test", &child, None) };
        known.serve(0, &[unknown]);
        assert_eq!(untold(&known), [0]);
    }

    #[test]
    fn what_would_be_served_changes_nothing_before_it_is() {
        let known = Known::default();
        let (child, keys) = (name("a.test"), make(&name("a.test")));
        // Both come at once: the parent was read first.
        let both = [parent("test", &child, None), leaf("a.test", Some(&keys))];
        assert_eq!(known.stale_by(0, &both), hashes(&["test"]));
        assert!(known.keys(&child).is_none());
        let both = [parent("test", &child, Some(keys.stamp())), leaf("a.test", Some(&keys))];
        assert!(known.stale_by(0, &both).is_empty());
        known.serve(0, &both);
        assert!(untold(&known).is_empty());
        // It goes, and the parent stays as it is, or goes too.
        assert_eq!(known.stale_by(0, &[leaf("a.test", None)]), hashes(&["test"]));
        let both = [leaf("a.test", None), Change { less: vec![child], ..leaf("test", None) }];
        assert!(known.stale_by(0, &both).is_empty());
        assert!(known.keys(&child).is_some());
    }
}
