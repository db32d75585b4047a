//! Tokens of tenants with repositories of their own: each publishes from its own, and hears of no other.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Instant;

use serde_json::Value;

use crate::site::{Server, Site};
use crate::support::{Ended, wait_for_answer};

const TENANTS: [&str; 3] = ["acme", "beta", "gamma"];

/// Two tenants with repositories, one without; each has a token that may write, in a file of its name.
fn site() -> Site {
    let site = Site::of_repositories(&[("acme", ""), ("beta", "")]);
    let mut config = fs::read_to_string(site.path("halfmoon.toml")).unwrap();
    config += "[tenants.gamma]\napexes = ['gamma.test']\n";
    for name in TENANTS {
        let file = format!("{name}.token");
        config += &format!(
            "[[tenants.{name}.tokens]]\nname = 'ops'\nsecret_file = '{file}'\nmay = 'write'\n"
        );
        fs::write(site.path(&file), format!("a-secret-of-the-operators-of-{name}")).unwrap();
        fs::set_permissions(site.path(&file), Permissions::from_mode(0o600)).unwrap();
    }
    site.write("halfmoon.toml", &config);
    site
}

/// A verb of the command line with the token of a tenant.
fn with(site: &Site, server: &Server, tenant: &str, args: &[&str]) -> Ended {
    let file = site.path(&format!("{tenant}.token"));
    server.command_with(file.to_str().unwrap(), args)
}

#[test]
fn a_tenant_publishes_from_its_own_repository_and_no_other() {
    let site = site();
    let server = site.serve();
    site.zone("acme", "acme.test", "127.0.0.2");
    let commit = site.commit("acme", "second");
    server.wait_served("acme", &commit);
    for (tenant, args) in [
        ("beta", &["rollback", "--tenant", "acme"][..]),
        ("acme", &["rollback", "--tenant", "beta"]),
        ("acme", &["publish", "--tenant", "nobody"]),
        ("gamma", &["rollback"]),
        ("gamma", &["publish", "--force", &commit]),
    ] {
        let ended = with(&site, &server, tenant, args);
        assert_eq!(ended.status.code(), Some(2), "{tenant} {args:?}: {ended:?}");
        let said = "halfmoon: this concerns the whole server; a token of a tenant is for its zones alone\n";
        assert_eq!(ended.err, said, "{tenant} {args:?}");
    }
    wait_for_answer(server.dns, "www.acme.test.", &["127.0.0.2"]);
    // One's own needs not be named, and may be.
    for (args, address) in
        [(&["rollback"][..], "127.0.0.1"), (&["publish", "--tenant", "acme"], "127.0.0.2")]
    {
        let ended = with(&site, &server, "acme", args);
        assert_eq!(ended.status.code(), Some(0), "{args:?}: {ended:?}");
        wait_for_answer(server.dns, "www.acme.test.", &[address]);
    }
    // Whose word it was is noted, for the tenant and for nobody else.
    let events = |tenant: &str| with(&site, &server, tenant, &["health", "--history"]).out;
    let told = events("acme");
    assert!(
        told.contains(" of tenant acme is served, by ") && told.contains("token ops of acme"),
        "{told}"
    );
    for other in ["beta", "gamma"] {
        let told = events(other);
        assert!(!told.contains("acme") && !told.contains(&commit), "{told}");
    }
}

#[test]
fn whoever_publishes_all_the_time_pushes_out_nothing_of_others() {
    let site = site();
    let server = site.serve();
    site.zone("acme", "acme.test", "127.0.0.2");
    server.wait_served("acme", &site.commit("acme", "second"));
    let secret = fs::read_to_string(site.path("acme.token")).unwrap();
    let started = Instant::now();
    let acts = [r#"{"act": "rollback"}"#, r#"{"act": "follow"}"#];
    let publish = |body: &&str| server.send(&secret, "POST", "/api/v1/publish", body).status;
    let said: Vec<u16> = acts.iter().cycle().take(100).map(publish).collect();
    // One a second comes back meanwhile.
    let most = 61 + started.elapsed().as_secs() as usize;
    let done = said.iter().filter(|status| **status == 200).count();
    let refused = said.iter().filter(|status| **status == 429).count();
    assert!((60..=most).contains(&done) && done + refused == 100, "{said:?}");
    // The operator may go on, also with what is of the tenant.
    let ended = server.command(&["rollback", "--tenant", "acme"]);
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
}

#[test]
fn a_tenant_is_told_of_its_own_source_alone() {
    let site = site();
    let server = site.serve();
    for tenant in TENANTS {
        let said = with(&site, &server, tenant, &["status", "--json"]);
        let status: Value = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{said:?}"));
        let sources = status["sources"].as_array().map_or(&[][..], Vec::as_slice);
        let own: Vec<&str> = sources.iter().filter_map(|one| one["tenant"].as_str()).collect();
        let expected = if tenant == "gamma" { &[][..] } else { &[tenant] };
        assert_eq!(own, expected, "{status}");
        assert!(status["git"].is_null() && status["loads"].is_null(), "{status}");
        assert_eq!(with(&site, &server, tenant, &["status"]).status.code(), Some(0));
        let page = server
            .metrics_with(&fs::read_to_string(site.path(&format!("{tenant}.token"))).unwrap());
        for other in TENANTS {
            let has = page.contains(&format!("tenant=\"{other}\""));
            assert_eq!(has, other == tenant, "{other} for {tenant}: {page}");
        }
        assert_eq!(page.contains("halfmoon_git_commit_info{"), tenant != "gamma", "{page}");
    }
}
