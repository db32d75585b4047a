//! Starting with what there is, although something is missing.

use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::site::Site;
use crate::support::{Running, ask, halfmoon, wait_for, wait_for_answer};

#[test]
fn a_tenant_whose_repository_is_gone_keeps_nobody_else_from_being_served() {
    let site = Site::of_repositories(&[("acme", ""), ("beta", ""), ("gamma", "")]);
    fs::rename(site.path("acme"), site.path("away")).unwrap();
    // And one whose only commit is wrong.
    site.zone("gamma", "gamma.test", "1");
    let wrong = site.commit("gamma", "wrong");
    let server = site.serve();
    assert_eq!(ask(server.dns, "www.beta.test."), ["127.0.0.1"]);
    assert!(server.source("acme")["fetch_error"].is_string(), "{}", server.source("acme"));
    server.wait_refused("gamma", &wrong, false);
    assert_eq!(server.status()["zones"], 1);
    let metrics = server.metrics();
    let failing = "halfmoon_git_fetch_failing{tenant=\"acme\"} 1";
    assert!(metrics.lines().any(|line| line == failing), "{metrics}");

    fs::rename(site.path("away"), site.path("acme")).unwrap();
    wait_for_answer(server.dns, "www.acme.test.", &["127.0.0.1"]);
    site.zone("gamma", "gamma.test", "127.0.0.2");
    server.wait_served("gamma", &site.commit("gamma", "right"));
    assert_eq!(ask(server.dns, "www.gamma.test."), ["127.0.0.2"]);
    assert!(server.source("acme")["fetch_error"].is_null());
}

#[test]
fn a_server_is_not_ready_before_it_knows_of_each_place() {
    // A host that takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let site = Site::of_repositories(&[("acme", ""), ("beta", "")]);
    let config = fs::read_to_string(site.path("halfmoon.toml")).unwrap();
    let url = format!("url = 'http://{}/acme'", silent.local_addr().unwrap());
    fs::write(site.path("halfmoon.toml"), config.replace("url = 'acme'", &url)).unwrap();
    let server = site.serve();
    assert_eq!(ask(server.dns, "www.beta.test."), ["127.0.0.1"]);
    let said = server.readiness();
    let expected = "not ready: 1 of 2 places that zones come from was not read yet: tenant acme\n";
    assert_eq!((said.status, &*said.body), (503, expected));
    // As soon as it is known that nothing can be had, the rest is as ready as it gets.
    drop(silent);
    wait_for("readiness", || (server.readiness().status == 200).then_some(()));
    assert!(server.source("acme")["fetch_error"].is_string());
}

#[test]
fn a_copy_that_cannot_be_opened_is_tried_again() {
    let site = Site::of_repositories(&[("acme", ""), ("beta", "")]);
    fs::create_dir_all(site.path("state/git/tenants")).unwrap();
    fs::write(site.path("state/git/tenants/acme"), "in the way").unwrap();
    let server = site.serve();
    assert_eq!(ask(server.dns, "www.beta.test."), ["127.0.0.1"]);
    assert!(server.source("acme")["fetch_error"].is_string(), "{}", server.source("acme"));
    let asked = server.command(&["publish", "--tenant", "acme"]);
    assert!(!asked.status.success(), "{}", asked.out);
    site.remove("state/git/tenants/acme");
    wait_for_answer(server.dns, "www.acme.test.", &["127.0.0.1"]);
}

#[test]
fn a_server_that_was_killed_serves_each_tenant_what_it_served() {
    let site = Site::of_repositories(&[("acme", ""), ("beta", ""), ("gamma", "")]);
    let mut server = site.serve();
    for (number, name) in [(2, "acme"), (3, "beta"), (4, "gamma")] {
        site.zone(name, &format!("{name}.test"), &format!("127.0.0.{number}"));
        server.wait_served(name, &site.commit(name, "second"));
    }
    server.running.signal("KILL");
    wait_for("its end", || (!server.running.is_running()).then_some(()));
    for name in ["acme", "beta", "gamma"] {
        fs::rename(site.path(name), site.path(&format!("{name}-away"))).unwrap();
    }
    // The copy of one is gone, too.
    fs::remove_dir_all(site.path("state/git/tenants/gamma")).unwrap();
    let server = site.serve();
    assert_eq!(ask(server.dns, "www.acme.test."), ["127.0.0.2"]);
    assert_eq!(ask(server.dns, "www.beta.test."), ["127.0.0.3"]);
    assert_eq!(server.status()["zones"], 2);
    fs::rename(site.path("gamma-away"), site.path("gamma")).unwrap();
    wait_for_answer(server.dns, "www.gamma.test.", &["127.0.0.4"]);
}

#[test]
fn a_server_that_has_nothing_at_all_to_serve_does_not_start() {
    let site = Site::of_repositories(&[("acme", ""), ("beta", "")]);
    for name in ["acme", "beta"] {
        fs::remove_dir_all(site.path(name)).unwrap();
    }
    let config = site.path("halfmoon.toml");
    let ended = Running::spawn(halfmoon(&["serve", config.to_str().unwrap()])).wait();
    assert_eq!(ended.status.code(), Some(2), "{}", ended.err);
    let is_it = |line: &str| line.starts_with("halfmoon: tenants.acme.git: ");
    assert!(ended.err.lines().any(is_it), "{}", ended.err);
}

#[test]
fn sources_that_cannot_be_are_told_at_once() {
    let own = "[tenants.a]\napexes = ['a.test']\n";
    let git = "git = { url = 'a' }\n";
    for (sections, expected) in [
        (own.to_owned(), "no zones are configured"),
        (format!("[zones]\npath = 'z'\n{own}path = 'z'\n"), "tenants.a.path: "),
        (format!("[zones]\npath = 'z'\n{own}path = 'z/a'\n"), "lies in "),
        (format!("[zones]\npath = 'z/a'\n{own}path = 'z'\n"), "zones.path: "),
        (format!("{own}path = 'a'\n[tenants.b]\npath = './a/../a'\n"), "tenants.b.path: "),
        (format!("{own}{git}path = 'a'\n"), "remove `path` or `git`"),
        (format!("{own}guards.zone_gone = false\n"), "there is none; set `path` or `git`"),
        (format!("{own}git = {{ url = 'ftp://a.test/' }}\n"), "tenants.a.git: "),
        (
            format!(
                "{own}git = {{ url = 'a', state = 's' }}\n[tenants.b]\ngit = {{ url = 'b', state = 's' }}\n"
            ),
            "tenants.b.git.state: ",
        ),
        (
            format!("{own}path = 'a'\n[dnssec]\nzones = ['*']\nkeys = 'a/keys'\n"),
            "lies in the zone folder",
        ),
    ] {
        let site = Site::new(&sections);
        for folder in ["z", "z/a", "a"] {
            fs::create_dir_all(site.path(folder)).unwrap();
        }
        let config = site.path("halfmoon.toml");
        let ended = Running::spawn(halfmoon(&["serve", config.to_str().unwrap()])).wait();
        assert_eq!(ended.status.code(), Some(2), "{sections}: {}", ended.err);
        assert!(ended.err.contains(expected), "{sections}: {}", ended.err);
    }
}

/// Tenants `acme`, of whom these are keys of the section besides, and `beta`.
fn with_secrets(acme: &str) -> Site {
    let site = Site::new(&format!(
        "[tenants.beta]\nbelow = ['beta.test']\ngit = {{ url = 'beta', interval = '50ms' }}\n\
         [[tenants.beta.tokens]]\nname = 'b'\nsecret_file = 'b.token'\n\
         [tenants.acme]\nbelow = ['acme.test']\n{acme}\n"
    ));
    site.repository("acme");
    site.repository("beta");
    secret(&site, "b.token", "a-secret-of-the-operators-of-beta");
    site
}

fn secret(site: &Site, name: &str, text: &str) {
    site.write("new-secret", text);
    fs::set_permissions(site.path("new-secret"), Permissions::from_mode(0o600)).unwrap();
    fs::rename(site.path("new-secret"), site.path(name)).unwrap();
}

const GIT: &str = "git = { url = 'acme', interval = '50ms' }\n";
const TOKEN: &str = "[[tenants.acme.tokens]]\nname = 'a'\nsecret_file = 'a.token'\n";

#[test]
fn a_secret_of_a_tenant_that_is_not_usable_keeps_nobody_else_from_being_served() {
    let keys = "keys = [{ name = 'acme', secret_file = 'a.key' }]\n";
    let account = "git = { url = 'acme', interval = '50ms', credentials_file = 'a.git' }\n";
    let site = with_secrets(&format!("{account}{keys}{TOKEN}"));
    secret(&site, "a.key", "short");
    fs::write(site.path("a.git"), "for everybody:to read").unwrap();
    let server = site.serve();
    assert_eq!(ask(server.dns, "www.beta.test."), ["127.0.0.1"]);
    // What that is, and why, stands where operators look.
    let status = server.command(&["status"]).out;
    let log = server.running.err();
    for why in ["a.key: not a secret for a key", "a.token: cannot be read"] {
        assert!(status.contains(why), "{status}");
        assert!(log.contains(why), "{log}");
    }
    let error = server.source("acme")["fetch_error"].to_string();
    assert!(error.contains("a.git: everybody may read or change this secret"), "{error}");
    let said = |token: &str| server.send(token, "GET", "/api/v1/zones", "").status;
    assert_eq!(said("a-secret-of-the-operators-of-beta"), 200);
    assert_eq!(said("a-secret-of-the-operators-of-acme"), 401);
    // Each is taken as soon as it is right.
    secret(&site, "a.git", "user:secret");
    wait_for_answer(server.dns, "www.acme.test.", &["127.0.0.1"]);
    secret(&site, "a.token", "a-secret-of-the-operators-of-acme");
    secret(&site, "a.key", "YWNtZS1hY21lLWFjbWUtYWNtZS1hY21lLWFjbWUtYWM=");
    let token = || said("a-secret-of-the-operators-of-acme") == 200;
    wait_for("its token", || token().then_some(()));
    let old = || server.status()["missing_secrets"].is_null();
    wait_for("its key", || old().then_some(()));
}

#[test]
fn of_tokens_with_one_secret_that_of_the_operator_is_in_force_and_none_of_tenants() {
    let (shared, ops) = ("a-secret-of-the-operators-of-beta", "a-secret-of-somebody-who-may-write");
    for (acme, beta) in [(shared, 401), (ops, 200)] {
        let site = with_secrets(&format!("{GIT}{TOKEN}"));
        secret(&site, "a.token", acme);
        let server = site.serve();
        let said = |token: &str| server.send(token, "GET", "/api/v1/zones", "").status;
        assert_eq!((said(shared), said(ops)), (beta, 200));
        let status = server.command(&["status"]).out;
        assert!(status.contains("a.token: the secret of another token"), "{status}");
        assert_eq!(status.contains("b.token: the secret of another token"), beta == 401);
        // And so it stays until they differ.
        secret(&site, "a.token", "a-secret-of-the-operators-of-acme");
        wait_for("both", || {
            let both = (said(shared), said("a-secret-of-the-operators-of-acme"));
            (both == (200, 200)).then_some(())
        });
    }
}

#[test]
fn a_folder_on_a_mount_that_hangs_keeps_nobody_else_from_being_served() {
    // A file system in user space, where nobody answers for it.
    const HANGING: &str = "exec 9<>/dev/fuse && \
        mount -i -t fuse -o fd=9,rootmode=40000,user_id=$(id -u),group_id=$(id -g) none \"$0\" && \
        exec \"$@\"";
    let site = Site::new(
        "[zones]\npath = 'zones'\n\
         [tenants.acme]\nbelow = ['acme.test']\npath = 'acme'\n\
         [tenants.beta]\nbelow = ['beta.test']\npath = 'beta'\n",
    );
    site.zone("zones", "example.test", "127.0.0.1");
    site.zone("acme", "acme.test", "127.0.0.1");
    site.zone("beta", "beta.test", "127.0.0.1");
    let hanging = |program: Command| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "bash", "-c", HANGING]).arg(site.path("acme"));
        command.arg(program.get_program()).args(program.get_args());
        command.env_remove("HALFMOON_LOG").env_remove("RUST_LOG");
        command
    };
    if !hanging(Command::new("true")).output().is_ok_and(|said| said.status.success()) {
        // Not through `eprintln!`, which the test harness keeps to itself when a test passes.
        let _ = writeln!(io::stderr(), "SKIPPED: nothing can be mounted here");
        return;
    }
    let config = site.path("halfmoon.toml");
    let server = site.serve_by(hanging(halfmoon(&["serve", config.to_str().unwrap()])));
    for name in ["www.example.test.", "www.beta.test."] {
        assert_eq!(ask(server.dns, name), ["127.0.0.1"]);
    }
    let said = server.readiness();
    let expected = "not ready: 1 of 3 places that zones come from was not read yet: tenant acme\n";
    assert_eq!((said.status, &*said.body), (503, expected));
    assert!(server.running.err().contains("whose folder or repository has not answered yet"));
    // And nobody from changing what is served.
    for n in 2..5 {
        let address = format!("127.0.0.{n}");
        site.zone("beta", "beta.test", &address);
        wait_for_answer(server.dns, "www.beta.test.", &[&address]);
        site.zone("zones", "example.test", &address);
        wait_for_answer(server.dns, "www.example.test.", &[&address]);
    }
    // And the server from ending.
    server.running.signal("TERM");
    let ended = server.running.wait();
    assert_eq!(ended.status.code(), Some(0), "{}", ended.err);
    let left: Vec<_> = ended.err.lines().filter(|line| line.contains("still busy")).collect();
    assert!(matches!(left[..], [line] if line.contains("acme")), "{}", ended.err);
}
