//! A file that generates programs takes no memory for those that are too much, and one that fits is read.
#![allow(clippy::print_stdout, reason = "the figures are what one runs it by hand for")]

mod support;

use std::fs;

use halfmoon_zones::{Loader, Outcome};

use support::{Most, peak};

/// How many programs there are.
const MANY: usize = 1_500;
/// Octets of each of them.
const LONG: usize = 30_000;
/// Octets of data that there may be.
const LIMIT: usize = 1 << 20;

#[test]
fn programs_that_are_too_much_are_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let load = |count: usize, limit: usize| {
        let program = format!("'192.0.2.1' --{}", "x".repeat(LONG));
        let text = format!(
            "$TTL 60\n@ SOA ns. host. 1 2 3 4 5\n@ NS ns.else.\n$GENERATE 1-{count} n$ LUA A \"{program}\"\n"
        );
        fs::write(folder.path().join("a.test.zone"), text).unwrap();
        let mut loader = Loader::new(folder.path().to_owned(), false);
        let before = peak();
        let loaded = loader.load(&mut Most::data(limit as u64)).unwrap();
        let report = &loaded.reports[0];
        let rule = report.faults.iter().map(|fault| fault.rule).next();
        (report.outcome, rule, peak() - before)
    };
    let (outcome, rule, little) = load(MANY, LIMIT);
    assert_eq!((outcome, rule), (Outcome::Refused, Some("full")));
    // Twice as much as there may be, as text and as data, and what vectors have in reserve.
    assert!(little < 6 * LIMIT, "{little}");
    // What fits by its data is read: of their text there may be as much again.
    let fits = LIMIT / (LONG + LONG / 200);
    for (count, expected) in [(fits, Outcome::Loaded), (fits + 3, Outcome::Refused)] {
        assert_eq!(load(count, LIMIT).0, expected, "{count}");
    }
    let (outcome, _, much) = load(MANY, usize::MAX);
    println!("{MANY} programs of {LONG} octets: {little} octets more if refused, {much} if not");
    assert_eq!(outcome, Outcome::Loaded);
    assert!(much > 4 * little, "{much} and {little}: what is kept costs that much more");
}
