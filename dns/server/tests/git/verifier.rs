//! A program of the operator that may say no, and fetches that do not end.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use crate::site::Site;
use crate::support::{ask, halfmoon, run, wait_for};

const WWW: &str = "www.example.test.";

/// Puts this where the verifier is.
pub(crate) fn script(site: &Site, text: &str) {
    let path = site.path("verify");
    // Replaced as a whole: the server may be about to run it.
    let new = site.path("verify.new");
    fs::write(&new, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&new, Permissions::from_mode(0o755)).unwrap();
    fs::rename(&new, &path).unwrap();
}

#[test]
fn a_verifier_sees_the_changed_zones_and_may_say_no() {
    let site = Site::with("verifier = ['./verify', 'an argument'], verifier_timeout = '20s'");
    // It keeps what it was shown, and says no to a name.
    let seen = site.path("seen");
    let look = |more: &str| {
        script(
            &site,
            &format!(
                "{{ echo \"argument $1\"; echo \"commit $HALFMOON_COMMIT\"; echo \"served $HALFMOON_SERVED\"; \
                 cat; find . -type f | sort; }} > {}\n\
                 if grep -rq forbidden .; then echo 'forbidden is forbidden'; exit 7; fi\n{more}",
                seen.display()
            ),
        );
    };
    look("");
    site.zone("other.test", "$INCLUDE part.inc\n");
    site.write("part.inc", "www A 127.0.0.9\n");
    let first = site.commit("two zones");
    let server = site.serve();
    server.wait_served(&first);
    let shown = fs::read_to_string(&seen).unwrap();
    let expected = format!(
        "argument an argument\ncommit {first}\nserved \nexample.test. zones/example.test.zone\n\
         other.test. zones/other.test.zone\n./zones/example.test.zone\n./zones/other.test.zone\n\
         ./zones/part.inc\n"
    );
    assert_eq!(shown, expected);

    // Only what has changed.
    site.write("part.inc", "www A 127.0.0.8\n");
    let second = site.commit("a part of one");
    server.wait_served(&second);
    let shown = fs::read_to_string(&seen).unwrap();
    let expected = format!(
        "argument an argument\ncommit {second}\nserved {first}\nother.test. zones/other.test.zone\n\
         ./zones/other.test.zone\n./zones/part.inc\n"
    );
    assert_eq!(shown, expected);

    site.zone("example.test", "forbidden A 127.0.0.2\nwww A 127.0.0.2\n");
    let bad = site.commit("forbidden");
    let why = server.wait_refused(&bad, false);
    assert!(why.contains("the verifier says no: exit status: 7: forbidden is forbidden"), "{why}");
    assert_eq!(ask(server.dns, WWW), ["127.0.0.1"]);
    let forced = server.command(&["publish", "--force", &bad]);
    assert!(forced.err.contains("forbidden is forbidden"), "{}", forced.err);
    assert!(!site.path("state/git/verifier").exists(), "nothing is left of it");

    // Whatever goes wrong with it is a no.
    let refused = |name: &str, expected: &str| {
        site.zone("example.test", &format!("www A 127.0.0.3\n{name} A 127.0.0.3\n"));
        let why = server.wait_refused(&site.commit(name), false);
        assert!(why.contains(expected), "{name}: {why}");
        assert_eq!(ask(server.dns, WWW), ["127.0.0.1"], "{name}");
    };
    script(&site, "kill -9 $$");
    refused("killed", "signal: 9");
    fs::remove_file(site.path("verify")).unwrap();
    refused("gone", "cannot be run");
    // The way back to what was served does not ask it.
    assert!(server.command(&["rollback"]).status.success());
    assert_eq!(ask(server.dns, "www.other.test."), ["127.0.0.9"]);
    look("");
    site.zone("example.test", "www A 127.0.0.4\n");
    server.wait_served(&site.commit("well again"));
}

#[test]
fn a_verifier_is_found_beside_the_configuration_and_is_told_nothing_of_the_server() {
    let site = Site::with("verifier = ['./verify']");
    let seen = site.path("seen");
    script(&site, &format!("env | sort > {}", seen.display()));
    // Named from the folder that it lies in.
    let mut command = halfmoon(&["serve", "halfmoon.toml"]);
    command.current_dir(site.path("")).env("OF_THE_SERVER", "a secret");
    let server = site.served_by(command);
    site.zone("example.test", "www A 127.0.0.2\n");
    let commit = site.commit("second");
    server.wait_served(&commit);
    let shown = fs::read_to_string(&seen).unwrap();
    assert!(shown.contains(&format!("HALFMOON_COMMIT={commit}\n")), "{shown}");
    let names = shown.lines().filter_map(|line| Some(line.split_once('=')?.0));
    // The shell adds some of its own.
    let names: Vec<&str> =
        names.filter(|name| !["_", "PWD", "OLDPWD", "SHLVL"].contains(name)).collect();
    assert_eq!(names, ["HALFMOON_COMMIT", "HALFMOON_SERVED", "LC_ALL", "PATH"], "{shown}");
}

#[test]
fn a_verifier_that_does_not_end_is_ended() {
    let site = Site::with("verifier = ['./verify'], verifier_timeout = '1s'");
    script(&site, "exit 0");
    let server = site.serve();
    script(&site, "echo thinking; sleep 600");
    site.zone("example.test", "www A 127.0.0.2\n");
    let why = server.wait_refused(&site.commit("slow"), false);
    assert!(why.contains("took longer than 1s and was ended"), "{why}");
    script(&site, "exit 0");
    site.zone("example.test", "www A 127.0.0.3\n");
    server.wait_served(&site.commit("quick"));
}

#[test]
fn a_verifier_is_ended_with_the_server() {
    let site = Site::with("verifier = ['./verify'], verifier_timeout = '5m'");
    script(&site, "exit 0");
    let server = site.serve();
    script(
        &site,
        &format!("echo $$ > {0}.new; mv {0}.new {0}; sleep 600", site.path("pid").display()),
    );
    site.zone("example.test", "www A 127.0.0.2\n");
    site.commit("slow");
    let pid = wait_for("it thinks", || fs::read_to_string(site.path("pid")).ok());
    server.running.signal("TERM");
    let ended = server.running.wait();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.err);
    for nothing in ["still busy", "commit refused"] {
        assert!(!ended.err.contains(nothing), "{}", ended.err);
    }
    let process = format!("/proc/{}", pid.trim());
    wait_for("its end", || (!fs::exists(&process).unwrap()).then_some(()));
}

#[test]
fn a_fetch_that_does_not_end_is_given_up() {
    let site = Site::new("");
    drop(site.serve());
    // Takes connections, and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/zones.git", silent.local_addr().unwrap());
    site.configure(&url, "timeout = '200ms'", "");
    let server = site.serve();
    assert_eq!(ask(server.dns, WWW), ["127.0.0.1"]);
    wait_for("it is told", || {
        server.status()["fetch_error"].as_str()?.contains("took longer than 200ms").then_some(())
    });
    // It is tried again, and not without end.
    wait_for("there are enough of them", || {
        server.status()["fetch_error"].as_str()?.contains("3 fetches").then_some(())
    });
    drop(server);
    // Where there is nothing to begin with, that is the end.
    fs::remove_dir_all(site.path("state")).unwrap();
    let config = site.path("halfmoon.toml");
    let ended = run(&["serve", config.to_str().unwrap()]);
    assert_eq!(ended.status.code(), Some(2), "{}", ended.err);
    assert!(ended.err.contains("took longer than 200ms"), "{}", ended.err);
}
