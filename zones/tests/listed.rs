//! Zones that are named one by one, with files wherever they are.

use std::fs;
use std::path::{Path, PathBuf};

use halfmoon_zones::{Attach, Fault, Fresh, ListedZone, Loaded, Loader, Outcome, Sources};

const SOA: &str = "$TTL 60\n@ SOA ns. host. 1 2 3 4 5\n@ NS ns.else.\n";

/// Nothing is made of programs here.
struct Nothing;

impl Attach<()> for Nothing {
    fn attach(&mut self, _: &Fresh<'_, ()>, _: &mut Vec<Fault>) {}
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        write(folder.path(), name, text);
    }
    folder
}

/// Writes by renaming, so that the file's inode changes whatever the clock's grain.
fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let aside = folder.join(".aside");
    fs::write(&aside, text).unwrap();
    fs::rename(aside, path).unwrap();
}

fn listed(folder: &Path, zones: &[(&str, &str)]) -> Sources {
    let listed = zones
        .iter()
        .map(|(name, file)| ListedZone { name: name.parse().unwrap(), path: folder.join(file) })
        .collect();
    Sources { listed, ..Sources::default() }
}

fn loader(sources: Sources) -> Loader<()> {
    Loader::of(sources, false)
}

fn apexes(loaded: &Loaded<()>) -> Vec<String> {
    loaded.catalog.zones().iter().map(|hosted| hosted.zone.apex().to_string()).collect()
}

/// What became of each zone that was read, with the rules it broke.
fn told(loaded: &Loaded<()>) -> Vec<String> {
    let reports = loaded.reports.iter();
    reports
        .map(|report| {
            let rules: Vec<&str> = report.faults.iter().map(|fault| fault.rule).collect();
            format!("{} {:?} {}", report.apex, report.outcome, rules.join(" "))
        })
        .collect()
}

#[test]
fn only_what_is_listed_is_a_zone() {
    let folder = folder(&[
        ("a.test.zone", SOA),
        ("db.b", SOA),
        ("elsewhere/c", SOA),
        ("d.test.zone", SOA),
        ("broken.zone", "nonsense"),
    ]);
    let sources = listed(
        folder.path(),
        &[("a.test.", "a.test.zone"), ("b.test.", "db.b"), ("c.test.", "elsewhere/c")],
    );
    let mut loader = loader(sources);
    let loaded = loader.load(&mut Nothing).unwrap();
    assert_eq!(apexes(&loaded), ["a.test.", "b.test.", "c.test."]);
    assert_eq!(loaded.reports.len(), 3);
    let again = loader.load(&mut Nothing).unwrap();
    assert!(again.reports.is_empty(), "what has not changed is not read again");
    assert_eq!(apexes(&again).len(), 3);
}

#[test]
fn several_zones_share_a_file_that_names_none() {
    let folder = folder(&[("empty", SOA)]);
    let zones = [("a.test.", "empty"), ("b.test.", "empty")];
    let mut loader = loader(listed(folder.path(), &zones));
    let loaded = loader.load(&mut Nothing).unwrap();
    assert_eq!(apexes(&loaded), ["a.test.", "b.test."]);
    assert_eq!(told(&loaded), ["a.test. Loaded ", "b.test. Loaded "]);
}

#[test]
fn a_file_that_has_another_zone_is_refused() {
    let other = SOA.replace("@ SOA", "other.test. SOA");
    let folder = folder(&[("a", &other), ("b", SOA)]);
    let mut loader = loader(listed(folder.path(), &[("a.test.", "a"), ("b.test.", "b")]));
    let loaded = loader.load(&mut Nothing).unwrap();
    assert_eq!(apexes(&loaded), ["b.test."]);
    let report = &loaded.reports[0];
    assert_eq!((report.apex.to_string().as_str(), report.outcome), ("a.test.", Outcome::Refused));
    let fault = report.faults.iter().find(|fault| fault.rule == "zone-name").unwrap();
    assert!(fault.message.contains("a.test.") && fault.message.contains("other.test."));
}

#[test]
fn a_file_that_is_missing_is_a_fault_and_an_old_version_stays() {
    let folder = folder(&[("a", SOA)]);
    let zones = [("a.test.", "a"), ("b.test.", "b")];
    let mut loader = loader(listed(folder.path(), &zones));
    let loaded = loader.load(&mut Nothing).unwrap();
    assert_eq!(apexes(&loaded), ["a.test."]);
    assert!(told(&loaded)[1].starts_with("b.test. Refused unreadable-file"), "{:?}", told(&loaded));
    write(folder.path(), "b", SOA);
    fs::remove_file(folder.path().join("a")).unwrap();
    let loaded = loader.load(&mut Nothing).unwrap();
    assert_eq!(apexes(&loaded), ["a.test.", "b.test."]);
    assert!(told(&loaded)[0].starts_with("a.test. Kept unreadable-file"), "{:?}", told(&loaded));
    assert!(loaded.removed.is_empty());
}

#[test]
fn the_list_wins_over_the_folder() {
    let folder = folder(&[
        ("zones/a.test.zone", SOA),
        ("zones/b.test.zone", SOA),
        ("zones/c.zone", SOA),
        ("aside/b", SOA),
    ]);
    // `c.zone` is listed for another name; `b.test.` is in two files.
    let zones = [("b.test.", "aside/b"), ("d.test.", "zones/c.zone")];
    let sources =
        Sources { folder: Some(folder.path().join("zones")), ..listed(folder.path(), &zones) };
    let loaded = loader(sources).load(&mut Nothing).unwrap();
    assert_eq!(apexes(&loaded), ["b.test.", "d.test.", "a.test."]);
    let twice = loaded.reports.iter().find(|report| report.outcome == Outcome::Refused).unwrap();
    assert_eq!(twice.path, folder.path().join("zones/b.test.zone"));
    assert_eq!(twice.faults.last().map(|fault| fault.rule), Some("zone-twice"));
}

#[test]
fn includes_start_at_the_file_or_at_the_root_that_is_set() {
    let including = |path: &str| format!("{SOA}$INCLUDE {path}\n");
    let folder = folder(&[
        ("db/a", &including("part")),
        ("db/part", "here A 192.0.2.1\n"),
        ("part", "root A 192.0.2.2\n"),
        ("db/b", &including("../part")),
    ]);
    let root = Some(folder.path().to_owned());
    for (file, include_root, expected) in [
        ("db/a", None, "here.a.test."),
        ("db/a", root.clone(), "root.a.test."),
        ("db/b", None, "refused"),
        ("db/b", root, "refused"),
    ] {
        let sources = Sources { include_root, ..listed(folder.path(), &[("a.test.", file)]) };
        let loaded = loader(sources).load(&mut Nothing).unwrap();
        let owners: Vec<String> = loaded
            .catalog
            .zones()
            .iter()
            .flat_map(|hosted| hosted.zone.nodes())
            .map(|node| node.owner().to_string())
            .collect();
        if expected == "refused" {
            let rules: Vec<&str> =
                loaded.reports[0].faults.iter().map(|fault| fault.rule).collect();
            assert_eq!(rules, ["include-refused"], "{file}");
        } else {
            assert!(owners.iter().any(|owner| owner == expected), "{owners:?}");
        }
    }
}

#[test]
fn the_folders_of_files_and_of_their_parts_are_told() {
    let folder = folder(&[("db/a", &format!("{SOA}$INCLUDE parts/p\n")), ("parts/p", "")]);
    let sources = Sources {
        include_root: Some(folder.path().to_owned()),
        ..listed(folder.path(), &[("a.test.", "db/a")])
    };
    let mut loader = loader(sources);
    let below = |name: &str| folder.path().join(name);
    let folders =
        |loader: &Loader<()>| loader.folders_of_listed().into_iter().collect::<Vec<PathBuf>>();
    assert_eq!(folders(&loader), [below("db")]);
    loader.load(&mut Nothing).unwrap();
    assert_eq!(folders(&loader), [below("db"), below("parts")]);
}
