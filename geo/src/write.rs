//! Makes mmdb files: small ones, for tests and demonstrations.
//!
//! ```
//! use halfmoon_geo::write::{Value, Writer};
//!
//! let octets = Writer::new("Test-City", 6)
//!     .insert("192.0.2.0/24", Value::place("DE", "EU", 52.5, 13.4))?
//!     .insert("2001:db8::/32", Value::map([("country", Value::map([("iso_code", "SE")]))]))?
//!     .to_bytes();
//! # Ok::<(), halfmoon_geo::write::WriteError>(())
//! ```
//!
//! Written after the MaxMind DB file format specification, version 2.0. Equal records are
//! stored once; nothing inside a record is shared, so this is not for millions of networks.

use std::collections::HashMap;
use std::net::IpAddr;

/// Why a network cannot be inserted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// No network in the form `address/length`, nor an address.
    #[error("{0:?} is no network; write address/length")]
    NotANetwork(String),
    /// Address bits beyond the length of the network.
    #[error("{0} has bits set beyond its length")]
    HostBits(String),
    /// An IPv6 network in a tree for IPv4.
    #[error("{0} does not fit into an IPv4 tree")]
    WrongFamily(String),
}

/// A value in a record.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Text in UTF-8.
    Str(String),
    /// A number of 64 bits.
    Double(f64),
    /// A number of 32 bits.
    Float(f32),
    /// Octets.
    Bytes(Vec<u8>),
    /// An integer of 16 bits without sign.
    U16(u16),
    /// An integer of 32 bits without sign.
    U32(u32),
    /// An integer of 64 bits without sign.
    U64(u64),
    /// An integer of 32 bits with sign.
    I32(i32),
    /// True or false.
    Bool(bool),
    /// Values in order.
    Array(Vec<Self>),
    /// Values by name, in order.
    Map(Vec<(String, Self)>),
}

impl Value {
    /// A map of the entries given.
    pub fn map<K: Into<String>, V: Into<Self>>(entries: impl IntoIterator<Item = (K, V)>) -> Self {
        Self::Map(entries.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }

    /// A record as in MaxMind's City databases: codes of a country and a continent, and
    /// coordinates in degrees with an accuracy radius of 100 km.
    #[must_use]
    pub fn place(country: &str, continent: &str, lat: f64, lon: f64) -> Self {
        Self::map([
            ("continent", Self::map([("code", continent)])),
            ("country", Self::map([("iso_code", country)])),
            (
                "location",
                Self::map([
                    ("accuracy_radius", Self::U16(100)),
                    ("latitude", Self::Double(lat)),
                    ("longitude", Self::Double(lon)),
                ]),
            ),
        ])
    }

    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Str(text) => {
                header(2, text.len(), out);
                out.extend_from_slice(text.as_bytes());
            }
            Self::Double(number) => {
                header(3, 8, out);
                out.extend_from_slice(&number.to_be_bytes());
            }
            Self::Bytes(octets) => {
                header(4, octets.len(), out);
                out.extend_from_slice(octets);
            }
            Self::U16(integer) => unsigned(5, &integer.to_be_bytes(), out),
            Self::U32(integer) => unsigned(6, &integer.to_be_bytes(), out),
            Self::Map(entries) => {
                header(7, entries.len(), out);
                for (key, value) in entries {
                    header(2, key.len(), out);
                    out.extend_from_slice(key.as_bytes());
                    value.encode(out);
                }
            }
            Self::I32(integer) => {
                header(8, 4, out);
                out.extend_from_slice(&integer.to_be_bytes());
            }
            Self::U64(integer) => unsigned(9, &integer.to_be_bytes(), out),
            Self::Array(values) => {
                header(11, values.len(), out);
                values.iter().for_each(|value| value.encode(out));
            }
            Self::Bool(truth) => header(14, usize::from(*truth), out),
            Self::Float(number) => {
                header(15, 4, out);
                out.extend_from_slice(&number.to_be_bytes());
            }
        }
    }
}

/// An integer without its leading zero octets, of which even zero has none left.
fn unsigned(kind: u8, octets: &[u8], out: &mut Vec<u8>) {
    let zeros = octets.iter().take_while(|&&octet| octet == 0).count();
    header(kind, octets.len() - zeros, out);
    out.extend_from_slice(&octets[zeros..]);
}

/// The control octet with the type and as much of the size as fits, and the rest of both.
fn header(kind: u8, size: usize, out: &mut Vec<u8>) {
    let (in_control, rest, rest_octets) = match size {
        0..29 => (size, 0, 0),
        29..285 => (29, size - 29, 1),
        285..65_821 => (30, size - 285, 2),
        _ => (31, size - 65_821, 3),
    };
    assert!(rest < 1 << 24, "a value of {size} octets or entries is larger than the format allows");
    let in_control = in_control as u8;
    if kind <= 7 {
        out.push(kind << 5 | in_control);
    } else {
        out.extend([in_control, kind - 7]);
    }
    out.extend_from_slice(&(rest as u32).to_be_bytes()[4 - rest_octets..]);
}

macro_rules! from {
    ($($from:ty => $variant:ident),*) => {
        $(impl From<$from> for Value {
            fn from(value: $from) -> Self {
                Self::$variant(value.into())
            }
        })*
    };
}
from!(&str => Str, String => Str, f64 => Double, f32 => Float, u16 => U16, u32 => U32, u64 => U64,
    i32 => I32, bool => Bool, Vec<Self> => Array);

/// Collects networks with their records, and writes them as an mmdb file.
#[derive(Clone, Debug)]
pub struct Writer {
    kind: String,
    ip_version: u16,
    record_bits: Option<u16>,
    networks: Vec<Network>,
}

#[derive(Clone, Debug)]
struct Network {
    /// The address from the highest bit on, whatever the family of the tree.
    bits: u128,
    length: u8,
    value: Value,
}

impl Writer {
    /// A database that calls itself `kind`, with a tree for IPv4 only (`ip_version` 4) or
    /// for both families (6), in which IPv4 lies below `::/96`.
    ///
    /// # Panics
    /// With another `ip_version`.
    #[must_use]
    pub fn new(kind: &str, ip_version: u16) -> Self {
        assert!(matches!(ip_version, 4 | 6), "ip_version is 4 or 6");
        Self { kind: kind.to_owned(), ip_version, record_bits: None, networks: Vec::new() }
    }

    /// Sets the size of a tree record, 24, 28 or 32 bits; else it is the smallest that does.
    ///
    /// # Panics
    /// With another size.
    #[must_use]
    pub fn record_bits(mut self, bits: u16) -> Self {
        assert!(matches!(bits, 24 | 28 | 32), "a tree record has 24, 28 or 32 bits");
        self.record_bits = Some(bits);
        self
    }

    /// Inserts the record of a network (`192.0.2.0/24`, `2001:db8::/32`) or of one address.
    /// A longer network takes precedence inside a shorter one, whichever is inserted first;
    /// of equal ones the last does.
    ///
    /// # Errors
    /// Text that is no network, or one that does not fit into the tree.
    pub fn insert(mut self, network: &str, value: Value) -> Result<Self, WriteError> {
        let (bits, length) = self.place_of(network)?;
        self.networks.push(Network { bits, length, value });
        Ok(self)
    }

    fn place_of(&self, network: &str) -> Result<(u128, u8), WriteError> {
        let not_a_network = || WriteError::NotANetwork(network.to_owned());
        let (address, length) = match network.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (network, None),
        };
        let address: IpAddr = address.parse().map_err(|_| not_a_network())?;
        let full: u8 = if address.is_ipv4() { 32 } else { 128 };
        let length = match length {
            Some(length) => length.parse().map_err(|_| not_a_network())?,
            None => full,
        };
        if length > full {
            return Err(not_a_network());
        }
        let (bits, length) = match (address, self.ip_version) {
            (IpAddr::V4(v4), 4) => (u128::from(v4.to_bits()) << 96, length),
            (IpAddr::V4(v4), _) => (u128::from(v4.to_bits()), length + 96),
            (IpAddr::V6(_), 4) => return Err(WriteError::WrongFamily(network.to_owned())),
            (IpAddr::V6(v6), _) => (v6.to_bits(), length),
        };
        if bits & u128::MAX.checked_shr(length.into()).unwrap_or(0) & self.used_bits() != 0 {
            return Err(WriteError::HostBits(network.to_owned()));
        }
        Ok((bits, length))
    }

    fn used_bits(&self) -> u128 {
        if self.ip_version == 4 { u128::MAX << 96 } else { u128::MAX }
    }

    /// The database as a file's content.
    ///
    /// # Panics
    /// If it does not fit into the size of a tree record set, or into 32 bits.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut data = Vec::new();
        let mut offsets = HashMap::new();
        let mut tree = Tree::new();
        let mut networks: Vec<_> = self.networks.iter().collect();
        // Shorter ones first, so that longer ones split them.
        networks.sort_by_key(|network| network.length);
        for network in networks {
            let mut record = Vec::new();
            network.value.encode(&mut record);
            let offset = *offsets.entry(record).or_insert_with_key(|record| {
                let offset = data.len();
                data.extend_from_slice(record);
                offset
            });
            tree.insert(network.bits, network.length, offset);
        }

        let largest = tree.nodes.len() + SEPARATOR.len() + data.len();
        let bits = self.record_bits.unwrap_or(match largest {
            0..0x0100_0000 => 24,
            0x0100_0000..0x1000_0000 => 28,
            _ => 32,
        });
        assert!((largest as u64) < 1 << bits, "the database does not fit into {bits}-bit records");
        let mut out = tree.encode(bits);
        out.extend_from_slice(&SEPARATOR);
        out.append(&mut data);
        out.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
        self.metadata(tree.nodes.len(), bits).encode(&mut out);
        out
    }

    fn metadata(&self, nodes: usize, bits: u16) -> Value {
        Value::map([
            ("binary_format_major_version", Value::U16(2)),
            ("binary_format_minor_version", Value::U16(0)),
            // A fixed time, so that equal input gives equal octets: 2026-01-01.
            ("build_epoch", Value::U64(1_767_225_600)),
            ("database_type", self.kind.as_str().into()),
            ("description", Value::map([("en", self.kind.as_str())])),
            ("ip_version", self.ip_version.into()),
            ("languages", Value::Array(vec!["en".into()])),
            ("node_count", Value::U32(nodes as u32)),
            ("record_size", bits.into()),
        ])
    }
}

/// Sixteen zero octets lie between tree and data.
const SEPARATOR: [u8; 16] = [0; 16];

/// A binary tree over the bits of addresses.
struct Tree {
    nodes: Vec<[Slot; 2]>,
}

#[derive(Clone, Copy)]
enum Slot {
    Empty,
    Node(usize),
    /// Offset into the data.
    Data(usize),
}

impl Tree {
    fn new() -> Self {
        Self { nodes: vec![[Slot::Empty; 2]] }
    }

    /// Sets a network, no shorter than any before it.
    fn insert(&mut self, bits: u128, length: u8, offset: usize) {
        if length == 0 {
            self.nodes[0] = [Slot::Data(offset); 2];
            return;
        }
        let side = |depth: u8| usize::from(bits >> (127 - depth) & 1 == 1);
        let mut node = 0;
        for depth in 0..length - 1 {
            let slot = self.nodes[node][side(depth)];
            node = match slot {
                Slot::Node(next) => next,
                // What held for the whole holds for both halves until one is set.
                Slot::Empty | Slot::Data(_) => {
                    self.nodes.push([slot; 2]);
                    let next = self.nodes.len() - 1;
                    self.nodes[node][side(depth)] = Slot::Node(next);
                    next
                }
            };
        }
        self.nodes[node][side(length - 1)] = Slot::Data(offset);
    }

    fn encode(&self, bits: u16) -> Vec<u8> {
        let number = |slot| match slot {
            Slot::Empty => self.nodes.len() as u32,
            Slot::Node(node) => node as u32,
            Slot::Data(offset) => (self.nodes.len() + SEPARATOR.len() + offset) as u32,
        };
        let mut out = Vec::with_capacity(self.nodes.len() * usize::from(bits) / 4);
        for slots in &self.nodes {
            let [left, right] = slots.map(|slot| number(slot).to_be_bytes());
            match bits {
                24 => out.extend([&left[1..], &right[1..]].concat()),
                // The highest four bits of both share the octet in the middle.
                28 => {
                    out.extend_from_slice(&left[1..]);
                    out.push(left[0] << 4 | right[0]);
                    out.extend_from_slice(&right[1..]);
                }
                _ => out.extend([left, right].concat()),
            }
        }
        out
    }
}
