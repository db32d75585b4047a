//! Serials that come from commits.

use std::fs;
use std::process::Command;

use hickory_proto::rr::RecordType;

use crate::site::{Server, Site};
use crate::support::{question, udp};

/// The serial that a server says a zone has.
fn serial(server: &Server, zone: &str) -> u32 {
    let reply = udp(server.dns, &question(zone, RecordType::SOA)).unwrap();
    let soa = reply.answers.first().map(|record| record.data.to_string());
    let serial = soa.as_deref().and_then(|soa| soa.split(' ').nth(2)?.parse().ok());
    serial.unwrap_or_else(|| panic!("{zone} has no SOA: {reply:?}"))
}

/// When a commit was made.
fn time(site: &Site, commit: &str) -> u32 {
    site.git(&["show", "--no-patch", "--format=%ct", commit]).parse().unwrap()
}

/// Commits all of the working tree, with a date of long ago; the name of the commit.
fn commit_long_ago(site: &Site, message: &str) -> String {
    let date = "2001-02-03T04:05:06Z";
    site.git(&["add", "--all", "."]);
    let made = Command::new("git")
        .args(["-c", "user.name=T", "-c", "user.email=t@example.test"])
        .args(["commit", "--quiet", "--date", date, "-m", message])
        .env("GIT_COMMITTER_DATE", date)
        .current_dir(site.path("repo"))
        .status()
        .unwrap();
    assert!(made.success(), "{message}");
    site.git(&["rev-parse", "HEAD"])
}

#[test]
fn a_zone_has_the_time_of_the_commit_that_changed_it_and_never_an_older_one() {
    let site = Site::with("serial = 'commit'");
    site.zone("other.test", "www A 127.0.0.3\n");
    let first = site.commit("two zones");
    let server = site.serve();
    let begun = time(&site, &first);
    assert_eq!(serial(&server, "example.test."), begun);
    assert_eq!(serial(&server, "other.test."), begun);

    // At once: the time may be the same.
    site.zone("example.test", "www A 127.0.0.2\n");
    let second = site.commit("one of them");
    server.wait_served(&second);
    let changed = serial(&server, "example.test.");
    assert!(changed > begun && changed >= time(&site, &second), "{changed} after {begun}");
    assert_eq!(serial(&server, "other.test."), begun, "it has not changed");

    // Back, which is another change.
    assert!(server.command(&["rollback"]).status.success());
    let back = serial(&server, "example.test.");
    assert!(back > changed, "{back} after {changed}");
    assert_eq!(serial(&server, "other.test."), begun);
    drop(server);

    // The same after a restart, and after one without the repository.
    for _ in 0..2 {
        let server = site.serve();
        assert_eq!(serial(&server, "example.test."), back);
        assert_eq!(serial(&server, "other.test."), begun);
        drop(server);
    }

    // A commit from long ago, on a branch that was forced.
    let server = site.serve();
    site.git(&["checkout", "--quiet", "--orphan", "new"]);
    site.zone("example.test", "www A 127.0.0.4\n");
    let old = commit_long_ago(&site, "old");
    site.git(&["branch", "--force", "main", "new"]);
    server.wait_served(&old);
    assert_eq!(serial(&server, "example.test."), back + 1);

    // A refused commit uses none up: its zone was right, another one was not.
    site.git(&["checkout", "--quiet", "main"]);
    site.zone("example.test", "www A 127.0.0.5\n");
    site.zone("other.test", "www A 127\n");
    server.wait_refused(&site.commit("wrong"), false);
    site.zone("other.test", "www A 127.0.0.9\n");
    let right = commit_long_ago(&site, "right");
    server.wait_served(&right);
    assert_eq!(serial(&server, "example.test."), back + 2);
    assert_eq!(serial(&server, "other.test."), begun + 1);
    // What was written while the process died is not believed.
    drop(server);
    let path = site.path("state/git/serials");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text + "example.test. 7").unwrap();
    assert_eq!(serial(&site.serve(), "example.test."), back + 2);
}
