//! Zones that the configuration lists, with files wherever they are: the real binary.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use support::{Running, ask, run, wait_for_answer};

mod support;

const ZONE: &str = "\
$TTL 60
@    SOA ns hostmaster 1 3600 600 604800 60
     NS  ns
ns   A   127.0.0.1
www  A   127.0.0.20
";

const LIST: &str = "\
[zones]
include_root = '.'
[[zones.zone]]
name = 'a.test'
file = 'db/a'
[[zones.zone]]
name = 'b.test'
file = 'other/b.zone'
";

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn site(list: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let including = format!("{ZONE}$INCLUDE parts/p\n");
    write(
        folder.path(),
        &[
            ("db/a", ZONE),
            ("other/b.zone", &including),
            ("other/unlisted.zone", ZONE),
            ("parts/p", "part A 127.0.0.30\n"),
            ("halfmoon.toml", list),
        ],
    );
    let config = folder.path().join("halfmoon.toml").to_str().unwrap().to_owned();
    (folder, config)
}

#[test]
fn listed_zones_are_served_and_nothing_beside_them() {
    let (_folder, config) = site(LIST);
    let (_running, server) = Running::serve(&[&config]);
    assert_eq!(ask(server, "www.a.test."), ["127.0.0.20"]);
    assert_eq!(ask(server, "part.b.test."), ["127.0.0.30"]);
    assert!(ask(server, "www.unlisted.").is_empty());
}

#[test]
fn a_change_is_loaded_at_once_wherever_the_file_is() {
    let (folder, config) = site(LIST);
    let (_running, server) = Running::serve(&[&config]);
    for (file, text, name, answer) in [
        ("db/a", ZONE.replace(".20", ".21"), "www.a.test.", "127.0.0.21"),
        ("parts/p", "part A 127.0.0.31\n".to_owned(), "part.b.test.", "127.0.0.31"),
        (
            "other/b.zone",
            format!("{ZONE}new A 127.0.0.22\n$INCLUDE more/q\n"),
            "new.b.test.",
            "127.0.0.22",
        ),
    ] {
        write(folder.path(), &[("more/q", "q A 127.0.0.40\n"), (file, &text)]);
        wait_for_answer(server, name, &[answer]);
    }
    // The part of a part that was not there at the start is watched from its first load on.
    write(folder.path(), &[("more/q", "q A 127.0.0.41\n")]);
    wait_for_answer(server, "q.b.test.", &["127.0.0.41"]);
}

#[test]
fn the_list_is_checked() {
    let (folder, config) = site(LIST);
    let ended = run(&["check", &config]);
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert_eq!(ended.err, "2 zones, 9 records: 0 errors, 0 warnings\n");

    fs::remove_file(folder.path().join("db/a")).unwrap();
    write(folder.path(), &[("other/b.zone", &ZONE.replace("@ ", "c.test. "))]);
    let ended = run(&["check", &config]);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    for part in ["db/a:1:1: error: ", "other/b.zone:1:1: error: "] {
        assert!(ended.out.contains(part), "not {part:?} in {}", ended.out);
    }
    let ended = run(&["serve", "--listen", "127.0.0.1:0", &config]);
    assert_eq!(ended.status.code(), Some(2));
    assert!(ended.err.contains("no zone of the configuration can be served, of 2;"), "{ended:?}");
}
