//! `/api/v1/checks`, `/api/v1/zones` and `/api/v1/status`.

use serde_json::Value;

use crate::Site;
use crate::support::endpoint::{Endpoint, regions};
use crate::support::http::get;
use crate::support::{ask, wait_for};

#[test]
fn each_check_says_what_is_known_of_it_and_who_uses_it() {
    let [up, down, _] = regions();
    let port = up.address.port();
    let (a, b) = (up.address.ip(), down.address.ip());
    let zone = format!(
        "www  LUA A \"ifportup({port}, {{'{a}', '{b}'}}, {{selector='first'}})\"\n\
         mail LUA A \"ifportup({port}, {{'{a}'}})\"\n\
         web  LUA A \"ifurlup('http://web.example.test:{port}/', {{'{a}'}})\"\n"
    );
    down.close();
    let site = Site::new("", &zone);
    let checks = wait_for("verdicts", || {
        let checks = get(site.admin, "/api/v1/checks").json();
        (checks["counts"]["unknown"] == 0).then_some(checks)
    });
    assert_eq!(checks["matching"], 3);
    assert_eq!((&checks["counts"]["up"], &checks["counts"]["down"]), (&2.into(), &1.into()));

    // Those that are down come first.
    let check = &checks["checks"][0];
    assert_eq!(check["name"], format!("tcp {b}:{port}"));
    assert_eq!((&check["state"], &check["kind"]), (&"down".into(), &"tcp".into()));
    assert_eq!(check["address"], b.to_string());
    assert_eq!(check["last"]["result"], "failure");
    assert!(check["last"]["reason"].as_str().unwrap().contains("refused"), "{check}");
    assert!(check["last"]["latency_ms"].as_f64().unwrap() >= 0.0);
    assert!(check["since"].as_str().unwrap().ends_with('Z'), "{check}");
    assert!(check["next"].as_str().unwrap() > check["last"]["at"].as_str().unwrap(), "{check}");
    assert_eq!((&check["interval_ms"], &check["fall"]), (&100.into(), &2.into()));
    assert_eq!(
        check["users"],
        serde_json::json!([
            {"zone": "example.test.", "owner": "www.example.test.", "type": "A"}
        ])
    );
    let shared = named(&checks, &format!("tcp {a}:{port}"));
    assert_eq!(shared["used_by"], 2, "{shared}");

    // Filters.
    let names = |query: &str| -> Vec<String> {
        let checks = get(site.admin, &format!("/api/v1/checks?{query}")).json();
        let checks = checks["checks"].as_array().unwrap();
        checks.iter().map(|check| check["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names("state=down"), [format!("tcp {b}:{port}")]);
    assert_eq!(names("name=WEB"), [format!("http://web.example.test:{port}/ at {a}")]);
    assert_eq!(names("zone=example.test").len(), 3);
    assert_eq!(names("zone=example.net").len(), 0);
    assert_eq!(names("limit=1&offset=1").len(), 1);
    for wrong in ["state=well", "colour=red", "limit=-1"] {
        let refused = get(site.admin, &format!("/api/v1/checks?{wrong}"));
        assert_eq!(refused.status, 400, "{wrong}");
        assert!(refused.json()["error"].is_string(), "{wrong}");
    }
}

fn named<'c>(checks: &'c Value, name: &str) -> &'c Value {
    let all = checks["checks"].as_array().unwrap();
    all.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("{name}: {checks}"))
}

#[test]
fn each_zone_says_what_it_is_asked() {
    let endpoint = Endpoint::open("127.0.0.1");
    let zone = format!(
        "www LUA A \"ifportup({}, {{'127.0.0.1'}})\"\nbad LUA A \";return nil + 1\"\n",
        endpoint.address.port()
    );
    let site = Site::new("", &zone);
    for _ in 0..3 {
        ask(site.dns, "www.example.test.");
    }
    ask(site.dns, "bad.example.test.");
    let zones = get(site.admin, "/api/v1/zones").json();
    let zone = &zones["zones"][0];
    assert_eq!((&zones["matching"], &zone["name"]), (&1.into(), &"example.test.".into()));
    assert_eq!((&zone["serial"], &zone["programs"]), (&1.into(), &2.into()));
    assert_eq!((&zone["queries"], &zone["program_errors"]), (&4.into(), &1.into()));
    assert_eq!(zone["signed"], false);

    let status = get(site.admin, "/api/v1/status").json();
    assert_eq!((&status["zones"], &status["loads"]["done"]), (&1.into(), &1.into()));
    site.folder.zone("example.test", "www A 192.0.2.1\n");
    wait_for("the next load", || {
        (get(site.admin, "/api/v1/status").json()["loads"]["done"] == 2).then_some(())
    });
    wait_for("the end of the check", || {
        (get(site.admin, "/api/v1/checks").json()["matching"] == 0).then_some(())
    });
}
