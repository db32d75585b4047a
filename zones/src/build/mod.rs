//! Collects the entries of a zone file and makes a [`Zone`] of them, if they can be one.
//!
//! Records are kept as they come in one array; at the end they are put in order of owner and
//! type, checked against each other, and laid out.

mod additions;
mod check;
mod lay;

pub use additions::{Addition, Draft};

use std::path::Path;

use halfmoon_wire::{Class, Name, NameBuf, Type, hash_name};

use crate::tree::Table;
use crate::{Entry, Fault, Files, Level, Place, ProgramSource, Sink, Zone};

/// How many faults of one zone are told; what comes after is counted.
const MOST_FAULTS: usize = 1_000;

/// A record of the file. `owner` numbers the owners in order of appearance.
#[derive(Clone, Copy, Debug)]
struct Record {
    owner: u32,
    rtype: Type,
    /// Octets of its data, which stand at `start` of the builder's `data`.
    length: u16,
    ttl: u32,
    start: u32,
    place: Place,
    /// Its number among the programs, for LUA records.
    program: u32,
}

#[derive(Clone, Copy, Debug)]
struct OwnerName {
    start: u32,
    length: u8,
    /// Where it first stood.
    place: Place,
}

/// What became of a zone file.
#[derive(Debug)]
pub struct Built {
    /// The zone, if it could be laid out. It is not to be served when [`Built::is_refused`].
    pub zone: Option<Zone>,
    /// The zone's name, as far as it is known: the owner of the SOA, else the file's name.
    pub apex: NameBuf,
    /// The programs, in the order in which the zone numbers them, each with its owner.
    pub programs: Vec<(NameBuf, ProgramSource)>,
    /// All that is wrong, in order of place.
    pub faults: Vec<Fault>,
    /// The files that were read.
    pub files: Files,
    /// Whether the file holds a SOA record, and so is a zone of its own and not a part of another.
    pub has_soa: bool,
}

impl Built {
    /// Whether some fault refuses the zone.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.zone.is_none() || self.faults.iter().any(|fault| fault.level == Level::Error)
    }
}

/// Takes the entries of one zone.
#[derive(Debug, Default)]
pub struct Builder {
    names: Vec<u8>,
    owners: Vec<OwnerName>,
    table: Table,
    data: Vec<u8>,
    records: Vec<Record>,
    programs: Vec<ProgramSource>,
    faults: Vec<Fault>,
    more_faults: usize,
    /// The owner of the record before: most records have the same.
    last: Option<u32>,
}

impl Builder {
    /// A builder without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes the zone. `origin` is its name if it has no SOA, `path` its file.
    #[must_use]
    pub fn build(mut self, origin: Name<'_>, path: &Path, mut files: Files) -> Built {
        let top = Place { file: files.add(path), line: 1, column: 1 };
        let apex = self.find_apex(top);
        let has_soa = apex.is_some();
        let apex_name = apex.map_or_else(|| origin.to_buf(), |apex| self.owner_name(apex).to_buf());
        let laid = apex.and_then(|apex| {
            self.drop_foreign(apex);
            self.put_in_order();
            self.check_sets(apex);
            self.lay_out(apex)
        });
        let (zone, programs) = match laid {
            Some((mut zone, programs)) => {
                zone.files = files.clone();
                self.check_tree(&zone);
                (Some(zone), programs)
            }
            None => (None, Vec::new()),
        };
        if self.more_faults > 0 {
            let message = format!("{} more faults are not listed", self.more_faults);
            self.faults.push(Fault::error("too-many-faults", top, message));
        }
        self.faults.sort_by_key(|fault| fault.place);
        Built { zone, apex: apex_name, programs, faults: self.faults, files, has_soa }
    }

    /// Makes no zone, since what was read of it is not all there is; `why` says why.
    #[must_use]
    pub fn give_up(mut self, origin: Name<'_>, why: Fault, files: Files) -> Built {
        let apex = self.apex();
        self.faults.push(why);
        self.faults.sort_by_key(|fault| fault.place);
        Built {
            zone: None,
            apex: apex.unwrap_or_else(|| origin.to_buf()),
            programs: Vec::new(),
            faults: self.faults,
            files,
            has_soa: apex.is_some(),
        }
    }

    fn report(&mut self, fault: Fault) {
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(fault);
        } else if fault.level == Level::Error {
            self.more_faults += 1;
        }
    }

    fn owner_name(&self, owner: u32) -> Name<'_> {
        let OwnerName { start, length, .. } = self.owners[owner as usize];
        let start = start as usize;
        Name::from_known_wire(&self.names[start..start + usize::from(length)])
    }

    fn rdata(&self, record: &Record) -> &[u8] {
        let start = record.start as usize;
        &self.data[start..start + usize::from(record.length)]
    }

    /// The number of `name` among the owners; it is given one if it has none.
    fn owner(&mut self, name: Name<'_>, place: Place) -> Option<u32> {
        if let Some(last) = self.last
            && self.owner_name(last) == name
        {
            return Some(last);
        }
        let owner = self.intern(name, place)?;
        self.last = Some(owner);
        Some(owner)
    }

    fn intern(&mut self, name: Name<'_>, place: Place) -> Option<u32> {
        let hash = hash_name(name);
        let (names, owners) = (&self.names, &self.owners);
        let known = self.table.find(hash, |owner| {
            let OwnerName { start, length, .. } = owners[owner as usize];
            let start = start as usize;
            names[start..start + usize::from(length)].eq_ignore_ascii_case(name.as_wire())
        });
        if known.is_some() {
            return known;
        }
        let owner = u32::try_from(self.owners.len()).ok()?;
        let start = u32::try_from(self.names.len()).ok()?;
        let length = name.as_wire().len() as u8;
        self.names.extend_from_slice(name.as_wire());
        self.owners.push(OwnerName { start, length, place });
        self.table.insert(hash, owner);
        Some(owner)
    }
}

impl Sink for Builder {
    fn entry(&mut self, entry: &Entry<'_>) {
        debug_assert_eq!(entry.class, Class::IN, "the reader refuses other classes");
        let owner = self.owner(entry.owner, entry.place);
        let start = u32::try_from(self.data.len()).ok();
        let length = u16::try_from(entry.rdata.len()).ok();
        let (Some(owner), Some(start), Some(length)) = (owner, start, length) else {
            let message = "zone holds more than 4 GiB of names or data";
            self.report(
                Fault::error("too-large", entry.place, message).help("split it into several zones"),
            );
            return;
        };
        self.data.extend_from_slice(entry.rdata);
        let program = self.programs.len() as u32;
        if entry.rtype == Type::LUA
            && let Some(source) = entry.program
        {
            self.programs.push(source.clone());
        }
        self.records.push(Record {
            owner,
            rtype: entry.rtype,
            length,
            ttl: entry.ttl,
            start,
            place: entry.place,
            program,
        });
    }

    fn fault(&mut self, fault: Fault) {
        self.report(fault);
    }
}
