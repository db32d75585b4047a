//! Starting with what there is, although something is missing.

use std::fs;
use std::net::TcpListener;

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
