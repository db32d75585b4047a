//! Many zones that are too large take no memory for what is too much, however many threads read them before it is
//! known that there is no room.
#![allow(clippy::print_stdout, reason = "the figures are what one runs it by hand for")]

mod support;

use std::fs;

use halfmoon_zones::{Loader, Outcome};

use support::{Most, peak};

const ZONES: usize = 200;
/// Records of each.
const RECORDS: usize = 3_000;

#[test]
fn what_is_too_much_of_many_zones_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let apex = "$TTL 60\n@ SOA ns. host. 1 2 3 4 5\n@ NS ns.else.\n";
    for number in 0..ZONES {
        let text = format!("{apex}$GENERATE 1-{RECORDS} n$ A 192.0.2.1\n");
        fs::write(folder.path().join(format!("z{number}.test.zone")), text).unwrap();
    }
    let load = |count| {
        let mut loader = Loader::new(folder.path().to_owned(), false).with_threads(4);
        let before = peak();
        let loaded = loader.load(&mut Most::records(count)).unwrap();
        let is_loaded = |report: &&_| {
            matches!(report, halfmoon_zones::FileReport { outcome: Outcome::Loaded, .. })
        };
        (loaded.reports.iter().filter(is_loaded).count(), peak() - before)
    };
    let (few, little) = load(3 * (RECORDS as u64 + 2) + 7);
    let (all, much) = load(u64::MAX);
    println!("{little} octets more for {few} zones, {much} for {all}");
    assert_eq!((few, all), (3, ZONES));
    // What is read ahead of its turn is some megabytes at most, and no share of what there is.
    assert!(little < 16 << 20, "{little}");
    assert!(much > 4 * little, "{much} and {little}: what is kept costs that much more");
}
