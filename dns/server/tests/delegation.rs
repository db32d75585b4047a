//! `halfmoon delegation`, with a server that has a zone and others that have the zone above it.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::Value;

use support::{Running, run};

mod support;

const CHILD: &str = "\
$TTL 60
@ SOA ns1 host 1 2 3 4 30
@ NS ns1
@ NS ns.elsewhere.test.
ns1 A 127.0.0.1
ns1 AAAA ::1
";

/// A server of `zone`, which is signed if there is a folder for keys.
fn serve(folder: &Path, zone: &str, text: &str, more: &str) -> (Running, SocketAddr) {
    fs::create_dir_all(folder.join("zones")).unwrap();
    fs::write(folder.join(format!("zones/{zone}.zone")), text).unwrap();
    let config = folder.join("halfmoon.toml");
    fs::write(&config, format!("[zones]\npath = \"zones\"\n{more}")).unwrap();
    Running::serve(&[config.to_str().unwrap()])
}

/// The zone above, with these records beside its own.
fn parent(folder: &Path, records: &str) -> (Running, SocketAddr) {
    let own = "$TTL 60\n@ SOA ns host 1 2 3 4 30\n@ NS ns\nns A 127.0.0.1\n";
    serve(folder, "test", &format!("{own}{records}\n"), "")
}

const RIGHT: &str = "child NS ns1.child\nchild NS ns.elsewhere\nns1.child A 127.0.0.1\nns1.child AAAA ::1\nns.elsewhere A 127.0.0.3\n";

#[test]
fn what_the_parent_says_is_compared_with_the_zone() {
    let root = tempfile::tempdir().unwrap();
    let signed = "[dnssec]\nzones = [\"*\"]\nkeys = \"keys\"\n";
    let (_plain, plain) = serve(&root.path().join("plain"), "child.test", CHILD, "");
    let folder = root.path().join("signed");
    let (_signed, signed) = serve(&folder, "child.test", CHILD, signed);
    let config = folder.join("halfmoon.toml");
    let ds = run(&["keys", "--config", config.to_str().unwrap(), "ds", "child.test"]);
    assert_eq!(ds.status.code(), Some(0), "{ds:?}");
    let with_ds = format!("{RIGHT}{}", ds.out);
    let stale = format!("{with_ds}child DS 1 13 2 {}\n", "00".repeat(32));
    let wrong = format!("{RIGHT}child DS 1 13 2 {}\n", "00".repeat(32));
    let rows: [(&str, SocketAddr, &str, i32); 9] = [
        (RIGHT, plain, "", 0),
        (&with_ds, signed, "", 0),
        (RIGHT, signed, "ds-missing", 0),
        (&stale, signed, "ds-stale", 0),
        (&wrong, signed, "ds-wrong", 1),
        (&with_ds, plain, "ds-of-unsigned", 1),
        ("", plain, "not-delegated", 1),
        ("child NS ns1.child\nns1.child A 127.0.0.9\n", plain, "ns-missing glue-differs", 1),
        ("child NS ns1.child\nchild NS ns.old", plain, "ns-missing ns-extra glue-missing", 1),
    ];
    for (number, (records, own, expected, code)) in rows.into_iter().enumerate() {
        let (_parent, above) = parent(&root.path().join(number.to_string()), records);
        let (own, above) = (own.to_string(), above.to_string());
        let args = ["delegation", "child.test", "--ask", &own, "--parent", &above];
        let ended = run(&[&args[..], &["--format", "json"]].concat());
        assert_eq!(ended.status.code(), Some(code), "{records}: {ended:?}");
        let report: Value = serde_json::from_str(&ended.out).unwrap();
        let findings = report["findings"].as_array().unwrap();
        let kinds: Vec<&str> =
            findings.iter().map(|finding| finding["kind"].as_str().unwrap()).collect();
        assert_eq!(kinds.join(" "), expected, "{records}: {report}");
        // For people there is a line for each, and one if there is none.
        let ended = run(&args);
        let lines = 1 + if findings.is_empty() { 1 } else { 2 * findings.len() };
        assert_eq!(
            (ended.status.code(), ended.out.lines().count()),
            (Some(code), lines),
            "{}",
            ended.out
        );
    }
}

#[test]
fn servers_that_cannot_be_asked_are_told_of() {
    let root = tempfile::tempdir().unwrap();
    let (_own, own) = serve(&root.path().join("own"), "child.test", CHILD, "");
    let (_other, other) = serve(&root.path().join("other"), "other.test", CHILD, "");
    let (own, other) = (own.to_string(), other.to_string());
    // Nobody is there who has the zone above.
    let ended = run(&["delegation", "child.test", "--ask", &own, "--parent", &other]);
    assert_eq!(ended.status.code(), Some(1), "{ended:?}");
    assert!(ended.out.contains("refuses to answer"), "{}", ended.out);
    // Nor who has the zone itself; the other zone is looked at all the same.
    let ended = run(&["delegation", "child.test", "other.test", "--ask", &other, "--parent", &own]);
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    assert!(ended.err.contains("child.test.: "), "{}", ended.err);
    assert!(ended.out.starts_with("other.test. as "), "{}", ended.out);
}

#[test]
fn the_configuration_says_who_is_asked() {
    let root = tempfile::tempdir().unwrap();
    let (_parent, above) = parent(&root.path().join("above"), RIGHT);
    let (_own, own) = serve(&root.path().join("own"), "child.test", CHILD, "");
    let config = root.path().join("halfmoon.toml");
    let text =
        format!("[server]\nlisten = [\"{own}\"]\n[dnssec.parents]\n\"test\" = [\"{above}\"]\n");
    fs::write(&config, text).unwrap();
    let ended = run(&["delegation", "child.test", "--config", config.to_str().unwrap()]);
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    assert_eq!(
        ended.out,
        format!("child.test. as {own} has it; its parent's servers: {above}\n  the same\n")
    );
}
