//! Which of several new versions are refused when there is not room for all of them.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use halfmoon::config::Config;
use halfmoon::publish::Compile;
use halfmoon::tenants::Tenants;
use halfmoon_healthcheck::{Health, TargetPolicy};
use halfmoon_lua::{Dialect, Settings};
use halfmoon_zones::{FileReport, Level, Loader};

use crate::support::site::{HEAD, SERVER};

/// A folder of zones of one tenant, load after load.
struct Loads {
    folder: tempfile::TempDir,
    loader: Loader<halfmoon::shared::Served>,
    compile: Compile,
}

impl Loads {
    /// Of zones that stand among the operator's.
    fn new(acme: &str) -> Self {
        Self::of(acme, false)
    }

    /// The same, or of zones in a place of the tenant's own.
    fn of(acme: &str, is_its_own: bool) -> Self {
        let place = if is_its_own { "path = \"acme\"\n" } else { "" };
        let text = format!("{SERVER}[tenants.acme]\nbelow = [\"test\"]\n{place}{acme}\n");
        let config = Config::parse(&text, Path::new("halfmoon.toml")).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let health = Health::unprobed(TargetPolicy::default());
        let tenants = Arc::new(Tenants::new(&config.tenants));
        let tenant = tenants.id("acme").filter(|_| is_its_own);
        let compile =
            Compile::new(Settings::of(Dialect::Halfmoon), health).tenants(tenants, tenant);
        let loader = Loader::new(folder.path().to_owned(), false);
        Self { folder, loader, compile }
    }

    /// Writes zones, each with the head and these lines, or removes them, and loads. What became of each
    /// that was read.
    fn load(&mut self, zones: &[(&str, Option<&str>)]) -> Vec<String> {
        for (name, lines) in zones {
            let file = self.folder.path().join(format!("{name}.test.zone"));
            let Some(lines) = lines else {
                fs::remove_file(file).unwrap();
                continue;
            };
            let aside = self.folder.path().join(".aside");
            fs::write(&aside, format!("{HEAD}{lines}")).unwrap();
            fs::rename(aside, file).unwrap();
        }
        let loaded = self.loader.load(&mut self.compile).unwrap();
        loaded.reports.iter().map(said).collect()
    }
}

fn said(report: &FileReport) -> String {
    let errors = report.faults.iter().filter(|fault| fault.level == Level::Error);
    let faults: String =
        errors.map(|fault| format!(" {}:{}", fault.rule, fault.place.line)).collect();
    format!("{} {:?}{faults}", report.apex, report.outcome)
}

/// So many records, the three of the head among them, after this line.
fn records(first: &str, count: u32) -> String {
    let lines = (4..=count).map(|n| format!("n{n} A 192.0.2.{n}\n"));
    format!("; {first}\n{}", lines.collect::<String>())
}

fn programs(first: &str, count: u32) -> String {
    let lines = (1..=count).map(|n| format!("p{n} LUA A \"pickrandom({{'192.0.2.{n}'}})\"\n"));
    format!("; {first}\n{}", lines.collect::<String>())
}

#[test]
fn nothing_is_refused_for_what_is_not_served_or_takes_less() {
    const BROKEN: &str = "broken LUA A \"pickrandom(\"\n";
    /// Of each zone what there is before, if it is there, and what comes then.
    type Case<'a> = (&'a str, Vec<(&'a str, Option<String>, String)>, &'a [&'a str]);
    let cases: Vec<Case<'_>> = vec![
        (
            "records = 30",
            vec![
                ("a", Some(records("1", 20)), records("2", 30)),
                ("b", Some(records("1", 10)), records("2", 10)),
            ],
            &["a.test. Kept tenant-records:1", "b.test. Loaded"],
        ),
        (
            "records = 30",
            vec![("a", None, records("1", 24) + BROKEN), ("b", None, records("1", 30))],
            &["a.test. Refused lua-syntax:27", "b.test. Loaded"],
        ),
        (
            "records = 30",
            vec![("a", None, records("1", 12)), ("z", Some(records("1", 24)), records("2", 21))],
            &["a.test. Refused tenant-records:1", "z.test. Loaded"],
        ),
        (
            "programs = 10",
            vec![
                ("a", Some(programs("1", 6)), programs("2", 10)),
                ("b", Some(programs("1", 4)), programs("2", 4)),
            ],
            &["a.test. Kept tenant-programs:1", "b.test. Loaded"],
        ),
        (
            "programs = 10",
            vec![("a", None, programs("1", 8) + BROKEN), ("b", None, programs("1", 10))],
            &["a.test. Refused lua-syntax:14", "b.test. Loaded"],
        ),
        (
            "programs = 10",
            vec![("a", None, programs("1", 4)), ("z", Some(programs("1", 8)), programs("2", 7))],
            &["a.test. Refused tenant-programs:1", "z.test. Loaded"],
        ),
        // What is read of all does not go far beyond what may be: of the last no more is kept than ten.
        (
            "records = 30",
            ["a", "b", "c"].map(|name| (name, None, records("1", 25))).into(),
            &[
                "a.test. Loaded",
                "b.test. Refused tenant-records:1",
                "c.test. Refused tenant-records:13",
            ],
        ),
    ];
    for (settings, zones, expected) in cases {
        let mut loads = Loads::new(settings);
        let before: Vec<_> = zones
            .iter()
            .filter_map(|(name, before, _)| Some((*name, Some(before.as_deref()?))))
            .collect();
        assert!(loads.load(&before).iter().all(|said| said.ends_with("Loaded")));
        let new: Vec<_> = zones.iter().map(|(name, _, new)| (*name, Some(new.as_str()))).collect();
        assert_eq!(loads.load(&new), expected, "{settings}: {zones:?}");
    }
}

#[test]
fn what_was_refused_is_served_as_soon_as_there_is_room() {
    for (settings, make) in
        [("records = 30", records as fn(&str, u32) -> String), ("programs = 30", programs)]
    {
        let mut loads = Loads::new(settings);
        let (a, b) = (make("1", 18), make("1", 12));
        assert_eq!(
            loads.load(&[("a", Some(&a)), ("b", Some(&b))]),
            ["a.test. Loaded", "b.test. Loaded"]
        );
        let refused = loads.load(&[("b", Some(&make("2", 15)))]);
        assert!(refused[0].starts_with("b.test. Kept tenant-"), "{refused:?}");
        assert_eq!(
            loads.load(&[("a", Some(&make("2", 15)))]),
            ["a.test. Loaded", "b.test. Loaded"]
        );
    }
}

#[test]
fn what_is_held_until_all_is_judged_is_bounded_by_memory() {
    let data = |lines: u32| -> String {
        (0..lines).map(|n| format!("t{} TXT {n:0>200}\n", n % 9)).collect()
    };
    // Some 44 KiB each.
    let (right, wrong) = (data(220), data(220) + "t1 CNAME t2\n");
    for (zone, said) in [
        (&right, ["Loaded", "Refused tenant-memory:1"]),
        (&wrong, ["Refused cname-and-other-data:", "Refused cname-and-other-data:"]),
    ] {
        let mut loads = Loads::of("memory = \"64KiB\"", true);
        let zones = ["a", "b", "c", "d"].map(|name| (name, Some(zone.as_str())));
        let loaded = loads.load(&zones);
        for (loaded, said) in loaded.iter().zip(said) {
            assert!(loaded.contains(said), "{loaded:?}");
        }
        for stopped in &loaded[2..] {
            // At the record that is too much, and nothing is known of what comes after it.
            let (_, line) = stopped.split_once("Refused tenant-memory:").expect(stopped);
            assert!((10..220).contains(&line.parse().unwrap()), "{loaded:?}");
        }
    }
    // Of one that belongs to nobody here.
    let mut loads = Loads::of("memory = \"64KiB\"", true);
    for name in ["a.else", "b.else", "c.else"] {
        let file = loads.folder.path().join(format!("{name}.zone"));
        fs::write(file, format!("{HEAD}{right}")).unwrap();
    }
    let loaded = loads.load(&[]);
    assert!(loaded[0].contains("tenant-apex") && loaded[1].contains("tenant-apex"), "{loaded:?}");
    assert!(loaded[2].contains("tenant-memory"), "{loaded:?}");
    // What takes no more than before is served, whatever else comes.
    let mut loads = Loads::of("memory = \"64KiB\"", true);
    assert_eq!(loads.load(&[("z", Some(&right))]), ["z.test. Loaded"]);
    let others = ["a", "b", "c"].map(|name| (name, Some(right.as_str())));
    let again = format!("; the same\n{right}");
    let loaded = loads.load(&[&others[..], &[("z", Some(&again))]].concat());
    assert_eq!(loaded[3], "z.test. Loaded", "{loaded:?}");
}

#[test]
fn sources_of_programs_are_held_until_they_are_compiled() {
    let long = "x".repeat(4_000);
    let programs: String =
        (1..=5).map(|n| format!("p{n} LUA A \"'192.0.2.{n}' --{long}\"\n")).collect();
    // Some 20 KiB of data each, and as much of sources.
    let wrong = format!("t1 TXT t\nt1 CNAME t2\n{programs}");
    let mut loads = Loads::of("memory = \"64KiB\"", true);
    let zones = ["a", "b", "c", "d", "e"].map(|name| (name, Some(wrong.as_str())));
    let loaded = loads.load(&zones);
    let is_whole: Vec<bool> =
        loaded.iter().map(|said| said.contains("cname-and-other-data")).collect();
    assert_eq!(is_whole, [true, true, true, false, false], "{loaded:?}");
    assert!(loaded[4].contains("tenant-memory"), "{loaded:?}");
    // They are gone as soon as they are.
    let mut loads = Loads::of("memory = \"256KiB\"", true);
    let right = zones.map(|(name, _)| (name, Some(programs.as_str())));
    let loaded = loads.load(&right);
    assert!(loaded.iter().all(|said| said.ends_with("Loaded")), "{loaded:?}");
}
