//! What a folder takes away, and the guards that may hold it.

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;

use hickory_proto::rr::RecordType;
use serde_json::Value;
use support::site::{Folder, SERVER};
use support::{Ended, Running, ask, http, question, run, udp, wait_for, wait_for_answer};

mod support;

const WWW: &str = "www.example.test.";
const MANY: &str = "www A 127.0.0.1\na A 127.0.0.2\nb A 127.0.0.2\nc A 127.0.0.2\nd A 127.0.0.2\n";

struct Site {
    folder: Folder,
    running: Running,
    dns: SocketAddr,
    admin: String,
}

impl Site {
    /// Two zones in the folder, and one in that of a tenant. `guards` is what `[zones]` says of them.
    fn new(guards: &str) -> Self {
        Self::of(guards, "path = \"acme\"\n")
    }

    /// The same, with these lines of the tenant.
    fn of(guards: &str, acme: &str) -> Self {
        let folder = Folder::new("", MANY);
        let server = SERVER.replace("path = \"zones\"\n", &format!("path = \"zones\"\n{guards}\n"));
        let config = format!(
            "{server}state = \"state\"\n[admin]\nlisten = \"127.0.0.1:0\"\n\
             [[admin.tokens]]\nname = \"ops\"\nsecret_file = \"ops\"\nmay = \"write\"\n\
             [tenants.acme]\nbelow = [\"acme.test\"]\n{acme}"
        );
        folder.write("halfmoon.toml", config);
        folder.write("ops", "a-secret-of-somebody-who-may-write");
        fs::set_permissions(folder.path("ops"), Permissions::from_mode(0o600)).unwrap();
        folder.zone("other.test", "www A 127.0.0.3\n");
        fs::create_dir(folder.path("acme")).unwrap();
        let theirs = fs::read(folder.path("zones/example.test.zone")).unwrap();
        folder.write("acme/acme.test.zone", theirs);
        let (running, dns) = folder.serve();
        let admin = running.line("admin on ", 0).trim().trim_start_matches("admin on ").to_owned();
        Self { folder, running, dns, admin }
    }

    fn command(&self, args: &[&str]) -> Ended {
        let token = self.folder.path("ops").display().to_string();
        run(&[args, &["--server", &self.admin, "--token-file", &token]].concat())
    }

    /// What is known of the folder of a tenant, or of the operator.
    fn source(&self, tenant: Option<&str>) -> Value {
        let said: Value = serde_json::from_str(&self.command(&["status", "--json"]).out).unwrap();
        match tenant {
            None => said["folder"].clone(),
            Some(tenant) => {
                let sources = said["sources"].as_array().unwrap();
                let found = sources.iter().find(|source| source["tenant"] == tenant).unwrap();
                found["folder"].clone()
            }
        }
    }

    /// Waits until these zones are held; why they are.
    #[track_caller]
    fn wait_held(&self, tenant: Option<&str>, zones: &[&str]) -> String {
        wait_for("what is held", || {
            let held = self.source(tenant)["held"].clone();
            let names: Vec<&str> =
                held.as_array()?.iter().map(|held| held["zone"].as_str().unwrap()).collect();
            (names == zones).then(|| held.to_string())
        })
    }

    fn metric(&self, line: &str) -> bool {
        let address = self.admin.trim_start_matches("http://").trim_end_matches('/');
        http::get(address.parse().unwrap(), "/metrics").body.lines().any(|other| other == line)
    }
}

#[test]
fn a_version_that_takes_away_much_is_held_until_it_is_mended_or_forced() {
    let site = Site::new("guards = {}");
    assert!(site.metric("halfmoon_folder_held 0"));
    // Three of eight may go.
    site.folder.zone("example.test", "www A 127.0.0.9\na A 127.0.0.2\n");
    wait_for_answer(site.dns, WWW, &["127.0.0.9"]);

    for (kept, lines, expected, www) in [
        (MANY, "", "zone example.test. would lose 5 of 8 records", "127.0.0.1"),
        (
            "www A 127.0.0.7\nsub NS ns\n",
            "www A 127.0.0.2\n",
            "sub.example.test. would have no NS records any longer",
            "127.0.0.7",
        ),
    ] {
        site.folder.zone("example.test", kept);
        wait_for_answer(site.dns, WWW, &[www]);
        let logged = site.running.err().len();
        site.folder.zone("example.test", lines);
        let why = site.wait_held(None, &["example.test."]);
        assert!(why.contains(expected), "{why}");
        let line = site.running.logged(expected, logged);
        let help = "if it is meant: halfmoon publish --force example.test.";
        assert!(line.contains("zones/example.test.zone:1:1: ") && line.contains(help), "{line}");
        site.running.logged("new version refused; the old one is still served", logged);
        assert_eq!(ask(site.dns, WWW), [www]);
        assert!(site.metric("halfmoon_folder_held 1"));
        let status = site.command(&["status"]).out;
        assert!(
            status.contains("held zone example.test. since ") && status.contains(help),
            "{status}"
        );
        assert!(!status.contains("are refused"), "{status}");
        site.folder.zone("example.test", kept);
        site.wait_held(None, &[]);
    }

    site.folder.zone("example.test", &format!("{MANY}sub NS ns\n"));
    wait_for_answer(site.dns, "d.example.test.", &["127.0.0.2"]);
    site.folder.zone("example.test", "");
    site.wait_held(None, &["example.test."]);
    // A load of the whole folder does not forget it.
    site.folder.zone("third.test", "www A 127.0.0.4\n");
    wait_for_answer(site.dns, "www.third.test.", &["127.0.0.4"]);
    site.wait_held(None, &["example.test."]);
    let other = site.command(&["publish", "--force", "other.test"]);
    assert!(other.err.contains("no guard holds anything of zone other.test."), "{}", other.err);
    let commit = site.command(&["publish", "--force", "0123456789"]);
    assert!(commit.err.contains("do not come from Git"), "{}", commit.err);
    let forced = site.command(&["publish", "--force", "example.test"]);
    assert_eq!(forced.out, "zone example.test is as the folder has it\n", "{}", forced.err);
    assert!(ask(site.dns, WWW).is_empty());
    site.wait_held(None, &[]);
    // That was for once.
    site.folder.zone("example.test", MANY);
    wait_for_answer(site.dns, WWW, &["127.0.0.1"]);
    site.folder.zone("example.test", "");
    site.wait_held(None, &["example.test."]);
}

#[test]
fn a_folder_that_is_emptied_is_served_on() {
    let site = Site::new("guards = {}");
    // What moves to another file is not lost.
    fs::create_dir(site.folder.path("zones/below")).unwrap();
    let below = site.folder.path("zones/below/other.test.zone");
    let logged = site.running.err().len();
    fs::rename(site.folder.path("zones/other.test.zone"), &below).unwrap();
    site.running.logged("read=1 refused=0 removed=0 serving=2", logged);
    site.wait_held(None, &[]);

    let logged = site.running.err().len();
    for file in ["zones/example.test.zone", "zones/below/other.test.zone"] {
        fs::rename(site.folder.path(file), site.folder.path("away")).unwrap();
    }
    let why = site.wait_held(None, &["example.test.", "other.test."]);
    assert!(why.contains("zone other.test. would be gone"), "{why}");
    site.running.logged("its file is gone; the zone is held and still served", logged);
    assert!(site.metric("halfmoon_folder_held 2"));
    assert_eq!(ask(site.dns, WWW), ["127.0.0.1"]);
    assert_eq!(ask(site.dns, "www.other.test."), ["127.0.0.3"]);

    site.folder.zone("example.test", "www A 127.0.0.5\na A 127.0.0.2\nb A 127.0.0.2\n");
    wait_for_answer(site.dns, WWW, &["127.0.0.5"]);
    site.wait_held(None, &["other.test."]);
    let forced = site.command(&["publish", "--force", "other.test."]);
    assert!(forced.status.success(), "{}", forced.err);
    assert!(ask(site.dns, "www.other.test.").is_empty());
    site.wait_held(None, &[]);

    // A file that holds another zone than before takes one away.
    site.folder.zone("third.test", "www A 127.0.0.4\n");
    wait_for_answer(site.dns, "www.third.test.", &["127.0.0.4"]);
    site.folder.zone("third.test", "$ORIGIN fourth.test.\nwww A 127.0.0.4\n");
    let text = fs::read_to_string(site.folder.path("zones/third.test.zone")).unwrap();
    site.folder.write("zones/third.test.zone", format!("$ORIGIN fourth.test.\n{text}"));
    let why = site.wait_held(None, &["fourth.test."]);
    assert!(why.contains("zone third.test. would be gone"), "{why}");
    assert_eq!(ask(site.dns, "www.third.test."), ["127.0.0.4"]);
    assert!(site.command(&["publish", "--force", "fourth.test."]).status.success());
    assert_eq!(ask(site.dns, "www.fourth.test."), ["127.0.0.4"]);
}

#[test]
fn the_folder_of_a_tenant_is_guarded_as_he_says_and_any_only_if_somebody_says_so() {
    let site = Site::new("");
    site.folder.zone("example.test", "");
    wait_for("the change", || ask(site.dns, WWW).is_empty().then_some(()));
    site.folder.remove_zone("other.test");
    wait_for("no zone", || ask(site.dns, "www.other.test.").is_empty().then_some(()));
    drop(site);

    let site = Site::new("guards = { zone_gone = false }");
    site.folder.remove_zone("other.test");
    wait_for("no zone", || ask(site.dns, "www.other.test.").is_empty().then_some(()));
    fs::write(site.folder.path("acme/acme.test.zone"), support::site::HEAD).unwrap();
    let why = site.wait_held(Some("acme"), &["acme.test."]);
    assert!(why.contains("would lose 5 of 8 records"), "{why}");
    assert!(site.metric("halfmoon_folder_held{tenant=\"acme\"} 1"));
    let status = site.command(&["status"]).out;
    let help = "if it is meant: halfmoon publish --tenant acme --force acme.test.";
    assert!(status.contains(help), "{status}");
    let forced = site.command(&["publish", "--tenant", "acme", "--force", "acme.test."]);
    assert!(forced.status.success(), "{}", forced.err);
    assert!(ask(site.dns, "www.acme.test.").is_empty());
    drop(site);

    let path = "path = \"acme\"\nguards = { records_lost = 100 }\n";
    let site = Site::of("guards = {}", path);
    fs::write(site.folder.path("acme/acme.test.zone"), support::site::HEAD).unwrap();
    wait_for("the change", || ask(site.dns, "www.acme.test.").is_empty().then_some(()));
}

#[test]
fn what_is_held_goes_with_the_file_that_holds_it() {
    let site = Site::new("guards = {}");
    let third = "www A 127.0.0.4\n";
    site.folder.zone("third.test", third);
    wait_for_answer(site.dns, "www.third.test.", &["127.0.0.4"]);
    let own = fs::read_to_string(site.folder.path("zones/third.test.zone")).unwrap();
    let other = format!("$ORIGIN fourth.test.\n{own}");
    // A file that has another zone, and is mended.
    site.folder.write("zones/third.test.zone", &other);
    site.wait_held(None, &["fourth.test."]);
    site.folder.zone("third.test", third);
    site.wait_held(None, &[]);
    // One that is gone.
    site.folder.write("zones/third.test.zone", &other);
    site.wait_held(None, &["fourth.test."]);
    site.folder.remove_zone("third.test");
    site.wait_held(None, &["third.test."]);
    assert!(site.metric("halfmoon_folder_held 1"));
    site.folder.zone("third.test", third);
    site.wait_held(None, &[]);
    // One that comes back as it was.
    let (there, away) = (site.folder.path("zones/third.test.zone"), site.folder.path("away"));
    fs::rename(&there, &away).unwrap();
    site.wait_held(None, &["third.test."]);
    fs::rename(&away, &there).unwrap();
    site.wait_held(None, &[]);

    // One that has moved, and is held where it is now: the zone has a file.
    let moved = site.folder.path("zones/below/example.test.zone");
    fs::create_dir(site.folder.path("zones/below")).unwrap();
    fs::write(&moved, support::site::HEAD).unwrap();
    site.wait_held(None, &["example.test."]);
    let logged = site.running.err().len();
    site.folder.remove_zone("example.test");
    site.running.logged("new version refused; the old one is still served", logged);
    let since = site.wait_held(None, &["example.test."]);
    for (zone, address) in [("fifth.test", "127.0.0.5"), ("sixth.test", "127.0.0.6")] {
        // Zones that come have all of the folder looked at.
        site.folder.zone(zone, &format!("www A {address}\n"));
        wait_for_answer(site.dns, &format!("www.{zone}."), &[address]);
    }
    assert!(!site.running.err()[logged..].contains("its file is gone"));
    assert_eq!(site.wait_held(None, &["example.test."]), since);
    assert!(site.metric("halfmoon_folder_held 1"));
    assert_eq!(ask(site.dns, WWW), ["127.0.0.1"]);
}

#[test]
fn ds_records_that_the_server_has_put_there_go_with_the_zone_that_they_are_of() {
    let acme = "path = \"acme\"\nguards = { zone_gone = false }\n\
                [dnssec]\nzones = [\"*\"]\nkeys = \"keys\"\n";
    let site = Site::of("guards = {}", acme);
    let ds = |name: &str| {
        let reply = udp(site.dns, &question(name, RecordType::DS)).unwrap();
        reply.answers.iter().filter(|record| record.record_type() == RecordType::DS).count()
    };
    let own = "60 DS 1 13 2 0123456789012345678901234567890123456789012345678901234567890123\n";
    let below = "acme NS ns.acme\nns.acme A 127.0.0.1\nother2 NS ns.acme\n";
    site.folder.zone("test", &format!("{below}other2 {own}"));
    wait_for("its DS", || (ds("acme.test.") == 1).then_some(()));
    fs::remove_file(site.folder.path("acme/acme.test.zone")).unwrap();
    wait_for("no DS", || (ds("acme.test.") == 0).then_some(()));
    site.wait_held(None, &[]);
    // What stands in the file is held as ever.
    site.folder.zone("test", below);
    let why = site.wait_held(None, &["test."]);
    assert!(why.contains("other2.test. would have no DS records any longer"), "{why}");
    assert_eq!(ds("other2.test."), 1);
}
