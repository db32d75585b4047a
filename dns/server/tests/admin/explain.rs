//! `/api/v1/explain` and `halfmoon explain`, against the real server and against files.

use serde_json::Value;

use crate::Site;
use crate::support::endpoint::regions;
use crate::support::http::get;
use crate::support::{ask, run, wait_for};

#[test]
fn what_a_running_server_answers_is_explained_with_what_it_knows() {
    let [up, down, _] = regions();
    let port = up.address.port();
    let (a, b) = (up.address.ip(), down.address.ip());
    let zone = format!("www LUA A \"ifportup({port}, {{'{b}', '{a}'}}, {{selector='first'}})\"\n");
    down.close();
    let site = Site::new("", &zone);
    wait_for("verdicts", || {
        let counts = get(site.admin, "/api/v1/checks").json()["counts"].clone();
        (counts["up"] == 1 && counts["down"] == 1).then_some(())
    });
    let queries = || get(site.admin, "/metrics").body;
    let before = ask(site.dns, "www.example.test");
    let counted = queries();
    let counted = counted.lines().find(|line| line.starts_with("halfmoon_zone_queries_total"));

    let server = format!("http://{}", site.admin);
    let told = run(&["explain", "www.example.test", "A", "--server", &server]);
    assert_eq!(told.status.code(), Some(0), "{told:?}");
    for part in [
        format!("www.example.test. 30 A {a}"),
        "www.example.test. A (".to_owned(),
        format!("* {a}  up "),
        format!("  {b}  down "),
        "connection refused".to_owned(),
        "last probe ".to_owned(),
    ] {
        assert!(told.out.contains(&part), "{part:?} is not in\n{}", told.out);
    }
    assert_eq!(before, [a.to_string()], "{}", told.out);
    let after = queries();
    let after = after.lines().find(|line| line.starts_with("halfmoon_zone_queries_total"));
    assert_eq!(after, counted, "to explain is no query");

    // On paper, nothing is left.
    let path = format!("/api/v1/explain?name=www.example.test&down={a}");
    let told: Value = get(site.admin, &path).json();
    assert_eq!(told["supposed"][0], format!("{a} is down"), "{told}");
    let endpoints = told["steps"][1]["did"][0]["endpoints"].as_array().unwrap().clone();
    let states = endpoints.iter().map(|one| one["state"].as_str().unwrap().to_owned());
    assert_eq!(states.collect::<Vec<_>>(), ["down", "down"], "{told}");

    for (wrong, why) in [
        ("", "say which `name`"),
        ("name=a..b", "is no name"),
        ("name=a&type=ALPHA", "is no type"),
        ("name=a&at=noon", "is no time"),
        ("name=a&colour=red", "colour"),
    ] {
        let refused = get(site.admin, &format!("/api/v1/explain?{wrong}"));
        assert_eq!(refused.status, 400, "{wrong}");
        assert!(refused.body.contains(why), "{wrong}: {}", refused.body);
    }
}
