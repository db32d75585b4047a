//! Signed zones leave whole: `dnssec-verify` and `ldns-verify-zone` take what arrives for right.

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;

use crate::site::{ALLOWED, ZONE, serve};
use crate::support::peer::installed;
use crate::support::signers::{CHAINS, Tool, run};

/// More of each kind of name than the plain zone has.
const MORE: &str = "\
insecure NS ns.else.
deep.insecurer NS ns.else.
secure NS ns.else.
secure DS 1 13 2 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
*.luawild LUA A \"'192.0.2.5'\"
both A 192.0.2.6
both LUA A \"'192.0.2.7'\"
onlylua LUA LUA \";x = 1\"
";

/// The transferred zone as a zone file.
fn transferred(server: SocketAddr, folder: &Path) -> String {
    let port = server.port().to_string();
    let args = ["@127.0.0.1", "-p", &port, "example.org", "AXFR", "+noall", "+answer", "+onesoa"];
    let text = run(folder, "dig", &args);
    assert!(text.contains("SOA"), "{text}");
    text
}

/// Whether one key signs all of a zone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keys {
    One,
    Two,
}

/// Has both tools look at a zone; whichever is installed.
#[track_caller]
fn verify(text: &str, folder: &Path, keys: Keys) {
    let path = folder.join("transferred");
    fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap();
    // It does not know of keys that are both, unless it is told.
    let with_one = ["-z", "-o", "example.org", path];
    let by_bind = if keys == Keys::One { &with_one[..] } else { &with_one[1..] };
    let mut looked = 0;
    for (program, args) in [("dnssec-verify", by_bind), ("ldns-verify-zone", &["-V", "2", path])] {
        if installed(program).is_none() {
            let _ = writeln!(std::io::stderr(), "SKIPPED: {program} is not installed");
            continue;
        }
        run(folder, program, args);
        looked += 1;
    }
    if looked == 2 {
        // They do look: another address is found to be wrong.
        fs::write(path, text.replace("192.0.2.1", "192.0.2.99")).unwrap();
        let program = installed("ldns-verify-zone").unwrap();
        let status = std::process::Command::new(program).arg(path).output().unwrap().status;
        assert!(!status.success());
    }
}

#[test]
fn zones_signed_here_leave_with_signatures_and_denial_records() {
    if installed("dig").is_none() {
        let _ = writeln!(std::io::stderr(), "SKIPPED: dig is not installed");
        return;
    }
    for how in [
        "denial = \"nsec\"",
        "denial = \"nsec\"\nsplit = true\nalgorithm = 15",
        "denial = \"nsec3\"\nalgorithm = 8",
        "denial = \"nsec3\"\nnsec3 = { iterations = 5, salt = \"c0ffee\" }",
        "denial = \"nsec3\"\nnsec3 = { opt_out = true }",
    ] {
        let folder = tempfile::tempdir().unwrap();
        let signing = format!("{ALLOWED}\n[dnssec]\nzones = [\"*\"]\nkeys = \"keys\"\n{how}");
        let (_running, server) = serve(folder.path(), &format!("{ZONE}{MORE}"), &signing);
        let text = transferred(server, folder.path());
        // Programs leave as what they are, and so do the denials of their names.
        assert!(text.contains("TYPE65402"), "{text}");
        verify(&text, folder.path(), if how.contains("split") { Keys::Two } else { Keys::One });
    }
}

#[test]
fn zones_that_come_signed_leave_as_they_came() {
    let programs = ["dnssec-signzone", "dnssec-keygen", "ldns-signzone", "ldns-keygen", "dig"];
    if let Some(absent) = programs.iter().find(|program| installed(program).is_none()) {
        let _ = writeln!(std::io::stderr(), "SKIPPED: {absent} is not installed");
        return;
    }
    let plain: String = ZONE
        .lines()
        .filter(|line| !line.contains(" LUA "))
        .map(|line| format!("{line}\n"))
        .collect();
    let more: String =
        MORE.lines().filter(|line| !line.contains("LUA")).map(|line| format!("{line}\n")).collect();
    for tool in [Tool::Bind, Tool::Ldns] {
        for chain in CHAINS {
            let folder = tempfile::tempdir().unwrap();
            let keys = folder.path().join("signer");
            let zone = ("example.org.", &*format!("{plain}{more}"));
            let (text, _) = tool.sign(&keys, zone, (chain, 13), &[]);
            let (_running, server) = serve(folder.path(), &text, ALLOWED);
            verify(&transferred(server, folder.path()), folder.path(), Keys::Two);
        }
    }
}
