//! Signatures of answers that are made when they are asked for, for the next who asks.

use std::hash::BuildHasher as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

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
    places: Box<[Place]>,
    hasher: RandomState,
    counts: Counts,
}

/// A quarter of a line of the caches, so that both parts of it are fetched at a time.
#[derive(Debug, Default)]
#[repr(align(16))]
struct Place {
    signatures: ArcSwapOption<SignatureSet>,
    /// A part of the hash of what stands here: what is another need not be fetched from memory to see that
    /// it is. 0: nothing stands here.
    tag: AtomicU32,
}

/// Where to keep signatures that were not found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seat {
    place: usize,
    tag: u32,
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
            places: (0..count).map(|_| Place::default()).collect(),
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

    /// The signatures of what `key` says, if `good` likes them; or else where to keep those that are
    /// made: a place that is free or has the same, or one by chance of the hash.
    pub(crate) fn find(
        &self,
        key: &[u8],
        good: impl Fn(&SignatureSet) -> bool,
    ) -> Result<Arc<SignatureSet>, Seat> {
        let hash = self.hasher.hash_one(key);
        let (tag, ways) = (hash as u32 | 1, self.ways(hash));
        let mut seat = ways[(hash >> 63) as usize];
        for at in ways {
            let place = &self.places[at];
            let stands = place.tag.load(Ordering::Relaxed);
            if stands == tag {
                // Compared whole: a hash alone could be another's.
                let known = place.signatures.load();
                let known = known.as_ref().filter(|known| known.known_by() == key && good(known));
                if let Some(known) = known {
                    self.counts.hits.fetch_add(1, Ordering::Relaxed);
                    return Ok(Arc::clone(known));
                }
            }
            if stands == tag || stands == 0 {
                seat = at;
                break;
            }
        }
        self.counts.misses.fetch_add(1, Ordering::Relaxed);
        Err(Seat { place: seat, tag })
    }

    /// Keeps signatures that say what they are known by; whatever stood in the place goes and is returned.
    pub(crate) fn keep(
        &self,
        seat: Seat,
        signatures: Arc<SignatureSet>,
    ) -> Option<Arc<SignatureSet>> {
        if signatures.known_by().len() > LONGEST {
            return None;
        }
        // Whoever sees one of the two and not yet the other finds nothing.
        let place = &self.places[seat.place];
        place.tag.store(seat.tag, Ordering::Relaxed);
        place.signatures.swap(Some(signatures))
    }

    /// The places where it may stand, by the half of the hash that the tag has not.
    fn ways(&self, hash: u64) -> [usize; WAYS] {
        let mask = self.places.len() - 1;
        let one = (hash >> 32) as u32;
        // What meets in one of them does not in the other.
        let other = one.wrapping_mul(0x9E37_79B9).rotate_right(16);
        [one as usize & mask, other as usize & mask]
    }
}
