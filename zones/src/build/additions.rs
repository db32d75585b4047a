//! Records that come from elsewhere than the zone file: keys, and the DS records of zones below.

use std::collections::{HashMap, HashSet};

use halfmoon_wire::{Name, NameBuf, Type};

use super::{Builder, Record};
use crate::{FileId, Place};

/// A record that the server adds to a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addition {
    /// Its owner, at or below the apex.
    pub owner: NameBuf,
    /// Its type.
    pub rtype: Type,
    /// Its TTL in seconds. Where the file has records of the owner and type, theirs counts.
    pub ttl: u32,
    /// Its data in wire form, names not compressed.
    pub rdata: Vec<u8>,
}

/// A zone that has been read and not yet been checked.
#[derive(Clone, Copy, Debug)]
pub struct Draft<'b> {
    builder: &'b Builder,
    apex: u32,
}

impl<'b> Draft<'b> {
    /// The owner of the first SOA.
    #[must_use]
    pub fn apex(&self) -> Name<'b> {
        self.builder.owner_name(self.apex)
    }

    /// Whether the zone comes signed: there are signatures at its apex.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        let mut records = self.builder.records.iter();
        records.any(|record| record.owner == self.apex && record.rtype == Type::RRSIG)
    }

    /// The names that the zone delegates, each once.
    #[must_use]
    pub fn delegations(&self) -> Vec<Name<'b>> {
        self.owners(Type::NS)
    }

    /// The names with DS records, each once.
    #[must_use]
    pub fn secured(&self) -> Vec<Name<'b>> {
        self.owners(Type::DS)
    }

    /// The names below the apex that have records of a type, each once.
    fn owners(&self, rtype: Type) -> Vec<Name<'b>> {
        let mut owners: Vec<u32> = self
            .builder
            .records
            .iter()
            .filter(|record| record.rtype == rtype && record.owner != self.apex)
            .map(|record| record.owner)
            .collect();
        owners.sort_unstable();
        owners.dedup();
        owners.into_iter().map(|owner| self.builder.owner_name(owner)).collect()
    }
}

impl Builder {
    /// The owner of the first SOA, if there is one.
    #[must_use]
    pub fn apex(&self) -> Option<NameBuf> {
        self.draft().map(|draft| draft.apex().to_buf())
    }

    /// What has been read so far, if it holds a SOA.
    #[must_use]
    pub fn draft(&self) -> Option<Draft<'_>> {
        let soa = self.records.iter().find(|record| record.rtype == Type::SOA)?;
        Some(Draft { builder: self, apex: soa.owner })
    }

    /// Gives the SOA another serial than that of the file.
    pub fn set_serial(&mut self, serial: u32) {
        for soa in self.records.iter().filter(|record| record.rtype == Type::SOA) {
            // Serial, refresh, retry, expire, minimum: the last five numbers (RFC 1035 section 3.3.13).
            let end = soa.start as usize + usize::from(soa.length);
            let place = end.saturating_sub(20)..end.saturating_sub(16);
            if let Some(octets) = self.data.get_mut(place) {
                octets.copy_from_slice(&serial.to_be_bytes());
            }
        }
    }

    /// Adds records, which faults will place at the start of `file`.
    pub fn add(&mut self, additions: &[Addition], file: FileId) {
        if additions.is_empty() {
            return;
        }
        let place = Place { file, line: 1, column: 1 };
        let ttls: HashMap<(u32, Type), u32> = {
            let added: HashSet<Type> = additions.iter().map(|addition| addition.rtype).collect();
            let records = self.records.iter().filter(|record| added.contains(&record.rtype));
            records.map(|record| ((record.owner, record.rtype), record.ttl)).collect()
        };
        for Addition { owner, rtype, ttl, rdata } in additions {
            let start = u32::try_from(self.data.len()).ok();
            let length = u16::try_from(rdata.len()).ok();
            let owner = self.intern(owner.as_name(), place);
            let (Some(owner), Some(start), Some(length)) = (owner, start, length) else {
                // The file before has filled all there is, which is a fault of its own.
                continue;
            };
            let ttl = ttls.get(&(owner, *rtype)).copied().unwrap_or(*ttl);
            self.data.extend_from_slice(rdata);
            let (rtype, program) = (*rtype, u32::MAX);
            self.records.push(Record { owner, rtype, length, ttl, start, place, program });
        }
        // Only the file's own records follow each other by owner.
        self.last = None;
    }
}
