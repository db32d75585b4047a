//! Tests beside zones: what they find, and what becomes of a zone whose tests fail.

use std::fs;
use std::path::Path;
use std::time::Duration;

use halfmoon::expect::Examiner;
use halfmoon::publish::Compile;
use halfmoon::shared::{Policy, Served};
use halfmoon_geo::Source;
use halfmoon_healthcheck::{Health, TargetPolicy};
use halfmoon_lua::{Dialect, Settings};
use halfmoon_zones::{FileReport, Loader};
use tempfile::TempDir;

use support::{Running, ask, run, wait_for};

mod support;

const ZONE: &str = "\
$TTL 60
@ SOA ns host 1 2 3 4 30
@ NS ns
ns A 192.0.2.53
www A 192.0.2.80
www AAAA 2001:db8::80
mail MX 10 ns
text TXT \"a b\" c
cname CNAME away.other.test.
both CNAME www
up LUA A \"ifportup(80, {{'192.0.2.1', '192.0.2.2'}, {'198.51.100.1'}}, {selector='all'})\"
first LUA A \"ifurlup('https://www.example/', {'192.0.2.1', '192.0.2.2'}, {selector='first'})\"
made LUA A \";local a = {} for i = 1, 2 do a[i] = '192.0.2.' .. i end return ifportup(81, a, {selector='all'})\"
split LUA A \"pickwhashed({{80, '192.0.2.1'}, {20, '192.0.2.2'}})\"
coin LUA A \"pickrandom({'192.0.2.1', '192.0.2.2'})\"
day LUA A \";if os.date('!%H') == '18' then return '192.0.2.18' else return '192.0.2.1' end\"
net LUA A \";if netmask({'198.51.100.0/24'}) then return '192.0.2.1' else return '192.0.2.2' end\"
";

const SETTINGS: &str = "[labels]\n\"region:fsn\" = [\"192.0.2.1/32\"]\n";

fn write(folder: &Path, tests: &str) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("example.test.zone"), ZONE).unwrap();
    fs::write(folder.join("example.test.health.toml"), SETTINGS).unwrap();
    fs::write(folder.join("example.test.test.toml"), tests).unwrap();
}

/// What `check --test` makes of one test: nothing, or what it says of it.
fn judge(test: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &format!("[[test]]\nname = \"it\"\n{test}\n"));
    let ended = run(&["check", "--test", "--format", "text", folder.path().to_str().unwrap()]);
    let said = ended.out.lines().find(|line| line.contains(".test.toml:")).unwrap_or_default();
    assert_eq!(ended.status.code(), Some(i32::from(!said.is_empty())), "{test}: {ended:?}");
    said.to_owned()
}

#[test]
fn each_expectation_is_met_or_told_of() {
    // A test, and a part of what is said of it.
    for (test, said) in [
        ("ask = 'www A'\nis = ['192.0.2.80']", ""),
        ("ask = 'www AAAA'\nis = ['2001:DB8:0::80']\nttl = 60\nrcode = 'noerror'", ""),
        ("ask = 'mail MX'\nis = ['10 ns']", ""),
        ("ask = 'text TXT'\nis = ['\"a b\" \"c\"']", ""),
        ("ask = 'cname A'\nis = ['away.other.test.']", ""),
        ("ask = 'both'\nis = ['192.0.2.80']", ""),
        ("ask = 'nothing A'\nrcode = 'NXDOMAIN'\nis = []", ""),
        ("ask = 'www TXT'\nis = []", ""),
        ("ask = 'www A'\nis = ['192.0.2.81']", "answers 192.0.2.80; expected 192.0.2.81"),
        (
            "ask = 'nothing A'\nis = ['192.0.2.81']",
            "answers nothing (NXDOMAIN); expected 192.0.2.81",
        ),
        ("ask = 'www A'\nttl = 61", "with TTL 60; expected TTL 61"),
        ("ask = 'www A'\nrcode = 'NXDOMAIN'", "with NOERROR; expected NXDOMAIN"),
        // Endpoints: all up, some down, by label and address, others down or unknown.
        ("ask = 'up A'\nis = ['192.0.2.2', '192.0.2.1']", ""),
        ("ask = 'up A'\ndown = ['region:fsn']\nis = ['192.0.2.2']", ""),
        ("ask = 'up A'\ndown = ['192.0.2.0/24']\nis = ['198.51.100.1']", ""),
        ("ask = 'up A'\nothers = 'down'\nup = ['198.51.100.1']\nis = ['198.51.100.1']", ""),
        ("ask = 'first A'\ndown = ['192.0.2.1']\none_of = ['192.0.2.2', '192.0.2.3']", ""),
        (
            "ask = 'up A'\ndown = ['192.0.2.1']\ncontains = ['192.0.2.1']",
            "expected among them 192.0.2.1",
        ),
        ("ask = 'up A'\nlacks = ['192.0.2.1']", "expected none of 192.0.2.1"),
        (
            "ask = 'up A'\none_of = ['192.0.2.1', '192.0.2.2']",
            "expected one of 192.0.2.1, 192.0.2.2",
        ),
        ("ask = 'made A'\ndown = ['192.0.2.1']\nis = ['192.0.2.2']", ""),
        (
            "ask = 'up A'\ndown = ['203.0.113.1']\nis = []",
            "no check of the zone is meant by 203.0.113.1",
        ),
        // Time, place, chance.
        ("ask = 'day A'\nat = '2026-12-24T18:30:00Z'\nis = ['192.0.2.18']", ""),
        ("ask = 'day A'\nat = '2026-12-24T19:30:00Z'\nis = ['192.0.2.1']", ""),
        ("ask = 'net A'\nclient = '198.51.100.7'\nis = ['192.0.2.1']", ""),
        ("ask = 'net A'\nclient = '198.51.101.7'\nis = ['192.0.2.2']", ""),
        ("ask = 'net A'\nsubnet = '198.51.100.0/24'\nis = ['192.0.2.1']\nscope = 24", ""),
        ("ask = 'net A'\nsubnet = '198.51.100.0/24'\nscope = 16", "scope 24; expected scope 16"),
        ("ask = 'coin A'\nshare = { '192.0.2.1' = 0.5, '192.0.2.2' = 0.5 }", ""),
        (
            "ask = 'split A'\nclients = '10.0.0.0/8'\nshare = { '192.0.2.1' = 0.8, '192.0.2.2' = 0.2 }",
            "",
        ),
        ("ask = 'coin A'\nshare = { '192.0.2.1' = 0.8, '192.0.2.2' = 0.2 }", "of 1000 answers, "),
        (
            "ask = 'coin A'\nwithin = 1.0\nshare = { '192.0.2.1' = 0.5 }",
            "which `share` does not name",
        ),
        // What cannot be meant.
        ("ask = 'www A'", "nothing is expected; write `is`"),
        ("ask = 'www A'\nis = ['2001:db8::1']", "\"2001:db8::1\": "),
        ("ask = 'www X'\nis = []", "\"X\" is no type of records"),
        ("ask = 'www A'\niz = []", "unknown key `iz`; did you mean `is`?"),
        ("ask = 'www A'\nis = []\nat = 'noon'", "is no time; write 2026-12-24T18:00:00Z"),
        ("ask = 'www A'\nis = []\nscope = 3", "there is a scope only where `subnet` is set"),
        ("ask = 'www A'\nis = []\nsamples = 3", "are for `share`"),
        ("ask = 'www A'\nshare = { '192.0.2.80' = 2.0 }", "a share is a number from 0 to 1"),
    ] {
        let found = judge(test);
        let is_right = if said.is_empty() { found.is_empty() } else { found.contains(said) };
        assert!(is_right, "{test}\nis told: {found:?}\nexpected: {said:?}");
    }
}

#[test]
fn a_failed_test_has_a_place_and_a_way_on() {
    let said = judge("ask = 'up A'\ndown = ['region:fsn']\nis = []");
    assert!(
        said.contains("example.test.test.toml:1:1: error: test \"it\": answers 192.0.2.2"),
        "{said}"
    );
    let way = "`halfmoon explain up.example.test. A --client 127.0.0.1 --down \"region:fsn\" --config FILE`";
    assert!(said.contains(way), "{said}");
}

#[test]
fn without_being_asked_for_tests_are_read_and_not_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    write(folder.path(), "[[test]]\nname = 'it'\nask = 'www A'\nis = []\n");
    assert_eq!(run(&["check", path]).status.code(), Some(0));
    let ended = run(&["check", "--test", path]);
    assert_eq!(ended.status.code(), Some(1));
    assert!(ended.err.contains(" records, 1 test: 1 error"), "{}", ended.err);
    write(folder.path(), "[[test]]\nname = 'it'\n");
    assert_eq!(run(&["check", path]).status.code(), Some(1), "`ask` is missing");
    // Tests without a zone are told of.
    fs::rename(folder.path().join("example.test.test.toml"), folder.path().join("x.test.toml"))
        .unwrap();
    let ended = run(&["check", path]);
    assert!(ended.out.contains("no zone file x.zone is beside these tests"), "{}", ended.out);
}

/// What a folder of zones comes to with this examiner, load after load.
struct Loads {
    folder: TempDir,
    loader: Loader<Served>,
    compile: Compile,
}

impl Loads {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let loader = Loader::new(folder.path().to_owned(), false);
        let health = Health::unprobed(TargetPolicy::default());
        let compile = Compile::new(Settings::of(Dialect::Halfmoon), health);
        Self { folder, loader, compile }
    }

    fn write(&self, zone: &str, tests: &str) {
        fs::write(self.folder.path().join(format!("{zone}.test.test.toml")), tests).unwrap();
        fs::write(self.folder.path().join(format!("{zone}.test.zone")), ZONE).unwrap();
    }

    /// Each zone that was read with what became of it, and with its faults but for the place in the text.
    fn load(mut self, examiner: Examiner) -> (Self, Vec<String>) {
        self.compile = self.compile.examining(examiner);
        let loaded = self.loader.load(&mut self.compile).unwrap();
        let said = |report: &FileReport| {
            let faults =
                report.faults.iter().map(|fault| format!(" {}: {}", fault.rule, fault.message));
            format!("{} {:?}{}", report.apex, report.outcome, faults.collect::<String>())
        };
        let said = loaded.reports.iter().map(said).collect();
        (self, said)
    }
}

#[test]
fn tests_without_time_are_told_of_and_run_when_there_is_some() {
    let examiner = |most| {
        let policy = Policy::new(Settings::of(Dialect::Halfmoon));
        let (targets, geo) = (TargetPolicy::default(), Source::new(Vec::new()));
        Examiner::new(targets, geo, policy).at_most(most)
    };
    const WWW: &str = "[[test]]\nname = 'www'\nask = 'www A'\nis = ['192.0.2.80']\n";
    let late = |missing, most| {
        format!(
            "tests-not-run: {missing} of 2 tests were not run, from here on: those of all zones of a load \
             may take {most}"
        )
    };
    let loads = Loads::new();
    loads.write("a", &WWW.repeat(2));
    let (loads, said) = loads.load(examiner(Some(Duration::ZERO)).lenient());
    assert_eq!(
        said,
        [format!("a.test. Loaded {}", late(2, "0ns"))],
        "there is nothing else to serve"
    );
    loads.write("b", &WWW.repeat(2));
    let (loads, said) = loads.load(examiner(Some(Duration::ZERO)));
    assert_eq!(said, [format!("b.test. Refused {}", late(2, "0ns"))]);
    let (loads, said) = loads.load(examiner(Some(Duration::ZERO)));
    assert_eq!(said, [format!("b.test. Refused {}", late(2, "0ns"))], "it is tried again");
    let (loads, said) = loads.load(examiner(None));
    assert_eq!(said, ["b.test. Loaded"], "without any change");
    let (loads, said) = loads.load(examiner(Some(Duration::ZERO)));
    assert_eq!(said, [""; 0], "nothing has changed");
    // A version in place of one that is served.
    loads.write("b", &WWW.repeat(3));
    let (loads, said) = loads.load(examiner(Some(Duration::ZERO)));
    assert_eq!(said.len(), 1);
    assert!(said[0].starts_with("b.test. Kept tests-not-run: "), "{said:?}");
    // One that takes all it can get leaves something to the others.
    let long = "[[test]]\nname = 'long'\nask = 'up A'\nsamples = 10000\n\
                share = { '192.0.2.1' = 1.0, '192.0.2.2' = 1.0 }\n";
    loads.write("0", &long.repeat(1000));
    let (_, said) = loads.load(examiner(Some(Duration::from_secs(5))));
    let [long, other] = &*said else { panic!("{said:?}") };
    assert!(long.starts_with("0.test. Refused expectation: "), "{long}");
    assert_eq!(other, "b.test. Loaded");
}

#[test]
fn zones_that_take_all_the_time_keep_none_from_its_turn() {
    let policy = Policy::new(Settings::of(Dialect::Halfmoon));
    let (targets, geo) = (TargetPolicy::default(), Source::new(Vec::new()));
    let examiner = Examiner::new(targets, geo, policy).at_most(Some(Duration::from_secs(1)));
    let long = "[[test]]\nname = 'long'\nask = 'up A'\nsamples = 10000\n\
                share = { '192.0.2.1' = 1.0, '192.0.2.2' = 1.0 }\n";
    let mut loads = Loads::new();
    for number in 0..10 {
        loads.write(&number.to_string(), &long.repeat(200));
    }
    loads.write("z", "[[test]]\nname = 'www'\nask = 'www A'\nis = ['192.0.2.80']\n");
    loads.compile = loads.compile.examining(examiner);
    // None of them is ever served, so that all are read each time.
    let mut load = || loads.loader.load(&mut loads.compile).unwrap().catalog.zones().len();
    let served = (0..12).find(|_| load() > 0);
    assert!(served.is_some(), "it never has its turn");
}

#[test]
fn what_has_passed_in_a_commit_takes_no_time_when_it_is_tried_again() {
    let examiner = |most| {
        let policy = Policy::new(Settings::of(Dialect::Halfmoon));
        let (targets, geo) = (TargetPolicy::default(), Source::new(Vec::new()));
        Examiner::new(targets, geo, policy).at_most(most)
    };
    let www = "[[test]]\nname = 'www'\nask = 'www A'\nis = ['192.0.2.80']\n";
    let mut loads = Loads::new();
    loads.write("a", www);
    loads.compile = loads.compile.examining(examiner(Some(Duration::from_secs(30))));
    // Each with a loader that knows nothing, as of a commit that was refused.
    let mut ran = |version: &str| {
        let before = loads.compile.tests_run();
        loads.compile.look_at(version);
        let mut loader = Loader::new(loads.folder.path().to_owned(), false);
        assert_eq!(loader.load(&mut loads.compile).unwrap().catalog.zones().len(), 1);
        loads.compile.tests_run() - before
    };
    assert_eq!(["first", "first", "second", "first"].map(&mut ran), [1, 0, 1, 1]);
}

#[test]
fn what_a_tenant_may_not_probe_is_as_unknown_as_when_it_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("halfmoon.toml");
    let zones = folder.path().join("zones");
    fs::create_dir(&zones).unwrap();
    let zone = "$TTL 60\n@ SOA ns host 1 2 3 4 30\n@ NS ns\nns A 192.0.2.53\n\
                made LUA A \";local a = {} for i, net in ipairs({'192.0.2.', '198.51.100.'}) do a[i] = net .. i end \
                return ifportup(81, a, {selector='all'})\"\n";
    fs::write(zones.join("example.test.zone"), zone).unwrap();
    let owns = "[tenants.acme]\napexes = [\"example.test\"]\n";
    let theirs = "targets.allow = [\"192.0.2.0/24\"]\n";
    for (settings, test, said) in [
        ("", "is = ['192.0.2.1', '198.51.100.2']", ""),
        (theirs, "is = ['192.0.2.1']", ""),
        (
            theirs,
            "down = ['198.51.100.2']\nis = []",
            "no check of the zone is meant by 198.51.100.2",
        ),
    ] {
        fs::write(&config, format!("zones.path = \"zones\"\n{owns}{settings}")).unwrap();
        let test = format!("[[test]]\nname = 'it'\nask = 'made A'\n{test}\n");
        fs::write(zones.join("example.test.test.toml"), &test).unwrap();
        let ended = run(&["check", "--test", "--format", "text", config.to_str().unwrap()]);
        let is_right =
            if said.is_empty() { ended.out.is_empty() } else { ended.out.contains(said) };
        assert!(is_right, "{settings}{test}{ended:?}");
    }
}

#[test]
fn the_server_keeps_what_it_has_when_a_test_fails() {
    let folder = tempfile::tempdir().unwrap();
    let zones = folder.path().join("zones");
    let allow = "[health]\ntargets.allow = [\"127.0.0.0/8\"]\n";
    let config = folder.path().join("halfmoon.toml");
    fs::write(&config, format!("[zones]\npath = \"zones\"\n{allow}")).unwrap();
    fs::create_dir(&zones).unwrap();
    let zone = |address: &str| {
        let text = format!(
            "$TTL 60\n@ SOA ns host 1 2 3 4 30\n@ NS ns\nns A 192.0.2.53\nwww A {address}\n"
        );
        fs::write(zones.join("example.test.zone"), text).unwrap();
    };
    let expects = |address: &str| {
        let text = format!("[[test]]\nname = 'www'\nask = 'www A'\nis = ['{address}']\n");
        fs::write(zones.join("example.test.test.toml"), text).unwrap();
    };
    zone("192.0.2.1");
    expects("192.0.2.1");
    let (running, server) = Running::serve(&[config.to_str().unwrap()]);
    assert_eq!(ask(server, "www.example.test."), ["192.0.2.1"]);
    // Two files are written, and the new zone is not what the test says.
    zone("192.0.2.2");
    running.logged("new version refused; the old one is still served", 0);
    assert_eq!(ask(server, "www.example.test."), ["192.0.2.1"]);
    assert!(running.err().contains("answers 192.0.2.2; expected 192.0.2.1"), "{}", running.err());
    // A change of the test alone lets it in.
    expects("192.0.2.2");
    wait_for("the new version", || {
        (ask(server, "www.example.test.") == ["192.0.2.2"]).then_some(())
    });
    // A server that begins has no other version: it serves the zone, and says what is wrong.
    drop(running);
    expects("192.0.2.3");
    let (running, server) = Running::serve(&[config.to_str().unwrap()]);
    assert_eq!(ask(server, "www.example.test."), ["192.0.2.2"]);
    running.logged("answers 192.0.2.2; expected 192.0.2.3", 0);
    // What comes later has the version before to fall back to.
    zone("192.0.2.4");
    running.logged("new version refused; the old one is still served", 0);
    assert_eq!(ask(server, "www.example.test."), ["192.0.2.2"]);
}
