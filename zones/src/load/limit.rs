//! Stops keeping what is read of a zone that has more records than it may, so that a file of any size
//! takes no more memory than a right one.

use halfmoon_wire::{Name, Type};

use crate::{Builder, Entry, Fault, Sink};

/// How many records a zone may have.
#[derive(Clone, Debug)]
pub struct MostRecords {
    /// So many.
    pub count: u64,
    /// What is wrong if there are more; its place is that of the first that is too many.
    pub fault: Fault,
    /// How many octets of data they may have together, and what is wrong if those are more; `None`: as many as they
    /// like. With the sources of programs they may take twice as many.
    pub data: Option<(u64, Fault)>,
}

impl MostRecords {
    /// What is wrong with what was read of a zone.
    pub(super) fn excess(&self, amount: &Amount) -> Option<&Fault> {
        // The data are in the zone that is made of it, of the sources of programs perhaps nothing is.
        let octets = amount.data.max(amount.kept() / 2);
        let data = || self.data.as_ref().filter(|(most, _)| octets > *most).map(|(_, fault)| fault);
        if amount.records > self.count { Some(&self.fault) } else { data() }
    }
}

/// How much was read of a zone, what was too much among it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Amount {
    pub(super) records: u64,
    /// Octets of the data of all records.
    data: u64,
    /// Octets that the sources of programs take besides.
    sources: u64,
}

impl Amount {
    fn add(&mut self, entry: &Entry<'_>) {
        self.records += 1;
        self.data += entry.rdata.len() as u64;
        self.sources += entry.program.map_or(0, |source| source.size() as u64);
    }

    /// About how many octets are kept of it.
    pub(super) const fn kept(&self) -> u64 {
        self.data + self.sources
    }
}

/// Hands entries on until there are too many.
pub(super) struct Limited<'a> {
    builder: &'a mut Builder,
    /// How many a zone with this apex may have.
    most_of: &'a dyn Fn(Name<'_>) -> Option<MostRecords>,
    most: Option<MostRecords>,
    /// Whether it may have only so many, whichever name counts.
    pub(super) is_limited: bool,
    /// Whether the SOA was read, which says whose the zone is.
    has_soa: bool,
    pub(super) amount: Amount,
    pub(super) exceeded: Option<Fault>,
}

impl<'a> Limited<'a> {
    /// For a zone that is called `origin`, unless it says otherwise.
    pub(super) fn new(
        builder: &'a mut Builder,
        origin: Name<'_>,
        most_of: &'a dyn Fn(Name<'_>) -> Option<MostRecords>,
    ) -> Self {
        let most = most_of(origin);
        let is_limited = most.is_some();
        let (amount, exceeded) = (Amount::default(), None);
        Self { builder, most_of, most, is_limited, has_soa: false, amount, exceeded }
    }
}

impl Sink for Limited<'_> {
    fn entry(&mut self, entry: &Entry<'_>) {
        if self.exceeded.is_some() {
            return;
        }
        if entry.rtype == Type::SOA && !self.has_soa {
            self.has_soa = true;
            self.most = (self.most_of)(entry.owner);
            self.is_limited |= self.most.is_some();
        }
        self.amount.add(entry);
        let most = self.most.as_ref();
        match most.and_then(|most| most.excess(&self.amount)) {
            Some(fault) => self.exceeded = Some(Fault { place: entry.place, ..fault.clone() }),
            None => self.builder.entry(entry),
        }
    }

    fn fault(&mut self, fault: Fault) {
        self.builder.fault(fault);
    }
}
