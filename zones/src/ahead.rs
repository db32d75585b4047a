//! Look-ups of several names at the same time, before any of them is answered.
//!
//! A look-up reads four places that lie far apart, each of which says where the next is. Of many records they are in
//! none of the processor's nearer caches, and each is waited for. What is read for several names step by step
//! is waited for once a step: the processor asks for the next while the former is on its way. Where a name seems to be is
//! kept ([`Sights`]), so that who answers has to compare the name and no more.

use std::hint::black_box;

use halfmoon_wire::{Name, SuffixHashes};

use crate::tree::NONE;
use crate::{Catalog, Hosted, Position, Zone};

/// Records that are near anyway, once some of them were asked for.
const FEW: u64 = 4096;
/// Look-ups at a time.
const MOST: usize = 32;

/// Where a name seems to be.
#[derive(Clone, Copy, Debug)]
pub struct Sight {
    /// The number of the closest zone in the catalog.
    zone: u32,
    /// The node that has the hash of the name.
    node: u32,
}

/// It was not looked for, or not seen.
impl Default for Sight {
    fn default() -> Self {
        Self { zone: NONE, node: NONE }
    }
}

/// Where up to 32 names seem to be, in the order in which they were looked up; of one catalog.
#[derive(Debug, Default)]
pub struct Sights {
    places: [Sight; MOST],
    count: usize,
    next: usize,
}

impl Sights {
    /// That of the next name; none behind the last.
    pub fn take(&mut self) -> Sight {
        let sight = self.places[..self.count].get(self.next).copied().unwrap_or_default();
        self.next += 1;
        sight
    }

    /// Forgets them, as has to be done before there is another catalog.
    pub const fn clear(&mut self) {
        (self.count, self.next) = (0, 0);
    }

    /// How many names were looked up.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.count
    }
}

/// A look-up that is to come.
#[derive(Clone, Copy)]
struct Ahead<'z> {
    zone: &'z Zone,
    hash: u64,
}

impl<P> Catalog<P> {
    /// Looks up the first 32 of these names, and says whether what was read for it was far: whether any
    /// is in a large zone, or in one of many. What `hashes` are is lost. Few records are near, and are not looked up.
    pub fn look_ahead<'n>(
        &self,
        names: impl Iterator<Item = Name<'n>>,
        hashes: &mut SuffixHashes,
        sights: &mut Sights,
    ) -> bool {
        sights.clear();
        if self.record_count() < FEW {
            return false;
        }
        let are_many = self.zones().len() as u64 >= FEW;
        let mut ahead = [None; MOST];
        let mut is_large = false;
        for ((name, ahead), sight) in names.zip(&mut ahead).zip(&mut sights.places) {
            hashes.compute(name);
            *sight = Sight::default();
            if let Some(id) = self.closest(name, hashes, hashes.label_count()) {
                let zone = &self.zones()[id as usize].zone;
                sight.zone = id;
                *ahead = Some(Ahead { zone, hash: hashes.of_suffix(hashes.label_count()) });
                is_large |= u64::from(zone.record_count()) >= FEW;
            }
            sights.count += 1;
        }
        let ahead = &ahead[..sights.count];
        ahead.iter().flatten().for_each(|ahead| ahead.zone.table.touch(ahead.hash));
        for (ahead, sight) in ahead.iter().zip(&mut sights.places) {
            sight.node = ahead.as_ref().map_or(NONE, Ahead::node);
        }
        for (ahead, sight) in ahead.iter().zip(&sights.places) {
            if let Some(ahead) = ahead {
                ahead.touch_data(sight.node);
            }
        }
        are_many || is_large
    }

    /// What is at a name that was seen, if it is there: the same that [`Catalog::find`] and [`Zone::find`] find for
    /// all questions but those for a DS. The catalog has to be the one that `sight` is of.
    #[must_use]
    pub fn seen(&self, name: Name<'_>, sight: Sight) -> Option<(&Hosted<P>, Position<'_>)> {
        let hosted = self.zones().get(sight.zone as usize)?;
        Some((hosted, hosted.zone.position_at(sight.node, name)?))
    }
}

impl Ahead<'_> {
    /// A node with this hash, most likely the only one; reads of it.
    fn node(&self) -> u32 {
        let Some(id) = self.zone.table.find(self.hash, |_| true) else { return NONE };
        black_box(self.zone.nodes.get(id as usize).map_or(0, |node| node.name));
        id
    }

    /// Reads of the name of a node, of the first record behind it, and of what is said of the first RRset.
    fn touch_data(&self, node: u32) {
        let Zone { nodes, data, sets, .. } = self.zone;
        if let Some(node) = nodes.get(node as usize) {
            let name = node.name as usize;
            black_box(data.get(name).map_or(0, |octet| *octet));
            black_box(data.get(name + usize::from(node.name_length)).map_or(0, |octet| *octet));
            black_box(sets.get(node.sets as usize).map_or(0, |set| set.start));
        }
    }
}
