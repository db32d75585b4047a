//! Records that the server adds to a zone, and what makes it read a file again.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};

use halfmoon_wire::{Name, NameBuf, Type};
use halfmoon_zones::{Addition, Attach, Draft, Fault, Fresh, Loader};

/// Adds a DS record to each delegation of the zone `parent.`, unless it comes signed.
#[derive(Default)]
struct Keys {
    stamp: AtomicU64,
    loads: usize,
}

impl Attach<()> for Keys {
    fn stamp(&self, apex: Name<'_>) -> u64 {
        if apex == name("parent.").as_name() { self.stamp.load(Ordering::Relaxed) } else { 0 }
    }

    fn additions(&mut self, draft: &Draft<'_>) -> Vec<Addition> {
        if draft.is_signed() {
            return Vec::new();
        }
        let ds = |owner: Name<'_>| Addition {
            owner: owner.to_buf(),
            rtype: Type::DS,
            ttl: 300,
            rdata: vec![0, 1, 13, 2, 0xab],
        };
        draft.delegations().into_iter().map(ds).collect()
    }

    fn attach(&mut self, _: &Fresh<'_, ()>, _: &mut Vec<Fault>) {
        self.loads += 1;
    }
}

fn name(text: &str) -> NameBuf {
    text.parse().unwrap()
}

const PARENT: &str = "$TTL 60
@ SOA ns. host. 1 2 3 4 5
@ NS ns.else.
child NS ns.else.
child NS ns2.else.
www A 192.0.2.1
other NS ns.else.
other 77 DS 1 13 2 cd
";

#[test]
fn additions_stand_in_the_zone_beside_its_own() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("parent.zone"), PARENT).unwrap();
    let mut loader = Loader::new(folder.path().to_owned(), false);
    let loaded = loader.load(&mut Keys::default()).unwrap();
    let hosted = loaded.catalog.zone(name("parent.").as_name()).unwrap();
    let sets: Vec<(String, u32, u16)> = hosted
        .zone
        .nodes()
        .filter_map(|node| Some((node.owner().to_string(), node.set(Type::DS)?)))
        .map(|(owner, set)| (owner, set.ttl(), set.count()))
        .collect();
    // The TTL of an RRset is the file's where it has one.
    assert_eq!(sets, [("child.parent.".into(), 300, 1), ("other.parent.".into(), 77, 2)]);
}

#[test]
fn a_changed_stamp_reads_the_file_again_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("parent.zone"), PARENT).unwrap();
    fs::write(folder.path().join("else.zone"), "$TTL 60\n@ SOA ns. host. 1 2 3 4 5\n@ NS a.b.\n")
        .unwrap();
    let mut loader = Loader::new(folder.path().to_owned(), false);
    let mut keys = Keys::default();
    loader.load(&mut keys).unwrap();
    assert_eq!(keys.loads, 2);
    loader.load(&mut keys).unwrap();
    assert_eq!(keys.loads, 2, "nothing has changed");
    keys.stamp.store(1, Ordering::Relaxed);
    let loaded = loader.load(&mut keys).unwrap();
    assert_eq!((keys.loads, loaded.reports.len()), (3, 1));
    assert_eq!(loaded.catalog.zones().len(), 2);
}

#[test]
fn a_zone_that_comes_signed_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let signature = "@ RRSIG SOA 13 1 60 20300101000000 20200101000000 1 parent. AAAA\n";
    fs::write(folder.path().join("parent.zone"), format!("{PARENT}{signature}")).unwrap();
    let mut loader = Loader::new(folder.path().to_owned(), false);
    let loaded = loader.load(&mut Keys::default()).unwrap();
    let hosted = loaded.catalog.zone(name("parent.").as_name()).unwrap();
    let has_ds = |owner: &str| {
        let owner = name(owner);
        hosted
            .zone
            .nodes()
            .any(|node| node.owner() == owner.as_name() && node.set(Type::DS).is_some())
    };
    assert!(!has_ds("child.parent.") && has_ds("other.parent."));
}
