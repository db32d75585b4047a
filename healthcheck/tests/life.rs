//! Who holds a check, and what becomes of it.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use halfmoon_healthcheck::{
    Check, Counts, Denial, Health, HttpProbe, Member, Outcome, Pace, Policy, Pool, Probe, Refused,
    Settings, State, TargetPolicy,
};
use url::Url;

mod common;
use common::{Endpoint, get, http, pool_name, start, status, tcp, until};

fn target(last: u8) -> SocketAddr {
    (Ipv4Addr::new(192, 0, 2, last), 80).into()
}

fn unprobed() -> Health {
    Health::unprobed(TargetPolicy::default())
}

const UP: Outcome = Outcome::success(0);

fn down() -> Outcome {
    Outcome::Failure("it is a test".into())
}

#[tokio::test]
async fn equal_checks_share_one_stream_of_probes_until_the_last_holder_goes() {
    let endpoint = Endpoint::http(Ipv4Addr::new(127, 0, 4, 1), &status(200, "")).await;
    let mut check = http(endpoint.url("http", "www.example", "/"), endpoint.address.ip());
    check.pace.interval = Duration::from_millis(100);
    let health = start();
    let handles: Vec<_> =
        (0..20).map(|_| health.acquire(check.clone()).expect("an allowed target")).collect();
    assert!(handles.iter().all(|handle| handle.id() == handles[0].id()));
    until("ten probes", || (health.counts().probes >= 10).then_some(())).await;
    // Had each of the twenty its own probes, there would be as many as they.
    assert_eq!(health.checks().len(), 1);
    assert_eq!(health.checks()[0].holders, 20);
    let asked = endpoint.seen().len() as u64;
    assert!(asked <= health.counts().probes + 1, "{asked}, {:?}", health.counts());

    drop(handles);
    assert!(health.checks().is_empty());
    let probes = health.counts().probes;
    let other = health.acquire(tcp(endpoint.address)).expect("an allowed target");
    let is_probed = |probes| (health.counts().probes >= probes + 10).then_some(());
    until("ten probes of another check", || is_probed(probes)).await;
    assert!(endpoint.seen().len() as u64 <= asked + 1, "the old check is not probed any more");
    drop(other);
}

#[test]
fn what_is_not_allowed_is_refused_with_the_network_that_denies_it() {
    let health = unprobed();
    let metadata: SocketAddr = "169.254.169.254:80".parse().expect("an address");
    let url = Url::parse("http://169.254.169.254/").expect("a URL");
    for check in [tcp(metadata), get(HttpProbe::new(url, None))] {
        let refused = health.acquire(check).map(|_| ()).expect_err("it must be refused");
        assert_eq!(
            refused,
            Refused::Target(Denial::Denied {
                address: metadata.ip(),
                network: "169.254.0.0/16".parse().expect("a network"),
            })
        );
        assert_eq!(
            refused.to_string(),
            "target 169.254.169.254 is in 169.254.0.0/16, which `targets.deny` names"
        );
    }
    assert!(health.checks().is_empty());
    health.request(b"zone", tcp(metadata));
    assert_eq!(health.counts(), Counts { refused: 1, ..Counts::default() });
}

#[test]
fn checks_that_cannot_be_carried_out_are_refused() {
    let health = unprobed();
    let url = |text: &str| Url::parse(text).expect("a URL");
    let paced = |pace| Check { pace, ..tcp(target(1)) };
    let header = |name: &str, value: &str| {
        let mut probe = HttpProbe::new(url("http://www.example/"), Some(target(1).ip()));
        probe.http.headers = vec![(name.to_owned(), value.to_owned())];
        get(probe)
    };
    let pace = Pace::default();
    for (check, said) in [
        (get(HttpProbe::new(url("ftp://www.example/"), None)), "ftp URLs are not probed"),
        (header("a b", "c"), "header \"a b\" is not a valid HTTP header"),
        (header("a", "b\r\nc: d"), "header \"a\" is not a valid HTTP header"),
        (paced(Pace { interval: Duration::ZERO, ..pace }), "an interval of 0ns is not possible"),
        (paced(Pace { interval: Duration::MAX, ..pace }), "an interval of "),
        (paced(Pace { timeout: Duration::ZERO, ..pace }), "a timeout of zero"),
        (paced(Pace { fall: 0, ..pace }), "rise and fall"),
        (paced(Pace { rise: 0, ..pace }), "rise and fall"),
        (
            Check { source: Some("::1".parse().expect("an address")), ..tcp(target(1)) },
            "source ::1 and target 192.0.2.1 are not of one address family",
        ),
    ] {
        let refused = health.acquire(check).map(|_| ()).expect_err(said).to_string();
        assert!(refused.starts_with(said), "{refused}");
    }
}

#[test]
fn a_report_counts_as_a_probe_does() {
    let health = unprobed();
    let mut changes = health.subscribe();
    let mut reader = health.reader();
    let pace = Pace { fall: 2, rise: 2, ..Pace::default() };
    let handle = health.acquire(Check { pace, ..tcp(target(1)) }).expect("an allowed target");
    assert_eq!(reader.load().verdict(handle.id()).state, State::Unknown);
    for (outcome, state, generation) in [
        (down(), State::Unknown, 1),
        (Outcome::success(3), State::Up, 2),
        (Outcome::success(3), State::Up, 2),
        (Outcome::success(4), State::Up, 3),
        (down(), State::Up, 4),
        (Outcome::Inconclusive("no socket".into()), State::Up, 4),
        (down(), State::Down, 5),
        (UP, State::Down, 5),
        (UP, State::Up, 6),
    ] {
        assert!(health.report(handle.check(), outcome.clone()));
        let snapshot = reader.load();
        assert_eq!(snapshot.verdict(handle.id()).state, state, "{outcome:?}");
        assert_eq!(snapshot.generation(), generation, "{outcome:?}");
    }
    let mut told = Vec::new();
    while let Some(change) = changes.try_next() {
        told.push((change.from, change.to, change.reason));
    }
    let expected = [
        (State::Unknown, State::Up, "answered in 0 ms"),
        (State::Up, State::Down, "it is a test"),
        (State::Down, State::Up, "answered in 0 ms"),
    ];
    assert_eq!(told, expected.map(|(from, to, reason)| (from, to, reason.to_owned())));
    assert!(!health.report(&tcp(target(2)), UP), "nobody holds it");
}

#[test]
fn a_place_used_again_does_not_show_the_verdict_of_its_last_check() {
    let health = unprobed();
    let mut reader = health.reader();
    let old = health.acquire(tcp(target(1))).expect("an allowed target");
    health.report(old.check(), UP);
    let (id, before) = (old.id(), reader.load().clone());
    assert_eq!(before.verdict(id).state, State::Up);
    drop(old);
    assert_eq!(reader.load().verdict(id).state, State::Unknown);
    let new = health.acquire(tcp(target(2))).expect("an allowed target");
    assert_eq!(new.id().slot(), id.slot(), "the place is used again");
    assert_eq!(before.verdict(new.id()).state, State::Unknown, "not even in an old snapshot");
    health.report(new.check(), UP);
    assert_eq!(reader.load().verdict(new.id()).state, State::Up);
    assert_eq!(reader.load().verdict(id).state, State::Unknown);
}

#[test]
fn an_unprobed_health_takes_requests_at_once() {
    let health = unprobed();
    let mut reader = health.reader();
    health.request(b"zone", tcp(target(1)));
    let id = reader.load().find(&tcp(target(1))).expect("a check that was requested");
    assert!(health.report(&tcp(target(1)), UP));
    assert_eq!(reader.load().verdict(id).state, State::Up);
    assert!(health.checks()[0].is_leased);
}

#[test]
fn what_waits_for_its_first_verdict_is_counted() {
    let health = unprobed();
    assert_eq!(health.pending(), (0, 0));
    let _held = [1, 2].map(|last| health.acquire(tcp(target(last))).expect("an allowed target"));
    health.request(b"zone", tcp(target(3)));
    assert_eq!(health.pending(), (2, 2), "what a program computes is not waited for");
    health.report(&tcp(target(1)), down());
    health.report(&tcp(target(3)), UP);
    assert_eq!(health.pending(), (1, 2));
    health.report(&tcp(target(2)), UP);
    assert_eq!(health.pending(), (0, 2));
}

#[test]
fn a_zone_that_computes_too_many_checks_loses_those_asked_for_least() {
    let computed = |number: u32| Check {
        probe: Probe::Tcp((Ipv4Addr::from_bits(0x0A00_0000 + number), 80).into()),
        pace: Pace::default(),
        source: None,
    };
    let health = unprobed();
    let mut reader = health.reader();
    health.request(b"other", tcp(target(1)));
    let most = Settings::default().computed_per_zone as u32;
    for number in 0..most * 3 {
        health.request(b"zone", computed(number));
        // One that is asked for all the time.
        assert!(reader.load().find(&computed(0)).is_some(), "after {number}");
    }
    assert_eq!(health.checks().len() as u32, most + 1);
    assert!(reader.load().find(&computed(1)).is_none(), "nobody asked for it");
    assert!(reader.load().find(&computed(most * 3 - 1)).is_some(), "the newest is there");
    assert!(reader.load().find(&tcp(target(1))).is_some(), "another zone's is not touched");
}

#[test]
fn a_hundred_thousand_checks_come_and_go_in_proportion_to_their_number() {
    let check = |number: u32| Check {
        probe: Probe::Tcp((Ipv4Addr::from_bits(0x0A00_0000 + number), 80).into()),
        pace: Pace::default(),
        source: None,
    };
    let health = unprobed();
    let time = |checks: u32| {
        let begin = std::time::Instant::now();
        let handles: Vec<_> =
            (0..checks).map(|number| health.acquire(check(number)).expect("allowed")).collect();
        for handle in handles.iter().step_by(10) {
            health.report(handle.check(), UP);
        }
        drop(handles);
        begin.elapsed()
    };
    time(1000);
    let (few, many) = (time(5000), time(100_000));
    assert!(health.checks().is_empty());
    // Twenty times as many: if each cost as much as all others, it would be four hundred times.
    assert!(many < few * 150, "5,000 in {few:?}, 100,000 in {many:?}");
}

#[tokio::test]
async fn clones_share_and_the_last_ends_the_probing() {
    let endpoint = Endpoint::http(Ipv4Addr::new(127, 0, 4, 2), &status(200, "")).await;
    let check = http(endpoint.url("http", "www.example", "/"), endpoint.address.ip());
    let health = Health::start(Settings::default()).expect("threads");
    let mut changes = health.subscribe();
    let clone = health.clone();
    let handle = health.acquire(check).expect("an allowed target");
    assert_eq!(changes.next().await.map(|change| change.to), Some(State::Up));
    drop(health);
    let asked = endpoint.seen().len();
    until("a probe on behalf of the clone", || (endpoint.seen().len() > asked).then_some(())).await;
    drop(clone);
    drop(handle);
    assert!(changes.next().await.is_none(), "there will be no more changes");
}

#[test]
fn pools_are_found_as_soon_as_they_are_published() {
    let health = start();
    let mut reader = health.reader();
    // In a row, so that the last ones come sooner after a publication than the next would.
    for number in 0..200 {
        let member = Member {
            address: Ipv4Addr::LOCALHOST.into(),
            weight: 1,
            check: None,
            named: None,
            labels: [].into(),
        };
        let name = pool_name(number);
        let groups = std::iter::once(0..1).collect();
        let (members, policy) = (vec![member], Policy::default());
        let pool = health.register(Pool { name, members, groups, policy });
        health.publish();
        assert!(reader.load().pool(pool.id()).is_some(), "pool {number}");
    }
}

#[test]
fn what_is_known_is_written_down_although_somebody_still_has_a_handle() {
    let folder = tempfile::tempdir().expect("a folder");
    let settings = Settings {
        targets: TargetPolicy::new(vec!["127.0.0.0/8".parse().expect("a network")], vec![]),
        state: Some(folder.path().to_owned()),
        ..Settings::default()
    };
    let health = Health::start(settings).expect("threads");
    let address = |port| (Ipv4Addr::LOCALHOST, port).into();
    let _held = health.acquire(tcp(address(1))).expect("an allowed target");
    assert!(health.report(&tcp(address(1)), UP));
    let other = health.clone();
    health.close();
    let written = || std::fs::read_to_string(folder.path().join("health")).expect("a file");
    let text = written();
    assert!(text.contains("127.0.0.1:1"), "{text}");
    // And that is all.
    let _late = other.acquire(tcp(address(2))).expect("an allowed target");
    assert!(other.report(&tcp(address(2)), UP));
    health.close();
    drop((health, other));
    assert_eq!(written(), text);
}
