//! Files of settings beside zone files: which zone they are for, and when it is read again.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use halfmoon_zones::{Attach, Catalog, Fault, Fresh, ListedZone, Loaded, Loader, Place, Sources};

/// Notes what stands beside each zone, and refuses the text `refuse`.
#[derive(Default)]
struct Beside {
    seen: Vec<String>,
}

impl Attach<String> for Beside {
    fn attach(&mut self, fresh: &Fresh<'_, String>, faults: &mut Vec<Fault>) -> String {
        let text = fresh.companions.settings.as_ref().map_or("-", |companion| &companion.text);
        let tests = fresh.companions.tests.as_ref().map_or("", |tests| &tests.text);
        self.seen.push(format!("{} {text}{tests}", fresh.zone.apex()));
        if let Some(companion) = fresh.companions.settings.as_ref().filter(|_| text == "refuse") {
            let place = Place { file: companion.file, line: 1, column: 1 };
            faults.push(Fault::error("refused", place, "refused"));
        }
        text.to_owned()
    }
}

struct World {
    folder: tempfile::TempDir,
    loader: Loader<String>,
    beside: Beside,
}

impl World {
    fn new(files: &[(&str, &str)], sources: impl Fn(&Path) -> Sources) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            write(folder.path(), name, text);
        }
        let loader = Loader::of(sources(folder.path()), false);
        Self { folder, loader, beside: Beside::default() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What zones were read, each with what stood beside it.
    fn load(&mut self) -> (Vec<String>, Loaded<String>) {
        let loaded = self.loader.load(&mut self.beside).unwrap();
        (std::mem::take(&mut self.beside.seen), loaded)
    }

    /// The same when these alone are known to have changed; `None`: a whole load is due.
    fn changed(
        &mut self,
        names: &[&str],
        served: &Catalog<String>,
    ) -> Option<(Vec<String>, Loaded<String>)> {
        let names: BTreeSet<PathBuf> = names.iter().map(|name| self.path(name)).collect();
        let loaded = self.loader.load_changed(&names, served, &mut self.beside)?;
        Some((std::mem::take(&mut self.beside.seen), loaded))
    }
}

const SOA: &str = "$TTL 60\n@ SOA ns. host. 1 2 3 4 5\n@ NS ns.else.\n";

/// Writes by renaming, so that the file's inode changes whatever the clock's grain.
fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let aside = folder.join(".aside");
    fs::write(&aside, text).unwrap();
    fs::rename(aside, path).unwrap();
}

fn whole(folder: &Path) -> Sources {
    Sources { folder: Some(folder.to_owned()), ..Sources::default() }
}

fn served(loaded: &Loaded<String>) -> Vec<&str> {
    loaded.catalog.zones().iter().map(|hosted| hosted.beside.as_str()).collect()
}

const ZONES: [(&str, &str); 4] = [
    ("a.test.zone", SOA),
    ("b/b.test.zone", SOA),
    ("b/b.test.health.toml", "b"),
    ("c.test.zone", SOA),
];

#[test]
fn a_file_beside_a_zone_is_for_that_zone_and_a_change_of_it_is_one_of_the_zone() {
    let mut world = World::new(&ZONES, whole);
    assert_eq!(world.load().0, ["a.test. -", "b.test. b", "c.test. -"]);
    assert!(world.load().0.is_empty(), "nothing has changed");
    write(world.folder.path(), "a.test.health.toml", "a");
    assert_eq!(world.load().0, ["a.test. a"]);
    write(world.folder.path(), "b/b.test.health.toml", "b2");
    assert_eq!(world.load().0, ["b.test. b2"]);
    fs::remove_file(world.path("a.test.health.toml")).unwrap();
    assert_eq!(world.load().0, ["a.test. -"]);
    assert!(world.load().0.is_empty(), "nothing has changed");
    // What is refused leaves what was, settings and zone.
    write(world.folder.path(), "b/b.test.health.toml", "refuse");
    let (seen, loaded) = world.load();
    assert_eq!((seen, served(&loaded)), (vec!["b.test. refuse".into()], vec!["-", "b2", "-"]));
    let report = &loaded.reports[0];
    let fault = report.faults[0].display(&report.files).to_string();
    let place = format!("{}:1:1: error: refused", world.path("b/b.test.health.toml").display());
    assert_eq!(fault, place);
}

#[test]
fn of_changes_that_are_told_no_other_zone_is_read() {
    let mut world = World::new(&ZONES, whole);
    let (_, loaded) = world.load();
    let catalog = loaded.catalog;
    write(world.folder.path(), "c.test.health.toml", "c");
    // Were it looked at, this would be seen.
    write(world.folder.path(), "a.test.health.toml", "a");
    let (seen, loaded) = world.changed(&["c.test.health.toml"], &catalog).unwrap();
    assert_eq!((seen, served(&loaded)), (vec!["c.test. c".into()], vec!["-", "b", "c"]));
    let catalog = loaded.catalog;
    fs::remove_file(world.path("c.test.health.toml")).unwrap();
    write(world.folder.path(), "b/b.test.health.toml", "b2");
    let both = ["b/b.test.health.toml", "b/b.test.zone", "c.test.health.toml"];
    let (seen, loaded) = world.changed(&both, &catalog).unwrap();
    assert_eq!(seen, ["b.test. b2", "c.test. -"]);
    // For no zone that is known: the folder has to be looked at.
    assert!(world.changed(&["d.test.health.toml"], &loaded.catalog).is_none());
}

#[test]
fn settings_without_a_zone_are_told_once() {
    let files = [
        ZONES[0],
        ("d.test.health.toml", "d"),
        (".x.health.toml", ""),
        ("p.zone", "x A 127.0.0.1\n"),
    ];
    let mut world = World::new(&files, whole);
    write(world.folder.path(), "a.test.zone", &format!("{SOA}$INCLUDE p.zone\n"));
    // A part of a zone is no zone.
    write(world.folder.path(), "p.health.toml", "");
    let told = |world: &mut World| {
        let strays = world.load().1.strays;
        let names =
            strays.iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(told(&mut world), ["d.test.health.toml", "p.health.toml"]);
    assert!(told(&mut world).is_empty());
    write(world.folder.path(), "d.test.zone", SOA);
    assert!(told(&mut world).is_empty());
    fs::remove_file(world.path("d.test.zone")).unwrap();
    assert_eq!(told(&mut world), ["d.test.health.toml"]);
}

#[test]
fn a_listed_file_has_settings_by_its_whole_name_and_zones_that_share_it_share_them() {
    let files = [
        ("db.a.test", SOA),
        ("db.a.test.health.toml", "a"),
        ("shared", SOA),
        ("shared.health.toml", "s"),
        ("else/x.test.zone", SOA),
        ("else/x.test.health.toml", "x"),
        ("other.health.toml", "not looked at"),
    ];
    let sources = |folder: &Path| {
        let named = [
            ("a.test", "db.a.test"),
            ("b.test", "shared"),
            ("c.test", "shared"),
            ("x.test", "else/../else/x.test.zone"),
        ];
        let zone = |(name, file): (&str, &str)| ListedZone {
            name: name.parse().unwrap(),
            path: folder.join(file),
        };
        // One of them is in the folder, too, by another name of its path.
        let listed = named.map(zone).to_vec();
        Sources { folder: Some(folder.join("else")), listed, ..Sources::default() }
    };
    let mut world = World::new(&files, sources);
    let (seen, loaded) = world.load();
    assert_eq!(seen, ["a.test. a", "b.test. s", "c.test. s", "x.test. x"]);
    assert!(loaded.strays.is_empty(), "{:?}", loaded.strays);
    assert!(world.load().0.is_empty());
    write(world.folder.path(), "shared.health.toml", "s2");
    assert_eq!(world.load().0, ["b.test. s2", "c.test. s2"]);
    fs::remove_file(world.path("db.a.test.health.toml")).unwrap();
    assert_eq!(world.load().0, ["a.test. -"]);
}

#[test]
fn a_zone_file_that_is_served_alone_has_settings_and_their_folder_is_told() {
    let alone = |folder: &Path| whole(&folder.join("a.test.zone"));
    let mut world = World::new(&[ZONES[0], ("a.test.health.toml", "a")], alone);
    assert_eq!(world.load().0, ["a.test. a"]);
    let folders: Vec<PathBuf> = world.loader.folders_of_listed().into_iter().collect();
    assert_eq!(folders, [world.folder.path()]);
}

#[test]
fn what_cannot_be_read_is_a_fault_and_a_link_out_of_the_folder_is_passed_over() {
    let mut world = World::new(&[ZONES[0], ZONES[3]], whole);
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("secret"), "secret").unwrap();
    symlink(elsewhere.path().join("secret"), world.path("a.test.health.toml")).unwrap();
    write(world.folder.path(), "inside", "inside");
    symlink("inside", world.path("c.test.health.toml")).unwrap();
    let (seen, loaded) = world.load();
    assert_eq!(seen, ["a.test. -", "c.test. inside"]);
    // Told of alone, it leads out of the folder all the same.
    assert!(world.changed(&["a.test.health.toml"], &loaded.catalog).is_none());
    let huge = vec![b'#'; (256 << 10) + 1];
    for (octets, why) in [
        (&b"\xff"[..], "the file is not UTF-8"),
        (&huge, "the file cannot be read: it has more than 262144 octets"),
    ] {
        fs::remove_file(world.path("c.test.health.toml")).unwrap();
        fs::write(world.path("c.test.health.toml"), octets).unwrap();
        let (_, loaded) = world.load();
        assert_eq!(loaded.reports[0].faults[0].message, why);
        assert_eq!(served(&loaded), ["-", "inside"], "the old one stays");
    }
}

#[test]
fn tests_beside_a_zone_are_found_as_settings_are() {
    let mut world = World::new(&ZONES, whole);
    let (_, loaded) = world.load();
    write(world.folder.path(), "b/b.test.test.toml", " t1");
    write(world.folder.path(), "c.test.test.toml", " t2");
    let changed = ["b/b.test.test.toml", "c.test.test.toml"];
    let (seen, loaded) = world.changed(&changed, &loaded.catalog).unwrap();
    assert_eq!(seen, ["b.test. b t1", "c.test. - t2"]);
    assert!(world.load().0.is_empty(), "nothing has changed");
    fs::remove_file(world.path("c.test.test.toml")).unwrap();
    let (seen, _) = world.changed(&["c.test.test.toml"], &loaded.catalog).unwrap();
    assert_eq!(seen, ["c.test. -"]);
    // Beside no zone they are strays.
    write(world.folder.path(), "x.test.toml", "");
    assert_eq!(world.load().1.strays, [world.path("x.test.toml")]);
}
