//! A repository for each tenant: what is wrong with a commit of one holds back none of another.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use crate::site::{Server, Site};
use crate::support::{ask, wait_for, wait_for_answer};

/// What it is, what makes it in the repository of acme, and what is said of it.
type Mistake = (&'static str, fn(&Site), &'static str);

#[test]
fn a_commit_that_is_refused_holds_back_nobody_else() {
    let site = Site::of_repositories(&[("acme", ""), ("beta", "")]);
    let server = site.serve();
    let mistakes: &[Mistake] = &[
        ("broken", |site| site.zone("acme", "acme.test", "1"), "acme.test.zone:5"),
        (
            "of another",
            |site| site.zone("acme", "beta.test", "127.0.0.66"),
            "zone beta.test. does not belong to tenant acme",
        ),
        (
            "of nobody",
            |site| site.zone("acme", "example.test", "127.0.0.66"),
            "zone example.test. does not belong to tenant acme",
        ),
        (
            "of all",
            |site| site.records("acme", "root", "$ORIGIN .\n@ A 127.0.0.66\n"),
            "does not belong to tenant acme",
        ),
    ];
    for (number, (name, mistake, expected)) in mistakes.iter().enumerate() {
        mistake(&site);
        let bad = site.commit("acme", name);
        let why = server.wait_refused("acme", &bad, false);
        assert!(why.contains(expected), "{name}: {why}");
        let address = format!("127.0.1.{number}");
        site.zone("beta", "beta.test", &address);
        server.wait_served("beta", &site.commit("beta", name));
        assert_eq!(ask(server.dns, "www.beta.test."), [address], "{name}");
        assert_eq!(ask(server.dns, "www.acme.test."), ["127.0.0.1"], "{name}");
        site.git("acme", &["reset", "--quiet", "--hard", "HEAD~1"]);
        site.git("acme", &["clean", "--quiet", "--force"]);
    }
    // It says so where operators look.
    let log = server.running.err();
    let line = log.lines().find(|line| line.contains("commit refused")).unwrap();
    assert!(line.contains("tenant{") && line.contains("acme"), "{line}");
    site.zone("acme", "acme.test", "127.0.0.2");
    site.zone("acme", "deep.acme.test", "127.0.0.3");
    server.wait_served("acme", &site.commit("acme", "right again"));
    assert_eq!(ask(server.dns, "www.acme.test."), ["127.0.0.2"]);
    assert_eq!(ask(server.dns, "www.deep.acme.test."), ["127.0.0.3"]);
}

#[test]
fn a_verifier_that_takes_its_time_holds_back_its_own_tenant_alone() {
    let site = Site::of_repositories(&[("acme", ", verifier = ['./verify']"), ("beta", "")]);
    let (asked, go) = (site.path("asked"), site.path("go"));
    let script = |text: String| {
        site.write("verify.new", &format!("#!/bin/sh\n{text}\n"));
        fs::set_permissions(site.path("verify.new"), Permissions::from_mode(0o755)).unwrap();
        fs::rename(site.path("verify.new"), site.path("verify")).unwrap();
    };
    script("exit 0".to_owned());
    let server = site.serve();
    // It ends when it may, and in any case.
    script(format!(
        "touch {}; n=0; while [ ! -e {} ] && [ $n -lt 500 ]; do n=$((n+1)); sleep 0.05; done",
        asked.display(),
        go.display()
    ));
    site.zone("acme", "acme.test", "127.0.0.2");
    let slow = site.commit("acme", "slow");
    wait_for("the verifier is asked", || asked.exists().then_some(()));
    for n in 2..5 {
        let address = format!("127.0.0.{n}");
        site.zone("beta", "beta.test", &address);
        server.wait_served("beta", &site.commit("beta", "quick"));
        assert_eq!(ask(server.dns, "www.beta.test."), [address]);
    }
    assert_eq!(ask(server.dns, "www.acme.test."), ["127.0.0.1"], "it still is asked");
    fs::write(go, "").unwrap();
    server.wait_served("acme", &slow);
    assert_eq!(ask(server.dns, "www.acme.test."), ["127.0.0.2"]);
}

#[test]
fn each_tenant_has_guards_and_a_way_back_of_its_own() {
    let site = Site::new(
        "[zones.guards]\nrecords_lost = 10\n\
         [tenants.acme]\nbelow = ['acme.test']\ngit = { url = 'acme', interval = '50ms' }\n\
         guards = { zone_gone = false }\n\
         [tenants.beta]\nbelow = ['beta.test']\ngit = { url = 'beta', interval = '50ms' }\n",
    );
    for name in ["acme", "beta"] {
        site.repository(name);
        site.records(name, &format!("x.{name}.test"), "www A 127.0.0.1\na A 127.0.0.1\n");
        site.commit(name, "second");
    }
    let server = site.serve();
    let first = server.source("acme")["served"]["commit"].as_str().unwrap().to_owned();
    // What acme may lose, beta may not; and beta has the guards of all.
    site.remove("acme/x.acme.test.zone");
    server.wait_served("acme", &site.commit("acme", "gone"));
    site.records("beta", "x.beta.test", "www A 127.0.0.1\n");
    let why = server.wait_refused("beta", &site.commit("beta", "less"), true);
    assert!(why.contains("would lose 1 of 5 records"), "{why}");
    site.remove("beta/x.beta.test.zone");
    let held = site.commit("beta", "gone");
    let why = server.wait_refused("beta", &held, true);
    assert!(why.contains("zone x.beta.test. would be gone"), "{why}");
    let shown = server.command(&["status"]).out;
    let hint = format!("halfmoon publish --force {held} --tenant beta");
    assert!(shown.contains("tenant beta") && shown.contains(&hint), "{shown}");

    for (args, expected) in [
        (vec!["publish", "--force", &held], "do not come from Git; set `zones.git`"),
        (vec!["publish", "--force", &held, "--tenant", "gamma"], "there is no tenant gamma"),
        (vec!["publish", "--force", &held, "--tenant", "acme"], "there is no commit"),
    ] {
        let said = server.command(&args);
        assert!(!said.status.success() && said.err.contains(expected), "{args:?}: {}", said.err);
    }
    let forced = server.command(&["publish", "--force", &held, "--tenant", "beta"]);
    assert!(forced.status.success(), "{}", forced.err);
    assert!(ask(server.dns, "www.x.beta.test.").is_empty());

    let back = server.command(&["rollback", "--tenant", "acme"]);
    assert!(back.status.success(), "{}", back.err);
    assert_eq!(server.source("acme")["served"]["commit"], first);
    assert_eq!(ask(server.dns, "www.x.acme.test."), ["127.0.0.1"]);
    assert!(ask(server.dns, "www.x.beta.test.").is_empty(), "it is acme that went back");
    let metrics = server.metrics();
    for line in [
        "halfmoon_git_rolled_back{tenant=\"acme\"} 1",
        "halfmoon_git_rolled_back{tenant=\"beta\"} 0",
        "halfmoon_git_commit_refused{why=\"guard\",tenant=\"beta\"} 0",
    ] {
        assert!(metrics.lines().any(|other| other == line), "{line}: {metrics}");
    }
    // What happened says of whom it tells.
    wait_for("the log of changes", || {
        let log = fs::read_to_string(site.path("state/changes.jsonl")).unwrap();
        let has = |event: &str, tenant: &str| {
            let tenant = format!("\"tenant\":\"{tenant}\"");
            log.lines().any(|line| line.contains(event) && line.contains(&tenant))
        };
        (has("commit-served", "acme") && has("commit-refused", "beta")).then_some(())
    });
}

#[test]
fn a_signal_has_all_repositories_looked_at() {
    let hourly = |name: &str| {
        format!(
            "[tenants.{name}]\nbelow = ['{name}.test']\ngit = {{ url = '{name}', interval = '1h' }}\n"
        )
    };
    let site = Site::new(&format!("{}{}", hourly("acme"), hourly("beta")));
    for name in ["acme", "beta"] {
        site.repository(name);
    }
    let server = site.serve();
    for name in ["acme", "beta"] {
        wait_for("the first fetch", || server.source(name)["fetched"].as_str().map(drop));
        site.zone(name, &format!("{name}.test"), "127.0.0.2");
        site.commit(name, "second");
    }
    server.running.signal("HUP");
    for name in ["acme", "beta"] {
        wait_for_answer(server.dns, &format!("www.{name}.test."), &["127.0.0.2"]);
    }
}

/// The most memory that a server has had so far, in octets.
fn most_memory(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.running.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() << 10
}

#[test]
fn what_a_tenant_may_not_have_in_memory_is_not_unpacked() {
    const HUGE: usize = 40 << 20;
    let site = Site::new(
        "[tenants.acme]\nbelow = ['acme.test']\nmemory = '64KiB'\n\
         git = { url = 'acme', interval = '50ms' }\n",
    );
    site.repository("acme");
    let server = site.serve();
    let first = site.git("acme", &["rev-parse", "HEAD"]);
    // It is little on a disk, and on its way.
    let before = most_memory(&server);
    site.records("acme", "big.acme.test", &"\n".repeat(HUGE));
    site.commit("acme", "huge");
    let said = wait_for("it is refused", || {
        let source = server.source("acme");
        let said = source["fetch_error"].as_str().or_else(|| source["refused"]["why"][0].as_str());
        said.map(str::to_owned)
    });
    let more = most_memory(&server) - before;
    assert!(more < HUGE as u64 / 2, "{more} octets more");
    assert!(said.contains("too large to be unpacked"), "{said}");
    assert_eq!(server.source("acme")["served"]["commit"], first);
    site.git("acme", &["reset", "--quiet", "--hard", &first]);
    site.zone("acme", "acme.test", "127.0.0.2");
    server.wait_served("acme", &site.commit("acme", "small"));
    assert!(server.source("acme")["fetch_error"].is_null());
    // More than a zone may have, but no more than what is unpacked in any case.
    site.records("acme", "big.acme.test", &"\n".repeat(1 << 20));
    let why = server.wait_refused("acme", &site.commit("acme", "big"), false);
    for said in
        ["big.acme.test.zone:1:1", "it has more than 65536 octets", "`memory` of its tenant"]
    {
        assert!(why.contains(said), "{why}");
    }
}
