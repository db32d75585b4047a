//! A commit is one transaction.

use crate::site::Site;
use crate::support::{ask, wait_for, wait_for_answer};

const WWW: &str = "www.example.test.";

#[test]
fn a_commit_is_served_whole_or_not_at_all() {
    let site = Site::new("");
    let server = site.serve();
    assert_eq!(ask(server.dns, WWW), ["127.0.0.1"]);

    site.zone("example.test", "www A 127.0.0.2\n");
    site.zone("other.test", "www A 127.0.0.3\n");
    let good = site.commit("a new address and a new zone");
    server.wait_served(&good);
    assert_eq!(ask(server.dns, WWW), ["127.0.0.2"]);
    assert_eq!(ask(server.dns, "www.other.test."), ["127.0.0.3"]);

    // One zone is right, the other is not: neither changes.
    site.zone("example.test", "www A 127.0.0.4\n");
    site.zone("other.test", "www A 127.0.0\n");
    let bad = site.commit("one is wrong");
    let why = server.wait_refused(&bad, false);
    assert!(why.contains("zones/other.test.zone:5:7") && why.contains("127.0.0"), "{why}");
    assert_eq!(ask(server.dns, WWW), ["127.0.0.2"]);
    let status = server.status();
    assert_eq!(status["served"]["commit"], *good);
    assert_eq!(status["served"]["subject"], "a new address and a new zone");
    assert_eq!(status["newest"], *bad);
    let text = server.command(&["status"]).out;
    assert!(text.contains(&format!("refused {bad}")) && text.contains("other.test"), "{text}");
    server.running.logged("commit refused", 0);

    site.git(&["revert", "--no-edit", "HEAD"]);
    let reverted = site.git(&["rev-parse", "HEAD"]);
    server.wait_served(&reverted);
    assert!(server.status()["refused"].is_null());
}

#[test]
fn what_is_included_is_of_the_commit_and_stays_in_the_folder() {
    let site = Site::new("");
    site.write("parts/web.zone", "www A 127.0.0.7\n");
    site.zone("example.test", "$INCLUDE parts/web.zone\n");
    site.commit("a part");
    let server = site.serve();
    assert_eq!(ask(server.dns, WWW), ["127.0.0.7"]);

    // Only the part changes; nothing of the working tree counts before it is committed.
    site.write("parts/web.zone", "www A 127.0.0.8\n");
    let changed = site.commit("the part changes");
    site.write("parts/web.zone", "www A 127.0.0.9\n");
    server.wait_served(&changed);
    wait_for_answer(server.dns, WWW, &["127.0.0.8"]);

    std::fs::write(site.path("repo/secret"), "x A 127.0.0.1\n").unwrap();
    for (text, what) in [
        ("$INCLUDE ../secret\n", "outside"),
        ("$INCLUDE /etc/passwd\n", "outside"),
        ("$INCLUDE nothing\n", "cannot be read"),
        ("$INCLUDE example.test.zone\n", "includes itself"),
    ] {
        site.zone("example.test", text);
        let why = server.wait_refused(&site.commit(text), false);
        assert!(why.contains(what), "{text}: {why}");
    }
    assert_eq!(ask(server.dns, WWW), ["127.0.0.8"]);

    // A part that nobody includes would have to be a zone.
    site.zone("example.test", "www A 127.0.0.8\n");
    let why = server.wait_refused(&site.commit("forsaken"), false);
    assert!(why.contains("parts/web.zone"), "{why}");
}

#[test]
fn a_zone_that_moves_to_another_file_stays_and_one_that_is_there_twice_does_not_come() {
    let site = Site::new("");
    let server = site.serve();
    site.git(&["mv", "zones/example.test.zone", "zones/moved.zone"]);
    let text = std::fs::read_to_string(site.path("repo/zones/moved.zone")).unwrap();
    site.write("moved.zone", &format!("$ORIGIN example.test.\n{text}"));
    let moved = site.commit("another file");
    server.wait_served(&moved);
    assert_eq!(ask(server.dns, WWW), ["127.0.0.1"]);
    site.zone("example.test", "www A 127.0.0.2\n");
    let why = server.wait_refused(&site.commit("twice"), false);
    assert!(why.contains("is in") && why.contains("already"), "{why}");
    assert_eq!(ask(server.dns, WWW), ["127.0.0.1"]);
}

#[test]
fn a_commit_whose_tests_fail_is_refused_until_they_say_what_the_zone_says() {
    let site = Site::new("");
    let server = site.serve();
    let expects = |address: &str| {
        let text = format!("[[test]]\nname = 'www'\nask = 'www A'\nis = ['{address}']\n");
        site.write("example.test.test.toml", &text);
    };
    expects("127.0.0.2");
    let why = server.wait_refused(&site.commit("a test"), false);
    assert!(why.contains("answers 127.0.0.1; expected 127.0.0.2"), "{why}");
    site.zone("example.test", "www A 127.0.0.2\n");
    server.wait_served(&site.commit("the zone as the test says"));
    wait_for_answer(server.dns, WWW, &["127.0.0.2"]);
}

#[test]
fn publish_is_about_what_was_committed_before_it() {
    let site = Site::new("");
    let server = site.serve();
    for number in 1..=20 {
        site.zone("example.test", &format!("www A 127.0.1.{number}\n"));
        let commit = site.commit("next");
        let published = server.command(&["publish"]);
        let said = [format!("serving {commit}"), format!("serving {commit}, as before")];
        assert!(said.contains(&published.out.trim().to_owned()), "{commit}: {published:?}");
    }
    site.zone("example.test", "www A 127.0.1\n");
    site.commit("bad");
    let refused = server.command(&["publish"]);
    assert!(refused.err.contains("refused: ") && refused.err.contains("`127.0.1`"), "{refused:?}");
    site.zone("example.test", "");
    std::fs::remove_file(site.path("repo/zones/example.test.zone")).unwrap();
    site.zone("other.test", "www A 127.0.0.3\n");
    let held = site.commit("nothing but another zone");
    let forced = server.command(&["publish", "--force", &held]);
    assert_eq!(forced.out.trim(), format!("serving {held}"), "{}", forced.err);
}

#[test]
fn publish_says_so_where_nothing_can_be_fetched() {
    let site = Site::new("");
    let first = site.git(&["rev-parse", "HEAD"]);
    let server = site.serve();
    site.zone("example.test", "www A 127.0.0.2\n");
    let second = site.commit("second");
    server.wait_served(&second);
    assert!(server.command(&["rollback", &first]).status.success());
    std::fs::rename(site.path("repo"), site.path("away")).unwrap();
    let published = server.command(&["publish"]);
    assert_eq!(published.status.code(), Some(2));
    assert!(published.err.contains("cannot fetch: "), "{published:?}");
    // What is known of the branch is followed again all the same.
    assert_eq!(server.status()["served"]["commit"], *second);
    assert_eq!(server.status()["rolled_back"], false);
}

#[test]
fn an_order_for_an_old_commit_does_not_keep_back_the_newest() {
    // Nobody looks but for the order.
    let site = Site::new("");
    site.change("interval = '50ms'", "interval = '1h'");
    let first = site.git(&["rev-parse", "HEAD"]);
    let server = site.serve();
    server.wait_served(&first);
    site.zone("example.test", "www A 127.0.0.2\n");
    let second = site.commit("second");
    let forced = server.command(&["publish", "--force", &first]);
    assert!(forced.err.contains(&format!("{second} is")), "{}", forced.err);
    server.wait_served(&second);
    assert_eq!(ask(server.dns, WWW), ["127.0.0.2"]);
}

#[test]
fn keys_that_are_rolled_have_nothing_judged_again() {
    let site = Site::with("verifier = ['./verify']");
    let seen = site.path("seen");
    crate::verifier::script(
        &site,
        &format!("echo \"$HALFMOON_COMMIT\" >> {}\n! grep -rq forbidden .", seen.display()),
    );
    site.add(
        "[dnssec]\nzones = ['*']\nkeys = 'keys'\nsplit = true\nkey_ttl = '1s'\npropagation = '1s'\n\
         parent_check = '1s'\n",
    );
    let server = site.serve();
    site.zone("example.test", "$TTL 1\nwww A 127.0.0.2\nforbidden A 127.0.0.1\n");
    let bad = site.commit("not allowed");
    server.wait_refused(&bad, false);
    let logged = server.running.err().len();
    site.roll();
    server.running.logged("key roll goes on", logged);
    // With the key that came, and with the other one in use.
    wait_for("the zone with its keys", || {
        (server.running.err()[logged..].matches("zones loaded").count() > 1).then_some(())
    });
    // Whatever that has started is done before this.
    site.zone("example.test", "www A 127.0.0.3\n");
    server.wait_served(&site.commit("allowed"));
    let seen = std::fs::read_to_string(&seen).unwrap();
    assert_eq!(seen.lines().filter(|line| *line == bad).count(), 1, "{seen}");
    assert_eq!(server.running.err().matches("commit refused").count(), 1);
}
