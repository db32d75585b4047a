//! A zone that is far too large takes no memory for what is too much.
#![allow(clippy::print_stdout, reason = "the figures are what one runs it by hand for")]

use std::fs;

use halfmoon_wire::Name;
use halfmoon_zones::{Attach, Fault, Fresh, Loader, MostRecords, Outcome, Place};

/// How many records there are.
const MANY: u32 = 400_000;

/// Lets each zone have so many records.
struct Most(u64);

impl Attach<()> for Most {
    fn most_records(&self, _: Name<'_>) -> Option<MostRecords> {
        let fault = Fault::error("full", Place::default(), "too many");
        Some(MostRecords { count: self.0, fault, data: None })
    }

    fn attach(&mut self, _: &Fresh<'_, ()>, _: &mut Vec<Fault>) {}
}

/// The most octets of memory that this process has had.
fn peak() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() * 1024
}

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
        let loaded = loader.load(&mut Most(most)).unwrap();
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
