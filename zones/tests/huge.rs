//! A zone that is far too large takes no memory for what is too much.
#![allow(clippy::print_stdout, reason = "the figures are what one runs it by hand for")]

mod support;

use std::fs;

use halfmoon_zones::{Loader, Outcome};

use support::{Most, peak};

/// How many records there are.
const MANY: u32 = 400_000;

#[test]
fn what_is_too_much_of_a_zone_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = String::from("$TTL 60\n@ SOA ns. host. 1 2 3 4 5\n@ NS ns.else.\n");
    for number in 0..MANY {
        text.push_str(&format!("n{number} A 192.0.2.1\n"));
    }
    let length = text.len();
    fs::write(folder.path().join("a.test.zone"), text).unwrap();
    let load = |most| {
        let mut loader = Loader::new(folder.path().to_owned(), false);
        let before = peak();
        let loaded = loader.load(&mut Most::records(most)).unwrap();
        (loaded.reports[0].outcome, peak() - before)
    };
    let (refused, little) = load(1000);
    let (served, much) = load(u64::from(MANY) + 2);
    println!("{MANY} records in {length} octets: {little} octets more if refused, {much} if not");
    assert_eq!((refused, served), (Outcome::Refused, Outcome::Loaded));
    // The text itself is in memory while it is read.
    assert!(little < length + (4 << 20), "{little}");
    assert!(much > 4 * little, "{much} and {little}: what is kept costs that much more");
}
