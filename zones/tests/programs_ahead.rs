//! Many files that generate programs take no memory for those that are too much, however many threads read them before
//! it is known that there is no room.
#![allow(clippy::print_stdout, reason = "the figures are what one runs it by hand for")]

mod support;

use std::fs;
use std::path::Path;

use halfmoon_zones::{Loader, Outcome};

use support::{Most, peak};

/// Enough of them for four threads.
const ZONES: usize = 256;

/// Writes zones, each with so many programs of so many octets.
fn write(folder: &Path, programs_of: impl Fn(usize) -> (usize, usize)) {
    for number in 0..ZONES {
        let (programs, length) = programs_of(number);
        let program = format!("'192.0.2.1' --{}", "x".repeat(length));
        let text = format!(
            "$TTL 60\n@ SOA ns. host. 1 2 3 4 5\n@ NS ns.else.\n$GENERATE 1-{programs} n$ LUA A \"{program}\"\n"
        );
        fs::write(folder.join(format!("z{number:03}.test.zone")), text).unwrap();
    }
}

/// Which zones are loaded if they may have so many octets together, and how many more this process has had.
fn load(folder: &Path, octets: usize) -> (Vec<bool>, usize) {
    let mut loader = Loader::new(folder.to_owned(), false).with_threads(4);
    let before = peak();
    let loaded = loader.load(&mut Most::data(octets as u64)).unwrap();
    let is_loaded = loaded.reports.iter().map(|report| report.outcome == Outcome::Loaded);
    (is_loaded.collect(), peak() - before)
}

#[test]
fn programs_that_are_read_ahead_are_not_kept() {
    const PROGRAMS: usize = 40;
    const LONG: usize = 8_000;
    let [many, large] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    write(many.path(), |_| (PROGRAMS, LONG));
    // Room for three of them, those that come first.
    let (few, little) = load(many.path(), 3 * PROGRAMS * (LONG + 500));
    assert_eq!((&few[..3], few[3..].contains(&true)), (&[true; 3][..], false));
    assert!(little < 16 << 20, "{little}");

    // For none of those that several threads come upon at the same time there is room. One after the other they take
    // up twice what there is.
    let limit = 8 << 20;
    write(large.path(), |number| if number < 6 { (480, 20_000) } else { (1, 10) });
    let (refused, at_once) = load(large.path(), limit);
    assert_eq!((&refused[..6], refused[6..].contains(&false)), (&[false; 6][..], false));
    assert!(at_once < 3 * limit, "{at_once}");

    let (all, much) = load(many.path(), usize::MAX);
    println!("{little} and {at_once} octets more if refused, {much} for all {}", all.len());
    assert!(all.len() == ZONES && !all.contains(&false));
    assert!(much > 4 * little, "{much} and {little}: what is kept costs that much more");
}
