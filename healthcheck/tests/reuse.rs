//! Connections that are used again, for checks that say so.

use std::net::Ipv4Addr;
use std::time::Duration;

use halfmoon_healthcheck::{Health, HttpProbe, Method, Settings, State};

mod common;
use common::{Authority, Keeper, get, start, status, until, verdict};

/// Probes until so many requests came in; how many connections they took.
async fn connections(health: &Health, keeper: &Keeper, probe: HttpProbe) -> usize {
    let _handle = health.acquire(get(probe)).expect("an allowed target");
    until("ten requests", || (keeper.counts().1 >= 10).then_some(())).await;
    keeper.counts().0
}

fn probe(keeper: &Keeper, reuse: u64) -> HttpProbe {
    let mut probe = HttpProbe::new(keeper.url("http"), Some(keeper.address.ip()));
    probe.http.reuse = Duration::from_secs(reuse);
    probe
}

#[tokio::test]
async fn each_probe_makes_a_connection_unless_one_may_be_used_again() {
    let keeper = Keeper::start(Ipv4Addr::new(127, 0, 5, 1), &status(200, "ok"), 1000, None).await;
    assert!(connections(&start(), &keeper, probe(&keeper, 0)).await >= 10);
    let keeper = Keeper::start(Ipv4Addr::new(127, 0, 5, 2), &status(200, "ok"), 1000, None).await;
    assert_eq!(connections(&start(), &keeper, probe(&keeper, 60)).await, 1);
}

#[tokio::test]
async fn a_connection_is_given_up_when_its_time_is_over() {
    let keeper = Keeper::start(Ipv4Addr::new(127, 0, 5, 3), &status(200, "ok"), 1000, None).await;
    let mut probe = probe(&keeper, 0);
    probe.http.reuse = Duration::from_millis(100);
    let health = start();
    let _handle = health.acquire(get(probe)).expect("an allowed target");
    until("a second connection", || (keeper.counts().0 >= 3).then_some(())).await;
    let (connections, requests) = keeper.counts();
    assert!(requests >= connections, "{requests} requests over {connections} connections");
}

#[tokio::test]
async fn an_endpoint_may_close_what_is_kept() {
    // After each third request, without a word before.
    let keeper = Keeper::start(Ipv4Addr::new(127, 0, 5, 4), &status(200, "ok"), 3, None).await;
    let health = start();
    let mut changes = health.subscribe();
    let made = connections(&health, &keeper, probe(&keeper, 60)).await;
    assert!((4..=5).contains(&made), "{made}");
    assert_eq!(changes.try_next().map(|change| change.to), Some(State::Up));
    assert!(changes.try_next().is_none(), "it never went down");
    assert_eq!(health.counts().failures, 0);
}

#[tokio::test]
async fn what_is_not_whole_or_said_to_close_is_not_kept() {
    let long = status(200, &"x".repeat(100));
    let close = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok".to_owned();
    let old = "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok".to_owned();
    for (answer, limit) in [(&long, 10), (&close, 0), (&old, 0)] {
        let keeper = Keeper::start(Ipv4Addr::new(127, 0, 5, 5), answer, 1000, None).await;
        let mut probe = probe(&keeper, 60);
        probe.http.byte_limit = limit;
        assert!(connections(&start(), &keeper, probe).await >= 10, "{answer}");
    }
    // One that is as long as may be read is whole.
    let keeper = Keeper::start(Ipv4Addr::new(127, 0, 5, 6), &long, 1000, None).await;
    let mut whole = probe(&keeper, 60);
    whole.http.byte_limit = 100;
    assert_eq!(connections(&start(), &keeper, whole).await, 1);
}

#[tokio::test]
async fn a_post_always_makes_its_own() {
    let keeper = Keeper::start(Ipv4Addr::new(127, 0, 5, 7), &status(200, "ok"), 1000, None).await;
    let mut probe = probe(&keeper, 60);
    probe.http.method = Method::Post;
    assert!(connections(&start(), &keeper, probe).await >= 10);
}

#[tokio::test]
async fn no_more_are_kept_than_may_be() {
    let keeper = Keeper::start(Ipv4Addr::new(127, 0, 5, 8), &status(200, "ok"), 1000, None).await;
    let settings = Settings { max_kept: 0, ..Settings::default() };
    let health = Health::start(settings).expect("threads");
    assert!(connections(&health, &keeper, probe(&keeper, 60)).await >= 10);
}

#[tokio::test]
async fn a_handshake_is_made_once_and_the_certificate_is_looked_at_each_time() {
    let authority = Authority::new("ours");
    let config = authority.certify_for("www.example", 5);
    let address = Ipv4Addr::new(127, 0, 5, 9);
    let keeper = Keeper::start(address, &status(200, "8"), 1000, Some(config)).await;
    let roots = vec![authority.root.clone()];
    let health = Health::start(Settings { roots, ..Settings::default() }).expect("threads");
    let mut probe = HttpProbe::new(keeper.url("https"), Some(keeper.address.ip()));
    probe.http.reuse = Duration::from_secs(60);
    let handle = health.acquire(get(probe.clone())).expect("an allowed target");
    until("ten requests", || (keeper.counts().1 >= 10).then_some(())).await;
    assert_eq!(keeper.counts().0, 1);
    let last = common::report(&health, handle.check()).and_then(|report| report.last);
    let outcome = last.expect("a result").outcome;
    assert_eq!(outcome.warning(), Some("the certificate expires in 5 days"));

    // The same connection serves a check that takes it for a failure.
    probe.tls.fail_days = 6;
    let (state, _, reason) = verdict(&health, get(probe)).await;
    assert_eq!((state, reason.as_str()), (State::Down, "the certificate expires in 5 days"));
}
