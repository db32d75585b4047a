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
    octets: Box<[u8]>,
    /// Where each ends.
    ends: Box<[u32]>,
    window: Window,
}

impl SignatureSet {
    /// The data of the RRSIG records.
    pub fn rdatas(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        let starts = [0].into_iter().chain(self.ends.iter().copied());
        let ends = self.ends.iter();
        Ends { starts, ends }.map(|(start, end)| &self.octets[start as usize..end as usize])
    }

    /// From when until when they hold.
    #[must_use]
    pub const fn window(&self) -> Window {
        self.window
    }
}

/// Pairs of start and end.
struct Ends<S, E> {
    starts: S,
    ends: E,
}

impl<'e, S: Iterator<Item = u32>, E: ExactSizeIterator<Item = &'e u32>> Iterator for Ends<S, E> {
    type Item = (u32, u32);

    fn next(&mut self) -> Option<(u32, u32)> {
        Some((self.starts.next()?, *self.ends.next()?))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.ends.len(), Some(self.ends.len()))
    }
}

impl<'e, S: Iterator<Item = u32>, E: ExactSizeIterator<Item = &'e u32>> ExactSizeIterator
    for Ends<S, E>
{
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
}

/// Signs the RRset in `scratch.set` with each of the keys.
pub(crate) fn sign(
    what: &ToSign<'_>,
    keys: &[Arc<Key>],
    window: Window,
    scratch: &mut Scratch,
) -> Result<SignatureSet, KeyError> {
    let Scratch { set, head, data } = scratch;
    // The root label does not count, and neither does a leading asterisk (section 3.1.3).
    let labels = what.owner.label_count() - usize::from(what.owner.is_wildcard());
    let mut octets = Vec::new();
    let mut ends = Vec::with_capacity(keys.len());
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
        octets.extend_from_slice(head);
        key.sign(data, &mut octets)?;
        ends.push(octets.len() as u32);
    }
    Ok(SignatureSet { octets: octets.into(), ends: ends.into(), window })
}
