//! Signatures of RRsets: RRSIG data (RFC 4034 section 3).

use std::sync::Arc;

use halfmoon_wire::{Class, Name, Type};

use crate::canonical::{CanonicalSet, put_name};
use crate::{Key, KeyError};

/// From when until when a signature holds, in seconds since 1970 modulo 2^32 (RFC 4034 section
/// 3.1.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first second.
    pub inception: u32,
    /// The last second.
    pub expiration: u32,
}

impl Window {
    /// Whether the window has more than `left` seconds to go at `now`, in serial number arithmetic.
    #[must_use]
    pub const fn has_left(self, now: u32, left: u32) -> bool {
        self.expiration.wrapping_sub(now) as i32 > left as i32
    }
}

/// The signatures of one RRset, by all keys that sign it: the data of its RRSIG records.
#[derive(Debug, PartialEq, Eq)]
pub struct SignatureSet {
    /// What it is known by, then the data of each record with their length in two octets before. One piece: in
    /// most zones there are more of these than of anything else.
    octets: Vec<u8>,
    /// Where the first record begins.
    start: u32,
    window: Window,
}

impl SignatureSet {
    /// What [`sign`] has made.
    pub(crate) fn new(octets: &[u8], start: u32, window: Window) -> Self {
        // What is looked for leaves a cache some day: others of about its length fit in then.
        let room = if start > 0 { octets.len().next_multiple_of(64) } else { octets.len() };
        let mut own = Vec::with_capacity(room);
        own.extend_from_slice(octets);
        Self { octets: own, start, window }
    }

    /// The same in the memory of what is not wanted any more, if it is large enough and not much larger: what is
    /// kept takes what it needs, whatever stood there before. Whether it was.
    pub(crate) fn refill(&mut self, octets: &[u8], start: u32, window: Window) -> bool {
        let room = self.octets.capacity();
        if !(octets.len()..=octets.len() / 2 * 3 + 64).contains(&room) {
            return false;
        }
        self.octets.clear();
        self.octets.extend_from_slice(octets);
        (self.start, self.window) = (start, window);
        true
    }

    /// The data of the RRSIG records.
    pub fn rdatas(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = self.octets.get(self.start as usize..).unwrap_or_default();
        std::iter::from_fn(move || {
            let (length, behind) = rest.split_first_chunk()?;
            let (rdata, behind) =
                behind.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
            rest = behind;
            Some(rdata)
        })
    }

    /// What was signed and by which keys, where that was said when it was made.
    pub(crate) fn known_by(&self) -> &[u8] {
        self.octets.get(..self.start as usize).unwrap_or_default()
    }

    /// From when until when they hold.
    #[must_use]
    pub const fn window(&self) -> Window {
        self.window
    }
}

/// An RRset to be signed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ToSign<'a> {
    /// The apex of the zone, which signs.
    pub(crate) apex: Name<'a>,
    pub(crate) owner: Name<'a>,
    pub(crate) rtype: Type,
    pub(crate) ttl: u32,
}

/// Room to put together what is signed; used again and again.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) set: CanonicalSet,
    head: Vec<u8>,
    data: Vec<u8>,
    /// The [`SignatureSet`] in the making: what it is to be known by, if anybody looks for it, then the records.
    pub(crate) octets: Vec<u8>,
}

/// Signs the RRset in `scratch.set` with each of the keys, into `scratch.octets`. The signatures are known by what is
/// there before; where they begin is returned.
pub(crate) fn sign(
    what: &ToSign<'_>,
    keys: &[Arc<Key>],
    window: Window,
    scratch: &mut Scratch,
) -> Result<u32, KeyError> {
    let Scratch { set, head, data, octets } = scratch;
    let start = octets.len() as u32;
    // The root label does not count, and neither does a leading asterisk (section 3.1.3).
    let labels = what.owner.label_count() - usize::from(what.owner.is_wildcard());
    for key in keys {
        head.clear();
        head.extend(what.rtype.0.to_be_bytes());
        head.extend([key.algorithm().number(), labels as u8]);
        head.extend(what.ttl.to_be_bytes());
        head.extend(window.expiration.to_be_bytes());
        head.extend(window.inception.to_be_bytes());
        head.extend(key.tag().to_be_bytes());
        put_name(what.apex, head);
        // Section 3.1.8.1: the RRSIG data without the signature, then the records.
        data.clear();
        data.extend_from_slice(head);
        for rdata in set.rdatas() {
            put_name(what.owner, data);
            data.extend(what.rtype.0.to_be_bytes());
            data.extend(Class::IN.0.to_be_bytes());
            data.extend(what.ttl.to_be_bytes());
            data.extend((rdata.len() as u16).to_be_bytes());
            data.extend_from_slice(rdata);
        }
        let at = octets.len();
        octets.extend([0; 2]);
        octets.extend_from_slice(head);
        key.sign(data, octets)?;
        // A name, a signature and 18 octets: far below what two octets say.
        let length = (octets.len() - at - 2) as u16;
        octets[at..at + 2].copy_from_slice(&length.to_be_bytes());
    }
    Ok(start)
}
