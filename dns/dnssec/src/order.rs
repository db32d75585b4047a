//! The records by which a zone says what it does not have, in their order, and which of them prove
//! what (RFC 4035 section 3.1.3, RFC 5155 section 7.2).
//!
//! Records are numbered from 0 in that order. Finding those of a proof is a few binary searches, and
//! for NSEC3 a few hashes.

use std::cmp::Ordering;

use halfmoon_wire::{Name, NameBuf};
use halfmoon_zones::{Node, Zone};

use crate::Nsec3Params;
use crate::nsec3::Hash;

/// The owners of denial records in order.
#[derive(Debug)]
pub enum Order {
    /// By name (RFC 4034 section 6.1): ids of nodes.
    Nsec(Box<[u32]>),
    /// By the hash of the name.
    Nsec3 {
        /// How names are hashed.
        params: Nsec3Params,
        /// The hashes.
        hashes: Box<[Hash]>,
    },
}

/// The numbers of the records of a proof, each once: at most three.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    links: [u32; 3],
    count: usize,
}

impl Proof {
    /// The numbers.
    #[must_use]
    pub fn links(&self) -> &[u32] {
        &self.links[..self.count]
    }

    fn put(&mut self, link: Option<u32>) {
        if let Some(link) = link
            && !self.links().contains(&link)
            && let Some(place) = self.links.get_mut(self.count)
        {
            *place = link;
            self.count += 1;
        }
    }
}

impl Order {
    /// How many records there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        match self {
            Self::Nsec(nodes) => nodes.len(),
            Self::Nsec3 { hashes, .. } => hashes.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// That there is neither `name` nor a wildcard that makes it. `encloser` is how many labels its
    /// closest encloser has.
    #[must_use]
    pub fn no_name(&self, zone: &Zone, name: Name<'_>, encloser: usize) -> Proof {
        let mut proof = Proof::default();
        let wildcard = |labels| NameBuf::from_label(b"*", name.suffix(labels)).ok();
        match self {
            Self::Nsec(nodes) => {
                proof.put(covering(nodes, zone, name));
                // A wildcard whose name were too long there cannot be.
                if let Some(wildcard) = wildcard(encloser) {
                    proof.put(covering(nodes, zone, wildcard.as_name()));
                }
            }
            Self::Nsec3 { params, hashes } => {
                if let Some(labels) = self.provable(zone, name, encloser, &mut proof) {
                    proof.put(before(hashes, &params.hash(name.suffix(labels + 1))));
                    if let Some(wildcard) = wildcard(labels) {
                        proof.put(before(hashes, &params.hash(wildcard.as_name())));
                    }
                }
            }
        }
        proof
    }

    /// Which types `node` has; and of a delegation that is not in the order, that it is not secure.
    #[must_use]
    pub fn types(&self, zone: &Zone, node: Node<'_>) -> Proof {
        let mut proof = Proof::default();
        let name = node.owner();
        match self {
            // Without a record of its own the name is there because of others below it, and the one
            // before says that by the name that comes next.
            Self::Nsec(nodes) => proof.put(covering(nodes, zone, name)),
            Self::Nsec3 { params, hashes } => match same(hashes, &params.hash(name)) {
                Some(link) => proof.put(Some(link)),
                None => {
                    let above = name.label_count().saturating_sub(1);
                    if let Some(labels) = self.provable(zone, name, above, &mut proof) {
                        proof.put(before(hashes, &params.hash(name.suffix(labels + 1))));
                    }
                }
            },
        }
        proof
    }

    /// Which types `wildcard` has, and that nothing is closer to `name`, which it makes.
    #[must_use]
    pub fn types_by_wildcard(&self, zone: &Zone, name: Name<'_>, wildcard: Node<'_>) -> Proof {
        let mut proof = Proof::default();
        match self {
            Self::Nsec(nodes) => {
                proof.put(covering(nodes, zone, wildcard.owner()));
                proof.put(covering(nodes, zone, name));
            }
            Self::Nsec3 { params, hashes } => {
                proof.put(same(hashes, &params.hash(wildcard.owner())));
                let encloser = wildcard.owner().label_count() - 1;
                if let Some(labels) = self.provable(zone, name, encloser, &mut proof) {
                    proof.put(before(hashes, &params.hash(name.suffix(labels + 1))));
                }
            }
        }
        proof
    }

    /// That nothing is closer to `name` than the wildcard that made it, whose parent has `encloser`
    /// labels.
    #[must_use]
    pub fn by_wildcard(&self, zone: &Zone, name: Name<'_>, encloser: usize) -> Proof {
        let mut proof = Proof::default();
        proof.put(match self {
            Self::Nsec(nodes) => covering(nodes, zone, name),
            Self::Nsec3 { params, hashes } => {
                before(hashes, &params.hash(name.suffix(encloser + 1)))
            }
        });
        proof
    }

    /// The closest ancestor of `name` with a record of its own, of at most `most` labels: how many
    /// labels it has. Its record is part of the proof. With opt-out it may lie further up than the
    /// closest encloser (RFC 5155 section 6).
    fn provable(
        &self,
        zone: &Zone,
        name: Name<'_>,
        most: usize,
        proof: &mut Proof,
    ) -> Option<usize> {
        let Self::Nsec3 { params, hashes } = self else {
            return None;
        };
        (zone.apex_labels()..=most).rev().find(|labels| {
            let link = same(hashes, &params.hash(name.suffix(*labels)));
            proof.put(link);
            link.is_some()
        })
    }
}

/// The record of a name, or of the last name before it.
fn covering(nodes: &[u32], zone: &Zone, name: Name<'_>) -> Option<u32> {
    let apex = zone.apex().as_wire().len();
    let is_not_behind = |id: &u32| {
        zone.node(*id)
            .is_some_and(|node| compare_below(node.owner(), name, apex) != Ordering::Greater)
    };
    let behind = nodes.partition_point(is_not_behind);
    behind.checked_sub(1).map(|at| at as u32)
}

/// The record of a hash.
fn same(hashes: &[Hash], hash: &Hash) -> Option<u32> {
    hashes.binary_search(hash).ok().map(|at| at as u32)
}

/// The record of the last hash before this one, which may be the last of all.
fn before(hashes: &[Hash], hash: &Hash) -> Option<u32> {
    let at = hashes.partition_point(|other| other < hash);
    at.checked_sub(1).or_else(|| hashes.len().checked_sub(1)).map(|at| at as u32)
}

/// The order of two names of a zone whose apex has so many octets: only what stands before it is
/// looked at.
fn compare_below(a: Name<'_>, b: Name<'_>, apex: usize) -> Ordering {
    let (mut mine, mut theirs) = (Labels::default(), Labels::default());
    mine.read(a, apex);
    theirs.read(b, apex);
    for (a_at, b_at) in mine.right_to_left().zip(theirs.right_to_left()) {
        let lower = |octet: &u8| octet.to_ascii_lowercase();
        let order = label(a, a_at).iter().map(lower).cmp(label(b, b_at).iter().map(lower));
        if order != Ordering::Equal {
            return order;
        }
    }
    mine.count.cmp(&theirs.count)
}

/// Where the labels of a name begin.
struct Labels {
    starts: [u8; 128],
    count: usize,
}

impl Default for Labels {
    fn default() -> Self {
        Self { starts: [0; 128], count: 0 }
    }
}

impl Labels {
    fn read(&mut self, name: Name<'_>, apex: usize) {
        let wire = name.as_wire();
        let end = wire.len().saturating_sub(apex);
        let mut at = 0;
        while at < end && self.count < self.starts.len() {
            self.starts[self.count] = at as u8;
            self.count += 1;
            at += 1 + usize::from(wire[at]);
        }
    }

    fn right_to_left(&self) -> impl Iterator<Item = u8> {
        self.starts[..self.count].iter().rev().copied()
    }
}

fn label(name: Name<'_>, start: u8) -> &[u8] {
    let wire = name.as_wire();
    let start = usize::from(start);
    &wire[start + 1..start + 1 + usize::from(wire[start])]
}

/// Puts nodes in canonical order, each below the apex or the apex itself.
pub(crate) fn in_order(zone: &Zone, mut nodes: Vec<u32>) -> Box<[u32]> {
    // Keys whose octets compare as the names do: label by label from the right, in lower case, each
    // ended by two zeros, a zero in it written as 0 1.
    let apex = zone.apex().as_wire().len();
    let mut keys = Vec::new();
    let mut ends = vec![(0, 0); zone.node_count()];
    for &id in &nodes {
        let Some(node) = zone.node(id) else { continue };
        let start = keys.len();
        let mut labels = Labels::default();
        labels.read(node.owner(), apex);
        for at in labels.right_to_left() {
            for octet in label(node.owner(), at) {
                match octet.to_ascii_lowercase() {
                    0 => keys.extend([0, 1]),
                    octet => keys.push(octet),
                }
            }
            keys.extend([0, 0]);
        }
        ends[id as usize] = (start, keys.len());
    }
    let key = |id: &u32| {
        let (start, end) = ends[*id as usize];
        &keys[start..end]
    };
    nodes.sort_unstable_by(|a, b| key(a).cmp(key(b)));
    nodes.into()
}
