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
    pub(super) count: u64,
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
        Self { builder, most_of, most, is_limited, has_soa: false, count: 0, exceeded: None }
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
        self.count += 1;
        match &self.most {
            Some(most) if self.count > most.count => {
                self.exceeded = Some(Fault { place: entry.place, ..most.fault.clone() });
            }
            _ => self.builder.entry(entry),
        }
    }

    fn fault(&mut self, fault: Fault) {
        self.builder.fault(fault);
    }
}
