//! All zones of one server: which of them is closest to a name.

use std::fmt;
use std::sync::Arc;

use halfmoon_wire::{Name, SuffixHashes, Type, hash_name};

use crate::Zone;
use crate::tree::Table;

/// A zone, and what belongs to it that this crate knows nothing of: compiled programs, signatures.
#[derive(Debug)]
pub struct Hosted<P> {
    /// The zone.
    pub zone: Zone,
    /// What [`crate::Attach`] made of it.
    pub beside: P,
}

/// The zones of a server at one moment: immutable.
pub struct Catalog<P> {
    zones: Vec<Arc<Hosted<P>>>,
    table: Table,
    /// The most and the fewest labels any apex has.
    labels: (usize, usize),
    /// How many records all zones have.
    records: u64,
}

impl<P> Default for Catalog<P> {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl<P> Catalog<P> {
    /// A catalog of these zones. Of several with the same name the first counts.
    #[must_use]
    pub fn new(zones: Vec<Arc<Hosted<P>>>) -> Self {
        let mut table = Table::default();
        let mut labels = (0, usize::MAX);
        for (at, hosted) in zones.iter().enumerate() {
            let apex = hosted.zone.apex();
            let hash = hash_name(apex);
            let is_apex = |id: u32| zones[id as usize].zone.apex() == apex;
            if table.find(hash, is_apex).is_none() {
                table.insert(hash, at as u32);
            }
            let count = hosted.zone.apex_labels();
            labels = (labels.0.max(count), labels.1.min(count));
        }
        table.shrink();
        let records = zones.iter().map(|hosted| u64::from(hosted.zone.record_count())).sum();
        Self { zones, table, labels, records }
    }

    /// The same catalog with other versions of some of its zones; ones that are not in it are
    /// left out.
    #[must_use]
    pub fn replacing(&self, new: Vec<Arc<Hosted<P>>>) -> Self {
        let mut zones = self.zones.clone();
        let mut records = self.records;
        for hosted in new {
            let apex = hosted.zone.apex();
            let is_apex = |id: u32| zones[id as usize].zone.apex() == apex;
            if let Some(id) = self.table.find(hash_name(apex), is_apex) {
                records += u64::from(hosted.zone.record_count());
                records -= u64::from(zones[id as usize].zone.record_count());
                zones[id as usize] = hosted;
            }
        }
        Self { zones, table: self.table.clone(), labels: self.labels, records }
    }

    /// How many records all zones have.
    #[must_use]
    pub const fn record_count(&self) -> u64 {
        self.records
    }

    /// The zone that answers for a question: the closest one at or above the name. A DS belongs to
    /// the parent (RFC 4035 section 3.1.4.1): at an apex whose parent zone is here too, that one.
    #[must_use]
    pub fn find(&self, name: Name<'_>, hashes: &SuffixHashes, rtype: Type) -> Option<&Hosted<P>> {
        let closest =
            |labels| self.closest(name, hashes, labels).and_then(|id| self.zones.get(id as usize));
        let found = closest(hashes.label_count());
        let at_apex = |hosted: &&Arc<Hosted<P>>| hosted.zone.apex_labels() == hashes.label_count();
        if rtype == Type::DS && found.as_ref().is_some_and(at_apex) && hashes.label_count() > 0 {
            return closest(hashes.label_count() - 1).or(found).map(|hosted| &**hosted);
        }
        found.map(|hosted| &**hosted)
    }

    /// The number of the closest zone whose apex has at most `labels` labels.
    pub(crate) fn closest(
        &self,
        name: Name<'_>,
        hashes: &SuffixHashes,
        labels: usize,
    ) -> Option<u32> {
        let (most, fewest) = self.labels;
        (fewest..=most.min(labels)).rev().find_map(|labels| {
            let suffix = name.as_wire().get(hashes.offset_of_suffix(labels, name)..)?;
            self.table.find(hashes.of_suffix(labels), |id| {
                self.zones[id as usize].zone.is_at_apex(suffix)
            })
        })
    }

    /// The zone with this apex.
    #[must_use]
    pub fn zone(&self, apex: Name<'_>) -> Option<&Arc<Hosted<P>>> {
        let id =
            self.table.find(hash_name(apex), |id| self.zones[id as usize].zone.apex() == apex)?;
        self.zones.get(id as usize)
    }

    /// All zones.
    #[must_use]
    pub fn zones(&self) -> &[Arc<Hosted<P>>] {
        &self.zones
    }
}

impl<P> fmt::Debug for Catalog<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.zones.iter().map(|hosted| hosted.zone.apex())).finish()
    }
}
