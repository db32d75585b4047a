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
    let of_queries = |page: &str| -> Vec<String> {
        let names = [
            "halfmoon_zone_queries_total",
            "halfmoon_replies_total",
            "halfmoon_pool_answers_total",
        ];
        let lines = page.lines().filter(|line| names.iter().any(|name| line.starts_with(name)));
        lines.map(str::to_owned).collect()
    };
    let counted = of_queries(&counted);
    assert!(counted.len() > 2, "{counted:?}");

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
    assert_eq!(of_queries(&after), counted, "to explain is no query");

    // On paper, nothing is left.
    let path = format!("/api/v1/explain?name=www.example.test&down={a}");
    let told: Value = get(site.admin, &path).json();
    assert_eq!(told["supposed"][0], format!("{a} is down"), "{told}");
    let endpoints = told["steps"][1]["did"][0]["endpoints"].as_array().unwrap().clone();
    let states = endpoints.iter().map(|one| one["state"].as_str().unwrap().to_owned());
    assert_eq!(states.collect::<Vec<_>>(), ["down", "down"], "{told}");

    // Targets stand in lines: a calculated check has commas in its name.
    let check = "2 of (beat a, beat b)";
    let path =
        format!("/api/v1/explain?name=www.example.test&down={a}%0A{}", check.replace(' ', "%20"));
    let told: Value = get(site.admin, &path).json();
    let supposed = told["supposed"].as_array().unwrap();
    let none = format!("{check} is down (nothing that is checked has it)");
    assert_eq!(supposed[..], [format!("{a} is down"), none]);

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
