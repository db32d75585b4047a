//! What is held until somebody says that it is meant, and the way back.

use crate::site::Site;
use crate::support::{ask, wait_for_answer};

const WWW: &str = "www.example.test.";

#[test]
fn what_would_take_away_much_is_held_until_it_is_forced() {
    let site = Site::new("");
    let many = "a A 127.0.0.1\nb A 127.0.0.1\nc A 127.0.0.1\nd A 127.0.0.1\ne A 127.0.0.1\n";
    site.zone(
        "example.test",
        &format!("www A 127.0.0.1\nsub NS ns\nsub DS 1 13 2 {}\n{many}", "0".repeat(64)),
    );
    site.zone("other.test", "www A 127.0.0.3\n");
    site.commit("begin");
    let server = site.serve();
    let kept = std::fs::read_to_string(site.path("repo/zones/example.test.zone")).unwrap();

    for (name, change, expected) in [
        (
            "records",
            (|site: &Site| site.zone("example.test", "sub NS ns\n")) as fn(&Site),
            "zone example.test. would lose 7 of 11 records",
        ),
        (
            "zone",
            |site| std::fs::remove_file(site.path("repo/zones/other.test.zone")).unwrap(),
            "zone other.test. would be gone",
        ),
        (
            "DS",
            |site| {
                let path = site.path("repo/zones/example.test.zone");
                let text = std::fs::read_to_string(&path).unwrap();
                let lines: Vec<_> = text.lines().filter(|line| !line.contains(" DS ")).collect();
                std::fs::write(path, lines.join("\n") + "\n").unwrap();
            },
            "sub.example.test. would have no DS records any longer",
        ),
    ] {
        change(&site);
        let held = site.commit(name);
        let why = server.wait_refused(&held, true);
        assert!(why.contains(expected), "{why}");
        assert_eq!(ask(server.dns, WWW), ["127.0.0.1"]);
        site.write("example.test.zone", &kept);
        site.zone("other.test", "www A 127.0.0.3\n");
        server.wait_served(&site.commit("restored"));
    }

    std::fs::remove_file(site.path("repo/zones/other.test.zone")).unwrap();
    let held = site.commit("it is meant");
    server.wait_refused(&held, true);
    let plain = server.command(&["publish"]);
    assert_eq!(plain.status.code(), Some(2));
    assert!(plain.err.contains("held") && plain.err.contains("--force"), "{}", plain.err);
    let other = server.command(&["publish", "--force", &site.git(&["rev-parse", "HEAD~1"])]);
    assert!(other.err.contains("not the newest"), "{}", other.err);
    let none = server.command(&["publish", "--force", "0123456789"]);
    assert!(none.err.contains("no commit"), "{}", none.err);
    let forced = server.command(&["publish", "--force", &held[..8]]);
    assert_eq!(forced.out.trim(), format!("serving {held}"), "{}", forced.err);
    assert!(ask(server.dns, "www.other.test.").is_empty());
    let history = server.command(&["health", "--history"]).out;
    assert!(history.contains(&format!("commit {held} is held")), "{history}");
    assert!(history.contains("token ops: it is meant"), "{history}");
}

#[test]
fn what_has_faults_is_not_forced_and_guards_can_be_off() {
    let site =
        Site::new("guards = { records_lost = 100, zone_gone = false, ns_or_ds_lost = false }");
    site.zone("other.test", "www A 127.0.0.3\n");
    site.commit("two");
    let server = site.serve();
    std::fs::remove_file(site.path("repo/zones/other.test.zone")).unwrap();
    server.wait_served(&site.commit("one"));
    site.zone("example.test", "www A 127\n");
    let bad = site.commit("bad");
    server.wait_refused(&bad, false);
    let forced = server.command(&["publish", "--force", &bad]);
    assert!(forced.err.contains("refused") && forced.err.contains("127"), "{}", forced.err);
    assert_eq!(ask(server.dns, WWW), ["127.0.0.1"]);
}

#[test]
fn a_rollback_stays_over_a_restart_until_a_newer_commit_comes() {
    let site = Site::new("");
    let first = site.git(&["rev-parse", "HEAD"]);
    let server = site.serve();
    site.zone("example.test", "www A 127.0.0.2\n");
    let second = site.commit("second");
    server.wait_served(&second);
    let back = server.command(&["rollback"]);
    assert_eq!(back.out.trim(), format!("serving {first}"), "{}", back.err);
    assert_eq!(ask(server.dns, WWW), ["127.0.0.1"]);
    assert_eq!(server.status()["rolled_back"], true);
    drop(server);

    let server = site.serve();
    assert_eq!(ask(server.dns, WWW), ["127.0.0.1"]);
    crate::support::wait_for("a fetch", || (server.status()["newest"] == *second).then_some(()));
    assert_eq!(server.status()["served"]["commit"], *first);
    assert_eq!(server.status()["rolled_back"], true);

    site.zone("example.test", "www A 127.0.0.3\n");
    let third = site.commit("third");
    server.wait_served(&third);
    assert_eq!(server.status()["rolled_back"], false);
    assert!(server.command(&["rollback", &second[..10]]).status.success());
    wait_for_answer(server.dns, WWW, &["127.0.0.2"]);
    assert_eq!(server.command(&["publish"]).out.trim(), format!("serving {third}"));
    assert_eq!(ask(server.dns, WWW), ["127.0.0.3"]);
}

#[test]
fn going_back_again_before_anything_was_fetched_still_passes_over_the_commit_that_was_bad() {
    let site = Site::new("");
    let first = site.git(&["rev-parse", "HEAD"]);
    let server = site.serve();
    site.zone("example.test", "www A 127.0.0.2\n");
    server.wait_served(&site.commit("second"));
    site.zone("example.test", "www A 127.0.0.3\n");
    let bad = site.commit("bad");
    server.wait_served(&bad);
    assert!(server.command(&["rollback"]).status.success());
    drop(server);

    // The branch is not known after a restart: nothing is fetched.
    std::fs::rename(site.path("repo"), site.path("away")).unwrap();
    let server = site.serve();
    let back = server.command(&["rollback", &first]);
    assert_eq!(back.out.trim(), format!("serving {first}"), "{}", back.err);
    let kept = std::fs::read_to_string(site.path("state/git/served.json")).unwrap();
    assert!(kept.contains(&format!("\"passed_over\": \"{bad}\"")), "{kept}");
    std::fs::rename(site.path("away"), site.path("repo")).unwrap();
    crate::support::wait_for("a fetch", || (server.status()["newest"] == *bad).then_some(()));
    // What is ordered after the fetch is done after all that the fetch has led to.
    let again = server.command(&["rollback", &first]);
    assert!(again.status.success(), "{}", again.err);
    assert_eq!(ask(server.dns, WWW), ["127.0.0.1"]);
    let kept = std::fs::read_to_string(site.path("state/git/served.json")).unwrap();
    assert!(!kept.contains(&format!("\"before\": \"{bad}\"")), "it was served: {kept}");
}
