//! `/healthz` and `/readyz`.

use crate::Site;
use crate::support::endpoint::Endpoint;
use crate::support::http::get;
use crate::support::wait_for;

#[test]
fn a_server_is_ready_when_each_check_has_a_verdict() {
    let endpoint = Endpoint::open("127.0.0.1");
    let (ip, port) = (endpoint.address.ip(), endpoint.address.port());
    // The second cannot be told down from slow before three of its probes have failed.
    let zone = format!(
        "a LUA A \"ifportup({port}, {{'{ip}'}})\"\n\
         b LUA A \"ifportup(1, {{'{ip}'}}, {{interval=1, minimumFailures=3}})\"\n"
    );
    let site = Site::with("", "ready_within = '1h'", &zone);
    let first = get(site.admin, "/readyz");
    if first.status == 503 {
        assert!(first.body.contains("no verdict yet of "), "{}", first.body);
    }
    assert_eq!(get(site.admin, "/healthz").status, 200);
    let ready =
        wait_for("readiness", || Some(get(site.admin, "/readyz")).filter(|a| a.status == 200));
    assert_eq!(ready.body, "ready\n");
    let checks = get(site.admin, "/api/v1/checks").json();
    assert_eq!(checks["counts"]["unknown"], 0, "{checks}");

    // What comes later does not undo it.
    site.folder.zone("later.test", "www LUA A \"ifportup(1, {'127.0.0.9'}, {interval=3600})\"\n");
    wait_for("the new zone", || {
        (get(site.admin, "/api/v1/zones").json()["matching"] == 2).then_some(())
    });
    assert_eq!(get(site.admin, "/readyz").status, 200);

    site.folder.remove_zone("later.test");
    site.folder.remove_zone("example.test");
    let empty =
        wait_for("no zone", || Some(get(site.admin, "/readyz")).filter(|a| a.status == 503));
    assert_eq!(empty.body, "not ready: no zone is served\n");
    assert_eq!(get(site.admin, "/healthz").status, 200, "a new start would not mend it");
}

#[test]
fn a_server_does_not_wait_for_verdicts_longer_than_it_is_told() {
    // An hour between probes, of which three decide.
    let zone = "a LUA A \"ifportup(1, {'127.0.0.1'}, {interval=3600, minimumFailures=3})\"\n";
    let site = Site::with("", "ready_within = '1s'", zone);
    wait_for("readiness", || Some(get(site.admin, "/readyz")).filter(|a| a.status == 200));
    let checks = get(site.admin, "/api/v1/checks").json();
    assert_eq!(checks["counts"]["unknown"], 1, "{checks}");
}
