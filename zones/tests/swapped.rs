//! Files that become something else between being found and being read.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

use halfmoon_zones::{Attach, Fault, Fresh, ListedZone, Loader, Outcome, Sources};

const ZONE: &str = "$TTL 60\n@ SOA ns. host. 1 2 3 4 5\n@ NS ns.else.\n";

/// Swaps a file when it is about to be read.
struct Swap<'a> {
    how: Mutex<Option<&'a (dyn Fn() + Sync)>>,
    most_octets: u64,
    companions: usize,
}

impl<'a> Swap<'a> {
    fn new(how: &'a (dyn Fn() + Sync), most_octets: u64) -> Self {
        Self { how: Mutex::new(Some(how)), most_octets, companions: 0 }
    }
}

impl Attach<()> for Swap<'_> {
    fn most_octets(&self) -> u64 {
        if let Some(how) = self.how.lock().unwrap().take() {
            how();
        }
        self.most_octets
    }

    fn attach(&mut self, fresh: &Fresh<'_, ()>, _: &mut Vec<Fault>) {
        self.companions += usize::from(fresh.companions.settings.is_some());
    }
}

fn pipe(at: &Path) {
    assert!(Command::new("mkfifo").arg(at).status().unwrap().success());
}

#[test]
fn what_takes_the_place_of_a_file_leads_nowhere_and_keeps_nobody_waiting() {
    type How = fn(&Path);
    let zone = |top: &Path| top.join("zones/below/a.test.zone");
    for (how, expected) in [
        (
            (|top| {
                fs::remove_file(top.join("zones/below/a.test.zone")).unwrap();
                symlink(top.join("secret.zone"), top.join("zones/below/a.test.zone")).unwrap();
            }) as How,
            Some("it lies outside of the zone folder"),
        ),
        (
            |top| {
                fs::rename(top.join("zones/below"), top.join("away")).unwrap();
                symlink(top.join("away"), top.join("zones/below")).unwrap();
            },
            Some("it lies outside of the zone folder"),
        ),
        (
            |top| {
                fs::remove_file(top.join("zones/below/a.test.zone")).unwrap();
                pipe(&top.join("zones/below/a.test.zone"));
            },
            Some("it is no file"),
        ),
        // Of any size, and takes no room on any disk.
        (
            |top| {
                let zone =
                    fs::File::options().write(true).open(top.join("zones/below/a.test.zone"));
                zone.unwrap().set_len(1 << 40).unwrap();
            },
            Some("it has more than 1000 octets"),
        ),
        // A link that stays inside is as good as a file.
        (
            |top| {
                fs::rename(top.join("zones/below/a.test.zone"), top.join("zones/a")).unwrap();
                symlink("../a", top.join("zones/below/a.test.zone")).unwrap();
            },
            None,
        ),
    ] {
        let top = tempfile::tempdir().unwrap();
        let top = top.path();
        fs::create_dir_all(top.join("zones/below")).unwrap();
        fs::write(zone(top), ZONE).unwrap();
        fs::write(top.join("secret.zone"), ZONE).unwrap();
        let how = || how(top);
        let mut loader = Loader::new(top.join("zones"), false);
        let loaded = loader.load(&mut Swap::new(&how, 1000)).unwrap();
        let [report] = &*loaded.reports else { panic!("{:?}", loaded.reports) };
        let Some(expected) = expected else {
            assert_eq!(report.outcome, Outcome::Loaded);
            continue;
        };
        assert_eq!(report.outcome, Outcome::Refused, "{expected}");
        let fault = &report.faults[0];
        assert_eq!(fault.rule, "unreadable-file");
        assert!(fault.message.contains(expected), "{}", fault.message);
    }
}

#[test]
fn what_stands_beside_a_zone_is_read_with_the_same_care() {
    let top = tempfile::tempdir().unwrap();
    let top = top.path();
    let settings = top.join("zones/a.test.health.toml");
    fs::create_dir(top.join("zones")).unwrap();
    fs::write(top.join("zones/a.test.zone"), ZONE).unwrap();
    fs::write(&settings, "[defaults]\n").unwrap();
    fs::write(top.join("secret"), "token").unwrap();
    let how = || {
        fs::remove_file(&settings).unwrap();
        symlink(top.join("secret"), &settings).unwrap();
    };
    let mut swap = Swap::new(&how, 1000);
    let loaded = Loader::new(top.join("zones"), false).load(&mut swap).unwrap();
    assert_eq!((loaded.reports[0].outcome, swap.companions), (Outcome::Refused, 0));
    let message = &loaded.reports[0].faults[0].message;
    assert!(message.contains("it lies outside of the zone folder"), "{message}");
}

#[test]
fn a_file_that_somebody_names_may_be_anywhere_and_has_to_be_one() {
    let top = tempfile::tempdir().unwrap();
    let top = top.path();
    fs::create_dir_all(top.join("list")).unwrap();
    fs::write(top.join("secret.zone"), ZONE).unwrap();
    symlink("../secret.zone", top.join("list/a")).unwrap();
    pipe(&top.join("list/b"));
    let listed = ["a", "b"].map(|name| ListedZone {
        name: format!("{name}.test.").parse().unwrap(),
        path: top.join("list").join(name),
    });
    let sources = Sources { listed: listed.into(), ..Sources::default() };
    let mut loader: Loader<()> = Loader::of(sources, false);
    let loaded = loader.load(&mut Swap::new(&|| {}, 1000)).unwrap();
    let outcomes: Vec<_> = loaded.reports.iter().map(|report| report.outcome).collect();
    assert_eq!(outcomes, [Outcome::Loaded, Outcome::Refused]);
    assert!(loaded.reports[1].faults[0].message.contains("it is no file"));
}

#[test]
fn all_files_of_a_zone_together_have_so_many_octets() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("part"), "; 34567890\n".repeat(10)).unwrap();
    for (includes, outcome) in [(8, Outcome::Loaded), (9, Outcome::Refused)] {
        let text = format!("{ZONE}{}", "$INCLUDE part\n".repeat(includes));
        fs::write(folder.path().join("a.test.zone"), text).unwrap();
        let mut loader: Loader<()> = Loader::new(folder.path().to_owned(), false);
        let most = 8 * 110 + 9 * 14 + ZONE.len() as u64;
        let loaded = loader.load(&mut Swap::new(&|| {}, most)).unwrap();
        assert_eq!(loaded.reports[0].outcome, outcome, "{includes}");
    }
}
