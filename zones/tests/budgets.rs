//! Zones that together may have so many records: what is read of those that have more, and which of
//! several versions stay as they were.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use halfmoon_wire::{Name, NameBuf};
use halfmoon_zones::{
    Attach, Candidate, Catalog, CommitLoader, Fault, FileReport, Fresh, Hosted, Loader,
    MostRecords, Outcome, Place, ProgramSource, Store, Zone,
};

/// Lets all zones have so many records together.
struct Budget {
    most: u64,
    /// Of the zones that stay as they are.
    stay: u64,
    /// Of those of which there may be a new version.
    before: BTreeMap<String, u64>,
    /// What the versions that were read take at least, served or refused.
    read: u64,
    began: usize,
    /// Zones stay whose files are gone.
    keeps: bool,
}

impl Budget {
    fn new(most: u64) -> Self {
        Self { most, stay: 0, before: BTreeMap::new(), read: 0, began: 0, keeps: false }
    }
}

impl Attach<()> for Budget {
    fn start(
        &mut self,
        stay: &mut dyn Iterator<Item = &Hosted<()>>,
        before: &mut dyn Iterator<Item = &Hosted<()>>,
    ) {
        let records = |hosted: &Hosted<()>| u64::from(hosted.zone.record_count());
        self.stay = stay.map(records).sum();
        self.before =
            before.map(|hosted| (hosted.zone.apex().to_string(), records(hosted))).collect();
        self.read = 0;
        self.began += 1;
    }

    fn most_records(&self, apex: Name<'_>) -> Option<MostRecords> {
        let apex = apex.to_string();
        if apex == "free.test." {
            return None;
        }
        let before = self.before.get(&apex).copied().unwrap_or(0);
        let count = self.most.saturating_sub(self.stay + self.read).max(before);
        let fault = Fault::error("full", Place::default(), "too many");
        Some(MostRecords { count, fault, data: None })
    }

    fn has_read(&mut self, zone: &Zone, _: &[(NameBuf, ProgramSource)]) {
        let before = self.before.get(&zone.apex().to_string()).copied().unwrap_or(0);
        self.read += before.min(u64::from(zone.record_count()));
    }

    fn depends_on_others(&self, fault: &Fault) -> bool {
        fault.rule == "full"
    }

    fn may_go(&self, _: &Hosted<()>) -> bool {
        !self.keeps
    }

    fn attach(&mut self, _: &Fresh<'_, ()>, _: &mut Vec<Fault>) {}

    fn judge(&mut self, candidates: &mut [Candidate<()>]) {
        let count = |hosted: Option<&Hosted<()>>| {
            hosted.map_or(0, |hosted| u64::from(hosted.zone.record_count()))
        };
        let mut sum = self.stay;
        sum += candidates.iter().map(|candidate| count(candidate.served())).sum::<u64>();
        let is_held = |candidate: &Candidate<()>| candidate.apex().to_string() != "free.test.";
        let held = candidates.iter_mut().filter(|candidate| is_held(candidate));
        for candidate in held.filter(|candidate| candidate.proposed().is_some()) {
            let after = sum - count(candidate.served()) + count(candidate.proposed());
            if after > self.most {
                candidate.refuse(None, |place| Fault::error("full", place, "too many together"));
            } else {
                sum = after;
            }
        }
    }
}

/// A zone with so many records, the SOA and an NS among them.
fn zone(serial: u32, records: u32) -> String {
    let mut text = format!("$TTL 60\n@ SOA ns. host. {serial} 2 3 4 5\n@ NS ns.else.\n");
    for number in 0..records - 2 {
        text.push_str(&format!("n{number} A 192.0.2.1\n"));
    }
    text
}

/// Writes by renaming, so that the file's inode changes whatever the clock's grain.
fn write(folder: &Path, name: &str, text: &str) {
    fs::write(folder.join(".aside"), text).unwrap();
    fs::rename(folder.join(".aside"), folder.join(name)).unwrap();
}

fn serving(catalog: &Catalog<()>) -> Vec<String> {
    let said = |hosted: &Hosted<()>| format!("{} {}", hosted.zone.apex(), hosted.zone.serial());
    let mut serving: Vec<_> = catalog.zones().iter().map(|hosted| said(hosted)).collect();
    serving.sort();
    serving
}

/// What became of each file, with where and by what it was refused.
fn outcomes(reports: &[FileReport]) -> Vec<String> {
    let fault = |fault: &Fault| format!(" {} at line {}", fault.rule, fault.place.line);
    let said = |report: &FileReport| {
        let faults: String = report.faults.iter().map(fault).collect();
        format!("{} {:?}{faults}", report.apex, report.outcome)
    };
    reports.iter().map(said).collect()
}

#[test]
fn a_zone_is_read_up_to_where_it_is_too_large() {
    let folder = tempfile::tempdir().unwrap();
    let mut loader = Loader::new(folder.path().to_owned(), false);
    let mut budget = Budget::new(10);
    write(folder.path(), "a.test.zone", &zone(1, 4));
    loader.load(&mut budget).unwrap();
    // Six fit, the first of them in the second line.
    write(folder.path(), "b.test.zone", &zone(1, 100_000));
    write(folder.path(), "free.test.zone", &zone(1, 20));
    let loaded = loader.load(&mut budget).unwrap();
    assert_eq!(outcomes(&loaded.reports), ["b.test. Refused full at line 8", "free.test. Loaded"]);
    // A zone that is somebody else's by its SOA counts as his, whatever its file is called.
    let text = format!("$ORIGIN free.test.\n{}", zone(1, 20));
    fs::remove_file(folder.path().join("free.test.zone")).unwrap();
    write(folder.path(), "b.test.zone", &text);
    let loaded = loader.load(&mut budget).unwrap();
    let served = loaded.reports.iter().find(|report| report.outcome == Outcome::Loaded);
    assert_eq!(served.map(|report| report.apex.to_string()).as_deref(), Some("free.test."));
}

#[test]
fn versions_are_judged_together_and_the_old_ones_stay() {
    let folder = tempfile::tempdir().unwrap();
    let mut loader = Loader::new(folder.path().to_owned(), false);
    let mut budget = Budget::new(12);
    for name in ["a", "b", "c"] {
        write(folder.path(), &format!("{name}.test.zone"), &zone(1, 4));
    }
    let first = loader.load(&mut budget).unwrap();
    assert_eq!(first.reports.iter().filter(|r| r.outcome == Outcome::Loaded).count(), 3);
    // One that goes makes room for others in the same load.
    fs::remove_file(folder.path().join("a.test.zone")).unwrap();
    write(folder.path(), "b.test.zone", &zone(2, 7));
    write(folder.path(), "c.test.zone", &zone(2, 5));
    let second = loader.load(&mut budget).unwrap();
    assert_eq!(serving(&second.catalog), ["b.test. 2", "c.test. 2"]);
    assert_eq!(budget.began, 2);
    // One that is known to have changed is judged with all others.
    let path = folder.path().join("c.test.zone");
    for (serial, records, kept) in [(3, 6, true), (4, 3, false), (5, 5, false)] {
        write(folder.path(), "c.test.zone", &zone(serial, records));
        let changed = BTreeSet::from([path.clone()]);
        let loaded = loader.load_changed(&changed, &second.catalog, &mut budget);
        let loaded = match loaded {
            Some(loaded) => loaded,
            None => loader.load(&mut budget).unwrap(),
        };
        let expected = match kept {
            true => "c.test. Kept full at line 7".to_owned(),
            false => "c.test. Loaded".to_owned(),
        };
        assert_eq!(outcomes(&loaded.reports), [expected], "{records} records");
    }
}

#[test]
fn what_is_refused_for_others_is_looked_at_again_when_they_change() {
    for is_whole in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let mut loader = Loader::new(folder.path().to_owned(), false);
        let mut budget = Budget::new(20);
        write(folder.path(), "a.test.zone", &zone(1, 12));
        write(folder.path(), "b.test.zone", &zone(1, 8));
        let mut served = loader.load(&mut budget).unwrap().catalog;
        for (name, serial, records, expected, serving_now) in [
            ("b", 2, 10, "b.test. Kept full at line 10", ["a.test. 1", "b.test. 1"]),
            // It is known that there is no room for it, and there still is none.
            ("a", 2, 12, "a.test. Loaded", ["a.test. 2", "b.test. 1"]),
            ("a", 3, 10, "a.test. Loaded, b.test. Loaded", ["a.test. 3", "b.test. 2"]),
            ("b", 3, 8, "b.test. Loaded", ["a.test. 3", "b.test. 3"]),
        ] {
            write(folder.path(), &format!("{name}.test.zone"), &zone(serial, records));
            let loaded = match is_whole {
                true => loader.load(&mut budget).unwrap(),
                false => {
                    let path = folder.path().join(format!("{name}.test.zone"));
                    let changed = BTreeSet::from([path]);
                    loader.load_changed(&changed, &served, &mut budget).unwrap()
                }
            };
            assert_eq!(outcomes(&loaded.reports).join(", "), expected);
            assert_eq!(serving(&loaded.catalog), serving_now);
            served = loaded.catalog;
            let again = loader.load(&mut budget).unwrap();
            assert_eq!(outcomes(&again.reports), [""; 0], "nothing has changed");
        }
        // A new zone waits, too, until another one goes.
        write(folder.path(), "c.test.zone", &zone(1, 9));
        let loaded = loader.load(&mut budget).unwrap();
        assert_eq!(outcomes(&loaded.reports), ["c.test. Refused full at line 4"]);
        fs::remove_file(folder.path().join("b.test.zone")).unwrap();
        let loaded = loader.load(&mut budget).unwrap();
        assert_eq!(serving(&loaded.catalog), ["a.test. 3", "c.test. 1"]);
    }
}

#[test]
fn a_file_with_another_name_takes_no_room_beside_itself() {
    let folder = tempfile::tempdir().unwrap();
    let mut loader = Loader::new(folder.path().to_owned(), false);
    let mut budget = Budget::new(20);
    let a = |serial, records| format!("$ORIGIN a.test.\n{}", zone(serial, records));
    write(folder.path(), "a.test.zone", &a(1, 12));
    write(folder.path(), "b.test.zone", &zone(1, 8));
    loader.load(&mut budget).unwrap();
    budget.keeps = true;
    for (from, to, records, expected, serving_now) in [
        ("a.test", "c", 12, "a.test. Loaded", ["a.test. 2", "b.test. 1"]),
        // One record more than there is room for, and one less.
        ("c", "d", 13, "a.test. Kept full at line 15", ["a.test. 2", "b.test. 1"]),
        ("d", "0", 11, "a.test. Loaded", ["a.test. 4", "b.test. 1"]),
    ] {
        let serial = serving_now[0][8..].parse().unwrap();
        write(folder.path(), &format!("{to}.zone"), &a(serial, records));
        fs::remove_file(folder.path().join(format!("{from}.zone"))).unwrap();
        let loaded = loader.load(&mut budget).unwrap();
        assert_eq!(outcomes(&loaded.reports).join(", "), expected);
        assert_eq!(serving(&loaded.catalog), serving_now);
        assert_eq!((loaded.removed.len(), loaded.held.len()), (0, 0));
    }
    // What stays without a file takes up room.
    fs::remove_file(folder.path().join("0.zone")).unwrap();
    write(folder.path(), "b.test.zone", &zone(2, 10));
    let loaded = loader.load(&mut budget).unwrap();
    assert_eq!(outcomes(&loaded.reports), ["b.test. Kept full at line 1"]);
    assert_eq!(serving(&loaded.catalog), ["a.test. 4", "b.test. 1"]);
}

struct Commit(BTreeMap<PathBuf, String>);

impl Store for Commit {
    fn read(&self, path: &Path, _most: u64) -> io::Result<Vec<u8>> {
        let found = self.0.get(path).map(|text| text.as_bytes().to_vec());
        found.ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

#[test]
fn a_commit_is_judged_as_a_whole() {
    let commit = |zones: &[(&str, u32)]| {
        let file = |(name, records): &(&str, u32)| (PathBuf::from(name), zone(1, *records));
        Commit(zones.iter().map(file).collect())
    };
    let mut loader: CommitLoader<()> = CommitLoader::new(PathBuf::new(), false);
    let mut budget = Budget::new(10);
    let changed = |names: &[(&str, bool)]| -> Vec<(PathBuf, bool)> {
        names.iter().map(|(name, is_there)| (PathBuf::from(name), *is_there)).collect()
    };
    let first = commit(&[("a.test.zone", 4), ("b.test.zone", 6)]);
    let names = changed(&[("a.test.zone", true), ("b.test.zone", true)]);
    let proposal = loader.propose(&first, &names, &Catalog::default(), &mut budget);
    assert!(!proposal.is_refused());
    let served = loader.accept(proposal);
    // One grows by what another one loses.
    for (zones, names, is_refused) in [
        (&[("a.test.zone", 5), ("b.test.zone", 6)][..], &[("a.test.zone", true)][..], true),
        (&[("a.test.zone", 4)], &[("b.test.zone", false)], false),
        (
            &[("c.test.zone", 6), ("a.test.zone", 4)],
            &[("b.test.zone", false), ("c.test.zone", true)],
            false,
        ),
        (
            &[("c.test.zone", 7), ("a.test.zone", 4)],
            &[("b.test.zone", false), ("c.test.zone", true)],
            true,
        ),
    ] {
        let proposal = loader.propose(&commit(zones), &changed(names), &served, &mut budget);
        assert_eq!(proposal.is_refused(), is_refused, "{zones:?}");
    }
}
