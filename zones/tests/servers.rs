//! Name servers that fail together are told of.

use std::path::Path;

use halfmoon_wire::{Name, NameBuf};
use halfmoon_zones::{Builder, Files, Level, ReadOptions, read_file};

const SOA: &str = "$TTL 300\n@ SOA ns1 hostmaster 1 3600 900 604800 300\n";

/// Each row: records of the zone `example.test`, and the rules that find something in them.
fn check_all(rows: &[(&str, &[&str])]) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("example.test.zone");
    for (records, expected) in rows {
        std::fs::write(&path, format!("{SOA}{records}\n")).unwrap();
        let found = rules(&path);
        assert_eq!(found, *expected, "{records}");
    }
}

fn rules(path: &Path) -> Vec<&'static str> {
    let origin = NameBuf::from_text(b"example.test", Some(Name::ROOT)).unwrap();
    let options = ReadOptions::new(origin);
    let (mut files, mut builder) = (Files::default(), Builder::new());
    read_file(path, &options, &mut files, &mut builder);
    let built = builder.build(origin.as_name(), path, files);
    assert!(built.faults.iter().all(|fault| fault.level == Level::Warning), "{:?}", built.faults);
    built.faults.iter().map(|fault| fault.rule).collect()
}

#[test]
fn servers_that_fail_together_are_told_of() {
    check_all(&[
        ("@ NS ns1\n@ NS ns2\nns1 A 192.0.2.1\nns2 A 192.0.2.1", &["ns-one-address"]),
        ("@ NS ns1\n@ NS ns2\nns1 A 192.0.2.1\nns2 A 192.0.2.254", &["ns-one-network"]),
        (
            "@ NS ns1\n@ NS ns2\nns1 A 192.0.2.1\nns2 A 192.0.2.1\nns1 AAAA 2001:db8::1\nns2 AAAA 2001:db8:0:9::1",
            &["ns-one-network"],
        ),
    ]);
}

#[test]
fn servers_that_are_apart_or_not_known_here_are_passed() {
    check_all(&[
        ("@ NS ns1\n@ NS ns2\nns1 A 192.0.2.1\nns2 A 198.51.100.1", &[]),
        ("@ NS ns1\n@ NS ns2.example.net.\nns1 A 192.0.2.1", &[]),
        ("@ NS ns1\nns1 A 192.0.2.1", &[]),
        ("@ NS ns1\n@ NS ns2\nns1 A 192.0.2.1\nns2 A 192.0.2.2\nns2 A 198.51.100.1", &[]),
        (
            "@ NS ns1\n@ NS ns2\nns1 A 192.0.2.1\nns2 A 192.0.2.2\nns1 AAAA 2001:db8:1::1\nns2 AAAA 2001:db8:2::1",
            &[],
        ),
        ("@ NS ns1\n@ NS ns2\nns1 A 192.0.2.1\nns2 LUA A \"'192.0.2.1'\"", &[]),
    ]);
}
