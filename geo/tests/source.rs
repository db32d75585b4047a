//! Files that change, and files that cannot be used.

use std::fs;
use std::path::{Path, PathBuf};

use halfmoon_geo::write::{Value, Writer};
use halfmoon_geo::{Geo, Source};

fn database(country: &str) -> Vec<u8> {
    let record = Value::map([("country", Value::map([("iso_code", country)]))]);
    Writer::new("Test-Country", 4).insert("192.0.2.0/24", record).unwrap().to_bytes()
}

/// Puts a file in place as an updater should: whole, by renaming.
fn replace(path: &Path, octets: &[u8]) {
    let new = path.with_extension("new");
    fs::write(&new, octets).unwrap();
    fs::rename(new, path).unwrap();
}

fn country(geo: &Geo) -> Option<&str> {
    geo.country("192.0.2.1".parse().unwrap()).value
}

struct Fixture {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

fn fixture(octets: &[u8]) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mmdb");
    fs::write(&path, octets).unwrap();
    Fixture { _folder: folder, path }
}

#[test]
fn a_replaced_file_is_published_to_readers() {
    let Fixture { _folder, path } = fixture(&database("DE"));
    let source = Source::open(vec![path.clone()]).unwrap();
    let mut reader = source.reader();
    let before = std::sync::Arc::clone(reader.load());
    assert_eq!(country(&before), Some("DE"));
    assert!(!source.reload().unwrap(), "nothing has changed");
    assert_eq!(reader.load().generation(), before.generation());

    replace(&path, &database("SE"));
    assert!(source.reload().unwrap());
    assert_eq!(country(reader.load()), Some("SE"));
    assert_ne!(reader.load().generation(), before.generation());
    // Who still holds the old set sees the old set.
    assert_eq!(country(&before), Some("DE"));
    assert!(!source.reload().unwrap());
}

#[test]
fn a_broken_file_leaves_the_set_in_force_and_is_reported_once() {
    let Fixture { _folder, path } = fixture(&database("DE"));
    let source = Source::open(vec![path.clone()]).unwrap();
    let generation = source.current().generation();

    replace(&path, b"not a database");
    let error = source.reload().unwrap_err().to_string();
    assert!(error.starts_with(&format!("{}: not a usable mmdb database", path.display())));
    assert_eq!(source.fault(), Some(error));
    assert!(!source.reload().unwrap(), "it is known to be broken");
    assert_eq!(source.current().generation(), generation);
    assert_eq!(country(&source.current()), Some("DE"));

    fs::remove_file(&path).unwrap();
    assert!(source.reload().unwrap_err().to_string().contains("No such file"));
    assert_eq!(country(&source.current()), Some("DE"));

    replace(&path, &database("SE"));
    assert!(source.reload().unwrap());
    assert_eq!(source.fault(), None);
    assert_eq!(country(&source.current()), Some("SE"));
}

#[test]
fn one_file_of_two_can_change() {
    let Fixture { _folder, path } = fixture(&database("DE"));
    let second = path.with_file_name("b.mmdb");
    fs::write(&second, database("SE")).unwrap();
    let source = Source::open(vec![path.clone(), second.clone()]).unwrap();

    replace(&second, &database("FR"));
    assert!(source.reload().unwrap());
    assert_eq!(country(&source.current()), Some("DE"), "the first still comes first");
    replace(&path, &database("--"));
    assert!(source.reload().unwrap());
    assert_eq!(country(&source.current()), Some("FR"));
}

#[test]
fn a_source_can_start_without_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.mmdb");
    assert!(Source::open(vec![path.clone()]).is_err());

    let source = Source::new(vec![path.clone()]);
    assert!(source.reload().is_err());
    assert!(source.current().is_empty());
    fs::write(&path, database("DE")).unwrap();
    assert!(source.reload().unwrap());
    assert_eq!(country(&source.current()), Some("DE"));
}

#[test]
fn a_source_without_files_is_empty() {
    let source = Source::open(Vec::new()).unwrap();
    assert!(!source.reload().unwrap());
    assert!(source.reader().load().is_empty());
}

#[test]
fn what_is_no_database_is_refused_with_its_path_and_a_reason() {
    let whole = database("DE");
    let cases: [(&str, Vec<u8>, &str); 6] = [
        ("empty", Vec::new(), "the file is empty"),
        ("gzip", b"\x1f\x8b\x08\0\0".to_vec(), "the file is compressed; unpack"),
        ("zip", b"PK\x03\x04\0\0".to_vec(), "the file is compressed; unpack"),
        ("text", b"<html>quota exceeded</html>".to_vec(), "not a usable mmdb database"),
        ("first half", whole[..whole.len() / 2].to_vec(), "not a usable mmdb database"),
        ("second half", whole[whole.len() / 2..].to_vec(), "not a usable mmdb database"),
    ];
    for (name, octets, expected) in cases {
        let Fixture { _folder, path } = fixture(&octets);
        let error = Geo::open(std::slice::from_ref(&path)).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{}: {expected}", path.display())), "{name}: {error}");
    }
}

#[test]
fn what_is_no_file_or_absurdly_large_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = Geo::open(&[folder.path().to_owned()]).unwrap_err().to_string();
    assert!(error.ends_with("not a regular file; name an mmdb file"), "{error}");

    let path = folder.path().join("huge.mmdb");
    // Sparse: takes no room on the disk.
    fs::File::create(&path).unwrap().set_len((1 << 32) + 1).unwrap();
    let error = Geo::open(&[path]).unwrap_err().to_string();
    assert!(error.ends_with("4294967297 octets; an mmdb file has at most 4294967296"), "{error}");
}
