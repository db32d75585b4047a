//! A zone that can be served: immutable, flat, ready to be copied into replies.
//!
//! Four arrays and a hash table. Nodes: one for each owner and each empty non-terminal, with a link
//! to the parent. RRsets: type, TTL and a range of `data`. `data`: the name of each node and right
//! behind it, so that a look-up touches one piece of memory and not two, its records, each as it
//! goes out when its owner is the name of the question, a pointer to octet 12 in front. `targets`:
//! for each record that names another host, the node that holds that host's addresses. Only [`crate::Builder`] makes one, so every zone has been checked.

mod find;
mod table;

use std::fmt;
use std::path::Path;

use halfmoon_wire::{Class, DenialSoa, Name, Type};

use crate::{FileId, Files, Place};

pub use find::Position;
pub(crate) use table::Table;

/// What stands before the data of each record: pointer, type, class, TTL, length.
pub(crate) const RECORD_HEAD: usize = 12;

/// The owner holds NS records and is not the apex.
pub(crate) const CUT: u16 = 1;
/// The owner holds a DNAME record.
pub(crate) const DNAME: u16 = 2;
/// Some ancestor is a zone cut or holds a DNAME record.
pub(crate) const OCCLUDED: u16 = 4;
/// There is a `*` right below.
pub(crate) const WILDCARD_CHILD: u16 = 8;
/// The owner holds a CNAME record.
pub(crate) const ALIAS: u16 = 16;
/// The owner holds record programs.
pub(crate) const PROGRAMS: u16 = 32;
/// There are names below.
pub(crate) const PARENT: u16 = 64;
/// The owner holds nothing but NSEC3 records and their signatures: its name is a hash.
pub(crate) const HASHED: u16 = 128;

/// The owner holds record programs that make CNAME records.
pub(crate) const ALIAS_PROGRAMS: u16 = 256;

/// No such node, no such place.
pub(crate) const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
pub(crate) struct NodeData {
    /// Where the owner stands in `data`.
    pub(crate) name: u32,
    pub(crate) parent: u32,
    /// The first of its RRsets.
    pub(crate) sets: u32,
    pub(crate) set_count: u16,
    pub(crate) flags: u16,
    pub(crate) name_length: u8,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct SetData {
    pub(crate) rtype: Type,
    pub(crate) count: u16,
    pub(crate) ttl: u32,
    /// Where its records stand in `data`.
    pub(crate) start: u32,
    pub(crate) length: u32,
    /// Types with a target: where its records' targets stand in `targets`. LUA: the number of
    /// its first program in the zone. Otherwise [`NONE`].
    pub(crate) extra: u32,
}

/// A checked zone.
#[derive(Clone)]
pub struct Zone {
    pub(crate) nodes: Box<[NodeData]>,
    pub(crate) sets: Box<[SetData]>,
    pub(crate) data: Box<[u8]>,
    pub(crate) targets: Box<[u32]>,
    pub(crate) table: Table,
    pub(crate) apex: u32,
    pub(crate) apex_labels: u8,
    /// Where the SOA stands in `sets`.
    pub(crate) soa: u32,
    /// The most labels any owner has.
    pub(crate) most_labels: u8,
    pub(crate) negative_ttl: u32,
    pub(crate) denial_soa: DenialSoa,
    pub(crate) serial: u32,
    pub(crate) records: u32,
    pub(crate) programs: u32,
    /// Where each RRset begins in the files: file and line, packed by [`pack`].
    pub(crate) places: Box<[u32]>,
    pub(crate) files: Files,
}

/// The file in the upper 8 bits, the line in the lower 24; 0 where one of them does not fit.
pub(crate) fn pack(place: Place) -> u32 {
    match (u8::try_from(place.file.0), place.line < 1 << 24) {
        (Ok(file), true) => u32::from(file) << 24 | place.line,
        _ => 0,
    }
}

impl Zone {
    /// The zone's name.
    #[must_use]
    pub fn apex(&self) -> Name<'_> {
        self.name_of(self.apex)
    }

    /// The node at the apex.
    #[must_use]
    pub const fn apex_node(&self) -> Node<'_> {
        Node { zone: self, id: self.apex }
    }

    /// How many labels the apex has.
    #[must_use]
    pub fn apex_labels(&self) -> usize {
        usize::from(self.apex_labels)
    }

    /// The serial of the SOA.
    #[must_use]
    pub const fn serial(&self) -> u32 {
        self.serial
    }

    /// How many records the zone holds, programs included.
    #[must_use]
    pub const fn record_count(&self) -> u32 {
        self.records
    }

    /// How many record programs the zone holds; they are numbered from 0.
    #[must_use]
    pub const fn program_count(&self) -> u32 {
        self.programs
    }

    /// The SOA with the TTL it has in denials: the lesser of its own and its MINIMUM
    /// (RFC 2308 section 3).
    #[must_use]
    pub fn denial(&self) -> (u32, RrSet<'_>) {
        let soa = RrSet { zone: self, data: &self.sets[self.soa as usize] };
        (self.negative_ttl, soa)
    }

    /// The SOA as most denials have it.
    #[must_use]
    pub const fn denial_soa(&self) -> &DenialSoa {
        &self.denial_soa
    }

    /// All nodes, in no particular order.
    pub fn nodes(&self) -> impl Iterator<Item = Node<'_>> {
        // Owners in the file that lie outside the zone have a number, and are no names of it.
        let is_inside = |id: &u32| *id == self.apex || self.nodes[*id as usize].parent != NONE;
        (0..self.nodes.len() as u32).filter(is_inside).map(|id| Node { zone: self, id })
    }

    /// The path of a file that the zone was read from, as it was named at the load.
    #[must_use]
    pub fn file(&self, file: FileId) -> &Path {
        self.files.path(file)
    }

    /// Octets of memory that the zone takes.
    #[must_use]
    pub fn size(&self) -> usize {
        size_of::<Self>()
            + size_of_val(&*self.nodes)
            + size_of_val(&*self.sets)
            + self.data.len()
            + size_of_val(&*self.targets)
            + self.table.size()
            + self.denial_soa.size()
            + size_of_val(&*self.places)
    }

    /// How many nodes there are; their ids are below it.
    #[must_use]
    pub const fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// How many RRsets there are; their ids are below it.
    #[must_use]
    pub const fn set_count(&self) -> usize {
        self.sets.len()
    }

    /// The node with this id.
    #[must_use]
    pub fn node(&self, id: u32) -> Option<Node<'_>> {
        self.nodes.get(id as usize).map(|_| Node { zone: self, id })
    }

    pub(crate) fn set_at(&self, at: usize) -> RrSet<'_> {
        RrSet { zone: self, data: &self.sets[at] }
    }

    pub(crate) const fn node_at(&self, id: u32) -> Node<'_> {
        Node { zone: self, id }
    }

    pub(crate) fn is_hidden(&self, node: u32) -> bool {
        self.nodes[node as usize].flags & OCCLUDED != 0
    }

    fn name_of(&self, node: u32) -> Name<'_> {
        let NodeData { name, name_length, .. } = self.nodes[node as usize];
        let start = name as usize;
        let octets = &self.data[start..start + usize::from(name_length)];
        Name::from_known_wire(octets)
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Zone")
            .field("apex", &self.apex())
            .field("serial", &self.serial)
            .field("records", &self.records)
            .field("programs", &self.programs)
            .finish_non_exhaustive()
    }
}

/// An owner, or an empty non-terminal.
#[derive(Clone, Copy)]
pub struct Node<'z> {
    zone: &'z Zone,
    id: u32,
}

impl<'z> Node<'z> {
    fn data(self) -> &'z NodeData {
        &self.zone.nodes[self.id as usize]
    }

    pub(crate) fn has(self, flag: u16) -> bool {
        self.data().flags & flag != 0
    }

    /// Its number among the nodes of its zone, below [`Zone::node_count`].
    #[must_use]
    pub const fn id(self) -> u32 {
        self.id
    }

    /// The node above; `None` for the apex.
    #[must_use]
    pub fn parent(self) -> Option<Self> {
        let parent = self.data().parent;
        (!self.is_apex() && parent != NONE).then_some(Self { zone: self.zone, id: parent })
    }

    /// The name, in the spelling in which the zone file first had it.
    #[must_use]
    pub fn owner(self) -> Name<'z> {
        self.zone.name_of(self.id)
    }

    /// Whether this is the apex.
    #[must_use]
    pub const fn is_apex(self) -> bool {
        self.id == self.zone.apex
    }

    /// Whether the owner is delegated: it has NS records and is not the apex.
    #[must_use]
    pub fn is_cut(self) -> bool {
        self.has(CUT)
    }

    /// Whether the owner lies below a zone cut or a DNAME.
    #[must_use]
    pub fn is_occluded(self) -> bool {
        self.has(OCCLUDED)
    }

    /// Whether the owner has a CNAME record.
    #[must_use]
    pub fn is_alias(self) -> bool {
        self.has(ALIAS)
    }

    /// Whether the owner has record programs.
    #[must_use]
    pub fn has_programs(self) -> bool {
        self.has(PROGRAMS)
    }

    /// Whether the owner has record programs that make CNAME records.
    #[must_use]
    pub fn has_alias_programs(self) -> bool {
        self.has(ALIAS_PROGRAMS)
    }

    /// Whether there are names below this one in the zone.
    #[must_use]
    pub fn has_children(self) -> bool {
        self.has(PARENT)
    }

    /// Whether the owner holds no record: an empty non-terminal.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.data().set_count == 0
    }

    /// Whether the owner is the hash of a name and holds that name's NSEC3 record, nothing else. Such
    /// names are not there for whoever asks for them (RFC 5155 section 7.2.8).
    #[must_use]
    pub fn is_hashed(self) -> bool {
        self.has(HASHED)
    }

    /// Its RRsets in order of type.
    pub fn sets(self) -> impl Iterator<Item = RrSet<'z>> {
        let NodeData { sets, set_count, .. } = *self.data();
        let start = sets as usize;
        self.zone.sets[start..start + usize::from(set_count)]
            .iter()
            .map(move |data| RrSet { zone: self.zone, data })
    }

    /// Its RRset of this type.
    #[must_use]
    pub fn set(self, rtype: Type) -> Option<RrSet<'z>> {
        self.sets().find(|set| set.rtype() == rtype)
    }

    /// Its record programs: number in the zone, type of the records it makes, TTL.
    pub fn programs(self) -> impl Iterator<Item = ProgramRef> + 'z {
        let mut set = if self.has_programs() { self.set(Type::LUA) } else { None };
        let (mut at, mut number) = (0, set.map_or(0, |set| set.data.extra));
        std::iter::from_fn(move || {
            let known = set?;
            let Some((rdata, next)) = known.rdata_from(at) else {
                set = None;
                return None;
            };
            let inner = rdata.first_chunk().map_or(0, |octets| u16::from_be_bytes(*octets));
            let program = ProgramRef { number, inner: Type(inner), ttl: known.ttl() };
            (at, number) = (next, number + 1);
            Some(program)
        })
    }
}

impl PartialEq for Node<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.zone, other.zone) && self.id == other.id
    }
}

impl Eq for Node<'_> {}

impl fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({})", self.owner())
    }
}

/// A record program of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProgramRef {
    /// Its number in the zone, from 0.
    pub number: u32,
    /// The type of the records it makes.
    pub inner: Type,
    /// Their TTL in seconds.
    pub ttl: u32,
}

/// All records of one owner and type.
#[derive(Clone, Copy)]
pub struct RrSet<'z> {
    zone: &'z Zone,
    data: &'z SetData,
}

impl<'z> RrSet<'z> {
    /// Its number among the RRsets of its zone, below [`Zone::set_count`].
    #[must_use]
    pub fn id(self) -> u32 {
        // Its place in the array that it is borrowed from.
        let first = self.zone.sets.as_ptr() as usize;
        ((std::ptr::from_ref(self.data) as usize - first) / size_of::<SetData>()) as u32
    }

    /// The file and the line in which its first record stands; `None` for what is in none, or beyond
    /// line 2^24.
    #[must_use]
    pub fn place(self) -> Option<(&'z Path, u32)> {
        let packed = *self.zone.places.get(self.id() as usize)?;
        let (file, line) = (FileId(packed >> 24), packed & 0x00ff_ffff);
        (line > 0).then(|| (self.zone.files.path(file), line))
    }

    /// The type.
    #[must_use]
    pub const fn rtype(self) -> Type {
        self.data.rtype
    }

    /// The TTL in seconds.
    #[must_use]
    pub const fn ttl(self) -> u32 {
        self.data.ttl
    }

    /// How many records there are, at least 1.
    #[must_use]
    pub const fn count(self) -> u16 {
        self.data.count
    }

    /// The records as they go out when the name of the question is their owner and their data
    /// has no name that may be compressed.
    #[must_use]
    pub fn ready(self) -> &'z [u8] {
        let start = self.data.start as usize;
        &self.zone.data[start..start + self.data.length as usize]
    }

    /// The data of each record, names uncompressed.
    pub fn rdatas(self) -> impl Iterator<Item = &'z [u8]> {
        let mut at = 0;
        std::iter::from_fn(move || {
            let (rdata, next) = self.rdata_from(at)?;
            at = next;
            Some(rdata)
        })
    }

    /// The data of the record that begins at octet `at` of [`RrSet::ready`], and where the next
    /// begins: for walks that pause. The first begins at 0.
    #[must_use]
    pub fn rdata_from(self, at: usize) -> Option<(&'z [u8], usize)> {
        let rest = self.ready().get(at..)?;
        let &[high, low] = rest.get(RECORD_HEAD - 2..)?.first_chunk()?;
        let length = RECORD_HEAD + usize::from(u16::from_be_bytes([high, low]));
        Some((rest.get(RECORD_HEAD..length)?, at + length))
    }

    /// For each record that names a host whose addresses this zone holds: the name, and the node
    /// with the addresses (of the name itself, or the wildcard that makes it).
    pub fn targets(self) -> impl Iterator<Item = (Name<'z>, Node<'z>)> {
        let known = if has_target(self.data.rtype) && self.data.extra != NONE {
            let start = self.data.extra as usize;
            &self.zone.targets[start..start + usize::from(self.data.count)]
        } else {
            &[]
        };
        known.iter().zip(self.rdatas()).filter_map(move |(&id, rdata)| {
            let name = target(self.data.rtype, rdata).filter(|_| id != NONE)?;
            Some((name, Node { zone: self.zone, id }))
        })
    }
}

impl fmt::Debug for RrSet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} × {} {}", self.count(), self.ttl(), self.rtype())
    }
}

/// The head of a record whose owner is the name of the question.
pub(crate) fn record_head(rtype: Type, ttl: u32, length: u16) -> [u8; RECORD_HEAD] {
    let mut head = [0; RECORD_HEAD];
    head[..2].copy_from_slice(&[0xc0, 12]);
    head[2..4].copy_from_slice(&rtype.0.to_be_bytes());
    head[4..6].copy_from_slice(&Class::IN.0.to_be_bytes());
    head[6..10].copy_from_slice(&ttl.to_be_bytes());
    head[10..].copy_from_slice(&length.to_be_bytes());
    head
}

/// Whether records of this type name a host whose addresses go along in the additional section.
pub(crate) const fn has_target(rtype: Type) -> bool {
    matches!(
        rtype,
        Type::NS
            | Type::MX
            | Type::SRV
            | Type::AFSDB
            | Type::RT
            | Type::KX
            | Type::SVCB
            | Type::HTTPS
    )
}

/// The host that a record names.
pub(crate) fn target(rtype: Type, rdata: &[u8]) -> Option<Name<'_>> {
    let before = match rtype {
        Type::NS => 0,
        Type::MX | Type::AFSDB | Type::RT | Type::KX | Type::SVCB | Type::HTTPS => 2,
        Type::SRV => 6,
        _ => return None,
    };
    Name::from_wire(rdata.get(before..)?).ok()
}
