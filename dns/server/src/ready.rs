//! Answers of plans as they went out, to go out again as long as what they were chosen by is the same.
//!
//! One thread keeps so many at most, each no longer than fits. Only those are kept that depend on the zones and on
//! health alone, of names that have one program of the type. When health has changed the
//! pools of the program say whether it concerns them; when zones have, nothing that was kept is found.

use halfmoon_healthcheck::Snapshot;
use halfmoon_lua::{Chose, Program};
use halfmoon_zones::Hosted;

use crate::shared::Served;

/// How many are kept, a power of two. Those that meet in one place displace each other.
const PLACES: usize = 1024;
/// Octets of records that one may have: 12 addresses of IPv4, 7 of IPv6.
const MOST: usize = 200;

/// The answers of one thread.
#[derive(Debug)]
pub(crate) struct Ready {
    places: Box<[Place]>,
    /// Counts the zones there were.
    era: u32,
}

/// Whose answer it is, and as of when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    /// Where the zone lies, which says which of one era it is.
    zone: usize,
    era: u32,
    /// The number of the program in it.
    program: u32,
}

/// Four lines of the caches.
#[derive(Clone, Debug)]
#[repr(align(64))]
struct Place {
    key: Key,
    /// Of the snapshot for which it is known to hold.
    generation: u64,
    /// [`Program::pools_change`].
    change: Option<u64>,
    chose: Chose,
    count: u16,
    length: u16,
    octets: [u8; MOST],
}

impl Place {
    /// Of no zone: none lies at 0.
    const EMPTY: Self = Self {
        key: Key { zone: 0, era: 0, program: 0 },
        generation: 0,
        change: None,
        chose: Chose::NONE,
        count: 0,
        length: 0,
        octets: [0; MOST],
    };
}

/// Records that go out as they are, each of which begins with a pointer to the name of the question.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Records<'r> {
    pub(crate) octets: &'r [u8],
    pub(crate) count: u16,
    /// The pools they were chosen from.
    pub(crate) chose: Chose,
}

impl Default for Ready {
    /// All the places there will be: no query has to take memory for them.
    fn default() -> Self {
        Self { places: vec![Place::EMPTY; PLACES].into(), era: 0 }
    }
}

impl Ready {
    /// The zones are others: nothing that was kept holds.
    pub(crate) fn forget(&mut self) {
        self.era = self.era.wrapping_add(1);
        // Who comes round after so many must not find what was kept at the start.
        if self.era == 0 {
            self.places.fill(Place::EMPTY);
        }
    }

    /// Under what the answer of a program of a zone is kept.
    pub(crate) fn key(&self, hosted: &Hosted<Served>, program: u32) -> Key {
        Key { zone: std::ptr::from_ref(hosted).addr(), era: self.era, program }
    }

    /// The answer of a program, if it is known and holds.
    #[inline]
    pub(crate) fn find<'p>(
        &mut self,
        key: Key,
        health: &Snapshot,
        program: impl FnOnce() -> Option<&'p Program>,
    ) -> Option<Records<'_>> {
        let place = self.places.get_mut(key.place()).filter(|place| place.key == key)?;
        if place.generation != health.generation() {
            // Something has changed somewhere.
            if place.change.is_none() || program()?.pools_change(health) != place.change {
                return None;
            }
            place.generation = health.generation();
        }
        let octets = place.octets.get(..usize::from(place.length))?;
        Some(Records { octets, count: place.count, chose: place.chose })
    }

    /// Keeps an answer that depends on nothing but zones and health, if it is not too long.
    pub(crate) fn keep(
        &mut self,
        key: Key,
        health: &Snapshot,
        program: &Program,
        records: Records<'_>,
    ) {
        let length = records.octets.len();
        if length > MOST {
            return;
        }
        let Some(place) = self.places.get_mut(key.place()) else {
            return;
        };
        place.key = key;
        place.generation = health.generation();
        place.change = program.pools_change(health);
        place.chose = records.chose;
        place.count = records.count;
        place.length = length as u16;
        place.octets[..length].copy_from_slice(records.octets);
    }
}

impl Key {
    /// Programs of one zone do not meet, unless there are more of them than places.
    fn place(self) -> usize {
        // Where memory is given out, the last bits are the same, and many others alike.
        let zone = (self.zone as u64 >> 4).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        (zone as usize).wrapping_add(self.program as usize) % PLACES
    }
}
