//! The keys of the zones of all sources, and who tells of them: a zone tells of the keys of zones below it (DS), which
//! may come from other sources, loaded by other threads.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use halfmoon_dnssec::ZoneKeys;
use halfmoon_wire::{Name, NameBuf, hash_name};

/// The keys of all zones.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    keys: HashMap<NameBuf, Arc<ZoneKeys>>,
    /// Of each name that is delegated, in which sources, and by the zones of which hashes.
    delegated: HashMap<NameBuf, Vec<(usize, u64)>>,
    /// Sources that tell of keys that are others by now.
    stale: BTreeSet<usize>,
}

impl Known {
    pub(super) fn keys(&self, apex: &NameBuf) -> Option<Arc<ZoneKeys>> {
        self.lock().keys.get(apex).map(Arc::clone)
    }

    /// A zone of a source has these keys from now on.
    pub(super) fn put(&self, source: usize, apex: Name<'_>, keys: &Arc<ZoneKeys>) {
        let mut inner = self.lock();
        inner.keys.insert(apex.to_buf(), Arc::clone(keys));
        inner.mark(source, apex);
    }

    /// A zone of a source has none any longer.
    pub(super) fn remove(&self, source: usize, apex: Name<'_>) {
        let mut inner = self.lock();
        inner.keys.remove(&apex.to_buf());
        inner.mark(source, apex);
    }

    /// A zone of a source delegates these names.
    pub(super) fn delegate(&self, source: usize, apex: Name<'_>, below: &[NameBuf]) {
        let (mut inner, by) = (self.lock(), (source, hash_name(apex)));
        for child in below {
            inner.delegated.entry(*child).or_default().push(by);
        }
    }

    /// It does so no longer.
    pub(super) fn undelegate(&self, source: usize, apex: Name<'_>, below: &[NameBuf]) {
        let (mut inner, by) = (self.lock(), (source, hash_name(apex)));
        for child in below {
            let Some(all) = inner.delegated.get_mut(child) else {
                continue;
            };
            if let Some(at) = all.iter().position(|other| *other == by) {
                all.swap_remove(at);
            }
            if all.is_empty() {
                inner.delegated.remove(child);
            }
        }
    }

    /// The sources that tell of keys that are others by now, each once.
    pub(super) fn take_stale(&self) -> Vec<usize> {
        std::mem::take(&mut self.lock().stale).into_iter().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Notes which other sources tell of the keys of a zone. A source knows of its own.
    fn mark(&mut self, source: usize, apex: Name<'_>) {
        let by = self.delegated.get(&apex.to_buf()).into_iter().flatten();
        self.stale.extend(by.map(|(other, _)| *other).filter(|other| *other != source));
    }
}

#[cfg(test)]
mod tests {
    use halfmoon_dnssec::Algorithm;

    use super::*;

    fn name(text: &str) -> NameBuf {
        text.parse().unwrap()
    }

    #[test]
    fn sources_hear_of_keys_that_their_zones_tell_of() {
        let known = Known::default();
        let (parent, child, other) = (name("test"), name("a.test"), name("b.test"));
        let make = |apex: &NameBuf| {
            Arc::new(ZoneKeys::make(*apex, Algorithm::EcdsaP256Sha256, false).unwrap())
        };
        known.delegate(0, parent.as_name(), &[child]);
        known.delegate(2, name("Test").as_name(), &[child, child]);
        known.put(1, other.as_name(), &make(&other));
        assert!(known.take_stale().is_empty(), "nobody delegates it");
        let keys = make(&child);
        known.put(1, child.as_name(), &keys);
        assert_eq!(known.take_stale(), [0, 2]);
        assert!(known.take_stale().is_empty(), "once");
        assert_eq!(known.keys(&name("A.test")).unwrap().stamp(), keys.stamp());

        known.undelegate(0, parent.as_name(), &[child]);
        known.put(2, child.as_name(), &keys);
        assert!(known.take_stale().is_empty(), "its own keys, and nobody else delegates it");
        known.remove(1, child.as_name());
        assert_eq!(known.take_stale(), [2]);
        assert!(known.keys(&child).is_none());
        known.undelegate(2, parent.as_name(), &[child, child]);
        known.put(1, child.as_name(), &keys);
        assert!(known.take_stale().is_empty());
        assert!(known.lock().delegated.is_empty(), "nothing is left behind");
    }
}
