//! From the hash of a name to its node: open addressing, eight octets a slot.

use std::hint::black_box;

/// A slot without a node.
const EMPTY: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Slot {
    /// The upper half of the hash: its high bits choose the slot, all of it is compared.
    tag: u32,
    node: u32,
}

/// A table of nodes by hash. Which of those with an equal tag is meant, the caller knows.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    slots: Vec<Slot>,
    used: usize,
}

impl Default for Table {
    fn default() -> Self {
        Self { slots: vec![Slot { tag: 0, node: EMPTY }; 8], used: 0 }
    }
}

impl Table {
    const fn tag(hash: u64) -> u32 {
        (hash >> 32) as u32
    }

    const fn start(&self, tag: u32) -> usize {
        ((tag as u64 * self.slots.len() as u64) >> 32) as usize
    }

    /// The node with this hash for which `is` holds.
    pub(crate) fn find(&self, hash: u64, mut is: impl FnMut(u32) -> bool) -> Option<u32> {
        let tag = Self::tag(hash);
        let mut at = self.start(tag);
        // Ends: a third of the slots at least is empty.
        loop {
            let slot = self.slots[at];
            if slot.node == EMPTY {
                return None;
            }
            if slot.tag == tag && is(slot.node) {
                return Some(slot.node);
            }
            at += 1;
            if at == self.slots.len() {
                at = 0;
            }
        }
    }

    /// Reads of the slot where the search for this hash begins, so that it is near when that is done.
    pub(crate) fn touch(&self, hash: u64) {
        black_box(self.slots[self.start(Self::tag(hash))].tag);
    }

    /// Adds a node that is not there yet.
    pub(crate) fn insert(&mut self, hash: u64, node: u32) {
        if (self.used + 1) * 3 > self.slots.len() * 2 {
            self.resize(self.slots.len() * 2);
        }
        self.place(Slot { tag: Self::tag(hash), node });
        self.used += 1;
    }

    /// Gives back what growing by doubling left over.
    pub(crate) fn shrink(&mut self) {
        let fit = (self.used * 3 / 2 + 8).min(self.slots.len());
        if fit * 5 < self.slots.len() * 4 {
            self.resize(fit);
        }
    }

    fn resize(&mut self, slots: usize) {
        let empty = vec![Slot { tag: 0, node: EMPTY }; slots];
        for slot in std::mem::replace(&mut self.slots, empty) {
            if slot.node != EMPTY {
                self.place(slot);
            }
        }
    }

    fn place(&mut self, slot: Slot) {
        let mut at = self.start(slot.tag);
        while self.slots[at].node != EMPTY {
            at += 1;
            if at == self.slots.len() {
                at = 0;
            }
        }
        self.slots[at] = slot;
    }

    /// Octets on the heap.
    pub(crate) fn size(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_inserted_and_nothing_else() {
        let hash = |n: u32| u64::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut table = Table::default();
        for node in 0..10_000 {
            table.insert(hash(node), node);
        }
        table.shrink();
        for node in 0..10_000 {
            assert_eq!(table.find(hash(node), |found| found == node), Some(node));
        }
        assert_eq!(table.find(hash(10_001), |_| true), None);
    }
}
