//! `halfmoon health`, the command, against the real server.

use serde_json::Value;

use crate::support::endpoint::{Endpoint, regions};
use crate::support::http::get;
use crate::support::{Ended, Running, halfmoon, run, wait_for};
use crate::{READER, Site, secret};

fn health(site: &Site, args: &[&str]) -> Ended {
    let server = format!("http://{}", site.admin);
    run(&[&["health", "--server", &server], args].concat())
}

#[track_caller]
fn wait_for_verdicts(site: &Site, down: usize) {
    wait_for("verdicts", || {
        let counts = get(site.admin, "/api/v1/checks").json()["counts"].clone();
        (counts["unknown"] == 0 && counts["down"] == down).then_some(())
    });
}

#[test]
fn checks_are_listed_and_the_status_says_whether_any_is_down() {
    let [up, down, _] = regions();
    let port = up.address.port();
    let (a, b) = (up.address.ip(), down.address.ip());
    let site = Site::new("", &format!("www LUA A \"ifportup({port}, {{'{a}', '{b}'}})\"\n"));
    wait_for_verdicts(&site, 0);
    let all = health(&site, &[]);
    assert_eq!(all.status.code(), Some(0), "{all:?}");
    assert!(all.out.ends_with("2 checks: 0 down, 0 unknown, 2 up\n"), "{}", all.out);

    down.close();
    wait_for_verdicts(&site, 1);
    let all = health(&site, &[]);
    assert_eq!(all.status.code(), Some(1), "{all:?}");
    let lines: Vec<&str> = all.out.lines().collect();
    assert!(lines[0].starts_with("STATE  SINCE"), "{}", all.out);
    assert!(lines[1].starts_with("down "), "{}", all.out);
    for part in [&*format!("tcp {b}:{port}"), "www.example.test. A", "connection refused"] {
        assert!(lines[1].contains(part), "{part}: {}", all.out);
    }
    assert!(lines[2].starts_with("up ") && lines[2].contains(&format!("tcp {a}:{port}")));

    let only_up = health(&site, &["--state", "up"]);
    assert_eq!(only_up.status.code(), Some(0));
    assert!(only_up.out.ends_with("1 of 2 checks: 1 down, 0 unknown, 1 up\n"), "{}", only_up.out);
    let none = health(&site, &["--zone", "elsewhere.test"]);
    assert!(none.out.ends_with("0 of 2 checks: 1 down, 0 unknown, 1 up\n"), "{}", none.out);

    let json = health(&site, &["--format", "json", "--name", &b.to_string()]);
    let check: Value = serde_json::from_str(json.out.trim()).unwrap();
    assert_eq!((&check["state"], &check["fall"]), (&"down".into(), &2.into()));

    let history = health(&site, &["--history", "--name", &b.to_string()]);
    assert_eq!(history.status.code(), Some(0));
    let last = history.out.lines().last().unwrap();
    assert!(last.contains(&format!("tcp {b}:{port} is down (was up): ")), "{}", history.out);
    let one = health(&site, &["--history", "1", "--format", "json"]);
    assert_eq!(serde_json::from_str::<Value>(one.out.trim()).unwrap()["to"], "down");
}

#[test]
fn who_watches_in_a_pipe_gets_a_line_for_each_change() {
    let endpoint = Endpoint::open("127.0.0.1");
    let port = endpoint.address.port();
    let zone =
        format!("www LUA A \"ifurlup('http://www.example.test:{port}/', {{'127.0.0.1'}})\"\n");
    let site = Site::new("", &zone);
    wait_for_verdicts(&site, 0);
    let server = format!("http://{}", site.admin);
    let text = Running::spawn(halfmoon(&["health", "--server", &server, "--watch"]));
    let json = ["health", "--server", &server, "--watch", "--format", "json"];
    let json = Running::spawn(halfmoon(&json));
    // Both have to have had their first look.
    wait_for("two watchers", || {
        let page = get(site.admin, "/metrics").body;
        page.contains("halfmoon_admin_waiting 2\n").then_some(())
    });
    endpoint.answer(503);
    let line = text.line("is down (was up): ", 0);
    assert!(line.contains("http://www.example.test:"), "{line}");
    let event: Value = serde_json::from_str(&json.line("\"down\"", 0)).unwrap();
    assert_eq!((&event["event"], &event["from"]), (&"change".into(), &"up".into()));
    endpoint.answer(200);
    text.line("is up (was down): ", 0);
}

#[test]
fn the_configuration_says_where_the_server_is_and_which_token_to_show() {
    let site = Site::new("allow = []", "www A 192.0.2.1\n");
    let refused = health(&site, &[]);
    assert_eq!(refused.status.code(), Some(2));
    assert_eq!(refused.err, "halfmoon: show a token: `Authorization: Bearer TOKEN`\n");
    let token = site.folder.path("eyes");
    let shown = health(&site, &["--token-file", token.to_str().unwrap()]);
    assert_eq!(shown.status.code(), Some(0), "{shown:?}");

    // The port was 0, so a configuration of its own has to say which it became.
    let config = site.folder.path("client.toml");
    let text = format!(
        "[admin]\nlisten = '{}'\n[[admin.tokens]]\nname = 'a'\nsecret_file = 'eyes'\n",
        site.admin
    );
    site.folder.write("client.toml", text);
    let shown = run(&["health", "--config", config.to_str().unwrap()]);
    assert_eq!(shown.status.code(), Some(0), "{shown:?}");
    secret(&site.folder, "eyes", &READER.to_uppercase());
    let wrong = run(&["health", "--config", config.to_str().unwrap()]);
    assert_eq!(wrong.err, "halfmoon: no such token\n");
}

#[test]
fn what_cannot_be_done_is_said_in_one_line() {
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{gone}");
    for (args, part) in [
        (vec!["health", "--server", &url], "no admin interface answers there; start the server"),
        (vec!["health", "--server", "127.0.0.1:8053"], "--server is no URL"),
        (vec!["health", "--config", "/nowhere.toml"], "/nowhere.toml: cannot be read"),
        (vec!["health", "--watch", "--history"], "cannot be used with"),
    ] {
        let ended = run(&args);
        assert_eq!(ended.status.code(), Some(2), "{args:?}: {ended:?}");
        assert!(ended.err.contains(part), "{args:?}: {}", ended.err);
        assert_eq!(ended.err.lines().count(), 1, "{args:?}: {}", ended.err);
    }
}
