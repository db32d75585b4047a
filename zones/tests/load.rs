//! A folder of zone files as one transaction, load after load.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use halfmoon_wire::NameBuf;
use halfmoon_zones::{Attach, Catalog, Fault, Fresh, Hosted, Loaded, Loader, Outcome, Place};

/// Counts how often programs are compiled, and refuses the text `refuse`.
#[derive(Default)]
struct Compiler {
    runs: usize,
    /// How often there was a version before.
    replaced: usize,
    /// Whether zones stay whose files are gone.
    keeps: bool,
    /// Whether what it refuses may be right later.
    relents: bool,
}

impl Attach<usize> for Compiler {
    fn may_go(&self, _zone: &Hosted<usize>) -> bool {
        !self.keeps
    }

    fn may_pass(&self, fault: &Fault) -> bool {
        self.relents && fault.rule == "refused"
    }

    fn attach(&mut self, fresh: &Fresh<'_, usize>, faults: &mut Vec<Fault>) -> usize {
        let Fresh { programs, before, .. } = fresh;
        self.runs += 1;
        self.replaced += usize::from(before.is_some());
        if programs.iter().any(|(_, source)| source.text == "refuse") {
            faults.push(Fault::error("refused", Place::default(), "refused"));
        }
        programs.len()
    }
}

/// A folder, its loader, and what has been compiled.
struct Folder {
    folder: tempfile::TempDir,
    loader: Loader<usize>,
    compiler: Compiler,
}

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let loader = Loader::new(folder.path().to_owned(), false);
        Self { folder, loader, compiler: Compiler::default() }
    }

    /// Writes by renaming, so that the file's inode changes whatever the clock's grain.
    fn write(&self, name: &str, text: &str) {
        let path = self.folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let aside = self.folder.path().join(".aside");
        fs::write(&aside, text).unwrap();
        fs::rename(aside, path).unwrap();
    }

    fn zone(&self, name: &str, serial: u32, rest: &str) {
        let text = format!("$TTL 60\n@ SOA ns. host. {serial} 2 3 4 5\n@ NS ns.else.\n{rest}");
        self.write(name, &text);
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.folder.path().join(name)).unwrap();
    }

    fn whole(&mut self) -> Loaded<usize> {
        self.loader.load(&mut self.compiler).unwrap()
    }

    /// Loads, and says what is served as `apex serial` and what became of each file read.
    fn load(&mut self) -> (Vec<String>, Vec<String>) {
        let loaded = self.whole();
        (serving(&loaded), outcomes(&loaded, self.folder.path()))
    }
}

fn serving(loaded: &Loaded<usize>) -> Vec<String> {
    let zones = loaded.catalog.zones().iter();
    zones.map(|hosted| format!("{} {}", hosted.zone.apex(), hosted.zone.serial())).collect()
}

fn outcomes(loaded: &Loaded<usize>, folder: &Path) -> Vec<String> {
    let files = loaded.reports.iter();
    let name = |path: &Path| path.strip_prefix(folder).unwrap().display().to_string();
    files.map(|file| format!("{} {:?}", name(&file.path), file.outcome)).collect()
}

#[track_caller]
fn check(folder: &mut Folder, serving: &[&str], outcomes: &[&str]) {
    let got = folder.load();
    let owned = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(got, (owned(serving), owned(outcomes)));
}

#[test]
fn zones_come_change_and_go() {
    let mut folder = Folder::new();
    folder.zone("a.test.zone", 1, "");
    folder.zone("tenants/b.test.zone", 1, "");
    folder.write("notes.txt", "no zone");
    folder.write(".git/c.test.zone", "no zone");
    check(
        &mut folder,
        &["a.test. 1", "b.test. 1"],
        &["a.test.zone Loaded", "tenants/b.test.zone Loaded"],
    );
    check(&mut folder, &["a.test. 1", "b.test. 1"], &[]);
    folder.zone("a.test.zone", 2, "");
    check(&mut folder, &["a.test. 2", "b.test. 1"], &["a.test.zone Loaded"]);
    assert_eq!(folder.compiler.runs, 3, "what has not changed is not made again");
    folder.remove("a.test.zone");
    let loaded = folder.loader.load(&mut folder.compiler).unwrap();
    assert_eq!(serving(&loaded), ["b.test. 1"]);
    assert_eq!(loaded.removed, ["a.test.".parse().unwrap()]);
}

#[test]
fn a_zone_whose_file_is_gone_stays_as_long_as_it_has_to() {
    let mut folder = Folder::new();
    folder.zone("a.test.zone", 1, "");
    folder.zone("b.test.zone", 1, "");
    check(&mut folder, &["a.test. 1", "b.test. 1"], &["a.test.zone Loaded", "b.test.zone Loaded"]);
    folder.compiler.keeps = true;
    folder.remove("a.test.zone");
    for _ in 0..2 {
        let loaded = folder.whole();
        assert_eq!(serving(&loaded), ["a.test. 1", "b.test. 1"]);
        assert_eq!(loaded.held, ["a.test.".parse().unwrap()]);
        assert!(loaded.removed.is_empty());
    }
    // It has another file now, and nothing is lost.
    folder.zone("below/a.test.zone", 2, "");
    check(&mut folder, &["b.test. 1", "a.test. 2"], &["below/a.test.zone Loaded"]);
    assert!(folder.whole().held.is_empty());
    folder.remove("below/a.test.zone");
    assert_eq!(folder.whole().held, ["a.test.".parse().unwrap()]);
    folder.compiler.keeps = false;
    let loaded = folder.whole();
    assert_eq!(serving(&loaded), ["b.test. 1"]);
    assert_eq!((loaded.removed.len(), loaded.held.len()), (1, 0));
}

#[test]
fn a_zone_whose_file_becomes_a_part_of_another_is_one_that_goes() {
    // The file that includes it comes before it, and behind it.
    for (other, moved) in [("0.test.zone", "1.zone"), ("b.test.zone", "c.zone")] {
        let mut folder = Folder::new();
        folder.zone("a.test.zone", 1, "");
        folder.zone(other, 1, "");
        let names = |loaded: &Loaded<usize>| {
            let names =
                |names: &[NameBuf]| names.iter().map(NameBuf::to_string).collect::<String>();
            [serving(loaded).join(", "), names(&loaded.removed), names(&loaded.held)]
        };
        let apex = other.trim_end_matches("zone");
        folder.load();
        folder.compiler.keeps = true;
        folder.write("a.test.zone", "www A 192.0.2.1\n");
        folder.zone(other, 2, "$INCLUDE a.test.zone\n");
        let mut both = [format!("{apex} 2"), "a.test. 1".to_owned()];
        both.sort();
        for _ in 0..2 {
            let loaded = folder.whole();
            assert_eq!(names(&loaded), [both.join(", "), String::new(), "a.test.".to_owned()]);
        }
        folder.compiler.keeps = false;
        let loaded = folder.whole();
        assert_eq!(names(&loaded), [format!("{apex} 2"), "a.test.".to_owned(), String::new()]);
        let loaded = folder.whole();
        assert_eq!(names(&loaded), [format!("{apex} 2"), String::new(), String::new()]);
        // It is a zone again, and one that another file has.
        folder.zone("a.test.zone", 3, "");
        folder.zone(other, 3, "");
        folder.load();
        folder.compiler.keeps = true;
        folder.write("a.test.zone", "www A 192.0.2.1\n");
        let text = "$ORIGIN a.test.\n$TTL 60\n@ SOA ns. host. 4 2 3 4 5\n@ NS ns.else.\n";
        folder.write(moved, &format!("{text}$INCLUDE a.test.zone\n"));
        let loaded = folder.whole();
        let [serving, removed, held] = names(&loaded);
        assert!(serving.contains("a.test. 4"), "{serving}");
        assert_eq!([removed, held], ["", ""]);
    }
}

#[test]
fn a_refused_version_leaves_the_old_one() {
    let mut folder = Folder::new();
    folder.zone("a.test.zone", 1, "");
    folder.zone("b.test.zone", 1, "");
    folder.load();
    folder.zone("a.test.zone", 2, "www A 192.0.2.999\n");
    folder.zone("b.test.zone", 2, "www A 192.0.2.1\n");
    check(&mut folder, &["a.test. 1", "b.test. 2"], &["a.test.zone Kept", "b.test.zone Loaded"]);
    // A program that is refused refuses its zone.
    folder.zone("a.test.zone", 3, "www LUA A refuse\n");
    check(&mut folder, &["a.test. 1", "b.test. 2"], &["a.test.zone Kept"]);
    folder.zone("a.test.zone", 4, "www LUA A fine\n");
    check(&mut folder, &["a.test. 4", "b.test. 2"], &["a.test.zone Loaded"]);
    folder.zone("c.test.zone", 1, "www A nonsense\n");
    check(&mut folder, &["a.test. 4", "b.test. 2"], &["c.test.zone Refused"]);
}

#[test]
fn what_may_pass_is_read_again_and_so_is_what_others_may_read_now() {
    let mut folder = Folder::new();
    folder.zone("a.test.zone", 1, "");
    folder.load();
    let refused = (&["a.test. 1"], &["a.test.zone Kept"]);
    folder.zone("a.test.zone", 2, "www LUA A refuse\n");
    check(&mut folder, refused.0, refused.1);
    check(&mut folder, refused.0, &[]);
    folder.compiler.relents = true;
    folder.zone("a.test.zone", 3, "www LUA A refuse\n");
    for _ in 0..2 {
        check(&mut folder, refused.0, refused.1);
    }
    folder.zone("a.test.zone", 4, "www LUA A fine\n");
    check(&mut folder, &["a.test. 4"], &["a.test.zone Loaded"]);
    check(&mut folder, &["a.test. 4"], &[]);
    // Neither its text nor its time of change is other.
    let path = folder.folder.path().join("a.test.zone");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    check(&mut folder, &["a.test. 4"], &["a.test.zone Loaded"]);
}

#[test]
fn a_zone_whose_file_has_another_name_is_what_it_was() {
    let mut folder = Folder::new();
    folder.zone("a.test.zone", 1, "");
    folder.load();
    // It may be anywhere, and it may be wrong.
    for (from, to, rest, serving_now, outcome) in [
        ("a.test.zone", "below/a.test.zone", "www A nonsense\n", "a.test. 1", "Kept"),
        ("below/a.test.zone", "b.zone", "x LUA A refuse\n", "a.test. 1", "Kept"),
        ("b.zone", "0.zone", "", "a.test. 2", "Loaded"),
    ] {
        folder.remove(from);
        let soa = "$ORIGIN a.test.\n@ 60 SOA ns. host. 2 2 3 4 5\n@ 60 NS ns.else.\n$TTL 60\n";
        folder.write(to, &format!("{soa}{rest}"));
        let loaded = folder.whole();
        assert_eq!(serving(&loaded), [serving_now]);
        assert_eq!(outcomes(&loaded, folder.folder.path()), [format!("{to} {outcome}")]);
        assert_eq!((loaded.removed.len(), loaded.held.len()), (0, 0));
    }
    folder.remove("0.zone");
    assert_eq!(folder.whole().removed, ["a.test.".parse().unwrap()]);
}

#[test]
fn all_faults_are_told_those_of_programs_too() {
    let mut folder = Folder::new();
    folder.zone("a.test.zone", 1, "www A nonsense\nx LUA A refuse\n");
    let loaded = folder.loader.load(&mut folder.compiler).unwrap();
    assert_eq!(loaded.reports[0].outcome, Outcome::Refused);
    let rules: Vec<_> = loaded.reports[0].faults.iter().map(|fault| fault.rule).collect();
    assert!(rules.len() == 2 && rules.contains(&"refused"), "{rules:?}");
}

#[test]
fn included_files_are_parts_and_a_change_of_them_is_one() {
    let mut folder = Folder::new();
    folder.zone("a.test.zone", 1, "$INCLUDE part.zone\n");
    folder.write("part.zone", "www A 192.0.2.1\n");
    check(&mut folder, &["a.test. 1"], &["a.test.zone Loaded"]);
    check(&mut folder, &["a.test. 1"], &[]);
    folder.write("part.zone", "www A 192.0.2.2\n");
    check(&mut folder, &["a.test. 1"], &["a.test.zone Loaded"]);
    // A part may bring the SOA along.
    folder.zone("base.zone", 7, "");
    folder.write("b.test.zone", "$INCLUDE base.zone\n");
    check(&mut folder, &["a.test. 1", "b.test. 7"], &["b.test.zone Loaded"]);
    // Nobody can make a zone a part by including it.
    folder.zone("b.test.zone", 8, "$INCLUDE a.test.zone\n");
    let (serving, _) = folder.load();
    assert!(serving.contains(&"a.test. 1".to_owned()), "{serving:?}");
}

#[test]
fn a_zone_in_two_files_is_served_from_the_first() {
    let mut folder = Folder::new();
    folder.zone("1/a.test.zone", 1, "");
    folder.zone("2/a.test.zone", 2, "");
    check(&mut folder, &["a.test. 1"], &["1/a.test.zone Loaded", "2/a.test.zone Refused"]);
}

#[test]
fn a_folder_that_is_gone_changes_nothing() {
    let mut folder = Folder::new();
    folder.zone("a.test.zone", 1, "");
    folder.load();
    let (away, root) =
        (folder.folder.path().with_extension("away"), folder.folder.path().to_owned());
    fs::rename(&root, &away).unwrap();
    assert!(folder.loader.load(&mut folder.compiler).is_err());
    fs::rename(&away, &root).unwrap();
    check(&mut folder, &["a.test. 1"], &[]);
}

#[test]
fn links_out_of_the_folder_are_not_followed() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("x.test.zone"), "@ 1 SOA a. b. 1 2 3 4 5\n").unwrap();
    let mut folder = Folder::new();
    let link = folder.folder.path().join("x.test.zone");
    std::os::unix::fs::symlink(outside.path().join("x.test.zone"), link).unwrap();
    check(&mut folder, &[], &[]);
}

/// Loads only what stands at these paths; `whole` if that takes a whole load, which follows.
fn load_changed(folder: &mut Folder, served: &mut Catalog<usize>, names: &[&str]) -> String {
    let paths = names.iter().map(|name| folder.folder.path().join(name)).collect();
    let loaded = folder.loader.load_changed(&paths, served, &mut folder.compiler);
    let is_whole = loaded.is_none();
    let loaded = loaded.unwrap_or_else(|| folder.loader.load(&mut folder.compiler).unwrap());
    let said = match is_whole {
        true => "whole".to_owned(),
        false => outcomes(&loaded, folder.folder.path()).join(" "),
    };
    *served = loaded.catalog;
    // A loader that knows nothing comes to the same, but for refused versions.
    let mut other = Loader::new(folder.folder.path().to_owned(), false);
    let fresh = other.load(&mut Compiler::default()).unwrap().catalog;
    for hosted in fresh.zones() {
        let own = served.zone(hosted.zone.apex()).expect("it is served");
        assert_eq!(own.zone.serial(), hosted.zone.serial(), "{names:?}");
        assert_eq!(own.zone.record_count(), hosted.zone.record_count(), "{names:?}");
    }
    if !said.contains("Kept") {
        assert_eq!(fresh.zones().len(), served.zones().len(), "{names:?}");
        assert_eq!(fresh.record_count(), served.record_count(), "{names:?}");
    }
    said
}

#[test]
fn of_files_that_are_known_to_have_changed_no_other_is_looked_at() {
    let mut folder = Folder::new();
    for name in ["a.test.zone", "b.test.zone", "below/c.test.zone"] {
        folder.zone(name, 1, "");
    }
    folder.zone("d.test.zone", 1, "$INCLUDE part.inc\n");
    folder.write("part.inc", "www A 192.0.2.1\n");
    let mut served = folder.loader.load(&mut folder.compiler).unwrap().catalog;
    let mut changed =
        |folder: &mut Folder, names: &[&str]| load_changed(folder, &mut served, names);

    folder.zone("a.test.zone", 2, "www A 192.0.2.1\n");
    assert_eq!(changed(&mut folder, &["a.test.zone", ".aside"]), "a.test.zone Loaded");
    assert_eq!(changed(&mut folder, &["a.test.zone"]), "", "it is the same");
    folder.zone("b.test.zone", 2, "");
    folder.zone("below/c.test.zone", 2, "");
    let names = ["b.test.zone", "below/c.test.zone"];
    assert_eq!(changed(&mut folder, &names), "b.test.zone Loaded below/c.test.zone Loaded");
    folder.zone("a.test.zone", 3, "www A nonsense\n");
    folder.zone("d.test.zone", 2, "$INCLUDE part.inc\n");
    let names = ["a.test.zone", "d.test.zone"];
    assert_eq!(changed(&mut folder, &names), "a.test.zone Kept d.test.zone Loaded");
    folder.zone("a.test.zone", 4, "");
    assert_eq!(changed(&mut folder, &["a.test.zone"]), "a.test.zone Loaded");
    folder.write("notes.txt", "no zone");
    assert_eq!(changed(&mut folder, &["notes.txt"]), "");

    // What is not as simple.
    folder.write("part.inc", "www A 192.0.2.2\nftp A 192.0.2.3\n");
    assert_eq!(changed(&mut folder, &["part.inc"]), "whole");
    folder.zone("e.test.zone", 1, "");
    assert_eq!(changed(&mut folder, &["e.test.zone"]), "whole");
    folder.zone("e.test.zone", 2, "$INCLUDE part.inc\n");
    assert_eq!(changed(&mut folder, &["e.test.zone"]), "whole", "it includes another file now");
    folder
        .write("e.test.zone", "$ORIGIN f.test.\n@ 60 SOA ns. host. 9 2 3 4 5\n@ 60 NS ns.else.\n");
    assert_eq!(changed(&mut folder, &["e.test.zone"]), "whole", "it has another name");
    folder.remove("e.test.zone");
    assert_eq!(changed(&mut folder, &["e.test.zone"]), "whole");
    fs::rename(folder.folder.path().join("below"), folder.folder.path().join("beside")).unwrap();
    assert_eq!(changed(&mut folder, &["below", "beside"]), "whole");
    fs::rename(folder.folder.path().join("beside"), folder.folder.path().join(".away")).unwrap();
    assert_eq!(changed(&mut folder, &["beside"]), "whole", "zones below it are gone");
    folder.zone("again/a.test.zone", 7, "");
    assert_eq!(changed(&mut folder, &["again"]), "whole");
    folder.zone("again/a.test.zone", 8, "");
    assert_eq!(changed(&mut folder, &["again/a.test.zone"]), "whole", "another is served");
}
