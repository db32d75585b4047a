//! A file that is included, and changes between being read by another thread and the turn of who includes it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::PathBuf;

use halfmoon_wire::{Name, NameBuf};
use halfmoon_zones::{Attach, Fault, Fresh, Loader, MostRecords, Place, ProgramSource, Zone};

/// Enough for several threads.
const ZONES: usize = 300;

/// Limits all zones, and once the first of a load was taken in, changes what the last includes.
struct Changes {
    included: PathBuf,
    changes: bool,
}

impl Attach<()> for Changes {
    fn most_records(&self, _: Name<'_>) -> Option<MostRecords> {
        let fault = Fault::error("full", Place::default(), "too many");
        Some(MostRecords { count: 100, fault, data: None })
    }

    fn has_read(&mut self, _: &Zone, _: &[(NameBuf, ProgramSource)]) {
        if std::mem::take(&mut self.changes) {
            fs::write(&self.included, "new A 192.0.2.2\nnewer A 192.0.2.3\n").unwrap();
        }
    }

    fn attach(&mut self, _: &Fresh<'_, ()>, _: &mut Vec<Fault>) {}
}

#[test]
fn what_changed_before_its_turn_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let apex = "$TTL 60\n@ SOA ns. host. 1 2 3 4 5\n@ NS ns.else.\n";
    let included = folder.path().join("common.inc");
    fs::write(&included, "old A 192.0.2.1\n").unwrap();
    for number in 0..ZONES {
        let more = if number + 1 == ZONES { "$INCLUDE common.inc\n" } else { "" };
        let path = folder.path().join(format!("z{number:03}.test.zone"));
        fs::write(path, format!("{apex}{more}")).unwrap();
    }
    let mut loader = Loader::new(folder.path().to_owned(), false).with_threads(4);
    let mut attach = Changes { included, changes: true };
    let last: NameBuf = format!("z{:03}.test.", ZONES - 1).parse().unwrap();
    let mut records = || {
        let loaded = loader.load(&mut attach).unwrap();
        loaded.catalog.zone(last.as_name()).unwrap().zone.record_count()
    };
    assert_eq!(records(), 3, "as it was when it was read");
    assert_eq!(records(), 4, "as it is");
}
