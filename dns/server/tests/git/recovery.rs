//! What happens when something is gone: the repository, the history, the process.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use crate::signed::{allow, commit, key};
use crate::site::Site;
use crate::support::{Running, ask, halfmoon, wait_for, wait_for_answer};

const WWW: &str = "www.example.test.";

#[test]
fn without_its_repository_a_server_starts_with_what_it_served_last() {
    let site = Site::new("");
    let server = site.serve();
    site.zone("example.test", "www A 127.0.0.2\n");
    server.wait_served(&site.commit("second"));
    drop(server);
    fs::rename(site.path("repo"), site.path("away")).unwrap();

    let server = site.serve();
    assert_eq!(ask(server.dns, WWW), ["127.0.0.2"]);
    wait_for("the failure is told", || server.status()["fetch_error"].as_str().map(drop));
    server.running.logged("cannot fetch", 0);

    fs::rename(site.path("away"), site.path("repo")).unwrap();
    site.zone("example.test", "www A 127.0.0.3\n");
    server.wait_served(&site.commit("third"));
    assert!(server.status()["fetch_error"].is_null());
}

#[test]
fn a_branch_that_was_forced_elsewhere_is_followed() {
    let site = Site::new("");
    let server = site.serve();
    site.zone("example.test", "www A 127.0.0.2\n");
    server.wait_served(&site.commit("second"));
    // Another history, and the objects of the one before are gone.
    site.git(&["checkout", "--quiet", "--orphan", "new"]);
    site.zone("example.test", "www A 127.0.0.3\n");
    let other = site.commit("another beginning");
    site.git(&["branch", "--force", "main", "new"]);
    site.git(&["reflog", "expire", "--expire=now", "--all"]);
    site.git(&["gc", "--quiet", "--prune=now"]);
    server.wait_served(&other);
    assert_eq!(ask(server.dns, WWW), ["127.0.0.3"]);
    assert!(server.command(&["rollback"]).status.success());
    assert_eq!(ask(server.dns, WWW), ["127.0.0.2"], "from the copy");
}

/// Whether a server at this address has come so far with this commit, in which names have this address.
type Step = fn(&Site, SocketAddr, &str, &str) -> bool;

#[test]
fn a_server_that_is_killed_while_it_publishes_serves_a_whole_commit_again() {
    let site = Site::new("");
    for n in 0..40 {
        site.zone(&format!("z{n}.test"), "www A 127.0.0.1\n");
    }
    site.commit("begin");
    drop(site.serve());
    // It dies when it begins to fetch, when it has fetched and reads, when it has written down what it is
    // going to serve, and when it serves it, or a little after each.
    let steps: [Step; 4] = [
        |_, _, _, _| true,
        |site, _, commit, _| {
            let object = format!("state/git/repository/objects/{}/{}", &commit[..2], &commit[2..]);
            site.path(&object).exists()
        },
        |site, _, commit, _| {
            let kept = fs::read_to_string(site.path("state/git/served.json"));
            kept.is_ok_and(|kept| kept.contains(&format!("\"commit\": \"{commit}\"")))
        },
        |_, dns, _, address| ask(dns, "www.z0.test.") == [address],
    ];
    for (round, is_reached) in steps.iter().cycle().take(12).enumerate() {
        let address = format!("127.0.1.{}", round + 1);
        for n in 0..40 {
            site.zone(&format!("z{n}.test"), &format!("www A {address}\n"));
        }
        let commit = site.commit("all change");
        let config = site.path("halfmoon.toml");
        let mut running = Running::spawn(halfmoon(&["serve", config.to_str().unwrap()]));
        let dns = running.address();
        // Without a pause: a step may take less than one.
        let end = Instant::now() + Duration::from_secs(30);
        while !is_reached(&site, dns, &commit, &address) {
            assert!(Instant::now() < end, "round {round}: not reached");
        }
        running.signal("KILL");
        wait_for("its end", || (!running.is_running()).then_some(()));

        fs::rename(site.path("repo"), site.path("away")).unwrap();
        let server = site.serve();
        let all: Vec<_> = (0..40).map(|n| ask(server.dns, &format!("www.z{n}.test."))).collect();
        assert!(all.iter().all(|one| one.len() == 1 && *one == all[0]), "round {round}: {all:?}");
        drop(server);
        fs::rename(site.path("away"), site.path("repo")).unwrap();
    }
    let server = site.serve();
    wait_for_answer(server.dns, "www.z39.test.", &["127.0.1.12"]);
}

/// What stands in the way of a commit: how it is put there, and how it is taken away.
type Trouble = (&'static str, fn(&Site), fn(&Site), &'static str);

#[test]
fn a_commit_that_something_passing_is_in_the_way_of_is_tried_again() {
    let keys = "verify = 'signed', allowed_signers = 'signers', serial = 'commit', verifier = ['./verify']";
    let site = Site::with(keys);
    let ada = key(&site, "ada");
    allow(&site, &[("ada@example.test", "namespaces=\"git\"", &ada)]);
    fs::write(site.path("verify"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(site.path("verify"), fs::Permissions::from_mode(0o755)).unwrap();
    commit(&site, "begin", &ada);
    let server = site.serve();
    let troubles: &[Trouble] = &[
        // Folders in the place of files, since these tests may run as root.
        (
            "serials",
            |site| {
                fs::rename(site.path("state/git/serials"), site.path("away")).unwrap();
                fs::create_dir(site.path("state/git/serials")).unwrap();
            },
            |site| {
                fs::remove_dir(site.path("state/git/serials")).unwrap();
                fs::rename(site.path("away"), site.path("state/git/serials")).unwrap();
            },
            "serials: Is a directory",
        ),
        (
            "what is served",
            |site| fs::create_dir(site.path("state/git/served.json.new")).unwrap(),
            |site| fs::remove_dir(site.path("state/git/served.json.new")).unwrap(),
            "served.json: Is a directory",
        ),
        (
            "the verifier's folder",
            |site| fs::write(site.path("state/git/verifier"), "").unwrap(),
            |site| fs::remove_file(site.path("state/git/verifier")).unwrap(),
            "the verifier could not be asked",
        ),
        (
            "the verifier",
            |site| fs::rename(site.path("verify"), site.path("away")).unwrap(),
            |site| fs::rename(site.path("away"), site.path("verify")).unwrap(),
            "cannot be run",
        ),
        (
            "who may sign",
            |site| fs::rename(site.path("signers"), site.path("away")).unwrap(),
            |site| fs::rename(site.path("away"), site.path("signers")).unwrap(),
            "signers: cannot be read",
        ),
    ];
    for (number, (name, begin, end, expected)) in troubles.iter().enumerate() {
        let address = format!("127.0.1.{number}");
        site.zone("example.test", &format!("www A {address}\n"));
        let serials = fs::read_to_string(site.path("state/git/serials")).unwrap();
        begin(&site);
        let tried = commit(&site, name, &ada);
        let why = server.wait_refused(&tried, false);
        assert!(why.contains(expected) && why.contains("tried again"), "{name}: {why}");
        // It is tried again meanwhile, and nothing is said of it a second time.
        let fetched = server.status()["fetched"].clone();
        wait_for("another fetch", || (server.status()["fetched"] != fetched).then_some(()));
        end(&site);
        server.wait_served(&tried);
        assert_eq!(ask(server.dns, WWW), [address], "{name}");
        let log = server.running.err();
        let said =
            log.lines().filter(|line| line.contains("commit refused") && line.contains(&tried));
        assert_eq!(said.count(), 1, "{name}: {log}");
        let after = fs::read_to_string(site.path("state/git/serials")).unwrap();
        assert_eq!(
            after.lines().count(),
            serials.lines().count() + 1,
            "{name}: one is used: {after}"
        );
    }
}

#[test]
fn a_server_without_anything_to_serve_says_why_it_does_not_start() {
    for (spoil, expected) in [
        ((|site: &Site| site.zone("example.test", "www A 1\n")) as fn(&Site), "cannot be served"),
        (|site| fs::rename(site.path("repo/zones"), site.path("repo/other")).unwrap(), "no folder"),
        (
            |site| {
                site.git(&["checkout", "--quiet", "-b", "other"]);
                site.git(&["branch", "--quiet", "-D", "main"]);
            },
            "no branch",
        ),
    ] {
        let site = Site::new("");
        spoil(&site);
        site.commit("spoilt");
        let config = site.path("halfmoon.toml");
        let ended = Running::spawn(halfmoon(&["serve", config.to_str().unwrap()])).wait();
        assert_eq!(ended.status.code(), Some(2), "{expected}");
        // The log has a thread of its own, which may write its last line after this one.
        let is_it = |line: &str| line.starts_with("halfmoon: ") && line.contains(expected);
        assert!(ended.err.lines().any(is_it), "{expected}: {}", ended.err);
    }
}

#[test]
fn settings_that_cannot_be_are_told_at_once() {
    for (url, lines, expected) in [
        ("repo", "path = 'zones'", "remove `zones.path`"),
        ("http://git.example/zones.git", "", "not encrypted"),
        ("git://git.example/zones.git", "", "no repository that can be fetched"),
        ("https://a:b@git.example/zones.git", "", "credentials_file"),
    ] {
        let site = Site::at(url, lines);
        let config = site.path("halfmoon.toml");
        let ended = Running::spawn(halfmoon(&["serve", config.to_str().unwrap()])).wait();
        assert_eq!(ended.status.code(), Some(2), "{url}");
        assert!(ended.err.contains(expected), "{url}: {}", ended.err);
    }
}

#[test]
fn a_configuration_with_a_repository_is_checked_without_it() {
    for (lines, status, expected) in [
        ("", 0, "check them in a working tree"),
        ("path = 'zones'", 2, "remove `zones.path`"),
        ("guards = { records_lost = 101 }", 2, "no percentage"),
        ("guards = { zones_gone = true }", 2, "did you mean `zone_gone`"),
    ] {
        let site = Site::at("nowhere", lines);
        let config = site.path("halfmoon.toml");
        let ended = crate::support::run(&["check", config.to_str().unwrap()]);
        assert_eq!(ended.status.code(), Some(status), "{lines}: {}", ended.err);
        assert!(ended.err.contains(expected), "{lines}: {}", ended.err);
        assert!(!site.path("state").exists());
    }
}

#[test]
fn a_commit_is_tried_again_where_the_keys_of_its_zones_could_not_be_had() {
    let site = Site::new("");
    site.add("[dnssec]\nzones = ['*']\nkeys = 'keys'\n");
    let server = site.serve();
    let (keys, away) = (site.path("keys"), site.path("away"));
    fs::rename(&keys, &away).unwrap();
    fs::write(&keys, "no folder").unwrap();
    site.zone("other.test", "www A 127.0.0.3\n");
    let commit = site.commit("a zone without keys");
    let why = server.wait_refused(&commit, false);
    assert!(why.contains("it is tried again at each interval"), "{why}");
    // What is wrong with the commit, too, refuses it for good.
    site.zone("wrong.test", "www A 1\n");
    let why = server.wait_refused(&site.commit("one that is wrong besides"), false);
    assert!(!why.contains("it is tried again"), "{why}");
    site.git(&["rm", "--quiet", "zones/wrong.test.zone"]);
    let commit = site.commit("without that");
    server.wait_refused(&commit, false);
    fs::remove_file(&keys).unwrap();
    fs::rename(&away, &keys).unwrap();
    // Nobody does anything else.
    server.wait_served(&commit);
    assert_eq!(ask(server.dns, "www.other.test."), ["127.0.0.3"]);
}

#[test]
fn a_zone_that_could_not_be_had_at_the_start_is_served_as_soon_as_it_can_be() {
    let site = Site::new("");
    site.add("[dnssec]\nzones = ['*']\nkeys = 'keys'\n");
    site.zone("other.test", "www A 127.0.0.3\n");
    site.commit("another");
    drop(site.serve());
    let is_its = |path: &std::path::Path| path.display().to_string().contains("other.test");
    let keys: Vec<_> =
        fs::read_dir(site.path("keys")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let key = keys.iter().find(|path| is_its(path)).unwrap();
    let away = site.path("away");
    fs::rename(key, &away).unwrap();
    // One that cannot be used, whoever reads it.
    fs::write(key, "no key").unwrap();
    let server = site.serve();
    assert_eq!(ask(server.dns, WWW), ["127.0.0.1"]);
    assert_eq!(ask(server.dns, "www.other.test."), [""; 0]);
    // Other commits neither wait for it nor make it forgotten.
    site.zone("example.test", "www A 127.0.0.2\n");
    server.wait_served(&site.commit("something else"));
    server.running.logged("tried again at each interval", 0);
    fs::rename(&away, key).unwrap();
    wait_for_answer(server.dns, "www.other.test.", &["127.0.0.3"]);
    assert_eq!(ask(server.dns, WWW), ["127.0.0.2"]);
}

#[test]
fn keys_that_could_not_be_taken_in_are_at_the_next_interval() {
    let site = Site::with("serial = 'commit'");
    site.add("[dnssec]\nzones = ['*']\nkeys = 'keys'\nsplit = true\nkey_ttl = '1h'\npropagation = '1h'\n");
    let server = site.serve();
    server.wait_served(&site.git(&["rev-parse", "HEAD"]));
    let (serials, away) = (site.path("state/git/serials"), site.path("away"));
    fs::rename(&serials, &away).unwrap();
    fs::create_dir(&serials).unwrap();
    let logged = server.running.err().len();
    site.roll();
    server.running.logged("tried again at each interval", logged);
    let logged = server.running.err().len();
    fs::remove_dir(&serials).unwrap();
    fs::rename(&away, &serials).unwrap();
    // The next step of the roll is hours away, and nobody does anything else.
    server.running.logged("zones loaded", logged);
}
