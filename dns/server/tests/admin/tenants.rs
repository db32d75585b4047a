//! Tokens of tenants: what their holders see and do, at every path that there is.

mod apart;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::endpoint::{Endpoint, regions};
use crate::support::http::{Response, get, request};
use crate::support::site::{Folder, QUICK};
use crate::support::{ask, run, wait_for, wait_for_answer};
use crate::{READER, Site, WRITER, admin_address, secret};

const ACME: &str = "a-secret-of-somebody-at-acme-who-may-write";
const ACME_EYES: &str = "a-secret-of-somebody-at-acme-who-may-read";
const BETA: &str = "a-secret-of-somebody-at-beta-who-may-write";

const TENANTS: &str = "\
[tenants.acme]
apexes = ['acme.test']
[[tenants.acme.tokens]]
name = 'ops'
secret_file = 'acme'
may = 'write'
[[tenants.acme.tokens]]
name = 'eyes'
secret_file = 'acme-eyes'
[tenants.beta]
below = ['beta.test']
tokens = [{ name = 'ops', secret_file = 'beta', may = 'write' }]
";

/// Zones of two tenants and of the operator, which have one endpoint in common.
struct Parties {
    site: Site,
    /// What all have, what acme has, what beta has.
    ends: [Endpoint; 3],
    ips: [String; 3],
}

impl Parties {
    fn new(health: &str) -> Self {
        let ends = regions();
        let port = ends[0].address.port();
        let ips: [String; 3] = std::array::from_fn(|at| ends[at].address.ip().to_string());
        let [shared, acme, beta] = &ips;
        let lines = |own: &str| {
            format!(
                "www LUA A \"ifportup({port}, {{{{'{shared}'}}, {{'{own}'}}}}, {{selector='first'}})\"\n\
                 code LUA A \";local t = {{}} t[1] = '{shared}' t[2] = '{own}' return ifportup({port}, t, {{selector='all'}})\"\n\
                 plain LUA A \"all({{'{shared}', '{own}'}})\"\n\
                 fixed A {shared}\n\
                 to CNAME www.beta.test.\n\
                 slow LUA A \"ifportup({port}, {{'{own}'}}, {{interval=2}})\"\n"
            )
        };
        let operator = format!("www LUA A \"ifportup({port}, {{'{shared}'}})\"\n");
        let site = Site::built(&format!("{QUICK}{health}"), TENANTS, &operator, |folder| {
            for (name, text) in [("acme", ACME), ("acme-eyes", ACME_EYES), ("beta", BETA)] {
                secret(folder, name, text);
            }
            folder.zone("acme.test", &lines(acme));
            folder.zone("beta.test", &lines(beta));
        });
        let parties = Self { site, ends, ips };
        for name in ["www.acme.test.", "www.beta.test.", "www.example.test."] {
            wait_for_answer(parties.site.dns, name, &[&parties.ips[0]]);
        }
        parties.code("acme", &[0, 1]);
        parties.code("beta", &[0, 2]);
        wait_for("all verdicts", || {
            let status = parties.ask(WRITER, "/api/v1/status").json();
            (status["checks"]["unknown"] == 0 && status["checks"]["up"] != 0).then_some(())
        });
        parties
    }

    /// Waits until the computed list of a tenant answers with these.
    #[track_caller]
    fn code(&self, tenant: &str, expected: &[usize]) {
        let mut expected: Vec<&str> = expected.iter().map(|at| &*self.ips[*at]).collect();
        expected.sort_unstable();
        wait_for_answer(self.site.dns, &format!("code.{tenant}.test."), &expected);
    }

    fn ask(&self, secret: &str, path: &str) -> Response {
        self.send(secret, "GET", path, "")
    }

    fn send(&self, secret: &str, method: &str, path: &str, body: &str) -> Response {
        let bearer = format!("Bearer {secret}");
        let headers = [("Authorization", &*bearer), ("Content-Type", "application/json")];
        request(self.site.admin, method, path, &headers, body)
    }

    fn post(&self, secret: &str, path: &str, body: &Value) -> Response {
        self.send(secret, "POST", path, &body.to_string())
    }

    fn set(&self, secret: &str, order: &str, target: &str, more: Value) -> Response {
        let mut wish = json!({"order": order, "target": target, "for": "10m", "reason": "a test"});
        wish.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        self.post(secret, "/api/v1/overrides", &wish)
    }
}

/// Each path of the interface with its method, how it is asked here, and what is answered: to
/// somebody without a token who is not near, to the operator's reader and writer, and to those of a
/// tenant.
type Row = (&'static str, &'static str, &'static str, &'static str, [u16; 5]);
const ROUTES: [Row; 22] = [
    ("/", "get", "/", "", [200; 5]),
    ("/page/{name}", "get", "/page/main.js", "", [200; 5]),
    ("/healthz", "get", "/healthz", "", [200; 5]),
    ("/readyz", "get", "/readyz", "", [200; 5]),
    ("/heartbeat/{name}", "post", "/heartbeat/x", "", [401, 403, 403, 403, 403]),
    ("/metrics", "get", "/metrics", "", READ),
    ("/api/v1/answer", "get", "/api/v1/answer?name=www.acme.test", "", READ),
    ("/api/v1/changes", "get", "/api/v1/changes", "", READ),
    ("/api/v1/checks", "get", "/api/v1/checks?history=true", "", READ),
    ("/api/v1/explain", "get", "/api/v1/explain?name=www.acme.test", "", READ),
    ("/api/v1/overrides", "get", "/api/v1/overrides", "", READ),
    ("/api/v1/pools", "get", "/api/v1/pools", "", READ),
    ("/api/v1/tenants", "get", "/api/v1/tenants", "", READ),
    ("/api/v1/zones", "get", "/api/v1/zones", "", READ),
    ("/api/v1/status", "get", "/api/v1/status", "", READ),
    ("/api/v1/whatif", "post", "/api/v1/whatif", r#"{"down": ["SHARED"]}"#, READ),
    (
        "/api/v1/overrides",
        "post",
        "/api/v1/overrides",
        r#"{"order": "drain", "target": "SHARED", "for": "1m", "reason": "x"}"#,
        [401, 403, 201, 403, 201],
    ),
    (
        "/api/v1/overrides/{id}/end",
        "post",
        "/api/v1/overrides/999/end",
        "{}",
        [401, 403, 404, 403, 404],
    ),
    ("/api/v1/resume", "post", "/api/v1/resume", r#"{"check": "none"}"#, [401, 403, 404, 403, 403]),
    (
        "/api/v1/publish",
        "post",
        "/api/v1/publish",
        r#"{"act": "follow"}"#,
        [401, 403, 409, 403, 403],
    ),
    (
        "/api/v1/let-go",
        "post",
        "/api/v1/let-go",
        r#"{"records": "www.acme.test/A", "for": "1m"}"#,
        [401, 403, 200, 403, 200],
    ),
    ("", "get", "/api/v1/nothing", "", [404; 5]),
];
/// Whoever may read.
const READ: [u16; 5] = [401, 200, 200, 200, 200];

/// The paths and methods that the server has, by its source.
fn routes() -> BTreeSet<(String, String)> {
    let source = include_str!("../../src/admin/routes.rs");
    let routes = source.split(".route(\"").skip(1).map(|rest| {
        let (path, rest) = rest.split_once('"').unwrap();
        let method = rest.trim_start_matches([',', ' ', '\n']).split('(').next().unwrap();
        assert!(matches!(method, "get" | "post"), "{path}: {method}");
        (path.to_owned(), method.to_owned())
    });
    routes.collect()
}

#[test]
fn every_path_says_who_may() {
    let known = ROUTES.iter().filter(|(path, ..)| !path.is_empty());
    let known: BTreeSet<_> =
        known.map(|(path, method, ..)| ((*path).to_owned(), (*method).to_owned())).collect();
    assert_eq!(known, routes(), "a path is not in the table, or there is none of it any more");
    let parties = Parties::new("");
    for (_, method, path, body, expected) in ROUTES {
        let body = body.replace("SHARED", &parties.ips[0]);
        for (secret, expected) in [None, Some(READER), Some(WRITER), Some(ACME_EYES), Some(ACME)]
            .into_iter()
            .zip(expected)
        {
            let method = method.to_uppercase();
            let answer = match secret {
                Some(secret) => parties.send(secret, &method, path, &body),
                None => {
                    let far =
                        [("X-Forwarded-For", "192.0.2.1"), ("Content-Type", "application/json")];
                    request(parties.site.admin, &method, path, &far, &body)
                }
            };
            let who = secret.unwrap_or("nobody");
            assert_eq!(answer.status, expected, "{method} {path} by {who}: {}", answer.body);
        }
    }
}

#[test]
fn what_belongs_to_others_is_not_there() {
    let mut parties = Parties::new("");
    // Something happens to others, and somebody says something about it.
    let other = Endpoint::open("127.0.0.1");
    std::mem::replace(&mut parties.ends[2], other).close();
    wait_for("an endpoint that is down", || {
        let status = parties.ask(BETA, "/api/v1/status").json();
        (status["checks"]["down"] == 2).then_some(())
    });
    let [shared, _, beta] = &parties.ips;
    let of_beta = parties.set(BETA, "drain", shared, json!({"may_empty": true}));
    assert_eq!(of_beta.status, 201, "{}", of_beta.body);
    let of_operator = parties.set(WRITER, "drain", beta, json!({}));
    assert_eq!(of_operator.status, 201, "{}", of_operator.body);
    for (_, method, path, body, _) in ROUTES {
        if path.starts_with("/page") || path == "/" || path.contains("nothing") {
            continue;
        }
        let body = body.replace("SHARED", shared);
        let said = parties.send(ACME, &method.to_uppercase(), path, &body);
        for foreign in ["beta", "example.test", &**beta] {
            // Its own alias leads there.
            let text = said.body.replace("www.beta.test.", "");
            assert!(!text.contains(foreign), "{path}: {foreign} in {}", said.body);
        }
    }
    let counts = |secret: &str, path: &str, of: &str| {
        let answer = parties.ask(secret, path).json();
        answer[of].as_u64().unwrap_or_else(|| panic!("{path}: {answer}"))
    };
    for (path, of, by_operator, by_acme) in [
        ("/api/v1/zones", "matching", 3, 1),
        ("/api/v1/zones?name=beta", "matching", 1, 0),
        ("/api/v1/pools?zone=beta.test", "matching", 2, 0),
        ("/api/v1/pools", "matching", 5, 2),
        ("/api/v1/checks?zone=beta.test", "matching", 3, 0),
        ("/api/v1/status", "zones", 3, 1),
    ] {
        assert_eq!(counts(WRITER, path, of), by_operator, "{path}");
        assert_eq!(counts(ACME, path, of), by_acme, "{path}");
    }
    let checks = parties.ask(ACME, "/api/v1/checks").json();
    assert_eq!(checks["matching"], 3, "{checks}");
    assert_eq!(checks["counts"], json!({"up": 3, "down": 0, "unknown": 0}));
    for check in checks["checks"].as_array().unwrap() {
        for user in check["users"].as_array().unwrap() {
            assert_eq!(user["zone"], "acme.test.", "{check}");
        }
        assert_eq!(check["used_by"], 1, "{check}");
    }
    // What is not his is as what is nowhere.
    let same = |refused: [Response; 2], names: [&str; 2]| {
        let [there, nowhere] = refused;
        assert_eq!(there.status, nowhere.status, "{}: {}", names[0], there.body);
        assert_eq!(there.body.replace(names[0], names[1]), nowhere.body);
        there.status
    };
    for path in ["answer", "explain"] {
        let asked = |name: &str| parties.ask(ACME, &format!("/api/v1/{path}?name={name}"));
        for name in ["www.beta.test", "www.example.test"] {
            assert_eq!(
                same([asked(name), asked("www.nowhere.test")], [name, "www.nowhere.test"]),
                404
            );
        }
    }
    let nowhere = "127.255.255.254";
    let tried = |ip: &str| parties.post(ACME, "/api/v1/whatif", &json!({"down": [ip]}));
    assert_eq!(same([tried(beta), tried(nowhere)], [beta, nowhere]), 400);
    let set = |ip: &str| parties.set(ACME, "drain", ip, json!({}));
    assert_eq!(same([set(beta), set(nowhere)], [beta, nowhere]), 400);
    let within = |zone: &str| parties.set(ACME, "drain", shared, json!({"in": zone}));
    assert_eq!(
        same([within("beta.test"), within("nowhere.test")], ["beta.test", "nowhere.test"]),
        400
    );
    let go = |zone: &str| {
        let body = json!({"records": zone, "for": "1m"});
        parties.post(ACME, "/api/v1/let-go", &body)
    };
    assert_eq!(same([go("beta.test"), go("nowhere.test")], ["beta.test", "nowhere.test"]), 404);
    let end = |id: &Value| parties.post(ACME, &format!("/api/v1/overrides/{id}/end"), &json!({}));
    for set in [&of_beta, &of_operator] {
        let id = set.json()["override"]["id"].clone();
        let refused = [end(&id), end(&json!(4711))];
        assert_eq!(same(refused, [&id.to_string(), "4711"]), 404);
    }
    // An explanation ends where the zones of others begin.
    let told = parties.ask(ACME, "/api/v1/explain?name=to.acme.test").json();
    assert_eq!(told["answer"].as_array().unwrap().len(), 1, "{told}");
    let down = parties.ask(ACME, &format!("/api/v1/explain?name=www.acme.test&down={beta}")).json();
    assert!(down["supposed"][0].as_str().unwrap().contains("nothing that is checked"), "{down}");
}

#[test]
fn events_are_numbered_without_those_of_others() {
    let parties = Parties::new("");
    let events =
        |secret: &str, query: &str| parties.ask(secret, &format!("/api/v1/changes{query}")).json();
    let before = events(ACME, "");
    for _ in 0..3 {
        parties.set(BETA, "drain", &parties.ips[0], json!({"may_empty": true}));
    }
    assert_eq!(events(ACME, ""), before, "nothing has happened for acme");
    let newest = before["newest"].as_u64().unwrap();
    let of_acme = parties.set(ACME, "drain", &parties.ips[0], json!({}));
    assert_eq!(of_acme.status, 201, "{}", of_acme.body);
    let news = events(ACME, &format!("?after={newest}&wait=20"));
    let changes = news["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 1, "{news}");
    assert_eq!(
        (&changes[0]["event"], &changes[0]["tenant"]),
        (&json!("override-set"), &json!("acme"))
    );
    assert_eq!(news["newest"], changes[0]["seq"]);
    assert_eq!(changes[0]["who"], "token ops of acme");
    // They go on from there.
    let seq = news["newest"].as_u64().unwrap();
    parties.post(ACME, &format!("/api/v1/overrides/{}/end", changes[0]["id"]), &json!({}));
    let news = events(ACME, &format!("?after={seq}&wait=20"));
    assert_eq!(news["changes"][0]["event"], "override-ended", "{news}");
    // The operator has them all, with their own numbers.
    let all = events(WRITER, "?limit=1000");
    let of = |tenant: &str| {
        let changes = all["changes"].as_array().unwrap().iter();
        changes.filter(|event| event["tenant"] == tenant).count()
    };
    assert_eq!((of("beta"), of("acme")), (3, 2), "{all}");
}

#[test]
fn an_override_of_a_tenant_acts_in_its_zones_alone() {
    let parties = Parties::new("state = 'state'\n");
    let [shared, acme, _] = &parties.ips;
    let dns = parties.site.dns;
    let port = parties.ends[0].address.port();
    let all = |site: &Site, of_acme: &[&str]| {
        wait_for_answer(site.dns, "www.acme.test.", of_acme);
        wait_for_answer(site.dns, "www.beta.test.", &[shared]);
        wait_for_answer(site.dns, "www.example.test.", &[shared]);
    };
    // By address, by check, by a network: what others share stays with them.
    for target in [shared.clone(), format!("tcp {shared}:{port}"), format!("{shared}/32")] {
        let set = parties.set(ACME, "down", &target, json!({}));
        assert_eq!(set.status, 201, "{}", set.body);
        all(&parties.site, &[acme]);
        parties.code("acme", &[1]);
        parties.code("beta", &[0, 2]);
        assert_eq!(ask(dns, "plain.beta.test.").len(), 2);
        // A check as a target does not reach what is chosen without health.
        if !target.contains("tcp") {
            wait_for_answer(dns, "plain.acme.test.", &[acme]);
        }
        let id = set.json()["override"]["id"].as_u64().unwrap();
        let list = parties.ask(WRITER, "/api/v1/overrides").json();
        assert_eq!(list["overrides"][0]["tenant"], "acme", "{list}");
        // Nobody else's, but the operator's.
        let end = format!("/api/v1/overrides/{id}/end");
        assert_eq!(parties.post(BETA, &end, &json!({})).status, 404);
        assert_eq!(parties.ask(BETA, "/api/v1/overrides").json()["overrides"], json!([]));
        assert_eq!(parties.post(WRITER, &end, &json!({})).status, 200);
        all(&parties.site, &[shared]);
    }
    // What the operator says of all is seen, and stays.
    let set = parties.set(WRITER, "drain", shared, json!({"may_empty": true}));
    assert_eq!(set.status, 201, "{}", set.body);
    wait_for_answer(dns, "www.acme.test.", &[acme]);
    assert_eq!(parties.set(ACME, "up", shared, json!({})).status, 201);
    wait_for_answer(dns, "www.acme.test.", &[acme]);
    let id = set.json()["override"]["id"].as_u64().unwrap();
    let end = format!("/api/v1/overrides/{id}/end");
    let refused = parties.post(ACME, &end, &json!({}));
    assert_eq!(refused.status, 403, "{}", refused.body);
    assert_eq!(
        parties.ask(ACME, "/api/v1/overrides").json()["overrides"].as_array().unwrap().len(),
        2
    );
    assert_eq!(parties.post(WRITER, &end, &json!({})).status, 200);

    // The same after a restart.
    assert_eq!(parties.set(ACME, "down", shared, json!({})).status, 201);
    let Parties { site: Site { folder, running, .. }, .. } = parties;
    running.signal("TERM");
    running.wait();
    let (running, dns) = folder.serve();
    let admin = admin_address(&running);
    let site = Site { folder, running, dns, admin };
    all(&site, &[acme]);
}

#[test]
fn a_tenant_has_a_few_overrides_and_takes_none_from_others() {
    let parties = Parties::new("");
    let drain =
        |secret| parties.set(secret, "drain", &parties.ips[0], json!({"may_empty": true})).status;
    let set: Vec<u16> = (0..17).map(|_| drain(ACME)).collect();
    assert_eq!((&set[..16], set[16]), (&[201; 16][..], 409));
    assert_eq!((drain(BETA), drain(WRITER)), (201, 201));
    // The operator's are numbered as ever, and those of tenants tell nothing of others.
    let list = parties.ask(WRITER, "/api/v1/overrides").json();
    let mut ids: Vec<u64> =
        list["overrides"].as_array().unwrap().iter().map(|an| an["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.pop(), Some(1));
    assert!(ids.iter().all(|id| *id >= 1_000_000), "{ids:?}");
}

#[test]
fn what_tenants_have_and_count_is_told() {
    let parties = Parties::new("");
    let site = &parties.site;
    let of = |secret: &str, tenant: &str, key: &str| {
        let list = parties.ask(secret, "/api/v1/tenants").json();
        let tenants = list["tenants"].as_array().unwrap().iter();
        tenants.filter(|one| one["tenant"] == tenant).map(|one| one[key].clone()).next()
    };
    assert_eq!(of(ACME, "beta", "tenant"), None);
    assert_eq!(of(WRITER, "acme", "zones"), Some(json!(1)));
    assert_eq!(of(WRITER, "acme", "records"), Some(json!(9)));
    assert_eq!(of(WRITER, "acme", "programs"), Some(json!(4)));
    assert_eq!(of(WRITER, "acme", "checks"), Some(json!({"up": 3, "down": 0, "unknown": 0})));
    let number = |key: &str| of(ACME, "acme", key).and_then(|value| value.as_u64()).unwrap();
    let (queries, ran, failed) =
        (number("queries"), number("programs_run"), number("programs_failed"));
    for _ in 0..5 {
        ask(site.dns, "www.acme.test.");
        ask(site.dns, "fixed.acme.test.");
        ask(site.dns, "www.beta.test.");
    }
    assert_eq!(number("queries"), queries + 10);
    assert_eq!(number("programs_run"), ran + 5);
    assert_eq!(number("programs_failed"), failed);
    // Another version, and then none at all: what was counted stays.
    site.folder.zone("acme.test", "bad LUA A \";return nil + 1\"\nnew A 192.0.2.1\n");
    wait_for_answer(site.dns, "new.acme.test.", &["192.0.2.1"]);
    let counted = number("queries");
    assert!(counted > queries + 10, "{counted}");
    ask(site.dns, "bad.acme.test.");
    assert_eq!((number("queries"), number("programs_failed")), (counted + 1, failed + 1));
    let url = format!("http://{}", site.admin);
    let shown = run(&["tenants", "--server", &url]);
    let lines: Vec<&str> = shown.out.lines().collect();
    assert!(
        lines[0].starts_with("TENANT  ZONES  RECORDS  PROGRAMS  MEMORY  CHECKS"),
        "{}",
        shown.out
    );
    assert!(lines[1].starts_with("acme ") && lines[2].starts_with("beta "), "{}", shown.out);
    assert!(lines.iter().all(|line| line.len() == lines[0].len()), "{}", shown.out);
    let one = run(&["tenants", "acme", "--json", "--server", &url]);
    let one: Value = serde_json::from_str(one.out.trim()).unwrap();
    assert_eq!((&one["tenant"], &one["records"]), (&json!("acme"), &json!(5)));
    let none = run(&["tenants", "gamma", "--server", &url]);
    assert_eq!(none.status.code(), Some(2));
    assert!(none.err.contains("there is no tenant \"gamma\""), "{}", none.err);
    site.folder.remove_zone("acme.test");
    wait_for("the end of the zone", || (number("zones") == 0).then_some(()));
    assert_eq!((number("queries"), number("programs_failed")), (counted + 1, failed + 1));
    // As metrics: the operator's, and the tenant's own.
    let page = parties.ask(WRITER, "/metrics").body;
    crate::metrics::promtool(&page);
    assert!(
        page.contains(&format!("halfmoon_tenant_queries_total{{tenant=\"acme\"}} {}", counted + 1)),
        "{page}"
    );
    assert!(page.contains("halfmoon_tenant_checks{tenant=\"beta\",state=\"up\"} 3"), "{page}");
    let own = parties.ask(ACME, "/metrics").body;
    crate::metrics::promtool(&own);
    assert!(own.contains("tenant=\"acme\"") && !own.contains("beta"), "{own}");
    assert!(!own.contains("process_") && !own.contains("halfmoon_replies"), "{own}");
}

#[test]
fn without_tenants_nothing_is_said_of_them() {
    let site = Site::new("", "www A 192.0.2.1\n");
    assert!(!get(site.admin, "/metrics").body.contains("tenant"));
    assert_eq!(get(site.admin, "/api/v1/tenants").json(), json!({"tenants": []}));
    let shown = run(&["tenants", "--server", &format!("http://{}", site.admin)]);
    assert_eq!((shown.out.as_str(), shown.status.code()), ("the server has no tenants\n", Some(0)));
}

#[test]
fn what_cannot_be_is_refused_at_the_start() {
    let admin = "[admin]\nlisten = '127.0.0.1:0'\n";
    let token = "[[tenants.acme.tokens]]\nname = 'a'\nsecret_file = 'a'\n";
    for (config, said) in [
        (
            format!("{admin}{token}beats = ['x']\n"),
            "token \"a\" lists `beats`; heartbeats are of the whole",
        ),
        (format!("{admin}{token}may = 'beat'\n"), "token \"a\" may do nothing"),
        (format!("{admin}{token}may = 'all'\n"), "unknown value `all`"),
        (format!("{admin}{token}{token}"), "token \"a\" is there twice"),
        (
            token.to_owned(),
            "tenants.acme.tokens: there is no admin interface; add the section `[admin]`",
        ),
    ] {
        let folder = Folder::new(&format!("{QUICK}{config}"), "www A 192.0.2.1\n");
        secret(&folder, "a", ACME);
        secret(&folder, "b", ACME);
        let path = folder.path("halfmoon.toml");
        for verb in ["serve", "check"] {
            let ended = run(&[verb, path.to_str().unwrap()]);
            assert_eq!(ended.status.code(), Some(2), "{verb} {config}: {ended:?}");
            assert!(ended.err.contains(said) && ended.err.lines().count() == 1, "{}", ended.err);
        }
    }
}

#[test]
fn tokens_with_one_secret_and_files_that_are_not_usable_are_told_by_a_check() {
    let token = |of: &str, file: &str| {
        format!("[[{of}.tokens]]\nname = '{file}'\nsecret_file = '{file}'\n")
    };
    let acme = token("tenants.acme", "a");
    let key = "[tenants.beta]\nkeys = [{ name = 'k', secret_file = 'none' }]\n";
    let git = "[tenants.beta]\nbelow = ['b.test']\n\
               git = { url = 'https://git.test/b', state = 'git', credentials_file = 'none' }\n";
    for (more, file, said) in [
        (token("tenants.beta", "b"), "a", "the secret of another token, too"),
        (token("admin", "b"), "a", "the secret of another token, too"),
        (token("tenants.beta", "none"), "none", "cannot be read"),
        (key.to_owned(), "none", "cannot be read"),
        (git.to_owned(), "none", "cannot be read"),
    ] {
        let admin = "[admin]\nlisten = '127.0.0.1:0'\n";
        let folder = Folder::new(&format!("{QUICK}{admin}{acme}{more}"), "www A 192.0.2.1\n");
        secret(&folder, "a", ACME);
        secret(&folder, "b", ACME);
        let ended = run(&["check", folder.path("halfmoon.toml").to_str().unwrap()]);
        assert_eq!(ended.status.code(), Some(2), "{more}: {ended:?}");
        assert!(ended.err.contains(said) && ended.err.lines().count() == 1, "{}", ended.err);
        assert!(ended.err.contains(&format!("/{file}: ")), "{more}: {}", ended.err);
    }
}
