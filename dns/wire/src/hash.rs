//! Hashes of names, computed from the right so that one pass over a question
//! gives the hash of every ancestor as well.
//!
//! Seeded once a process with random bits: names of questions are chosen by
//! strangers, who must not be able to choose collisions.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use crate::name::{Name, label_at, lower};

static SEED: LazyLock<u64> =
    LazyLock::new(|| RandomState::new().hash_one(0x4861_6c66_6d6f_6f6e_u64));

/// Odd constants with well-mixed bits (fractional digits of π, as in foldhash and wyhash).
const K0: u64 = 0x243f_6a88_85a3_08d3;
const K1: u64 = 0x1319_8a2e_0370_7345;

fn fold(a: u64, b: u64) -> u64 {
    let wide = u128::from(a) * u128::from(b);
    (wide as u64) ^ ((wide >> 64) as u64)
}

fn extend(hash: u64, label: &[u8]) -> u64 {
    let mut hash = fold(hash ^ K0, K1 ^ label.len() as u64);
    for chunk in label.chunks(8) {
        let mut word = [0u8; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        hash = fold(hash ^ lower(u64::from_le_bytes(word)), K1);
    }
    hash
}

/// The hash of a name; case is ignored.
#[must_use]
pub fn hash_name(name: Name<'_>) -> u64 {
    let mut offsets = [0; 128];
    let count = name.label_offsets(&mut offsets);
    offsets[..count]
        .iter()
        .rev()
        .fold(*SEED, |hash, &offset| extend(hash, label_at(name.as_wire(), offset)))
}

/// The hashes of a name and all its ancestors.
#[derive(Clone, Debug)]
pub struct SuffixHashes {
    count: usize,
    offsets: [u8; 128],
    hashes: [u64; 128],
}

impl Default for SuffixHashes {
    fn default() -> Self {
        Self { count: 0, offsets: [0; 128], hashes: [0; 128] }
    }
}

impl SuffixHashes {
    /// Hashes `name` and its ancestors in place of what was there.
    pub fn compute(&mut self, name: Name<'_>) {
        self.count = name.label_offsets(&mut self.offsets);
        let mut hash = *SEED;
        for i in (0..self.count).rev() {
            hash = extend(hash, label_at(name.as_wire(), self.offsets[i]));
            self.hashes[i] = hash;
        }
    }

    /// How many labels the name has, the root not counted.
    #[must_use]
    pub const fn label_count(&self) -> usize {
        self.count
    }

    /// The hash of the ancestor with `labels` labels; 0 is the root.
    #[must_use]
    pub fn of_suffix(&self, labels: usize) -> u64 {
        match self.count.checked_sub(labels) {
            Some(i) if labels > 0 => self.hashes[i],
            _ => *SEED,
        }
    }

    /// The hash of `label` put before the ancestor with `labels` labels.
    #[must_use]
    pub fn of_child(&self, labels: usize, label: &[u8]) -> u64 {
        extend(self.of_suffix(labels), label)
    }

    /// Where in the wire form the ancestor with `labels` labels starts.
    #[must_use]
    pub fn offset_of_suffix(&self, labels: usize, name: Name<'_>) -> usize {
        match self.count.checked_sub(labels) {
            Some(i) if labels > 0 => usize::from(self.offsets[i]),
            _ => name.as_wire().len() - 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NameBuf;

    #[test]
    fn suffixes_hash_like_the_names_they_are() {
        let name: NameBuf = "A.bcdefghijk.Example.".parse().unwrap();
        let mut hashes = SuffixHashes::default();
        hashes.compute(name.as_name());
        assert_eq!(hashes.label_count(), 3);
        for labels in 0..=3 {
            let lower = name.as_name().suffix(labels).to_lower();
            assert_eq!(hashes.of_suffix(labels), hash_name(lower.as_name()));
            let offset = hashes.offset_of_suffix(labels, name.as_name());
            assert_eq!(
                &name.as_name().as_wire()[offset..],
                name.as_name().suffix(labels).as_wire()
            );
        }
    }

    #[test]
    fn label_borders_matter() {
        let hash = |text: &str| hash_name(text.parse::<NameBuf>().unwrap().as_name());
        assert_ne!(hash("ab.c."), hash("a.bc."));
        assert_ne!(hash(r"a\000.b."), hash("a.b."));
    }
}
