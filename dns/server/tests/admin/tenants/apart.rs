//! What one tenant does at the interface, and what of it others notice: nothing.

use std::io::Write as _;
use std::net::TcpStream;

use serde_json::{Value, json};

use super::{ACME, BETA, Parties};
use crate::support::endpoint::Endpoint;
use crate::support::{run, wait_for, wait_for_answer};
use crate::{WRITER, secret};

#[test]
fn a_tenant_that_tries_much_on_paper_keeps_nobody_waiting() {
    let parties = Parties::new("");
    let [shared, acme, _] = &parties.ips;
    let port = parties.ends[0].address.port();
    // Much to run for each of many clients.
    let lines: String = (0..40)
        .map(|number| {
            format!(
                "n{number} LUA A \";local n = 0 for i = 1, 5000 do n = n + i end \
                 local t = {{}} t[1] = '{shared}' t[2] = netmask({{'10.1.0.0/16'}}) and '{acme}' or '{shared}' \
                 return ifportup({port}, t)\"\n"
            )
        })
        .collect();
    parties.site.folder.zone("acme.test", &format!("{lines}new A 192.0.2.1\n"));
    wait_for_answer(parties.site.dns, "new.acme.test.", &["192.0.2.1"]);
    wait_for_answer(parties.site.dns, "n0.acme.test.", &[shared]);
    let clients: Vec<Value> =
        (0..10_000).map(|n| json!({"address": format!("10.{}.{}.1", n / 250, n % 250)})).collect();
    let long = json!({"down": [shared], "clients": clients}).to_string();
    let admin = parties.site.admin;
    // It is not waited for: the server ends before.
    let trial = std::thread::spawn(move || {
        let bearer = format!("Bearer {ACME}");
        let headers = [("Authorization", &*bearer), ("Content-Type", "application/json")];
        let ask = || {
            crate::support::http::try_request(admin, "POST", "/api/v1/whatif", &headers, &long).ok()
        };
        // One of the short questions below may be under way just then.
        while ask().is_some_and(|said| said.status == 503) {}
    });
    // It is answered at once if it is taken: nothing has this target.
    let short = json!({"down": ["192.0.2.99"]});
    wait_for("a question under way", || {
        let said = parties.post(ACME, "/api/v1/whatif", &short);
        assert!(
            said.status == 503 || said.body.contains("nothing that is checked"),
            "{}",
            said.body
        );
        (said.status == 503 && said.body.contains("of this tenant")).then_some(())
    });
    for (secret, path) in [
        (ACME, "/api/v1/answer?name=new.acme.test"),
        (BETA, "/api/v1/answer?name=www.beta.test"),
        (ACME, "/api/v1/explain?name=new.acme.test"),
        (WRITER, "/api/v1/explain?name=n0.acme.test"),
    ] {
        let said = parties.ask(secret, path);
        assert_eq!(said.status, 200, "{path}: {}", said.body);
    }
    let of_operator = parties.post(WRITER, "/api/v1/whatif", &short);
    assert!(of_operator.body.contains("nothing that is checked"), "{}", of_operator.body);
    assert!(!trial.is_finished(), "it was tried for all that time");
}

#[test]
fn a_tenant_has_so_many_requests_under_way_and_leaves_connections_to_others() {
    let parties = Parties::new("");
    let newest = parties.ask(ACME, "/api/v1/changes").json()["newest"].clone();
    let request = format!(
        "GET /api/v1/changes?after={newest}&wait=30&check=none HTTP/1.1\r\nHost: {}\r\n\
         Authorization: Bearer {ACME}\r\n\r\n",
        parties.site.admin
    );
    let waiting: Vec<TcpStream> = (0..16)
        .map(|_| {
            let mut stream = TcpStream::connect(parties.site.admin).unwrap();
            stream.write_all(request.as_bytes()).unwrap();
            stream
        })
        .collect();
    wait_for("all of them under way", || {
        let said = parties.ask(ACME, "/api/v1/zones");
        (said.status == 503 && said.body.contains("requests of this tenant")).then_some(())
    });
    for secret in [BETA, WRITER] {
        assert_eq!(parties.ask(secret, "/api/v1/zones").status, 200);
    }
    drop(waiting);
    let answered = || (parties.ask(ACME, "/api/v1/zones").status == 200).then_some(());
    wait_for("that those who are gone have no place", answered);
}

#[test]
fn no_tenant_pushes_out_what_happens_to_others() {
    let parties = Parties::new("");
    let before = parties.ask(WRITER, "/api/v1/changes").json()["newest"].as_u64().unwrap();
    let started = std::time::Instant::now();
    let refused: Vec<u16> =
        (0..200).map(|_| parties.set(BETA, "drain", "192.0.2.1", json!({})).status).collect();
    // One a second comes back while the test asks.
    let most = 61 + started.elapsed().as_secs() as usize;
    let noted = refused.iter().filter(|status| **status == 400).count();
    let counted = refused.iter().filter(|status| **status == 429).count();
    assert!((60..=most).contains(&noted) && noted + counted == 200, "{noted} {counted}");
    // What others do meanwhile, as checks that change, is none of its.
    let events = parties.ask(WRITER, &format!("/api/v1/changes?after={before}&limit=1000")).json();
    let events = events["changes"].as_array().unwrap();
    let of_beta = events.iter().filter(|event| event["tenant"] == "beta").count();
    assert_eq!(of_beta, noted, "each that was noted is an event, and no other");
    let told = |path: &str| parties.ask(BETA, path);
    assert_eq!(told("/api/v1/tenants").json()["tenants"][0]["acts_refused"], counted);
    let line = format!("halfmoon_tenant_acts_refused_total{{tenant=\"beta\"}} {counted}\n");
    assert!(told("/metrics").body.contains(&line));
    let go = json!({"records": "www.beta.test/A", "for": "1m"});
    let mut late = [400; 3];
    while late != [429; 3] {
        let set = parties.set(BETA, "drain", &parties.ips[0], json!({"may_empty": true}));
        assert!(set.status == 201 || set.body.contains("wait a minute"), "{}", set.body);
        let id = parties.ask(BETA, "/api/v1/overrides").json()["overrides"][0]["id"].clone();
        let end = match id.as_u64() {
            Some(id) => {
                parties.post(BETA, &format!("/api/v1/overrides/{id}/end"), &json!({})).status
            }
            None => 429,
        };
        late = [set.status, end, parties.post(BETA, "/api/v1/let-go", &go).status];
    }
    // Nobody else is kept from anything.
    for secret in [ACME, WRITER] {
        let set = parties.set(secret, "drain", &parties.ips[0], json!({"may_empty": true}));
        assert_eq!(set.status, 201, "{}", set.body);
    }
}

#[test]
fn a_file_that_one_tenant_spoils_keeps_no_other_token_what_it_was() {
    let parties = Parties::new("");
    let status = |secret: &str| parties.ask(secret, "/api/v1/status").status;
    parties.site.folder.write("acme", "short-one");
    parties.site.running.logged("a secret of tokens not reloaded", 0);
    let old = |secret: &str| parties.ask(secret, "/api/v1/status").json()["old_secrets"].clone();
    let why = wait_for("what is wrong with it", || old(WRITER)[0].as_str().map(str::to_owned));
    assert!(why.contains("/acme: ") && !why.contains("short-"), "{why}");
    assert_eq!(old(BETA), Value::Null, "the files are the operator's");
    let (new, of_beta) = ("another-secret-of-the-operator", "another-secret-of-beta");
    secret(&parties.site.folder, "ops", new);
    secret(&parties.site.folder, "beta", of_beta);
    wait_for("the new tokens", || (status(new) == 200 && status(of_beta) == 200).then_some(()));
    assert_eq!([WRITER, BETA, ACME].map(status), [401, 401, 200]);
    // Who takes what is another's, stays who he was.
    secret(&parties.site.folder, "acme", of_beta);
    wait_for("what is wrong with it", || {
        parties.site.running.err().contains("acme: the secret of another token").then_some(())
    });
    let tenant =
        |secret: &str| parties.ask(secret, "/api/v1/status").json()["caller"]["tenant"].clone();
    assert_eq!([ACME, of_beta].map(tenant), ["acme", "beta"]);
    let (server, file) =
        (format!("http://{}", parties.site.admin), parties.site.folder.path("ops"));
    let told = run(&["status", "--server", &server, "--token-file", file.to_str().unwrap()]).out;
    let line = told.lines().find(|line| line.starts_with("a secret is still the one before: "));
    assert!(line.is_some_and(|line| line.contains("/acme: the secret of another token")), "{told}");
    secret(&parties.site.folder, "acme", ACME);
    wait_for("that all is well", || (old(new) == Value::Null).then_some(()));
}

#[test]
fn checks_of_one_name_are_told_apart_in_what_happened() {
    let mut parties = Parties::new("");
    let [_, acme, _] = parties.ips.clone();
    let port = parties.ends[0].address.port();
    // The same target, looked at so seldom that nothing happens to this check.
    let zone = format!(
        "same LUA A \"ifportup({port}, {{'{acme}'}}, {{interval=3600}})\"\nnew A 192.0.2.1\n"
    );
    parties.site.folder.zone("beta.test", &zone);
    wait_for_answer(parties.site.dns, "new.beta.test.", &["192.0.2.1"]);
    let other = Endpoint::open("127.0.0.1");
    std::mem::replace(&mut parties.ends[1], other).close();
    let name = format!("tcp {acme}:{port}");
    let told = |secret: &str| {
        let news = parties.ask(secret, "/api/v1/changes?limit=1000").json();
        let of_check =
            |event: &&Value| event["check"].as_str().is_some_and(|check| check.starts_with(&name));
        let words = |event: &Value| format!("{} {}", event["key"], event["to"]);
        news["changes"].as_array().unwrap().iter().filter(of_check).map(words).collect::<Vec<_>>()
    };
    let of_acme = wait_for("that it is down", || {
        let told = told(ACME);
        told.iter().any(|event| event.ends_with("\"down\"")).then_some(told)
    });
    let key = |event: &String| event.split(' ').next().map(str::to_owned);
    // It may have been probed once; what happened to the check of acme is not told to others.
    let keys: Vec<_> = of_acme.iter().filter_map(key).collect();
    assert!(told(BETA).iter().filter_map(key).all(|key| !keys.contains(&key)), "{:?}", told(BETA));
    // Whoever sees several of one name sees with each what happened to it.
    let query = format!("/api/v1/checks?history=true&limit=1000&name={acme}");
    wait_for("histories of each for itself", || {
        let checks = parties.ask(WRITER, &query).json();
        let (checks, told) = (checks["checks"].as_array().unwrap(), told(WRITER));
        assert!(checks.len() > 2, "{checks:?}");
        let is_told = |check: &Value| {
            let key = check["key"].to_string();
            let events = told.iter().filter(|event| event.starts_with(&key)).count();
            check["history"].as_array().is_some_and(|history| history.len() == events)
        };
        checks.iter().all(is_told).then_some(())
    });
}
