//! What would become of answers if something were down, tried with files alone.

use std::fs;
use std::ops::ControlFlow;

use halfmoon::config::Config;
use halfmoon::explain::Rest;
use halfmoon::offline::Offline;
use halfmoon::overrides::Target;
use halfmoon::tenants::Realm;
use halfmoon::whatif::view::{PoolView, ShareView};
use halfmoon::whatif::{Outcome, Sample, Trial, try_out};
use support::{Ended, run};
use tempfile::TempDir;

mod support;

const CONFIG: &str = "[zones]\npath = \"zones\"\n[health]\ntargets.allow = [\"192.0.2.0/24\"]\n\
    [health.labels]\n\"region:fsn\" = [\"192.0.2.0/25\"]\n\"region:hel\" = [\"192.0.2.128/25\"]\n";

const ZONE: &str = "$ORIGIN example.\n$TTL 60\n@ SOA ns host 7 2 3 4 5\n@ NS ns\nns A 192.0.2.53\n\
    both LUA A \"ifportup(443, {{'192.0.2.1'}, {'192.0.2.129'}})\"\n\
    all LUA A \"ifportup(80, {'192.0.2.1', '192.0.2.129'}, {selector='all'})\"\n\
    half LUA A \"ifportup(80, {'192.0.2.1', '192.0.2.129'}, {selector='hashed'})\"\n\
    dice LUA A \"ifportup(80, {'192.0.2.1', '192.0.2.129'}, {selector='random'})\"\n\
    only LUA A \"ifurlup('https://www.example/health', {'192.0.2.2', '192.0.2.3'}, {selector='all'})\"\n\
    strict LUA A \"ifportup(81, {'192.0.2.4'}, {all_down='none'})\"\n\
    three LUA A \"ifportup(82, {'192.0.2.1', '192.0.2.2', '192.0.2.129'}, {selector='all', min_answers=2})\"\n\
    far LUA A \"ifportup(443, {'192.0.2.129', '192.0.2.130'})\"\n\
    made LUA A \";local t = {} for i = 1, 2 do t[i] = '192.0.2.' .. i end return ifportup(83, t)\"\n\
    geo LUA A \";if netmask({'198.51.100.0/24'}) then return ifportup(443, {{'192.0.2.1'}, {'192.0.2.129'}}) end return '192.0.2.9'\"\n\
    still LUA A \"'192.0.2.1'\"\n\
    alias CNAME both\n*.wild LUA A \"ifportup(443, {{'192.0.2.1'}, {'192.0.2.129'}})\"\n\
    fixed A 192.0.2.1\n";

/// A folder with a configuration and a zone, and what a server makes of it.
fn site() -> (TempDir, Offline) {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("zones")).unwrap();
    fs::write(folder.path().join("zones/example.zone"), ZONE).unwrap();
    let config = folder.path().join("halfmoon.toml");
    fs::write(&config, CONFIG).unwrap();
    let offline = Offline::unsigned(&Config::load(&config).unwrap()).unwrap();
    assert_eq!(offline.shared.zones.load().zones().len(), 1, "{:#?}", offline.reports);
    (folder, offline)
}

fn tried(offline: &Offline, down: &[&str], sample: Sample) -> Result<Outcome, String> {
    let down = down.iter().map(|target| Target::parse(target).unwrap()).collect();
    let trial = Trial { down, rest: Rest::Up, sample, at: None };
    try_out(&Realm::whole(&offline.shared), &trial, &mut |_, _| ControlFlow::Continue(()))
}

/// The names of an outcome in order: those that change, that have nothing up, that are below their
/// minimum.
fn names(outcome: &Outcome) -> [Vec<String>; 3] {
    let short = |name: &String| name.trim_end_matches(".example.").to_owned();
    let pools = |pools: &[PoolView]| pools.iter().map(|one| short(&one.name)).collect();
    let mut changed: Vec<_> = outcome.changed.iter().map(|one| short(&one.name)).collect();
    changed.sort_unstable();
    [changed, pools(&outcome.all_down), pools(&outcome.below_minimum)]
}

#[test]
fn every_name_is_found_that_loses_something() {
    let (_folder, offline) = site();
    for (down, changed, all_down, short) in [
        (
            "region:fsn",
            &["*.wild", "alias", "all", "both", "dice", "half", "only", "strict", "three"][..],
            &["made", "only", "strict"][..],
            &["three"][..],
        ),
        ("region:hel", &["all", "dice", "half", "three"], &["far"], &[]),
        ("192.0.2.4", &["strict"], &["strict"], &[]),
        ("192.0.2.2", &["made", "only", "three"], &[], &[]),
        ("https://www.example/health", &["only"], &["only"], &[]),
        // Others share the checks of its endpoints.
        ("both.example/A", &["far"], &["*.wild", "both", "geo"], &[]),
        ("192.0.2.128/25", &["all", "dice", "half", "three"], &["far"], &[]),
    ] {
        let outcome = tried(&offline, &[down], Sample::built_in()).unwrap();
        let [has_changed, is_all_down, is_short] = names(&outcome);
        assert_eq!(has_changed, changed, "{down}: {outcome}");
        assert_eq!(is_all_down, all_down, "{down}: {outcome}");
        assert_eq!(is_short, short, "{down}: {outcome}");
    }
}

#[test]
fn load_shifts_to_what_is_left() {
    let (_folder, offline) = site();
    let outcome = tried(&offline, &["192.0.2.1"], Sample::built_in()).unwrap();
    let shares = |name: &str| {
        let found = outcome.changed.iter().find(|one| one.name == format!("{name}.example."));
        let found = found.unwrap_or_else(|| panic!("{name} does not change: {outcome}"));
        let share = |one: &ShareView| {
            (one.endpoint.clone(), (one.before * 100.0).round(), (one.after * 100.0).round())
        };
        (found.clients, found.shares.iter().map(share).collect::<Vec<_>>())
    };
    let row = |endpoint: &str, before, after| (endpoint.to_owned(), before, after);
    let moved = vec![row("192.0.2.1", 100.0, 0.0), row("192.0.2.129", 0.0, 100.0)];
    assert_eq!(shares("both"), (1.0, moved));
    let halved = vec![row("192.0.2.1", 50.0, 0.0), row("192.0.2.129", 50.0, 100.0)];
    assert_eq!(shares("all"), (1.0, halved));
    for name in ["half", "dice"] {
        let (clients, shares) = shares(name);
        assert!((0.4..0.6).contains(&clients), "{name}: {clients}");
        assert!((40.0..60.0).contains(&shares[0].1) && shares[0].2 == 0.0, "{name}: {shares:?}");
        assert_eq!(shares[1].2, 100.0, "{name}: {shares:?}");
    }
    // Everything goes somewhere, and what nobody loses is there, too.
    let sum = |of: fn(&ShareView) -> f64| outcome.load.iter().map(of).sum::<f64>();
    assert!(
        (sum(|one| one.before) - 1.0).abs() < 1e-9 && (sum(|one| one.after) - 1.0).abs() < 1e-9
    );
    assert_eq!(outcome.load.first().unwrap().endpoint, "192.0.2.129");
    assert_eq!(outcome.load.last().unwrap().endpoint, "192.0.2.1");
}

#[test]
fn only_the_clients_of_a_sample_count() {
    let (_folder, offline) = site();
    let sample = Sample::parse("f", "198.51.100.0/24 3\n203.0.113.0/24\n").unwrap();
    let outcome = tried(&offline, &["192.0.2.1"], sample).unwrap();
    let geo = outcome.changed.iter().find(|one| one.name == "geo.example.").unwrap();
    assert_eq!(geo.clients, 0.75);
    assert_eq!((outcome.clients, outcome.sample.as_str()), (2, "f"));
    let outcome =
        tried(&offline, &["192.0.2.1"], Sample::parse("f", "203.0.113.1").unwrap()).unwrap();
    assert!(outcome.changed.iter().all(|one| one.name != "geo.example."), "{outcome}");
}

#[test]
fn what_names_nothing_is_refused() {
    let (_folder, offline) = site();
    for down in ["region:fns", "198.51.100.1", "tcp 192.0.2.1:9", "example.net", "www.example/AAAA"]
    {
        let refused = tried(&offline, &["192.0.2.1", down], Sample::built_in());
        let said = format!(
            "nothing that is checked has {}; nothing would change",
            Target::parse(down).unwrap()
        );
        assert_eq!(refused, Err(said));
    }
}

#[test]
fn it_ends_when_it_is_told_to() {
    let (_folder, offline) = site();
    let down = vec![Target::parse("192.0.2.1").unwrap()];
    let trial = Trial { down, rest: Rest::Up, sample: Sample::built_in(), at: None };
    let mut told = Vec::new();
    let ended = try_out(&Realm::whole(&offline.shared), &trial, &mut |done, all| {
        told.push((done, all));
        if done == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert_eq!(ended, Err("it took too long, and was ended".to_owned()));
    let mut numbers: Vec<usize> = told.iter().map(|(done, _)| *done).collect();
    assert_eq!(
        numbers.iter().filter(|number| **number == 3).count(),
        1,
        "it has ended: {numbers:?}"
    );
    numbers.dedup();
    assert_eq!(numbers, [0, 1, 2, 3]);
    // Within a name, too, whose clients are many.
    let mut asked = 0;
    let ended = try_out(&Realm::whole(&offline.shared), &trial, &mut |done, _| {
        asked += usize::from(done == 2);
        if asked == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert!(ended.is_err(), "{ended:?}");
}

#[test]
fn the_command_says_by_its_status_whether_something_is_lost() {
    let (folder, _) = site();
    let config = folder.path().join("halfmoon.toml");
    let clients = folder.path().join("clients");
    fs::write(&clients, "198.51.100.0/24\n").unwrap();
    let (config, clients) = (config.to_str().unwrap(), clients.to_str().unwrap());
    let whatif = |args: &[&str]| -> Ended {
        let all = ["whatif", "--config", config].into_iter().chain(args.iter().copied());
        run(&all.collect::<Vec<_>>())
    };
    for (args, status, part) in [
        (&["--down", "region:fsn"][..], 1, "strict.example. A: 0 of 1 up; answered: no records"),
        (&["--down", "region:fsn"], 1, "three.example. A: 1 of 3 up, 2 wanted"),
        (&["--down", "region:fsn"], 1, "region:fsn (9 checks) down, everything else up"),
        (&["--down", "region:fsn", "--fail-on", "never"], 0, "nothing left up: 3"),
        (&["--down", "192.0.2.130"], 0, "answers change: 1"),
        (&["--down", "192.0.2.130", "--fail-on", "change"], 1, "answers change: 1"),
        (&["--down", "192.0.2.1", "--client", clients], 0, "1 client network ("),
        (&["--down", "192.0.2.1", "--client", "/nowhere"], 2, ""),
        (&["--down", "region:fns"], 2, ""),
        (&["--down", "192.0.2.1:80"], 2, ""),
    ] {
        let ended = whatif(args);
        assert_eq!(ended.status.code(), Some(status), "{args:?}: {ended:?}");
        assert!(ended.out.contains(part), "{args:?}: no {part:?} in\n{}", ended.out);
        assert_eq!(status == 2, ended.err.starts_with("halfmoon: "), "{args:?}: {}", ended.err);
    }
    let ended = whatif(&["--down", "region:fsn", "--format", "json"]);
    let outcome: Outcome = serde_json::from_str(&ended.out).unwrap();
    assert!(outcome.is_harm() && outcome.unprobed, "{}", ended.out);
    assert_eq!((outcome.down[0].target.as_str(), outcome.clients), ("region:fsn", 320));
}
