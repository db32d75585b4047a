//! Commits that have to be signed, by keys that real programs make.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use crate::site::Site;
use crate::support::{ask, run};

const WWW: &str = "www.example.test.";

/// Makes a key of SSH; the path of its private half.
pub(crate) fn key(site: &Site, name: &str) -> String {
    let path = site.path(name);
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"])
        .arg(&path)
        .stdin(Stdio::null())
        .output()
        .expect("ssh-keygen has to be installed");
    assert!(made.status.success(), "{made:?}");
    path.display().to_string()
}

/// Whose signatures count: these names, each with the options and the key of this file.
pub(crate) fn allow(site: &Site, signers: &[(&str, &str, &str)]) {
    let lines = signers.iter().map(|(who, options, key)| {
        let public = fs::read_to_string(format!("{key}.pub")).unwrap();
        format!("{who} {options} {public}")
    });
    fs::write(site.path("signers"), lines.collect::<String>()).unwrap();
}

/// Commits all of the working tree, signed by a key; the name of the commit.
pub(crate) fn commit(site: &Site, message: &str, key: &str) -> String {
    site.git(&["add", "--all", "."]);
    let signing = format!("user.signingkey={key}");
    let by = ["-c", "gpg.format=ssh", "-c", &signing];
    site.git(&[&by[..], &["commit", "--quiet", "--allow-empty", "-S", "-m", message]].concat());
    site.git(&["rev-parse", "HEAD"])
}

#[test]
fn a_commit_is_served_if_somebody_who_may_has_signed_it() {
    let site = Site::with("verify = 'signed', allowed_signers = 'signers'");
    let (ada, eve) = (key(&site, "ada"), key(&site, "eve"));
    allow(&site, &[("ada@example.test", "namespaces=\"git\"", &ada)]);
    // The first one has to be signed, too.
    let config = site.path("halfmoon.toml");
    let config = config.to_str().unwrap();
    let ended = run(&["serve", config]);
    assert_eq!(ended.status.code(), Some(2), "{}", ended.err);
    assert!(ended.err.contains("it is not signed"), "{}", ended.err);

    site.zone("example.test", "www A 127.0.0.2\n");
    let signed = commit(&site, "signed", &ada);
    let server = site.serve();
    server.wait_served(&signed);
    let mut number = 2;
    let mut refused = |name: &str, make: &dyn Fn() -> String, expected: &str| {
        number += 1;
        site.zone("example.test", &format!("www A 127.0.0.{number}\n"));
        let commit = make();
        let why = server.wait_refused(&commit, false);
        assert!(why.contains(expected), "{name}: {why}");
        assert_eq!(ask(server.dns, WWW), ["127.0.0.2"], "{name}");
        // No operator can make it right.
        let forced = server.command(&["publish", "--force", &commit]);
        assert!(forced.err.contains(expected), "{name}: {}", forced.err);
        let back = server.command(&["rollback", &commit]);
        assert!(back.err.contains(expected), "{name}: {}", back.err);
    };
    refused("none", &|| site.commit("unsigned"), "it is not signed");
    refused("another's", &|| commit(&site, "by eve", &eve), "a key that may not sign");
    refused(
        "moved",
        &|| {
            // Signed by her, and then changed: the signature is that of another commit, which nobody else
            // has seen.
            site.git(&["checkout", "--quiet", "--detach"]);
            let signed = commit(&site, "of another", &ada);
            let text = site.git(&["cat-file", "commit", &signed]).replace("of another", "of Eve");
            let mut hash = Command::new("git")
                .args(["hash-object", "-t", "commit", "-w", "--stdin"])
                .current_dir(site.path("repo"))
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            hash.stdin.take().unwrap().write_all(format!("{text}\n").as_bytes()).unwrap();
            let forged = String::from_utf8(hash.wait_with_output().unwrap().stdout).unwrap();
            site.git(&["update-ref", "refs/heads/main", forged.trim()]);
            site.git(&["checkout", "--quiet", "main"]);
            forged.trim().to_owned()
        },
        "its signature is not right",
    );

    // Read again each time: she may sign no longer, he may.
    allow(
        &site,
        &[
            ("ada@example.test", "namespaces=\"git\",valid-before=\"20200101\"", &ada),
            ("eve@example.test", "namespaces=\"git\"", &eve),
        ],
    );
    refused("too late", &|| commit(&site, "late", &ada), "key has expired");
    site.zone("example.test", "www A 127.0.0.99\n");
    server.wait_served(&commit(&site, "by eve", &eve));
    assert_eq!(ask(server.dns, WWW), ["127.0.0.99"]);
    server.running.logged("who=\"eve@example.test\"", 0);

    // What was served is served again, whoever may sign now.
    allow(&site, &[]);
    drop(server);
    let server = site.serve();
    assert_eq!(ask(server.dns, WWW), ["127.0.0.99"]);
    // And the way back to what was served is open.
    assert!(server.command(&["rollback"]).status.success());
    assert_eq!(ask(server.dns, WWW), ["127.0.0.2"]);
}

#[test]
fn a_signed_trailer_lets_a_held_commit_through() {
    let site = Site::with("allowed_signers = 'signers'");
    let (ada, eve) = (key(&site, "ada"), key(&site, "eve"));
    allow(&site, &[("ada@example.test", "namespaces=\"git\"", &ada)]);
    site.zone("other.test", "www A 127.0.0.3\n");
    site.commit("two zones");
    let server = site.serve();
    fs::remove_file(site.path("repo/zones/other.test.zone")).unwrap();
    let meant = "one zone\n\nIt has moved.\n\nHalfmoon-Force: yes";
    for (key, message, expected) in [
        (Some(&ada), "without a trailer", "other.test. would be gone"),
        (None, meant, "counts for nothing: it is not signed"),
        (Some(&eve), meant, "counts for nothing: it is signed by a key that may not sign"),
    ] {
        let held = match key {
            Some(key) => commit(&site, message, key),
            None => site.commit(message),
        };
        let why = server.wait_refused(&held, true);
        assert!(why.contains(expected), "{why}");
    }
    server.wait_served(&commit(&site, meant, &ada));
    assert!(ask(server.dns, "www.other.test.").is_empty());
    server.running.logged("its signed trailer says that it is meant", 0);
    // It is for what the guards say, and not for faults.
    site.zone("example.test", "www A 127\n");
    server.wait_refused(&commit(&site, meant, &ada), false);
}

#[test]
fn a_signed_trailer_of_long_ago_releases_nothing() {
    let site = Site::with("allowed_signers = 'signers'");
    let ada = key(&site, "ada");
    allow(&site, &[("ada@example.test", "namespaces=\"git\"", &ada)]);
    site.zone("other.test", "www A 127.0.0.3\n");
    let begun = site.commit("two zones");
    let server = site.serve();
    let meant = "one zone\n\nHalfmoon-Force: yes";
    fs::remove_file(site.path("repo/zones/other.test.zone")).unwrap();
    let old = commit(&site, meant, &ada);
    server.wait_served(&old);
    site.zone("other.test", "www A 127.0.0.4\n");
    let both = site.commit("two zones again");
    server.wait_served(&both);

    // Who cannot sign sets the branch back to it.
    site.git(&["reset", "--quiet", "--hard", &old]);
    let why = server.wait_refused(&old, true);
    assert!(why.contains("other.test. would be gone"), "{why}");
    let passed_by = format!("{both}, which was served, does not lie before it");
    assert!(why.contains(&passed_by), "{why}");
    assert_eq!(ask(server.dns, "www.other.test."), ["127.0.0.4"]);
    // Nor in two steps, over the commit that it was signed on top of, and over a restart.
    site.git(&["reset", "--quiet", "--hard", &begun]);
    server.wait_served(&begun);
    drop(server);
    let server = site.serve();
    site.git(&["reset", "--quiet", "--hard", &old]);
    let why = server.wait_refused(&old, true);
    assert!(why.contains(&passed_by), "{why}");
    assert_eq!(ask(server.dns, "www.other.test."), ["127.0.0.3"]);

    // On top of what is served it counts, whatever lies between: a merge, or many held commits.
    site.git(&["reset", "--quiet", "--hard", &both]);
    fs::remove_file(site.path("repo/zones/other.test.zone")).unwrap();
    for n in 0..20 {
        site.commit(&format!("held {n}"));
    }
    site.git(&["merge", "--quiet", "--strategy", "ours", "-m", "merge", &old]);
    server.wait_refused(&site.commit("held"), true);
    server.wait_served(&commit(&site, meant, &ada));
    assert!(ask(server.dns, "www.other.test.").is_empty());

    // Where history is meant to be another one, an operator says so once.
    site.git(&["reset", "--quiet", "--hard", &both]);
    server.wait_served(&both);
    site.git(&["reset", "--quiet", "--hard", &old]);
    server.wait_refused(&old, true);
    assert!(server.command(&["publish", "--force", &old]).status.success());
    site.zone("other.test", "www A 127.0.0.5\n");
    server.wait_served(&site.commit("two zones"));
    fs::remove_file(site.path("repo/zones/other.test.zone")).unwrap();
    server.wait_served(&commit(&site, meant, &ada));
}

#[test]
fn openpgp_signatures_count_as_well() {
    let tools = ["gpg", "gpgv", "gpgconf"];
    if tools.iter().any(|tool| Command::new(tool).arg("--version").output().is_err()) {
        let _ = writeln!(std::io::stderr(), "SKIPPED: gpg or gpgv is not installed");
        return;
    }
    let site = Site::with("verify = 'signed', openpgp_keyring = 'keyring.gpg'");
    // Short: there is a socket in it.
    let home = tempfile::Builder::new().prefix("gpg").tempdir_in("/tmp").unwrap();
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let gpg = |args: &[&str]| {
        let ended = Command::new("gpg")
            .args(["--batch", "--quiet", "--pinentry-mode", "loopback", "--passphrase", ""])
            .arg("--homedir")
            .arg(home.path())
            .args(args)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(ended.status.success(), "{args:?}: {ended:?}");
        ended.stdout
    };
    for who in ["Ada <ada@example.test>", "Eve <eve@example.test>"] {
        gpg(&["--quick-generate-key", who, "ed25519", "sign", "never"]);
    }
    fs::write(site.path("keyring.gpg"), gpg(&["--export", "ada@example.test"])).unwrap();
    let old = ["--faked-system-time", "20200101T000000"];
    let who = "Old <old@example.test>";
    gpg(&[&old[..], &["--quick-generate-key", who, "ed25519", "sign", "1y"]].concat());
    let program = site.path("gpg-at-home");
    let commit = |who: &str| {
        // One signs as long as the key was good.
        let then = if who.starts_with("old") { old.join(" ") } else { String::new() };
        let script =
            format!("#!/bin/sh\nexec gpg --homedir {} {then} \"$@\"\n", home.path().display());
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        site.git(&["add", "--all", "."]);
        let program = format!("gpg.program={}", program.display());
        let signing = format!("user.signingkey={who}");
        let by = ["-c", &program, "-c", &signing];
        site.git(&[&by[..], &["commit", "--quiet", "--allow-empty", "-S", "-m", who]].concat());
        site.git(&["rev-parse", "HEAD"])
    };
    let first = commit("ada@example.test");
    let server = site.serve();
    server.wait_served(&first);
    site.zone("example.test", "www A 127.0.0.2\n");
    let why = server.wait_refused(&commit("eve@example.test"), false);
    assert!(why.contains("a key that may not sign"), "{why}");
    let why = server.wait_refused(&site.commit("unsigned"), false);
    assert!(why.contains("it is not signed"), "{why}");
    server.wait_served(&commit("ada@example.test"));
    assert_eq!(ask(server.dns, WWW), ["127.0.0.2"]);
    server.running.logged("Ada <ada@example.test>", 0);

    // Keys that were good: one has expired, another one is revoked when the commit comes.
    let keyring = || {
        fs::write(
            site.path("keyring.gpg"),
            gpg(&["--export", "ada@example.test", "old@example.test"]),
        )
        .unwrap();
    };
    keyring();
    site.zone("example.test", "www A 127.0.0.3\n");
    let why = server.wait_refused(&commit("old@example.test"), false);
    assert!(why.contains("the key of Old <old@example.test> has expired"), "{why}");
    site.git(&["checkout", "--quiet", "--detach"]);
    let signed = commit("ada@example.test");
    let listed =
        String::from_utf8(gpg(&["--with-colons", "--list-keys", "ada@example.test"])).unwrap();
    let print =
        listed.lines().find_map(|line| line.strip_prefix("fpr:")).unwrap().trim_matches(':');
    let revocation = home.path().join(format!("openpgp-revocs.d/{print}.rev"));
    // It begins with a colon, so that nobody imports it unseen.
    let text = fs::read_to_string(&revocation).unwrap().replace(":-----BEGIN", "-----BEGIN");
    fs::write(&revocation, text).unwrap();
    gpg(&["--import", revocation.to_str().unwrap()]);
    keyring();
    site.git(&["branch", "--force", "main", &signed]);
    let why = server.wait_refused(&signed, false);
    assert!(why.contains("the key of Ada <ada@example.test> was revoked"), "{why}");
    assert_eq!(ask(server.dns, WWW), ["127.0.0.2"]);
    let _ =
        Command::new("gpgconf").arg("--homedir").arg(home.path()).args(["--kill", "all"]).output();
}

#[test]
fn who_may_sign_is_said_by_nobody_else() {
    for (keys, change, expected) in [
        ("verify = 'signed'", None, "needs `allowed_signers`"),
        ("verify = 'signed', allowed_signers = 'nowhere'", None, "nowhere: cannot be read"),
        (
            "verify = 'signed', allowed_signers = 'signers'",
            Some(0o666),
            "everybody may change who may sign",
        ),
        ("verify = 'maybe', allowed_signers = 'signers'", None, "maybe"),
    ] {
        let site = Site::with(keys);
        fs::write(site.path("signers"), "").unwrap();
        if let Some(mode) = change {
            fs::set_permissions(site.path("signers"), fs::Permissions::from_mode(mode)).unwrap();
        }
        let config = site.path("halfmoon.toml");
        for verb in ["serve", "check"] {
            let ended = run(&[verb, config.to_str().unwrap()]);
            assert_eq!(ended.status.code(), Some(2), "{keys}: {}", ended.err);
            assert!(ended.err.contains(expected), "{keys}: {}", ended.err);
        }
    }
}
