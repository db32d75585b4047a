//! Signatures of answers that are made when they are asked for, for the next who asks.

use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwapOption;
use foldhash::quality::RandomState;

use crate::SignatureSet;

/// How many places an entry may stand at.
const WAYS: usize = 2;
/// The longest RRset that is kept, in octets of its canonical form.
const LONGEST: usize = 4096;

/// Signatures by what they sign. Of fixed size; no query waits for another here.
#[derive(Debug)]
pub struct SignatureCache {
    places: Box<[ArcSwapOption<Entry>]>,
    hasher: RandomState,
    counts: Counts,
}

#[derive(Debug)]
struct Entry {
    hash: u64,
    /// What was signed, and by which keys. Compared whole: a hash alone could be another's.
    key: Box<[u8]>,
    signatures: Arc<SignatureSet>,
}

/// How often signatures were there, and how often not.
#[derive(Debug, Default)]
struct Counts {
    hits: AtomicU64,
    misses: AtomicU64,
}

impl SignatureCache {
    /// With room for so many RRsets, rounded up to a power of two.
    #[must_use]
    pub fn new(entries: usize) -> Self {
        let count = entries.max(WAYS).next_power_of_two();
        Self {
            places: (0..count).map(|_| ArcSwapOption::empty()).collect(),
            hasher: RandomState::default(),
            counts: Counts::default(),
        }
    }

    /// How often signatures were found, and how often they were not.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        let Counts { hits, misses } = &self.counts;
        (hits.load(Ordering::Relaxed), misses.load(Ordering::Relaxed))
    }

    /// The signatures of what `key` says, if `good` likes them.
    pub(crate) fn find(
        &self,
        key: &[u8],
        good: impl Fn(&SignatureSet) -> bool,
    ) -> Option<Arc<SignatureSet>> {
        let hash = self.hasher.hash_one(key);
        let found = self.ways(hash).find_map(|place| {
            let entry = place.load();
            let entry = entry.as_ref().filter(|entry| entry.hash == hash && *entry.key == *key)?;
            good(&entry.signatures).then(|| Arc::clone(&entry.signatures))
        });
        let count = if found.is_some() { &self.counts.hits } else { &self.counts.misses };
        count.fetch_add(1, Ordering::Relaxed);
        found
    }

    /// Keeps signatures; whatever stood in the place goes.
    pub(crate) fn keep(&self, key: &[u8], signatures: Arc<SignatureSet>) {
        if key.len() > LONGEST {
            return;
        }
        let hash = self.hasher.hash_one(key);
        // The place that is free, or has the same; else one by chance of the hash.
        let is_good = |place: &&ArcSwapOption<Entry>| {
            place.load().as_ref().is_none_or(|entry| entry.hash == hash)
        };
        let place =
            self.ways(hash).find(is_good).or_else(|| self.ways(hash).nth((hash >> 63) as usize));
        if let Some(place) = place {
            place.store(Some(Arc::new(Entry { hash, key: key.into(), signatures })));
        }
    }

    fn ways(&self, hash: u64) -> impl Iterator<Item = &ArcSwapOption<Entry>> {
        let mask = self.places.len() - 1;
        [hash, hash >> 32].into_iter().map(move |part| &self.places[part as usize & mask])
    }
}
