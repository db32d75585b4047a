//! What tests have in common that look at how much memory a load takes. Each of them is a program of its own: what one
//! load takes at most is known of the whole process.
#![allow(dead_code, reason = "not every test needs all of it")]

use std::fs;

use halfmoon_wire::{Name, NameBuf};
use halfmoon_zones::{Attach, Fault, Fresh, MostRecords, Place, ProgramSource, Zone};

/// Lets all zones together have so much.
pub(crate) struct Most {
    records: u64,
    /// Octets of data.
    data: Option<u64>,
    /// What those take that were read.
    read: (u64, u64),
}

impl Most {
    /// So many records.
    pub(crate) fn records(records: u64) -> Self {
        Self { records, data: None, read: (0, 0) }
    }

    /// So many octets of data, which count as those of the zones that are made of them.
    pub(crate) fn data(octets: u64) -> Self {
        Self { records: u64::MAX, data: Some(octets), read: (0, 0) }
    }
}

impl Attach<()> for Most {
    fn most_records(&self, _: Name<'_>) -> Option<MostRecords> {
        let fault = || Fault::error("full", Place::default(), "too many");
        let (records, octets) = self.read;
        let data = self.data.map(|data| (data.saturating_sub(octets), fault()));
        Some(MostRecords { count: self.records.saturating_sub(records), fault: fault(), data })
    }

    fn has_read(&mut self, zone: &Zone, _: &[(NameBuf, ProgramSource)]) {
        self.read.0 += u64::from(zone.record_count());
        self.read.1 += zone.size() as u64;
    }

    fn attach(&mut self, _: &Fresh<'_, ()>, _: &mut Vec<Fault>) {}
}

/// The most octets of memory that this process has had.
pub(crate) fn peak() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}
