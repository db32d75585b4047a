//! Zones that people serve. They stay outside of this repository; without them these tests say so
//! and prove nothing.

use std::collections::HashMap;
use std::fs;
use std::io::{Write, stderr};
use std::path::{Path, PathBuf};

use halfmoon_wire::NameBuf;
use halfmoon_zones::ReadOptions;

use crate::support::read_path;

/// The folder of real zones, if it is there.
fn zones(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/zones").join(name);
    if path.is_dir() {
        return Some(path);
    }
    // Not through `eprintln!`, which the test harness keeps to itself when a test passes.
    let _ = writeln!(stderr(), "SKIPPED: {} is not here, so nothing was read", path.display());
    None
}

#[test]
fn a_production_set_with_programs_is_read_without_a_fault() {
    let Some(folder) = zones("grapheneos") else {
        return;
    };
    let list = fs::read_to_string(folder.join("named.conf")).unwrap();
    let quoted = |line: &str| line.split('"').nth(1).map(str::to_owned);
    let mut origin = None;
    let (mut count, mut programs) = (0, 0);
    for line in list.lines().map(str::trim) {
        if line.starts_with("zone ") {
            origin = quoted(line);
        } else if line.starts_with("file ") {
            let (origin, file) = (origin.take().unwrap(), quoted(line).unwrap());
            let options = ReadOptions {
                root: Some(folder.clone()),
                ..ReadOptions::new(origin.parse::<NameBuf>().unwrap())
            };
            let (seen, files) = read_path(&folder.join(&file), &options);
            let shown: Vec<String> =
                seen.faults.iter().map(|fault| fault.display(&files).to_string()).collect();
            // Its DKIM keys are longer than a character-string.
            assert!(seen.faults.iter().all(|fault| fault.rule == "string-cut"), "{shown:#?}");
            assert!(!seen.records.is_empty(), "{file}");
            for program in &seen.programs {
                let lines: Vec<u32> =
                    (0..program.text.len()).map(|at| program.place(at).line).collect();
                assert!(lines.is_sorted(), "{file}");
            }
            count += 1;
            programs += seen.programs.len();
        }
    }
    assert_eq!(count, list.matches("file ").count());
    assert!(programs > 10, "{programs}");
}

#[test]
fn the_root_zone_is_read_without_a_fault() {
    let Some(folder) = zones("root") else { return };
    let (seen, _) = read_path(&folder.join("root.zone"), &ReadOptions::new(NameBuf::root()));
    assert_eq!(seen.faults, []);
    let mut counts = HashMap::new();
    for record in &seen.records {
        *counts.entry(record.split(' ').nth(2).unwrap()).or_insert(0) += 1;
    }
    let text = fs::read_to_string(folder.join("root.zone")).unwrap();
    for (rtype, count) in &counts {
        let lines = text.lines().filter(|line| line.split_whitespace().nth(3) == Some(rtype));
        assert_eq!(lines.count(), *count, "{rtype}");
    }
    assert_eq!((counts["SOA"], counts["NS"], counts["DS"]), (1, 7_581, 1_480));
}
