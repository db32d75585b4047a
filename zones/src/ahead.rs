//! What look-ups that are to come need from memory, asked for at the same time.
//!
//! A look-up reads four places that lie far apart, each of which says where the next is. Of many records they are in
//! none of the processor's nearer caches, and each is waited for. What is read for several names step by step
//! is waited for once a step: the processor asks for the next while the former is on its way.

use std::hint::black_box;

use halfmoon_wire::{Name, SuffixHashes, Type};

use crate::tree::NONE;
use crate::{Catalog, Zone};

/// Records that are near anyway, once some of them were asked for.
const FEW: u64 = 4096;
/// Look-ups at a time.
const MOST: usize = 32;

/// A look-up that is to come.
#[derive(Clone, Copy)]
struct Ahead<'z> {
    zone: &'z Zone,
    hash: u64,
    node: u32,
}

impl<P> Catalog<P> {
    /// Brings near what the look-ups of these names will read, of the first 32 of them, and says whether that
    /// was far: whether any is in a large zone, or in one of many. It changes nothing but how long
    /// they take. What `hashes` are is lost.
    pub fn bring<'n>(
        &self,
        names: impl Iterator<Item = Name<'n>>,
        hashes: &mut SuffixHashes,
    ) -> bool {
        if self.record_count() < FEW {
            return false;
        }
        let are_many = self.zones().len() as u64 >= FEW;
        let mut places = [None; MOST];
        let mut count = 0;
        for (name, place) in names.zip(&mut places) {
            hashes.compute(name);
            *place = self.find(name, hashes, Type::A).map(|hosted| {
                let hash = hashes.of_suffix(hashes.label_count());
                Ahead { zone: &hosted.zone, hash, node: NONE }
            });
            count += 1;
        }
        let all = &mut places[..count];
        all.iter().flatten().for_each(|ahead| ahead.zone.table.touch(ahead.hash));
        all.iter_mut().flatten().for_each(Ahead::touch_node);
        all.iter().flatten().for_each(Ahead::touch_data);
        let is_large = |ahead: &Ahead<'_>| u64::from(ahead.zone.record_count()) >= FEW;
        are_many || all.iter().flatten().any(is_large)
    }
}

impl Ahead<'_> {
    fn touch_node(&mut self) {
        if let Some(id) = self.zone.table.likely(self.hash) {
            self.node = id;
            black_box(self.zone.nodes.get(id as usize).map_or(0, |node| node.name));
        }
    }

    /// Reads of the name, of the first record behind it, and of what is said of the first RRset.
    fn touch_data(&self) {
        let Zone { nodes, data, sets, .. } = self.zone;
        if let Some(node) = nodes.get(self.node as usize) {
            let name = node.name as usize;
            black_box(data.get(name).map_or(0, |octet| *octet));
            black_box(data.get(name + usize::from(node.name_length)).map_or(0, |octet| *octet));
            black_box(sets.get(node.sets as usize).map_or(0, |set| set.start));
        }
    }
}
