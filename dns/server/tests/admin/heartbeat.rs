//! Endpoints that call in.

use std::fs;
use std::net::SocketAddr;

use serde_json::Value;

use crate::support::endpoint::Endpoint;
use crate::support::http::{get, request};
use crate::support::site::{Folder, QUICK};
use crate::support::{Running, ask, wait_for, wait_for_answer};
use crate::{READER, Site, WRITER, admin_address, secret};

const BEATER: &str = "a-secret-of-an-endpoint-in-frankfurt";

/// A server whose names follow the heartbeats `fra` and `nbg`, and a token for the first.
fn site() -> Site {
    let beats = "[[admin.tokens]]\nname = 'fra'\nsecret_file = 'fra'\nmay = 'beat'\nbeats = ['fra']\n\
                 [[admin.tokens]]\nname = 'both'\nsecret_file = 'both'\nbeats = ['fra', 'nbg']\n";
    let zone = "www LUA A \"ifbeat({{'192.0.2.1', beat='fra'}, {'192.0.2.2', beat='nbg'}}, \
                {within=1.5, rise=1, selector='all', backupSelector='empty'})\"\n";
    Site::prepared(beats, zone, |folder| {
        secret(folder, "fra", BEATER);
        secret(folder, "both", "a-secret-of-somebody-for-both");
    })
}

fn beat(site: &Site, name: &str, token: &str, body: &str) -> u16 {
    beat_at(site.admin, name, token, body)
}

fn beat_at(admin: SocketAddr, name: &str, token: &str, body: &str) -> u16 {
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str())];
    request(admin, "POST", &format!("/heartbeat/{name}"), &headers, body).status
}

/// A folder of a server that was killed after `fra` and `nbg` had called in with `body`, and that had
/// written this down.
fn killed(body: &str) -> Folder {
    let beats = "[[admin.tokens]]\nname = 'both'\nsecret_file = 'both'\nbeats = ['fra', 'nbg']\n";
    let zone = "www LUA A \"ifbeat({{'192.0.2.1', beat='fra'}, {'192.0.2.2', beat='nbg'}}, \
                {within=3600, selector='all', backupSelector='empty'})\"\n";
    let health = format!("{QUICK}state = 'state'\n");
    let site = Site::built(&health, beats, zone, |folder| secret(folder, "both", BEATER));
    for name in ["fra", "nbg"] {
        assert_eq!(beat(&site, name, BEATER, body), 204);
    }
    wait_for_answer(site.dns, "www.example.test.", &["192.0.2.1", "192.0.2.2"]);
    let file = |name| fs::read_to_string(site.folder.path(name)).unwrap_or_default();
    wait_for("both calls to be written down", || {
        let is_whole = file("state/beats").lines().count() == 3;
        let are_up = file("state/health").matches("\"state\":\"up\"").count() == 2;
        (is_whole && are_up).then_some(())
    });
    site.running.signal("KILL");
    site.running.wait();
    site.folder
}

/// What the next server found when it first looked whether `fra` had called in, and where it is.
fn first_look(folder: &Folder) -> (Running, SocketAddr, SocketAddr, Value) {
    let (running, dns) = folder.serve();
    let admin = admin_address(&running);
    let last = wait_for("a look", || {
        let checks = get(admin, "/api/v1/checks?name=beat%20fra").json();
        let last = checks["checks"][0]["last"].clone();
        last.is_object().then_some(last)
    });
    (running, dns, admin, last)
}

#[test]
fn who_calls_in_is_answered_until_it_falls_silent() {
    let site = site();
    assert_eq!(ask(site.dns, "www.example.test."), [""; 0]);
    // Again and again: on a loaded machine a call may have run out before it is seen.
    wait_for("an answer", || {
        assert_eq!(beat(&site, "fra", BEATER, ""), 204);
        (ask(site.dns, "www.example.test.") == ["192.0.2.1"]).then_some(())
    });
    // Nobody calls any more: after a second and a half, and as many failures as it takes.
    wait_for_answer(site.dns, "www.example.test.", &[]);
    assert_eq!(beat(&site, "fra", BEATER, "{\"state\": \"up\", \"ttl\": 3600}"), 204);
    wait_for_answer(site.dns, "www.example.test.", &["192.0.2.1"]);
    assert_eq!(beat(&site, "nbg", "a-secret-of-somebody-for-both", "up"), 204);
    wait_for_answer(site.dns, "www.example.test.", &["192.0.2.1", "192.0.2.2"]);
    let full = "{\"state\": \"down\", \"ttl\": 3600, \"reason\": \"disk full\"}";
    assert_eq!(beat(&site, "fra", BEATER, full), 204);
    let reason = wait_for("the reason", || {
        let checks = get(site.admin, "/api/v1/checks?name=beat%20fra").json();
        let check = &checks["checks"][0];
        (check["state"] == "down").then(|| check["last"]["reason"].to_string())
    });
    assert_eq!(reason, "\"it says that it is down: disk full\"");
}

#[test]
fn a_calculated_check_follows_heartbeats_and_files() {
    let beats =
        "[[admin.tokens]]\nname = 'fra'\nsecret_file = 'fra'\nmay = 'beat'\nbeats = ['fra']\n";
    let zone = "both LUA A \"ifup({{'192.0.2.1', check={'all', {'beat', 'fra'}, {'file', 'disk'}}}}, \
                {within=3600, rise=1, fall=1, backupSelector='empty'})\"\n\
                any  LUA A \"ifup({{'192.0.2.1', check={'any', {'beat', 'fra'}, {'file', 'disk'}}}}, \
                {within=3600, rise=1, fall=1, backupSelector='empty'})\"\n";
    let health = "interval = '100ms'\nfiles = 'said'\n";
    let site = Site::built(health, beats, zone, |folder| {
        secret(folder, "fra", BEATER);
        fs::create_dir(folder.path("said")).unwrap();
        folder.write("said/disk", "down");
    });
    assert_eq!(beat(&site, "fra", BEATER, "up"), 204);
    wait_for_answer(site.dns, "any.example.test.", &["192.0.2.1"]);
    assert_eq!(ask(site.dns, "both.example.test."), [""; 0]);
    site.folder.write("said/disk", "up");
    wait_for_answer(site.dns, "both.example.test.", &["192.0.2.1"]);
    assert_eq!(beat(&site, "fra", BEATER, "down"), 204);
    wait_for_answer(site.dns, "both.example.test.", &[]);
    assert_eq!(ask(site.dns, "any.example.test."), ["192.0.2.1"]);
    site.folder.write("said/disk", "down");
    wait_for_answer(site.dns, "any.example.test.", &[]);
}

#[test]
fn a_call_still_holds_when_the_server_was_killed_and_started_again() {
    let folder = killed("up");
    let (running, dns, admin, last) = first_look(&folder);
    assert_eq!(last["result"], "success", "{last}");
    assert_eq!(ask(dns, "www.example.test."), ["192.0.2.1", "192.0.2.2"]);
    // An end in peace writes down what was called in just before it.
    assert_eq!(beat_at(admin, "fra", BEATER, "down"), 204);
    running.signal("TERM");
    running.wait();
    let (_running, _, _, last) = first_look(&folder);
    assert_eq!(last["reason"], "it says that it is down");
}

#[test]
fn who_could_not_call_in_while_no_server_listened_is_given_the_time_to() {
    let folder = killed("{\"state\": \"up\", \"ttl\": 10}");
    // As if the server had been away for an hour.
    let file = fs::read_to_string(folder.path("state/beats")).unwrap();
    let age = |line: &str| match serde_json::from_str::<Value>(line).unwrap() {
        mut beat if beat["at"].is_u64() => {
            beat["at"] = (beat["at"].as_u64().unwrap() - 3_600_000).into();
            format!("{beat}\n")
        }
        head => format!("{head}\n"),
    };
    folder.write("state/beats", file.lines().map(age).collect::<String>());
    let (_running, dns, admin, last) = first_look(&folder);
    assert_eq!(last["result"], "inconclusive", "{last}");
    let reason = last["reason"].as_str().unwrap();
    assert!(reason.starts_with("nothing was called in since the start"), "{reason}");
    assert_eq!(ask(dns, "www.example.test."), ["192.0.2.1", "192.0.2.2"]);
    // One does, and the other has ten seconds from the start.
    assert_eq!(beat_at(admin, "fra", BEATER, "up"), 204);
    wait_for_answer(dns, "www.example.test.", &["192.0.2.1"]);
}

#[test]
fn calls_that_cannot_be_read_are_told_and_take_nothing_else_along() {
    let folder = killed("up");
    folder.write("state/beats", "{\"format\":\"halfmoon-beats\",\"version\":1}\n{\"beat\":\n");
    let (running, dns, admin, last) = first_look(&folder);
    assert_eq!(last["reason"], "nothing was called in yet");
    let log = running.err();
    for part in ["what was called in last cannot be read", "state/beats", "line 2: EOF"] {
        assert!(log.contains(part), "{part}: {log}");
    }
    assert_eq!(ask(dns, "www.example.test."), ["192.0.2.1", "192.0.2.2"], "as checks were before");
    // The next call is written down in place of it.
    assert_eq!(beat_at(admin, "nbg", BEATER, "up"), 204);
    wait_for("a file that can be read", || {
        let file = fs::read_to_string(folder.path("state/beats")).unwrap_or_default();
        file.lines().last()?.contains("nbg").then_some(())
    });
}

#[test]
fn calling_in_takes_the_token_for_it() {
    let site = site();
    for (name, token, status) in [
        ("nbg", BEATER, 403),
        ("fra", READER, 403),
        ("fra", WRITER, 403),
        ("fra", "0123456789abcdef0123", 401),
        ("ber", BEATER, 403),
    ] {
        assert_eq!(beat(&site, name, token, ""), status, "{name}");
    }
    assert_eq!(request(site.admin, "POST", "/heartbeat/fra", &[], "").status, 401);
    assert_eq!(get(site.admin, "/heartbeat/fra").status, 405);
    assert_eq!(beat(&site, "fra", BEATER, "perhaps"), 400);
    assert_eq!(beat(&site, "fra", BEATER, "{\"state\": \"up\", \"ttl\": 0}"), 400);
    // Who may call in may not look around for it.
    let bearer = format!("Bearer {BEATER}");
    let headers = [("Authorization", bearer.as_str())];
    assert_eq!(request(site.admin, "GET", "/api/v1/checks", &headers, "").status, 401);
}

#[test]
fn a_certificate_that_runs_out_is_shown_and_a_plain_endpoint_has_no_warning() {
    let endpoint = Endpoint::open("127.0.0.1");
    let zone = format!(
        "www LUA A \"ifurlup('http://www.example.test:{}/', {{'127.0.0.1'}})\"\n",
        endpoint.address.port()
    );
    let site = Site::new("", &zone);
    let last = wait_for("a result", || {
        let checks = get(site.admin, "/api/v1/checks").json();
        let last = checks["checks"][0]["last"].clone();
        last.is_object().then_some(last)
    });
    assert_eq!((&last["result"], last["warning"].is_null()), (&"success".into(), true));
}
