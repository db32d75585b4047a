//! What happened: over HTTP, in the log of changes, and after a restart.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::endpoint::Endpoint;
use crate::support::http::get;
use crate::support::site::Folder;
use crate::support::{run, wait_for};
use crate::{Site, admin_address};

fn zone(endpoint: &Endpoint) -> String {
    let port = endpoint.address.port();
    format!("www LUA A \"ifurlup('http://www.example.test:{port}/', {{'127.0.0.1'}})\"\n")
}

/// `seq from to` of each change.
fn changes(answer: &Value) -> Vec<String> {
    let changes = answer["changes"].as_array().unwrap();
    let is_change = |event: &&Value| event["event"] == "change";
    let word = |value: &Value| value.as_str().unwrap().to_owned();
    changes
        .iter()
        .filter(is_change)
        .map(|event| format!("{} {} {}", event["seq"], word(&event["from"]), word(&event["to"])))
        .collect()
}

#[test]
fn a_change_is_told_to_those_who_wait_for_it() {
    let endpoint = Endpoint::open("127.0.0.1");
    let site = Site::new("", &zone(&endpoint));
    let first = wait_for("the first verdict", || {
        let answer = get(site.admin, "/api/v1/changes").json();
        (answer["newest"] == 2).then_some(answer)
    });
    assert_eq!(first["changes"][0]["event"], "start");
    assert_eq!(changes(&first), ["2 unknown up"]);

    let admin = site.admin;
    let waiting = thread::spawn(move || {
        let started = Instant::now();
        let answer = get(admin, "/api/v1/changes?after=2&wait=30").json();
        (answer, started.elapsed())
    });
    // Whether it waits already is all the same.
    endpoint.answer(503);
    let (answer, took) = waiting.join().unwrap();
    assert_eq!(changes(&answer), ["3 up down"]);
    assert!(took < Duration::from_secs(25), "{took:?}: it waited to the end");
    let event = &answer["changes"][0];
    assert!(event["reason"].as_str().unwrap().contains("503"), "{event}");
    assert!(event["check"].as_str().unwrap().ends_with("/ at 127.0.0.1"), "{event}");
    assert!(event["at"].as_str().unwrap().ends_with('Z'), "{event}");

    // Nobody waits for ever.
    let answer = get(site.admin, "/api/v1/changes?after=3&wait=1").json();
    assert_eq!((&answer["newest"], changes(&answer)), (&3.into(), vec![]));
    let of_other = get(site.admin, "/api/v1/changes?check=elsewhere").json();
    assert_eq!(of_other["changes"].as_array().unwrap().len(), 0);
    let one = get(site.admin, "/api/v1/changes?limit=1").json();
    assert_eq!(changes(&one), ["3 up down"], "the newest");
}

#[test]
fn the_log_of_changes_outlives_the_server() {
    let endpoint = Endpoint::open("127.0.0.1");
    let config = "interval = '100ms'\nfall = 2\nrise = 2\nchanges = 'log'\n\
                  [admin]\nlisten = '127.0.0.1:0'\n";
    let folder = Folder::new(config, &zone(&endpoint));
    let (running, _) = folder.serve();
    endpoint.answer(500);
    let log = folder.path("log/changes.jsonl");
    let read = || -> Vec<Value> {
        let text = fs::read_to_string(&log).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let lines = wait_for("the change in the file", || {
        let lines = read();
        lines.iter().any(|event| event["to"] == "down").then_some(lines)
    });
    assert_eq!(lines[0]["event"], "start");
    let last = lines.last().unwrap()["seq"].as_u64().unwrap();
    assert_eq!(last, lines.len() as u64);

    // Two servers would mix their lines.
    let second = run(&["serve", folder.path("halfmoon.toml").to_str().unwrap()]);
    assert_eq!(second.status.code(), Some(2));
    assert!(second.err.contains("changes.jsonl: another server writes there"), "{}", second.err);

    running.signal("TERM");
    running.wait();
    let (running, _) = folder.serve();
    let admin = admin_address(&running);
    let answer = wait_for("what happened before and since", || {
        let answer = get(admin, "/api/v1/changes").json();
        (answer["newest"].as_u64().unwrap() > last + 1).then_some(answer)
    });
    let events = answer["changes"].as_array().unwrap();
    assert_eq!(events[..lines.len()], lines[..]);
    assert_eq!(events[lines.len()]["event"], "start");
    for (at, event) in events.iter().enumerate() {
        assert_eq!(event["seq"], at as u64 + 1);
    }
}

#[test]
fn a_log_that_cannot_be_is_refused_at_the_start() {
    let folder = Folder::new("changes = 'halfmoon.toml/log'\n", "www A 192.0.2.1\n");
    let served = run(&["serve", folder.path("halfmoon.toml").to_str().unwrap()]);
    assert_eq!(served.status.code(), Some(2));
    assert!(served.err.contains("the log of changes, "), "{}", served.err);
}
