//! Many files read by several threads: whatever one of them does before another, all is as if it had been one.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use halfmoon_wire::{Name, NameBuf, Type};
use halfmoon_zones::{
    Addition, Attach, Candidate, Draft, Fault, FileReport, Fresh, Hosted, ListedZone, Loaded,
    Loader, MostRecords, Place, ProgramSource, Sources, Zone,
};

/// Lets zones called `limited` have so many records together, adds records to those called `signed`, and notes all
/// that it is told, in order.
struct Notes {
    most: u64,
    read: u64,
    before: BTreeMap<String, u64>,
    told: Vec<String>,
    /// A name that it cannot bear.
    panics: &'static str,
}

impl Notes {
    fn new(most: u64) -> Self {
        Self { most, read: 0, before: BTreeMap::new(), told: Vec::new(), panics: "" }
    }
}

fn is_limited(apex: &str) -> bool {
    apex.starts_with("limited")
}

impl Attach<usize> for Notes {
    fn may_add(&self, apex: Name<'_>) -> bool {
        apex.to_string().starts_with("signed")
    }

    fn stamp(&self, apex: Name<'_>) -> u64 {
        apex.as_wire().len() as u64
    }

    fn additions(&mut self, draft: &Draft<'_>) -> Vec<Addition> {
        if !self.may_add(draft.apex()) {
            return Vec::new();
        }
        self.told.push(format!("adds to {}", draft.apex()));
        // Which of them comes first shows in what it gets.
        let rdata = (self.told.len() as u32).to_be_bytes().to_vec();
        vec![Addition { owner: draft.apex().to_buf(), rtype: Type::A, ttl: 60, rdata }]
    }

    fn start(
        &mut self,
        _: &mut dyn Iterator<Item = &Hosted<usize>>,
        before: &mut dyn Iterator<Item = &Hosted<usize>>,
    ) {
        let count = |hosted: &Hosted<usize>| u64::from(hosted.zone.record_count());
        self.before = before.map(|zone| (zone.zone.apex().to_string(), count(zone))).collect();
        self.read = 0;
    }

    fn most_records(&self, apex: Name<'_>) -> Option<MostRecords> {
        let apex = apex.to_string();
        assert!(apex != self.panics, "it is {apex}");
        let before = self.before.get(&apex).copied().unwrap_or(0);
        let count = self.most.saturating_sub(self.read).max(before);
        let fault = Fault::error("full", Place::default(), format!("{count} are left"));
        is_limited(&apex).then_some(MostRecords { count, fault, data: None })
    }

    fn has_read(&mut self, zone: &Zone, _: &[(NameBuf, ProgramSource)]) {
        let apex = zone.apex().to_string();
        if is_limited(&apex) {
            self.read += u64::from(zone.record_count());
        }
        self.told.push(format!("read {apex} of {} records", zone.record_count()));
    }

    fn depends_on_others(&self, fault: &Fault) -> bool {
        fault.rule == "full"
    }

    fn attach(&mut self, fresh: &Fresh<'_, usize>, faults: &mut Vec<Fault>) -> usize {
        let Fresh { zone, programs, before, companions } = fresh;
        let beside = companions.settings.as_ref().map(|settings| settings.text.as_str());
        let was = before.map(|before| before.zone.serial());
        self.told.push(format!("attach {} was {was:?} beside {beside:?}", zone.apex()));
        if programs.iter().any(|(_, source)| source.text == "refuse") {
            faults.push(Fault::error("refused", programs[0].1.place(0), "refused"));
        }
        programs.len()
    }

    fn judge(&mut self, candidates: &mut [Candidate<usize>]) {
        let judged = candidates.iter().map(|candidate| format!("judge {}", candidate.apex()));
        self.told.extend(judged);
    }
}

/// A zone with so many records besides SOA and NS.
fn zone(serial: u32, records: usize) -> String {
    let mut text = format!("$TTL 60\n@ SOA ns. host. {serial} 2 3 4 5\n@ NS ns.else.\n");
    for number in 0..records {
        text.push_str(&format!("n{number} A 192.0.2.{}\n", number % 250));
    }
    text
}

/// Zones of all kinds, good ones and bad ones, so that each kind has others before and behind it.
fn write(folder: &Path, number: usize, serial: u32) {
    let put = |name: &str, text: String| fs::write(folder.join(name), text).unwrap();
    let good = zone(serial, 1 + number % 7);
    let name = |kind: &str| format!("{kind}{number:03}.test.zone");
    match number % 14 {
        0 => put(&name("good"), good),
        1 => put(&name("wrong"), format!("{good}bad A 1.2.3\nworse MX\n")),
        2 => put(&name("including"), format!("{good}$INCLUDE part{:03}.zone\n", number + 1)),
        3 => put(&format!("part{number:03}.zone"), "more A 192.0.2.9\n".to_owned()),
        4 => put(&name("lost"), "orphan A 192.0.2.9\n".to_owned()),
        5 => put(&name("twice"), format!("$ORIGIN good{:03}.test.\n{good}", number - 5)),
        6 => put(&name("limited"), zone(serial, number)),
        // It is only by its SOA that it is limited.
        7 => put(&name("else"), format!("$ORIGIN limited{number:03}.test.\n{good}")),
        // And of this one only the name of the file says so.
        8 => put(&name("limited"), format!("$ORIGIN else{number:03}.test.\n{good}")),
        9 => put(&name("signed"), good),
        10 => put(&name("signed"), format!("{good}$GENERATE 1-{} g$ A 192.0.2.1\n", number * 5)),
        11 => {
            let program = if number.is_multiple_of(3) { "refuse" } else { "'192.0.2.1'" };
            put(&name("program"), format!("{good}lua LUA A \"{program}\"\n"));
            put(&format!("program{number:03}.test.health.toml"), format!("# {serial}\n"));
        }
        12 => {
            put(&name("beside"), good);
            fs::write(folder.join(format!("beside{number:03}.test.health.toml")), [0xff]).unwrap();
        }
        _ => {
            put(&name("limited"), zone(serial, 600));
            let _ = symlink("/etc/passwd", folder.join(name("link")));
            let _ = symlink(name("limited"), folder.join(name("inside")));
        }
    }
}

/// All that a load has to say.
fn said(loaded: &Loaded<usize>, notes: &mut Notes) -> Vec<String> {
    let mut said = std::mem::take(&mut notes.told);
    let of_report = |report: &FileReport| format!("{report:?}");
    let of_zone = |hosted: &Hosted<usize>| {
        let nodes: Vec<String> = hosted.zone.nodes().map(|node| node.owner().to_string()).collect();
        let (apex, serial, size) = (hosted.zone.apex(), hosted.zone.serial(), hosted.zone.size());
        format!("{apex} {serial} {size} {} {nodes:?}", hosted.beside)
    };
    said.extend(loaded.reports.iter().map(of_report));
    said.extend(loaded.catalog.zones().iter().map(|hosted| of_zone(hosted)));
    said.push(format!("{:?} {:?} {:?}", loaded.removed, loaded.held, loaded.strays));
    said
}

#[test]
fn what_many_threads_read_is_what_one_reads() {
    const FILES: usize = 14 * 50;
    let folder = tempfile::tempdir().unwrap();
    let zones = folder.path().join("zones");
    fs::create_dir_all(&zones).unwrap();
    for number in 0..FILES {
        write(&zones, number, 1);
    }
    let at = |name: &str, path: &str| ListedZone {
        name: name.parse().unwrap(),
        path: folder.path().join(path),
    };
    fs::write(folder.path().join("shared"), zone(1, 3)).unwrap();
    fs::write(folder.path().join("other"), format!("$ORIGIN another.test.\n{}", zone(1, 3)))
        .unwrap();
    let listed = vec![
        at("shared-a.test.", "shared"),
        at("Shared-B.test.", "shared"),
        at("limited-listed.test.", "shared"),
        at("other.test.", "other"),
        at("missing.test.", "missing"),
        at("good000.test.", "zones/good000.test.zone"),
    ];
    let sources = Sources { folder: Some(zones.clone()), listed, include_root: None };
    let loader =
        |threads| (Loader::of(sources.clone(), false).with_threads(threads), Notes::new(3000));
    let mut loaders: Vec<_> = [1, 2, 3, 8].map(loader).into_iter().collect();
    let mut all = |what: &str| {
        let mut first: Option<Vec<String>> = None;
        for (loader, notes) in &mut loaders {
            let loaded = loader.load(notes).unwrap();
            let said = said(&loaded, notes);
            let expected = first.get_or_insert_with(|| said.clone());
            for (said, expected) in said.iter().zip(expected.iter()) {
                assert_eq!(said, expected, "{what}: {loader:?}");
            }
            assert_eq!(said.len(), expected.len(), "{what}");
        }
        first.unwrap()
    };
    let first = all("all is new");
    let count = |text: &str| first.iter().filter(|said| said.contains(text)).count();
    // Each kind is there.
    for text in ["full", "zone-twice", "zone-name", "unreadable-file", "refused", "adds to"] {
        assert!(count(text) > 0, "{text}");
    }
    assert_eq!((count("adds to"), count("read limited") > 20), (100, true));
    all("nothing has changed");
    for number in (0..FILES).filter(|number| number % 5 != 0) {
        write(&zones, number, 2);
    }
    for number in (0..FILES).step_by(13) {
        let _ = fs::remove_file(zones.join(format!("good{number:03}.test.zone")));
    }
    all("much has changed");
}

#[test]
fn what_a_thread_panics_of_is_what_one_alone_panics_of() {
    let folder = tempfile::tempdir().unwrap();
    for number in 0..300 {
        fs::write(folder.path().join(format!("z{number}.test.zone")), zone(1, 2)).unwrap();
    }
    for threads in [1, 4] {
        let mut loader = Loader::new(folder.path().to_owned(), false).with_threads(threads);
        let mut notes = Notes { panics: "z99.test.", ..Notes::new(0) };
        let load = AssertUnwindSafe(|| loader.load(&mut notes).map(drop));
        let panic = catch_unwind(load).unwrap_err();
        let why = panic.downcast_ref::<String>().map(String::as_str);
        assert_eq!(why, Some("it is z99.test."), "{threads} threads");
    }
}

#[test]
fn names_are_those_that_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("shared"), zone(1, 3)).unwrap();
    let names: Vec<NameBuf> =
        (0..200).map(|number| format!("Z{number}.Test.").parse().unwrap()).collect();
    let at = |name: &NameBuf| ListedZone { name: *name, path: folder.path().join("shared") };
    let listed = names.iter().map(at).collect();
    let sources = Sources { listed, ..Sources::default() };
    let loaded = Loader::of(sources, false).with_threads(2).load(&mut Notes::new(0)).unwrap();
    for name in names {
        let hosted = loaded.catalog.zone(name.as_name()).unwrap();
        assert_eq!(hosted.zone.apex().to_string(), name.to_string());
    }
}
