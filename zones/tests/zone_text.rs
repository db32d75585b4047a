//! Single entries of zone files and the octets they mean, as several name servers agree on them.
//!
//! The entries are Knot DNS's test vectors and stay outside of this repository; without them
//! these tests say so and prove nothing.

use std::io::{Write, stderr};
use std::path::Path;

use data_encoding::HEXUPPER;
use halfmoon_wire::NameBuf;
use halfmoon_zones::{Entry, Fault, Files, Level, ReadOptions, Sink, read_text};
use serde_json::Value;

#[derive(Default)]
struct Seen {
    entries: Vec<String>,
    errors: Vec<Fault>,
}

impl Sink for Seen {
    fn entry(&mut self, entry: &Entry<'_>) {
        self.entries.push(format!(
            "{} {:04X} {:08X} {:04X} {}",
            HEXUPPER.encode(entry.owner.as_wire()),
            entry.class.0,
            entry.ttl,
            entry.rtype.0,
            HEXUPPER.encode(entry.rdata),
        ));
    }

    fn fault(&mut self, fault: Fault) {
        if fault.level == Level::Error {
            self.errors.push(fault);
        }
    }
}

fn read(text: &str) -> Seen {
    let mut seen = Seen::default();
    let options = ReadOptions::new(NameBuf::root());
    read_text(text.as_bytes(), Path::new("vector"), &options, &mut Files::default(), &mut seen);
    seen
}

fn expected(entry: &Value) -> Option<String> {
    let fields = entry["expect"].as_object()?;
    let parts = ["owner", "class", "ttl", "type", "rdata"];
    let parts: Option<Vec<&str>> =
        parts.iter().map(|part| fields.get(*part).and_then(Value::as_str)).collect();
    // A refused entry has the reason instead.
    assert!(parts.is_some() || fields.contains_key("reject"), "{entry}");
    Some(parts?.join(" "))
}

/// What is wrong with the reading of one entry; `before` is the entry that left-out owners refer to.
fn judge(entry: &Value, before: &str) -> Result<(), String> {
    let head: Vec<&str> =
        entry["head"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let text = entry["text"].as_str().ok_or("no text")?;
    let head = format!("{}\n{before}\n", head.join("\n"));
    let already = read(&head).entries.len();
    let seen = read(&format!("{head}{text}\n"));
    let found = seen.entries.get(already..).unwrap_or(&[]);
    match expected(entry) {
        Some(expected) if found == [expected.clone()] && seen.errors.is_empty() => Ok(()),
        None if found.is_empty() && seen.errors.len() == 1 => Ok(()),
        expected => Err(format!(
            "{}:{}: {text:?}\n  expected {expected:?}\n  found {found:?} {:?}",
            entry["file"], entry["line"], seen.errors
        )),
    }
}

#[test]
fn every_entry_means_what_name_servers_agree_on() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/zone-text/entries.jsonl");
    let Ok(text) = std::fs::read_to_string(path) else {
        // Not through `eprintln!`, which the test harness keeps to itself when a test passes.
        let _ = writeln!(stderr(), "SKIPPED: {path} is not here, so nothing was compared");
        return;
    };
    let entries: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut before = String::new();
    let mut wrong = Vec::new();
    for entry in &entries {
        let text = entry["text"].as_str().unwrap();
        let leaves_owner_out = text.starts_with([' ', '\t']);
        wrong.extend(judge(entry, if leaves_owner_out { &before } else { "" }).err());
        if !leaves_owner_out && expected(entry).is_some() {
            before = text.to_owned();
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), entries.len(), wrong.join("\n"));
    assert_eq!(entries.len(), 260);
}
