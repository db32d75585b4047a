//! Signed zones of several tenants: a zone tells of the keys of zones below it, whoever has them.

use hickory_proto::rr::RecordType;

use crate::site::Site;
use crate::support::{question, udp, wait_for};

/// How many DS records a name has.
fn ds(server: std::net::SocketAddr, name: &str) -> usize {
    let answer = udp(server, &question(name, RecordType::DS)).unwrap();
    answer.answers.iter().filter(|record| record.record_type() == RecordType::DS).count()
}

#[test]
fn a_zone_has_the_ds_records_of_zones_of_other_tenants() {
    let site = Site::new(
        "[zones]\npath = 'zones'\n[dnssec]\nzones = ['*']\nkeys = 'keys'\n\
         [tenants.acme]\nbelow = ['acme.test']\npath = 'acme'\n\
         [tenants.beta]\nbelow = ['beta.test']\ngit = { url = 'beta', interval = '50ms' }\n",
    );
    let delegate = |name: &str| format!("{name} NS ns.{name}\nns.{name} A 127.0.0.1\n");
    site.records("zones", "test", &["acme", "beta", "late.acme"].map(delegate).concat());
    site.zone("acme", "acme.test", "127.0.0.1");
    site.repository("beta");
    let server = site.serve();
    // At once: what is served first is as it has to be.
    assert_eq!(ds(server.dns, "acme.test."), 1);
    assert_eq!(ds(server.dns, "beta.test."), 1);

    // A zone that comes later is told of by one that is long there, of another tenant and of the same.
    site.records("beta", "beta.test", &delegate("deep"));
    site.zone("beta", "deep.beta.test", "127.0.0.1");
    server.wait_served("beta", &site.commit("beta", "deeper"));
    wait_for("its DS", || (ds(server.dns, "deep.beta.test.") == 1).then_some(()));

    // Keys that are rolled are told of across sources.
    let config = site.path("halfmoon.toml");
    let roll = [
        "keys",
        "--config",
        config.to_str().unwrap(),
        "roll",
        "acme.test",
        "--method",
        "double-ds",
    ];
    let rolled = crate::support::run(&roll);
    assert!(rolled.status.success(), "{} {}", rolled.out, rolled.err);
    wait_for("the DS of the new key", || (ds(server.dns, "acme.test.") == 2).then_some(()));
}
