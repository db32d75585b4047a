//! Endpoints that call in.

use crate::support::endpoint::Endpoint;
use crate::support::http::{get, request};
use crate::support::{ask, wait_for, wait_for_answer};
use crate::{READER, Site, WRITER, secret};

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
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str())];
    request(site.admin, "POST", &format!("/heartbeat/{name}"), &headers, body).status
}

#[test]
fn who_calls_in_is_answered_until_it_falls_silent() {
    let site = site();
    assert_eq!(ask(site.dns, "www.example.test."), [""; 0]);
    assert_eq!(beat(&site, "fra", BEATER, ""), 204);
    wait_for_answer(site.dns, "www.example.test.", &["192.0.2.1"]);
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
        std::fs::create_dir(folder.path("said")).unwrap();
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
