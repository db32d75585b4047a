//! The NSEC or NSEC3 records of a zone that is signed here, laid out at load (RFC 4035 section 2.3,
//! RFC 5155 section 7.1): whose they are, in which order, and which types each names.
//!
//! Names are not copied: a record is the id of its node, or a hash, and the number of its bitmap,
//! which many names share.

use std::collections::HashMap;

use halfmoon_wire::{NameBuf, Type};
use halfmoon_zones::{Node, Zone};

use crate::Nsec3Params;
use crate::bitmap::TypeSet;
use crate::canonical::put_name;
use crate::nsec3::{Hash, owner_of};
use crate::order::{Order, in_order};

/// The flag of NSEC3 records that may cover delegations that are not secure (RFC 5155 section 3.1.2.1).
const OPT_OUT: u8 = 1;

/// The denial records of a zone.
#[derive(Debug)]
pub struct Chain {
    order: Order,
    flags: u8,
    /// By number: which of `bitmaps` is its own.
    bitmap_of: Box<[u32]>,
    bitmaps: Box<[Box<[u8]>]>,
}

/// Whether NSEC3 records leave out delegations that are not secure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OptOut {
    /// Every delegation has its record.
    #[default]
    No,
    /// Those without a DS record have none.
    Yes,
}

/// Why there is no chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainError {
    /// A hash and the apex make a name of more than 255 octets.
    #[error("the name of the zone is too long for NSEC3; write denial = \"nsec\"")]
    TooLong,
    /// Two names have one hash.
    #[error("two names of the zone have one hash; write another salt")]
    Collision,
}

/// Bitmaps, each once.
#[derive(Default)]
struct Bitmaps {
    known: HashMap<Box<[u8]>, u32>,
    all: Vec<Box<[u8]>>,
    room: Vec<u8>,
}

impl Bitmaps {
    fn number(&mut self, types: &TypeSet) -> u32 {
        self.room.clear();
        types.put(&mut self.room);
        if let Some(number) = self.known.get(self.room.as_slice()) {
            return *number;
        }
        let number = self.all.len() as u32;
        self.known.insert(self.room.as_slice().into(), number);
        self.all.push(self.room.as_slice().into());
        number
    }
}

impl Chain {
    /// NSEC records: for each name that has records and is not beyond a cut or a DNAME.
    #[must_use]
    pub fn nsec(zone: &Zone) -> Self {
        let has_one = |node: &Node<'_>| !node.is_occluded() && !node.is_empty() && is_in(*node);
        let nodes: Vec<u32> = zone.nodes().filter(has_one).map(Node::id).collect();
        let nodes = in_order(zone, nodes);
        let mut bitmaps = Bitmaps::default();
        let bitmap_of = nodes
            .iter()
            .filter_map(|id| zone.node(*id))
            .map(|node| bitmaps.number(&Kind::Nsec.types(node, None)))
            .collect();
        Self { order: Order::Nsec(nodes), flags: 0, bitmap_of, bitmaps: bitmaps.all.into() }
    }

    /// NSEC3 records: empty non-terminals have them, too. Those are kept even where they are there
    /// because of delegations alone that opt-out leaves out: RFC 5155 section 7.1 lets them go, but
    /// then nothing could prove that a wildcard above is not for the names below them.
    ///
    /// # Errors
    /// Names are too long, or two have one hash.
    pub fn nsec3(zone: &Zone, params: Nsec3Params, opt_out: OptOut) -> Result<Self, ChainError> {
        if owner_of(&[0; 20], zone.apex()).is_none() {
            return Err(ChainError::TooLong);
        }
        let has_one = |node: &Node<'_>| {
            let is_insecure = node.is_cut() && node.set(Type::DS).is_none();
            !node.is_occluded() && is_in(*node) && !(is_insecure && opt_out == OptOut::Yes)
        };
        let mut bitmaps = Bitmaps::default();
        let mut links: Vec<(Hash, u32)> = zone
            .nodes()
            .filter(has_one)
            .map(|node| (params.hash(node.owner()), bitmaps.number(&Kind::Nsec3.types(node, None))))
            .collect();
        links.sort_unstable();
        if links.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(ChainError::Collision);
        }
        let bitmap_of = links.iter().map(|(_, bitmap)| *bitmap).collect();
        let hashes = links.into_iter().map(|(hash, _)| hash).collect();
        Ok(Self {
            order: Order::Nsec3 { params, hashes },
            flags: if opt_out == OptOut::Yes { OPT_OUT } else { 0 },
            bitmap_of,
            bitmaps: bitmaps.all.into(),
        })
    }

    /// Which of the records prove what.
    #[must_use]
    pub const fn order(&self) -> &Order {
        &self.order
    }

    /// The type of the records.
    #[must_use]
    pub const fn rtype(&self) -> Type {
        match self.order {
            Order::Nsec(_) => Type::NSEC,
            Order::Nsec3 { .. } => Type::NSEC3,
        }
    }

    /// The owner of a record.
    #[must_use]
    pub fn owner(&self, zone: &Zone, link: u32) -> Option<NameBuf> {
        match &self.order {
            Order::Nsec(nodes) => Some(zone.node(*nodes.get(link as usize)?)?.owner().to_buf()),
            Order::Nsec3 { hashes, .. } => owner_of(hashes.get(link as usize)?, zone.apex()),
        }
    }

    /// The record of a name that has one.
    #[must_use]
    pub fn of(&self, zone: &Zone, node: Node<'_>) -> Option<u32> {
        let link = *self.order.types(zone, node).links().first()?;
        let is_its = match &self.order {
            Order::Nsec(nodes) => nodes.get(link as usize) == Some(&node.id()),
            Order::Nsec3 { params, hashes } => {
                hashes.get(link as usize) == Some(&params.hash(node.owner()))
            }
        };
        is_its.then_some(link)
    }

    /// The record with the owner that record `number` of another chain has.
    pub(crate) fn same_owner(
        &self,
        zone: &Zone,
        other: &Self,
        other_zone: &Zone,
        number: u32,
    ) -> Option<u32> {
        match (&self.order, &other.order) {
            (Order::Nsec(_), Order::Nsec(nodes)) => {
                let node = other_zone.node(*nodes.get(number as usize)?)?;
                self.of(zone, zone.named(node.owner())?)
            }
            (Order::Nsec3 { hashes, .. }, Order::Nsec3 { hashes: others, .. }) => {
                let hash = others.get(number as usize)?;
                hashes.binary_search(hash).ok().map(|at| at as u32)
            }
            _ => None,
        }
    }

    /// The types that are said of a node, but for one.
    #[must_use]
    pub fn types(&self, node: Node<'_>, but: Type) -> TypeSet {
        self.kind().types(node, Some(but))
    }

    /// The types that a node has in a transfer, where programs are records of type LUA.
    #[must_use]
    pub fn types_as_written(&self, node: Node<'_>) -> TypeSet {
        let mut types = TypeSet::default();
        node.sets().map(|set| set.rtype()).filter(is_data).for_each(|rtype| types.insert(rtype));
        self.kind().finish(node, &mut types);
        types
    }

    const fn kind(&self) -> Kind {
        match self.order {
            Order::Nsec(_) => Kind::Nsec,
            Order::Nsec3 { .. } => Kind::Nsec3,
        }
    }

    /// Appends the data of a record; with `types` in place of its own, if there are some. Whether
    /// the record is as it is laid out: the types are the same.
    pub(crate) fn put(
        &self,
        zone: &Zone,
        link: u32,
        types: Option<&TypeSet>,
        out: &mut Vec<u8>,
    ) -> bool {
        let at = link as usize;
        match &self.order {
            Order::Nsec(nodes) => {
                let next = nodes.get(at + 1).or_else(|| nodes.first());
                if let Some(next) = next.and_then(|id| zone.node(*id)) {
                    put_name(next.owner(), out);
                }
            }
            Order::Nsec3 { params, hashes } => {
                params.put(self.flags, out);
                if let Some(next) = hashes.get(at + 1).or_else(|| hashes.first()) {
                    out.push(next.len() as u8);
                    out.extend(next);
                }
            }
        }
        let own = self.bitmap_of.get(at).and_then(|number| self.bitmaps.get(*number as usize));
        let own = own.map_or(&[][..], |bitmap| bitmap);
        match types {
            None => out.extend_from_slice(own),
            Some(types) => {
                let start = out.len();
                types.put(out);
                return &out[start..] == own;
            }
        }
        true
    }

    /// Octets of memory that the chain takes, signatures not counted.
    #[must_use]
    pub fn size(&self) -> usize {
        let order = match &self.order {
            Order::Nsec(nodes) => size_of_val(&**nodes),
            Order::Nsec3 { hashes, .. } => size_of_val(&**hashes),
        };
        order
            + size_of_val(&*self.bitmap_of)
            + self.bitmaps.iter().map(|b| 16 + b.len()).sum::<usize>()
    }
}

/// Which records they are, for what differs in their bitmaps.
#[derive(Clone, Copy)]
enum Kind {
    Nsec,
    Nsec3,
}

impl Kind {
    /// The types at a node, those of its programs included, but for one.
    fn types(self, node: Node<'_>, but: Option<Type>) -> TypeSet {
        let mut types = TypeSet::at(node, but);
        for rtype in [Type::RRSIG, Type::NSEC, Type::NSEC3] {
            types.remove(rtype);
        }
        self.finish(node, &mut types);
        types
    }

    /// Puts the types in that signing makes.
    fn finish(self, node: Node<'_>, types: &mut TypeSet) {
        match self {
            Self::Nsec => {
                types.insert(Type::RRSIG);
                types.insert(Type::NSEC);
            }
            // A name without signed records has no signatures: the record itself is elsewhere.
            Self::Nsec3 => {
                let is_signed = !types.is_empty() && (!node.is_cut() || types.contains(Type::DS));
                if is_signed {
                    types.insert(Type::RRSIG);
                }
            }
        }
    }
}

/// Whether records of a type in a zone file are the zone's own, and not of signing.
pub(crate) const fn is_data(rtype: &Type) -> bool {
    !matches!(*rtype, Type::RRSIG | Type::NSEC | Type::NSEC3)
}

/// Whether a node lies in its zone: what does not was left out, and has no records.
fn is_in(node: Node<'_>) -> bool {
    node.is_apex() || node.parent().is_some()
}
