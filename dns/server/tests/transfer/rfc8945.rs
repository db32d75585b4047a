//! TSIG, with dig for the other side.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::site::{ZONE, serve};
use crate::support::peer::installed;
use crate::support::{Running, run, wait_for};

pub(crate) const SECRET: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const OTHER: &str = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA=";

/// Writes the secret, and says what the section has to say of the key.
pub(crate) fn keyed(folder: &Path, algorithm: &str, secret: &str) -> String {
    let path = folder.join("secret");
    fs::write(&path, format!("{secret}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    format!(
        "[[transfer.keys]]\nname = \"Key.example\"\nalgorithm = \"{algorithm}\"\nsecret_file = \"secret\""
    )
}

/// What dig says.
pub(crate) fn dig(server: SocketAddr, key: &str, args: &[&str]) -> Option<String> {
    let Some(dig) = installed("dig") else {
        let _ = writeln!(io::stderr(), "SKIPPED: dig is not installed");
        return None;
    };
    let said = Command::new(dig)
        .args([&format!("@{}", server.ip()), "-p", &server.port().to_string(), "-y", key])
        .args(["+tries=1", "+time=5"])
        .args(args)
        .output()
        .unwrap();
    Some(String::from_utf8_lossy(&said.stdout).into_owned())
}

#[test]
fn s5_3_1_every_message_of_a_transfer_is_signed() {
    for algorithm in ["hmac-sha256", "hmac-sha512"] {
        let folder = tempfile::tempdir().unwrap();
        let keyed = keyed(folder.path(), algorithm, SECRET);
        let mut zone = ZONE.to_owned();
        for i in 0..5_000 {
            writeln!(zone, "host-{i} A 192.0.2.{}", i % 250).unwrap();
        }
        let (_running, server) = serve(folder.path(), &zone, &keyed);
        let key = format!("{algorithm}:key.EXAMPLE:{SECRET}");
        let Some(said) = dig(server, &key, &["example.org", "AXFR"]) else { return };
        // dig prints what goes wrong with a signature, and the record of each that is right.
        assert!(!said.contains("verify") && !said.contains("WARNING"), "{said:.2000}");
        assert_eq!(said.matches("host-").count(), 5_000);
        assert!(said.matches("TSIG").count() > 1, "{said:.2000}");
        // Other answers are signed, too; and without a key there is no transfer.
        let said = dig(server, &key, &["ns.example.org", "A"]).unwrap();
        assert!(said.contains("127.0.0.1") && said.contains("NOERROR"), "{said}");
        assert!(!said.contains("verify") && said.contains("TSIG"), "{said}");
        let plain = crate::support::tcp(
            server,
            &crate::support::question("example.org.", hickory_proto::rr::RecordType::AXFR),
        );
        assert_eq!(u16::from(plain.unwrap().metadata.response_code), 5);
    }
}

#[test]
fn s5_2_what_is_wrong_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let keyed = keyed(folder.path(), "hmac-sha256", SECRET);
    let (_running, server) = serve(folder.path(), ZONE, &keyed);
    for (key, args, error) in [
        (format!("hmac-sha256:other.example:{SECRET}"), &["ns.example.org", "A"][..], "BADKEY"),
        (format!("hmac-sha512:key.example:{SECRET}"), &["ns.example.org", "A"], "BADKEY"),
        (format!("hmac-sha256:key.example:{OTHER}"), &["ns.example.org", "A"], "BADSIG"),
        (
            format!("hmac-sha256:key.example:{SECRET}"),
            &["ns.example.org", "A", "+fuzztime=1000000"],
            "BADTIME",
        ),
        (format!("hmac-sha256:key.example:{OTHER}"), &["ns.example.org", "A", "+tcp"], "BADSIG"),
        // Half of the MAC (section 5.2.2.1): right, and not enough (section 5.2.4); or wrong.
        (format!("hmac-sha256-128:key.example:{SECRET}"), &["ns.example.org", "A"], "BADTRUNC"),
        (format!("hmac-sha256-128:key.example:{OTHER}"), &["ns.example.org", "A"], "BADSIG"),
    ] {
        let Some(said) = dig(server, &key, args) else { return };
        assert!(said.contains("status: NOTAUTH") && said.contains(error), "{key} {args:?}: {said}");
        assert!(!said.contains("127.0.0.1\n"), "{said}");
    }
}

#[test]
fn a_secret_that_changes_is_taken_without_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let section = keyed(folder.path(), "hmac-sha256", SECRET);
    let (running, server) = serve(folder.path(), ZONE, &section);
    let works = |secret: &str| {
        let said =
            dig(server, &format!("hmac-sha256:key.example:{secret}"), &["example.org", "SOA"])?;
        Some(said.contains("status: NOERROR"))
    };
    let Some(first) = works(SECRET) else { return };
    assert!(first);
    keyed(folder.path(), "hmac-sha256", OTHER);
    wait_for("the other secret", || works(OTHER)?.then_some(()));
    assert_eq!(works(SECRET), Some(false));
    // What is no secret leaves the one before in force, and is said without it.
    keyed(folder.path(), "hmac-sha256", "not base64!");
    let line = running.logged("a secret of keys not reloaded", 0);
    assert!(line.contains("openssl rand -base64 32") && !line.contains("not base64!"), "{line}");
    assert_eq!(works(OTHER), Some(true));
}

#[test]
fn a_secret_that_is_none_or_open_is_one_line() {
    for (secret, mode, said) in [
        ("MDEyMw==", 0o600, "too short for the secret of a key; write 16 octets or more"),
        ("x", 0o600, "not a secret for a key; write base64"),
        (SECRET, 0o644, "everybody may read or change this secret (mode 0644)"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let section = keyed(folder.path(), "hmac-sha256", secret);
        let path = folder.path().join("secret");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        fs::create_dir(folder.path().join("zones")).unwrap();
        fs::write(folder.path().join("zones/example.org.zone"), ZONE).unwrap();
        let config = folder.path().join("halfmoon.toml");
        let text = format!(
            "[server]\nlisten = [\"127.0.0.1:0\"]\n[zones]\npath = \"zones\"\n\
             [health]\ntargets.allow = [\"127.0.0.0/8\"]\n{section}\n"
        );
        fs::write(&config, text).unwrap();
        let ended = run(&["serve", config.to_str().unwrap()]);
        assert_eq!(ended.status.code(), Some(2), "{ended:?}");
        assert!(ended.err.contains(said) && ended.err.lines().count() == 1, "{}", ended.err);
        assert!(!ended.err.contains(SECRET));
    }
}

/// A server with the key, for others to transfer from.
pub(crate) fn serve_keyed(folder: &Path, more: &str) -> (Running, SocketAddr) {
    let section = keyed(folder, "hmac-sha256", SECRET);
    serve(folder, ZONE, &format!("{section}\n{more}"))
}
