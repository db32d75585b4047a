//! What the configuration of signing does, and what is wrong with it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use hickory_proto::op::Edns;
use hickory_proto::rr::{RData, RecordType};

use crate::support::{Running, question, run, tcp, udp};

const ZONE: &str = "$TTL 60\n@ SOA ns host 1 2 3 4 5\n@ NS ns\nns A 127.0.0.1\n";

fn write(folder: &Path, dnssec: &str) -> String {
    fs::create_dir_all(folder.join("zones")).unwrap();
    fs::write(folder.join("zones/example.org.zone"), ZONE).unwrap();
    fs::write(folder.join("zones/sub.example.net.zone"), ZONE).unwrap();
    let config = folder.join("halfmoon.toml");
    let text = format!(
        "[server]\nlisten = [\"127.0.0.1:0\"]\n[zones]\npath = \"zones\"\n\
         [health]\ntargets.allow = [\"127.0.0.0/8\"]\n[dnssec]\n{dnssec}\n"
    );
    fs::write(&config, text).unwrap();
    config.to_str().unwrap().to_owned()
}

#[test]
fn patterns_say_which_zones_are_signed() {
    for (patterns, org, net) in [
        ("[\"*\"]", true, true),
        ("[\"example.org\"]", true, false),
        ("[\"*.example.net\"]", false, true),
        ("[\"*.org\", \"example.net\"]", true, false),
        ("[]", false, false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let config = write(folder.path(), &format!("zones = {patterns}\nkeys = \"keys\""));
        let (_running, server) = Running::serve(&[&config]);
        for (apex, expected) in [("example.org.", org), ("sub.example.net.", net)] {
            let mut message = question(apex, RecordType::SOA);
            let mut edns = Edns::new();
            edns.set_dnssec_ok(true);
            message.set_edns(edns);
            let answer = udp(server, &message).unwrap();
            assert_eq!(answer.answers.len(), if expected { 2 } else { 1 }, "{patterns} {apex}");
            // Who does not ask for signatures gets none.
            let plain = udp(server, &question(apex, RecordType::SOA)).unwrap();
            assert_eq!(plain.answers.len(), 1);
        }
    }
}

#[test]
fn keys_stay_from_one_start_to_the_next_and_are_the_same_for_all_who_have_them() {
    let folder = tempfile::tempdir().unwrap();
    let config = write(folder.path(), "zones = [\"*\"]\nkeys = \"keys\"");
    let keys = || {
        let (_running, server) = Running::serve(&[&config]);
        let answer = tcp(server, &question("example.org.", RecordType::DNSKEY)).unwrap();
        answer.answers.iter().map(|record| record.data.clone()).collect::<Vec<RData>>()
    };
    let first = keys();
    assert_eq!(first.len(), 1);
    assert_eq!(keys(), first);
    let mode =
        |name: &str| fs::metadata(folder.path().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("keys"), mode("keys/example.org.json")), (0o700, 0o600));
}

#[test]
fn what_cannot_be_signed_is_one_line() {
    for (dnssec, said) in [
        ("zones = [\"*\"]", "dnssec.keys is missing; name a folder"),
        (
            "zones = [\"*\"]\nkeys = \"zones/keys\"",
            "lies in the zone folder; name a folder elsewhere",
        ),
        (
            "zones = [\"*\"]\nkeys = \"open\"",
            "others may read these keys (mode 0755); run `chmod go= ",
        ),
        ("zones = [\"..\"]", "\"..\" is no name of a zone; write \"example.org\""),
        ("algorithm = \"RSAMD5\"", "\"RSAMD5\": not an algorithm; write ECDSAP256SHA256 (13)"),
        ("algorithm = 5", "\"5\": not an algorithm"),
        (
            "zones = [\"*\"]\nkeys = \"keys\"\nvalidity = \"10m\"",
            "dnssec.validity must be \"1h\" to \"87600h\" long",
        ),
        (
            "zones = [\"*\"]\nkeys = \"keys\"\nvalidity = \"10h\"",
            "dnssec.refresh must be shorter than dnssec.validity",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let config = write(folder.path(), dnssec);
        fs::create_dir(folder.path().join("open")).unwrap();
        let open = fs::Permissions::from_mode(0o755);
        fs::set_permissions(folder.path().join("open"), open).unwrap();
        let ended = run(&["serve", &config]);
        assert_eq!(ended.status.code(), Some(2), "{dnssec}: {ended:?}");
        assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
        assert!(ended.err.contains(said), "{dnssec}: {}", ended.err);
    }
}

#[test]
fn a_zone_whose_keys_are_broken_is_refused_and_the_others_are_served() {
    let folder = tempfile::tempdir().unwrap();
    let config = write(folder.path(), "zones = [\"*\"]\nkeys = \"keys\"");
    drop(Running::serve(&[&config]));
    fs::write(folder.path().join("keys/example.org.json"), "{}").unwrap();
    let (running, server) = Running::serve(&[&config]);
    let refused = udp(server, &question("example.org.", RecordType::SOA)).unwrap();
    assert_eq!(u16::from(refused.metadata.response_code), 5);
    let served = udp(server, &question("sub.example.net.", RecordType::SOA)).unwrap();
    assert_eq!(served.answers.len(), 1);
    let line = running.logged("the zone cannot be signed", 0);
    assert!(line.contains("example.org.json: not a file of keys"), "{line}");
}

#[test]
fn keys_are_listed_and_made_and_their_digests_told() {
    let folder = tempfile::tempdir().unwrap();
    let config = write(folder.path(), "zones = [\"*\"]\nkeys = \"keys\"\nsplit = true");
    let keys = |args: &[&str]| run(&[&["keys", "--config", &config], args].concat());
    let none = keys(&["ds", "example.org"]);
    assert_eq!(none.status.code(), Some(2));
    assert!(none.err.contains("example.org. has no keys; `halfmoon keys make"), "{}", none.err);

    let made = keys(&["make", "Example.org"]);
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    let lines: Vec<&str> = made.out.lines().collect();
    assert_eq!(lines.len(), 3, "{}", made.out);
    assert!(
        lines[1].starts_with("Example.org.  ksk   ")
            || lines[1].starts_with("example.org.  ksk   ")
    );
    assert!(lines[2].contains("zsk") && lines[2].ends_with("ECDSAP256SHA256 (13)  in use"));
    assert_eq!(keys(&["make", "example.org"]).out.lines().count(), 3, "there are some already");
    let listed: serde_json::Value =
        serde_json::from_str(&keys(&["list", "--format", "json"]).out).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    assert!(!listed.to_string().contains("private"));

    // What is told is what the server says by itself.
    let told = keys(&["ds", "example.org"]).out;
    let (_running, server) = Running::serve(&[&config]);
    let cds = tcp(server, &question("example.org.", RecordType::CDS)).unwrap();
    let served = cds.answers[0].data.to_string();
    let words =
        |text: &str| text.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ");
    assert!(words(&told).ends_with(&words(&served)), "{told} {served}");
}
