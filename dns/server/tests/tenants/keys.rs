//! Signed zones of several tenants: a zone tells of the keys of zones below it, whoever has them.

use hickory_proto::rr::RecordType;

use crate::site::Site;
use crate::support::{question, udp, wait_for, wait_for_answer};

/// Signed zones of the operator, of a tenant with a folder and of one with a repository.
const SIGNED: &str = "[zones]\npath = 'zones'\n[dnssec]\nzones = ['*']\nkeys = 'keys'\n\
    [tenants.acme]\nbelow = ['acme.test']\npath = 'acme'\n\
    [tenants.beta]\nbelow = ['beta.test']\ngit = { url = 'beta', interval = '50ms' }\n\
    guards = { zone_gone = false }\n";

/// How many DS records a name has.
fn ds(server: std::net::SocketAddr, name: &str) -> usize {
    let answer = udp(server, &question(name, RecordType::DS)).unwrap();
    answer.answers.iter().filter(|record| record.record_type() == RecordType::DS).count()
}

#[test]
fn a_zone_has_the_ds_records_of_zones_of_other_tenants() {
    let site = Site::new(SIGNED);
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

#[test]
fn a_zone_has_no_ds_record_for_what_is_not_served() {
    let site = Site::new(SIGNED);
    let delegate = |name: &str| format!("{name} NS ns.{name}\nns.{name} A 127.0.0.1\n");
    let parent = ["acme", "beta"].map(delegate).concat();
    site.records("zones", "test", &parent);
    // A first version that is wrong, in a folder and in a repository.
    site.zone("acme", "acme.test", "1");
    site.repository("beta");
    site.zone("beta", "beta.test", "1");
    let wrong = site.commit("beta", "wrong");
    let server = site.serve();
    server.wait_refused("beta", &wrong, false);
    assert_eq!(server.source("acme")["refused"], 1);
    let mut turn = 1;
    // Has the zone above read again: it finds what is known by then.
    let mut read_again = || {
        turn += 1;
        let address = format!("127.0.1.{turn}");
        site.records("zones", "test", &format!("{parent}www A {address}\n"));
        wait_for_answer(server.dns, "www.test.", &[&address]);
    };
    read_again();
    assert_eq!(["acme.test.", "beta.test."].map(|name| ds(server.dns, name)), [0, 0]);

    site.zone("acme", "acme.test", "127.0.0.1");
    site.zone("beta", "beta.test", "127.0.0.1");
    server.wait_served("beta", &site.commit("beta", "right"));
    for name in ["acme.test.", "beta.test."] {
        wait_for("its DS", || (ds(server.dns, name) == 1).then_some(()));
    }

    // What is refused takes nothing away, either: here one that comes signed, badly.
    let signed = "www A 1\n@ RRSIG SOA 13 2 60 20300101000000 20200101000000 1 @ AAAA\n";
    site.records("acme", "acme.test", signed);
    wait_for("the refusal", || (server.source("acme")["refused"] == 1).then_some(()));
    site.records("beta", "beta.test", signed);
    server.wait_refused("beta", &site.commit("beta", "signed"), false);
    read_again();
    assert_eq!(["acme.test.", "beta.test."].map(|name| ds(server.dns, name)), [1, 1]);

    // What goes does.
    site.zone("beta", "other.beta.test", "127.0.0.1");
    site.remove("acme/acme.test.zone");
    site.remove("beta/beta.test.zone");
    server.wait_served("beta", &site.commit("beta", "gone"));
    for name in ["acme.test.", "beta.test."] {
        wait_for("no DS", || (ds(server.dns, name) == 0).then_some(()));
    }
}

#[test]
fn a_zone_in_two_files_that_delegate_differently_is_loaded_no_more_than_others() {
    let site = Site::new(
        "[zones]\npath = 'zones'\n[dnssec]\nzones = ['*']\nkeys = 'keys'\n\
         [tenants.acme]\nbelow = ['acme.test']\npath = 'acme'\n",
    );
    let parent = "acme NS ns.acme\nns.acme A 127.0.0.1\n";
    site.records("zones", "test", parent);
    site.zone("zones/twice", "test", "127.0.0.2");
    site.zone("acme", "acme.test", "127.0.0.1");
    let server = site.serve();
    wait_for("its DS", || (ds(server.dns, "acme.test.") == 1).then_some(()));
    for turn in 2..8 {
        let address = format!("127.0.0.{turn}");
        site.zone("acme", "acme.test", &address);
        wait_for_answer(server.dns, "www.acme.test.", &[&address]);
    }
    // Two at the start, one for the keys, one each time; and one that may come between.
    let loads = server.running.err().matches("zones loaded").count();
    assert!(loads <= 2 + 1 + 6 + 1, "{loads}: {}", server.running.err());
    assert_eq!(ds(server.dns, "acme.test."), 1);
}
