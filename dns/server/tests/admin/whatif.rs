//! `halfmoon whatif` against a running server and what it knows.

use crate::Site;
use crate::support::endpoint::regions;
use crate::support::http::get;
use crate::support::{run, wait_for};

#[test]
fn what_is_down_already_is_down_before_and_after() {
    let [up, down, other] = regions();
    let port = up.address.port();
    let (a, b, c) = (up.address.ip(), down.address.ip(), other.address.ip());
    let zone = format!(
        "two LUA A \"ifportup({port}, {{'{a}', '{b}'}}, {{selector='first'}})\"\n\
         three LUA A \"ifportup({port}, {{'{a}', '{b}', '{c}'}}, {{selector='first'}})\"\n"
    );
    down.close();
    let site = Site::new("", &zone);
    wait_for("verdicts", || {
        let counts = get(site.admin, "/api/v1/checks").json()["counts"].clone();
        (counts["up"] == 2 && counts["down"] == 1).then_some(())
    });
    let server = format!("http://{}", site.admin);
    let whatif = |args: &[&str]| {
        let all = ["whatif", "--server", &server].into_iter().chain(args.iter().copied());
        run(&all.collect::<Vec<_>>())
    };
    let a = a.to_string();
    let told = whatif(&["--down", &a]);
    assert_eq!(told.status.code(), Some(1), "{told:?}");
    for part in [
        "2 names with programs, 320 client networks (built-in), by the running server",
        "nothing left up: 1\n  two.example.test. A: 0 of 2 up",
        "three.example.test. A for 100.0 % of clients",
    ] {
        assert!(told.out.contains(part), "{part:?} is not in\n{}", told.out);
    }
    // With everything else up, there is somebody left.
    let told = whatif(&["--down", &a, "--all-up"]);
    assert_eq!(told.status.code(), Some(0), "{told:?}");
    // What is down already takes nothing away.
    let told = whatif(&["--down", &b.to_string(), "--fail-on", "change"]);
    assert_eq!(told.status.code(), Some(0), "{told:?}");
    assert!(told.out.contains("answers change: 0"), "{}", told.out);
    // A sample of one's own, larger than other requests may be.
    let clients = site.folder.path("clients");
    std::fs::write(
        &clients,
        (0..5000).map(|i| format!("10.0.{}.{}\n", i / 250, i % 250)).collect::<String>(),
    )
    .unwrap();
    let told = whatif(&["--down", &a, "--client", clients.to_str().unwrap()]);
    assert!(told.out.contains("5000 client networks ("), "{told:?}");
    let told = whatif(&["--down", "region:none"]);
    assert_eq!(told.status.code(), Some(2), "{told:?}");
    assert!(told.err.contains("nothing that is checked has region:none"), "{told:?}");
}
