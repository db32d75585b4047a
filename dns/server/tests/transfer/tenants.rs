//! Keys of tenants: each has the zones of its tenant, and nothing that tells of others.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::TempDir;

use crate::rfc8945::{SECRET, dig};
use crate::support::{Running, run, wait_for};

/// The secrets of the keys by their names.
const KEYS: [(&str, &str); 3] = [
    ("all", SECRET),
    ("acme", "YWNtZS1hY21lLWFjbWUtYWNtZS1hY21lLWFjbWUtYWM="),
    ("beta", "YmV0YS1iZXRhLWJldGEtYmV0YS1iZXRhLWJldGEtYmU="),
];

const CONFIG: &str = "\
[zones]
path = \"zones\"
[health]
targets.allow = [\"127.0.0.0/8\"]
[transfer]
keys = [{ name = \"all\", secret_file = \"all\" }]
[tenants.acme]
apexes = [\"acme.test\"]
below = [\"customers.test\"]
keys = [{ name = \"acme\", secret_file = \"acme\" }]
[tenants.beta]
apexes = [\"beta.customers.test\"]
[[tenants.beta.keys]]
name = \"Beta\"
secret_file = \"beta\"
algorithm = \"hmac-sha512\"
";

fn write_secret(folder: &Path, name: &str, secret: &str) {
    let path = folder.join(name);
    fs::write(&path, secret).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn site(config: &str) -> (TempDir, Running, SocketAddr) {
    let folder = tempfile::tempdir().unwrap();
    for (name, secret) in KEYS {
        write_secret(folder.path(), name, secret);
    }
    fs::create_dir(folder.path().join("zones")).unwrap();
    for zone in ["acme.test", "a.customers.test", "beta.customers.test", "operator.test"] {
        let text =
            format!("$ORIGIN {zone}.\n@ 60 SOA ns h 7 3600 600 604800 5\n@ 60 NS ns.else.\n");
        fs::write(folder.path().join(format!("zones/{zone}.zone")), text).unwrap();
    }
    let path = folder.path().join("halfmoon.toml");
    fs::write(&path, config).unwrap();
    let (running, server) = Running::serve(&[path.to_str().unwrap()]);
    (folder, running, server)
}

fn signed(name: &str) -> String {
    let (_, secret) = KEYS.iter().find(|(own, _)| *own == name).unwrap();
    let algorithm = if name == "beta" { "hmac-sha512" } else { "hmac-sha256" };
    format!("{algorithm}:{name}:{secret}")
}

/// What comes of a question: a zone, or nothing.
fn asked(server: SocketAddr, key: &str, zone: &str, how: &[&str]) -> Option<&'static str> {
    let said = dig(server, &signed(key), &[&[zone], how].concat())?;
    assert!(!said.contains("verify"), "{said}");
    // Of a refusal over UDP dig shows the signature alone.
    let is_refused = match how {
        ["AXFR"] => said.contains("Transfer failed."),
        _ => said.contains("\tTSIG\t") && !said.contains("SOA\t"),
    };
    match (is_refused, said.contains("SOA\tns.")) {
        (true, false) => Some("nothing"),
        (false, true) => Some("zone"),
        _ => panic!("{key} {zone} {how:?}: {said}"),
    }
}

#[test]
fn a_key_has_the_zones_of_its_tenant_and_no_others() {
    // Where the client is does not give the holder of a key more than the key.
    let near = CONFIG.replace("[transfer]\n", "[transfer]\nallow = [\"127.0.0.0/8\"]\n");
    for config in [CONFIG, &near] {
        let (_folder, _running, server) = site(config);
        for (zone, owner) in [
            ("acme.test", "acme"),
            ("a.customers.test", "acme"),
            ("beta.customers.test", "beta"),
            ("operator.test", "nobody"),
            ("b.customers.test", "none"),
            ("elsewhere.test", "none"),
        ] {
            for key in ["acme", "beta", "all"] {
                let expected = match (key, owner) {
                    ("all", "none") => "nothing",
                    ("all", _) => "zone",
                    _ if key == owner => "zone",
                    _ => "nothing",
                };
                // Whole, and over UDP the SOA alone.
                for how in [&["AXFR"][..], &["IXFR=1", "+notcp"]] {
                    let Some(said) = asked(server, key, zone, how) else { return };
                    assert_eq!(said, expected, "{key} {zone} {how:?}");
                }
            }
        }
        // Whoever has a key of a tenant asks as everybody does otherwise.
        let said = dig(server, &signed("acme"), &["operator.test", "SOA"]).unwrap();
        assert!(said.contains("NOERROR") && said.contains("TSIG"), "{said}");
    }
}

#[test]
fn secrets_of_tenants_are_looked_at_again() {
    let (folder, running, server) = site(CONFIG);
    if asked(server, "acme", "acme.test", &["AXFR"]).is_none() {
        return;
    }
    write_secret(folder.path(), "acme", SECRET);
    running.logged("secrets of keys reloaded", 0);
    let new = format!("hmac-sha256:acme:{SECRET}");
    wait_for("the other secret", || {
        dig(server, &new, &["acme.test", "AXFR"])?.contains("SOA").then_some(())
    });
    // It is still the key of the tenant.
    assert!(!dig(server, &new, &["operator.test", "AXFR"]).unwrap().contains("SOA"));
}

#[test]
fn two_keys_of_one_name_are_an_error_wherever_they_stand() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("halfmoon.toml");
    for (from, to, line) in [
        ("name = \"Beta\"", "name = \"ALL\"", 14),
        ("name = \"Beta\"", "name = \"acme.\"", 14),
        (
            "{ name = \"all\", secret_file = \"all\" }",
            "{ name = \"beta\", secret_file = \"all\" }",
            14,
        ),
        (
            "{ name = \"all\", secret_file = \"all\" }",
            "{ name = \"x\", secret_file = \"all\" }, { name = \"x\", secret_file = \"all\" }",
            6,
        ),
    ] {
        fs::write(&config, CONFIG.replace(from, to)).unwrap();
        for verb in ["serve", "check"] {
            let ended = run(&[verb, config.to_str().unwrap()]);
            let place = format!("halfmoon.toml:{line}:");
            assert_eq!(ended.status.code(), Some(2), "{to}: {ended:?}");
            assert!(ended.err.contains("already; queries name a key"), "{to}: {}", ended.err);
            assert!(ended.err.contains(&place), "{to}: {}", ended.err);
        }
    }
}
