//! Hashes of names, computed from the right so that one pass over a question
//! gives the hash of every ancestor as well.
//!
//! Seeded once a process with random bits: names of questions are chosen by
//! strangers, who must not be able to choose collisions.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;

use crate::name::{Name, lower};

static SEED: LazyLock<u64> =
    LazyLock::new(|| RandomState::new().hash_one(0x4861_6c66_6d6f_6f6e_u64));

/// Odd constants with well-mixed bits (fractional digits of π, as in foldhash and wyhash).
const K0: u64 = 0x243f_6a88_85a3_08d3;
const K1: u64 = 0x1319_8a2e_0370_7345;

fn fold(a: u64, b: u64) -> u64 {
    let wide = u128::from(a) * u128::from(b);
    (wide as u64) ^ ((wide >> 64) as u64)
}

/// The hash of the label of so many octets at `at`, put before what `hash` is that of.
fn extend(hash: u64, octets: &[u8], at: usize, length: usize) -> u64 {
    let mut hash = fold(hash ^ K0, K1 ^ length as u64);
    let mut done = 0;
    while done < length {
        hash = fold(hash ^ lower(word(octets, at + done, length - done)), K1);
        done += 8;
    }
    hash
}

/// Eight octets from `at` on, or `length` of them and zeros. Read at once from what stands around them:
/// a copy of as many as there are would be a call for each label.
fn word(octets: &[u8], at: usize, length: usize) -> u64 {
    let kept = u64::MAX >> (64 - 8 * length.min(8));
    let behind = octets.get(at..).unwrap_or(&[]);
    if let Some(chunk) = behind.first_chunk() {
        return u64::from_le_bytes(*chunk) & kept;
    }
    if let Some(last) = octets.last_chunk() {
        // There are fewer than eight, at the end.
        return (u64::from_le_bytes(*last) >> (8 * (8 - behind.len()).min(7))) & kept;
    }
    let mut word = [0; 8];
    word.iter_mut().zip(behind).for_each(|(to, from)| *to = *from);
    u64::from_le_bytes(word) & kept
}

/// The same of the label that stands at `offset` of a name.
fn extend_at(hash: u64, wire: &[u8], offset: u8) -> u64 {
    let at = usize::from(offset);
    extend(hash, wire, at + 1, wire.get(at).copied().map_or(0, usize::from))
}

/// The hash of a name; case is ignored.
#[must_use]
pub fn hash_name(name: Name<'_>) -> u64 {
    let mut offsets = [0; 128];
    let count = name.label_offsets(&mut offsets);
    offsets[..count]
        .iter()
        .rev()
        .fold(*SEED, |hash, &offset| extend_at(hash, name.as_wire(), offset))
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
            hash = extend_at(hash, name.as_wire(), self.offsets[i]);
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
        extend(self.of_suffix(labels), label, 0, label.len())
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
    fn a_label_hashes_alike_wherever_it_stands_and_however_long_it_is() {
        let mut hashes = SuffixHashes::default();
        for length in 1..=63 {
            let label: String = ('a'..='z').chain('0'..='9').cycle().take(length).collect();
            for behind in ["", "b.", "example.", "www.example.com."] {
                let name: NameBuf = format!("{label}.{behind}").parse().unwrap();
                let capitals: NameBuf =
                    format!("{}.{behind}", label.to_uppercase()).parse().unwrap();
                let parent = name.as_name().parent().unwrap();
                hashes.compute(parent);
                let child = hashes.of_child(hashes.label_count(), label.as_bytes());
                assert_eq!(child, hash_name(name.as_name()), "{name}");
                assert_eq!(child, hash_name(capitals.as_name()), "{name}");
                let other: NameBuf = format!("{}-.{behind}", &label[1..]).parse().unwrap();
                assert_ne!(child, hash_name(other.as_name()), "{other}");
            }
        }
    }

    #[test]
    fn label_borders_matter() {
        let hash = |text: &str| hash_name(text.parse::<NameBuf>().unwrap().as_name());
        assert_ne!(hash("ab.c."), hash("a.bc."));
        assert_ne!(hash(r"a\000.b."), hash("a.b."));
    }
}
