//! Keys that come from BIND's tools, and go back to them.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::peer::installed;
use crate::support::{Ended, run};

/// A configuration in a folder of its own.
fn config() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("halfmoon.toml");
    fs::write(&path, "[zones]\npath = \"zones\"\n[dnssec]\nkeys = \"keys\"\n").unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

fn keys(config: &str, args: &[&str]) -> Ended {
    run(&[&["keys", "--config", config], args].concat())
}

/// Private keys in a folder.
fn private(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|ending| ending == "private")).collect();
    files.sort();
    files
}

#[test]
fn keys_of_bind_are_taken_over_and_come_back() {
    let Some(keygen) = installed("dnssec-keygen") else {
        let why = "SKIPPED: dnssec-keygen is not installed; keys of BIND were not read";
        let _ = writeln!(io::stderr(), "{why}");
        return;
    };
    for algorithm in ["ECDSAP256SHA256", "ED25519", "RSASHA256"] {
        let made = tempfile::tempdir().unwrap();
        for role in [&[][..], &["-f", "KSK"]] {
            let size: &[&str] = if algorithm == "RSASHA256" { &["-b", "2048"] } else { &[] };
            let ended = Command::new(&keygen)
                .args(["-q", "-a", algorithm])
                .args(size)
                .args(role)
                .args(["-K", made.path().to_str().unwrap(), "example.org"])
                .output()
                .unwrap();
            assert!(ended.status.success(), "{ended:?}");
        }
        let files = private(made.path());
        let (_folder, config) = config();
        let names: Vec<&str> = files.iter().map(|path| path.to_str().unwrap()).collect();
        let imported = keys(&config, &[&["import", "example.org"], &names[..]].concat());
        assert_eq!(imported.status.code(), Some(0), "{imported:?}");
        assert!(imported.out.contains("ksk") && imported.out.contains("zsk"), "{}", imported.out);

        // The DS record is the one that BIND makes of the key.
        if let Some(dsfromkey) = installed("dnssec-dsfromkey") {
            let public = names.iter().map(|name| name.replace(".private", ".key"));
            let ksk =
                public.into_iter().find(|name| fs::read_to_string(name).unwrap().contains(" 257 "));
            let told = Command::new(dsfromkey).args(["-2", &ksk.unwrap()]).output().unwrap();
            let told = String::from_utf8(told.stdout).unwrap();
            assert_eq!(keys(&config, &["ds", "example.org"]).out.trim(), told.trim());
        }

        let out = tempfile::tempdir().unwrap();
        let out = out.path().join("new");
        let exported = keys(&config, &["export", "example.org", "--out", out.to_str().unwrap()]);
        assert_eq!(exported.out.lines().count(), 4, "{exported:?}");
        let back = private(&out);
        for (ours, theirs) in back.iter().zip(&files) {
            assert_eq!(ours.file_name(), theirs.file_name());
            let numbers = |path: &Path| {
                let text = fs::read_to_string(path).unwrap();
                let lines = text.lines().filter(|line| !line.contains("Private-key-format"));
                // BIND says when it made them, too.
                let lines = lines.filter(|line| {
                    !["Created", "Publish", "Activate", "SyncPublish"]
                        .iter()
                        .any(|field| line.starts_with(field))
                });
                lines.map(str::to_owned).collect::<Vec<_>>()
            };
            assert_eq!(numbers(ours), numbers(theirs));
        }
        // Nothing is written over, and there is nothing to take over twice.
        let again = keys(&config, &["export", "example.org", "--out", out.to_str().unwrap()]);
        assert!(again.err.contains("File exists"), "{again:?}");
        let again = keys(&config, &[&["import", "example.org"], &names[..]].concat());
        assert!(again.err.contains("example.org. has keys already, in "), "{again:?}");
    }
}

#[test]
fn what_is_no_key_is_refused_in_one_line() {
    let (folder, config) = config();
    let at = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let good = "Private-key-format: v1.2\nAlgorithm: 15 (ED25519)\nPrivateKey: ODIyNjAzODQ2MjgwODAxMjI2NDUxOTAyMDQxNDIyNjI=\n";
    let (key, junk) = (at("good.private", good), at("junk", "nonsense"));
    let odd = at("odd.private", good);
    at("odd.key", "example. IN DNSKEY 257 3 15 AAAA\n");
    let missing = folder.path().join("missing").to_str().unwrap().to_owned();
    for (args, said) in [
        (vec!["import", "example", &junk], "no private key: it begins neither"),
        (vec!["import", "example", &missing], "No such file"),
        (vec!["import", "example", &key, &junk], "no .key file beside it"),
        (vec!["import", "example", &key, "--key", "ksk"], "needs a key that signs keys and one"),
        (vec!["import", "example", &odd], "the .key file beside it holds another key"),
        (vec!["export", "example", "--out", "x"], "example. has no keys"),
    ] {
        let ended = keys(&config, &args);
        assert_eq!(ended.status.code(), Some(2), "{args:?}: {ended:?}");
        assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
        assert!(ended.err.contains(said), "{args:?}: {}", ended.err);
        assert!(!ended.err.contains("ODIy"), "{}", ended.err);
    }
    let alone = keys(&config, &["import", "example", &key]);
    assert!(alone.out.contains("csk   3613   ED25519 (15)"), "{alone:?}");
    let none = keys(&config, &["export", "example", "--out", "x", "--tag", "1"]);
    assert!(none.err.contains("example. has no key 1"), "{none:?}");
}
