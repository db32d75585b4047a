//! `$INCLUDE`: what it may read, and what is as it was behind it.

use std::fs;
use std::path::Path;

use halfmoon_zones::ReadOptions;
use tempfile::TempDir;

use crate::support::{Seen, options, read_path};

/// A folder of files, of which `zones/main.zone` is read with `zones` as the root.
fn read(files: &[(&str, &str)]) -> (Seen, TempDir) {
    let folder = TempDir::new().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let seen = read_main(folder.path());
    (seen, folder)
}

fn read_main(folder: &Path) -> Seen {
    let zones = folder.join("zones");
    let options = ReadOptions { root: Some(zones.clone()), ..options() };
    read_path(&zones.join("main.zone"), &options).0
}

#[test]
fn origin_and_owner_are_restored_and_ttl_is_not() {
    let (seen, _folder) = read(&[
        (
            "zones/main.zone",
            "$TTL 1\na A 192.0.2.1\n$INCLUDE sub/inner.zone inner\n A 192.0.2.5\nb NS c\n",
        ),
        (
            "zones/sub/inner.zone",
            " A 192.0.2.2\nx A 192.0.2.3\n$ORIGIN deep\n$TTL 2\n$INCLUDE \"more.zone\"\ny NS z\n",
        ),
        ("zones/sub/more.zone", "@ A 192.0.2.4\n"),
    ]);
    assert_eq!(seen.faults, []);
    assert_eq!(
        seen.records,
        [
            "a.example. 1 A c0000201",
            "a.example. 1 A c0000202",
            "x.inner.example. 1 A c0000203",
            "deep.inner.example. 2 A c0000204",
            "y.deep.inner.example. 2 NS 017a046465657005696e6e6572076578616d706c6500",
            "a.example. 2 A c0000205",
            "b.example. 2 NS 0163076578616d706c6500",
        ]
    );
    let places: Vec<(u32, u32)> =
        seen.places.iter().map(|place| (place.file.0, place.line)).collect();
    assert_eq!(places, [(0, 2), (1, 1), (1, 2), (2, 1), (1, 6), (0, 4), (0, 5)]);
}

#[test]
fn nothing_outside_of_the_root_is_read() {
    for path in ["../secret", "/etc/passwd", "sub/../../secret", "../absent", "/absent"] {
        let (seen, _folder) = read(&[
            ("zones/main.zone", &format!("$TTL 1\n$INCLUDE {path}\na A 192.0.2.1\n")),
            ("zones/sub/empty", ""),
            ("secret", "b A 192.0.2.2\n"),
        ]);
        assert_eq!(seen.errors(), ["2:10 include-refused"], "{path}");
        assert_eq!(seen.records, ["a.example. 1 A c0000201"], "{path}");
    }
}

#[cfg(unix)]
#[test]
fn symbolic_links_lead_out_as_little() {
    let (_, folder) = read(&[
        ("zones/main.zone", "$TTL 1\n$INCLUDE link\n$INCLUDE folder/secret\n$INCLUDE within\n"),
        ("zones/other", "a A 192.0.2.1\n"),
        ("secret", "b A 192.0.2.2\n"),
    ]);
    let zones = folder.path().join("zones");
    std::os::unix::fs::symlink(folder.path().join("secret"), zones.join("link")).unwrap();
    std::os::unix::fs::symlink(folder.path(), zones.join("folder")).unwrap();
    std::os::unix::fs::symlink("other", zones.join("within")).unwrap();
    let seen = read_main(folder.path());
    assert_eq!(seen.errors(), ["2:10 include-refused", "3:10 include-refused"]);
    assert_eq!(seen.records, ["a.example. 1 A c0000201"]);
}

#[test]
fn what_cannot_be_read_is_a_fault_at_its_place() {
    let (seen, _folder) = read(&[
        (
            "zones/main.zone",
            "$TTL 1\n$INCLUDE absent\n$INCLUDE folder\n$INCLUDE\n$INCLUDE a b c\na A 192.0.2.1\n",
        ),
        ("zones/folder/x", ""),
    ]);
    assert_eq!(
        seen.errors(),
        ["2:10 unreadable-file", "3:10 unreadable-file", "4:9 missing-field", "5:14 extra-data",]
    );
    assert_eq!(seen.records.len(), 1);
    let (seen, _) = read_path(Path::new("no/such.zone"), &options());
    assert_eq!(seen.errors(), ["1:1 unreadable-file"]);
}

#[test]
fn faults_in_an_included_file_are_placed_there() {
    let (seen, _folder) =
        read(&[("zones/main.zone", "$TTL 1\n$INCLUDE inner\n"), ("zones/inner", "\na A 1.2.3\n")]);
    assert_eq!(seen.errors(), ["2:5 bad-address"]);
    assert_eq!(seen.faults[0].place.file.0, 1);
}

#[test]
fn including_comes_to_an_end() {
    let (seen, _folder) = read(&[
        ("zones/main.zone", "$TTL 1\n$INCLUDE ./inner\na A 192.0.2.1\n"),
        ("zones/inner", "$INCLUDE main.zone\n$INCLUDE inner\nb A 192.0.2.1\n"),
    ]);
    assert_eq!(seen.errors(), ["1:10 include-cycle", "2:10 include-cycle"]);
    assert_eq!(seen.records.len(), 2);

    // A chain that is too long, and a tree that is too wide.
    let chain: Vec<(String, String)> =
        (0..20).map(|i| (format!("zones/{i}"), format!("$INCLUDE {}\n", i + 1))).collect();
    let mut files: Vec<(&str, &str)> =
        chain.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    files.push(("zones/main.zone", "$INCLUDE 0\n"));
    assert_eq!(read(&files).0.errors(), ["1:10 include-depth"]);
    let tree: Vec<(String, String)> =
        (0..8).map(|i| (format!("zones/{i}"), format!("$INCLUDE {}\n", i + 1).repeat(8))).collect();
    let mut files: Vec<(&str, &str)> = tree.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    files.push(("zones/main.zone", "$INCLUDE 0\n"));
    files.push(("zones/8", ""));
    let errors = read(&files).0.errors();
    assert!(!errors.is_empty() && errors.iter().all(|error| error.ends_with("include-count")));
}
