//! The engine on a clock that only moves when everything waits, with a prober that is a script.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::account::{Account, Limits};
use crate::board::Board;
use crate::check::{Check, Group, Pace, Probe};
use crate::health::{Handle, Health};
use crate::outcome::Outcome;
use crate::policy::{Policy, Velocity};
use crate::pool::{Member, Pool, PoolName};
use crate::target::TargetPolicy;
use crate::verdict::State;

/// Says of every target what it was told to, after as long as it was told to.
#[derive(Default)]
struct Script {
    takes: Duration,
    down: Mutex<Vec<SocketAddr>>,
    started: Mutex<Vec<(SocketAddr, Instant)>>,
    under_way: AtomicUsize,
    most_under_way: AtomicUsize,
}

struct Under<'s>(&'s Script);

impl Drop for Under<'_> {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Prober for Script {
    async fn probe(&self, check: &Check, _: Option<&TargetPolicy>) -> Outcome {
        let Probe::Tcp(target) = check.probe else {
            panic!("only TCP is in the script");
        };
        self.started.lock().expect("no panic before").push((target, Clock::now()));
        let under_way = self.under_way.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_under_way.fetch_max(under_way, Ordering::Relaxed);
        let _under = Under(self);
        tokio::time::sleep(self.takes).await;
        if self.down.lock().expect("no panic before").contains(&target) {
            return Outcome::failure("scripted");
        }
        Outcome::success(0)
    }
}

impl Script {
    fn started(&self, target: SocketAddr) -> Vec<Instant> {
        let started = self.started.lock().expect("no panic before");
        started.iter().filter(|start| start.0 == target).map(|start| start.1).collect()
    }
}

/// A running engine; must be called on a runtime whose clock is paused.
fn start(settings: &Settings, script: Script) -> (Health, Arc<Script>) {
    let script = Arc::new(script);
    let board = Board::new(TICK);
    let shared = Shared::new(
        TargetPolicy::default(),
        board,
        (settings.max_computed, settings.computed_per_zone),
        settings.suspect,
    );
    let shared = Arc::new(shared);
    let (requests, requested) = mpsc::channel(settings.max_requests);
    let engine = Engine::new(Arc::clone(&shared), Arc::clone(&script), requested, settings);
    tokio::spawn(engine.run());
    (Health::assemble(shared, Some(requests)), script)
}

fn target(number: u32) -> SocketAddr {
    SocketAddr::new(std::net::Ipv4Addr::from_bits(0x7F00_0001 + number).into(), 80)
}

fn check(number: u32, interval: Duration) -> Check {
    let pace =
        Pace { interval, timeout: Duration::from_secs(2), fall: 3, rise: 2, ..Pace::default() };
    Check { probe: Probe::Tcp(target(number)), pace, source: None }
}

const SECOND: Duration = Duration::from_secs(1);

async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

#[tokio::test(start_paused = true)]
async fn an_account_that_stays_overdrawn_loses_what_was_computed_on_it() {
    let lease = Duration::from_secs(16 * 60);
    let settings = Settings { lease, ..Settings::default() };
    let (health, _) = start(&settings, Script::default());
    let limits = Limits { checks: Some(3), ..Limits::default() };
    let account = Account::new("tenants.a", limits);
    let theirs = health.on(Some(&account));
    for number in 1..=2 {
        theirs.request(b"a", check(number, SECOND));
        pass(SECOND).await;
    }
    // Both versions of what names checks are there, but not for long.
    let old: Vec<_> =
        (11..=12).map(|number| theirs.acquire(check(number, SECOND)).expect("allowed")).collect();
    health.begin(&account);
    let new: Vec<_> =
        (21..=22).map(|number| theirs.acquire(check(number, SECOND)).expect("allowed")).collect();
    drop(old);
    pass(50 * SECOND).await;
    assert_eq!(health.holdings(&account).checks, 4, "there was one look at most");
    pass(120 * SECOND).await;
    let held = health.holdings(&account);
    assert_eq!((held.checks, held.computed), (3, 1));
    let reader = &mut health.reader();
    assert!(reader.load().find_on(Some(&account), &check(1, SECOND)).is_none(), "the oldest goes");
    assert!(reader.load().find_on(Some(&account), &check(2, SECOND)).is_some());
    drop(new);
    assert_eq!(health.holdings(&account).checks, 1);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_checks_run_without_a_burst() {
    let script = Script { takes: Duration::from_millis(20), ..Script::default() };
    let (health, script) = start(&Settings::default(), script);
    let handles: Vec<_> = (0..10_000)
        .map(|number| health.acquire(check(number, 5 * SECOND)).expect("an allowed target"))
        .collect();
    pass(30 * SECOND).await;

    let started = script.started.lock().expect("no panic before");
    let origin = started[0].1;
    let mut windows: HashMap<u128, usize> = HashMap::new();
    let mut probed: HashMap<SocketAddr, usize> = HashMap::new();
    for (target, start) in started.iter() {
        *windows.entry((*start - origin).as_millis() / 100).or_default() += 1;
        *probed.entry(*target).or_default() += 1;
    }
    // The mean is 200 probes in 100 ms.
    let opening = windows.iter().filter(|window| *window.0 < 50).map(|window| *window.1).max();
    let steady = windows.iter().filter(|window| *window.0 >= 50).map(|window| *window.1).max();
    assert!(opening <= Some(410), "{opening:?} in 100 ms while the checks are new");
    assert!(steady <= Some(210), "{steady:?} in 100 ms later");
    assert_eq!(probed.len(), handles.len());
    assert!(probed.values().all(|probes| (5..=7).contains(probes)));
    let mut reader = health.reader();
    let snapshot = reader.load();
    assert!(handles.iter().all(|handle| snapshot.verdict(handle.id()).state == State::Up));
}

#[tokio::test(start_paused = true)]
async fn a_check_is_probed_soon_and_then_from_start_to_start() {
    let script = Script { takes: Duration::from_millis(700), ..Script::default() };
    let (health, script) = start(&Settings::default(), script);
    let begin = Clock::now();
    let _handle = health.acquire(check(1, SECOND)).expect("an allowed target");
    pass(10 * SECOND).await;
    let started = script.started(target(1));
    assert!(started[0] - begin <= Duration::from_millis(2), "{:?}", started[0] - begin);
    for pair in started[1..].windows(2) {
        let apart = pair[1] - pair[0];
        assert!(apart.abs_diff(SECOND) <= Duration::from_millis(2), "{apart:?}");
    }
    assert!(started.len() >= 9, "{}", started.len());
}

#[tokio::test(start_paused = true)]
async fn a_check_never_has_two_probes_under_way() {
    let script = Script { takes: Duration::from_millis(2500), ..Script::default() };
    let (health, script) = start(&Settings::default(), script);
    let _handle = health.acquire(check(1, SECOND)).expect("an allowed target");
    pass(30 * SECOND).await;
    assert_eq!(script.most_under_way.load(Ordering::Relaxed), 1);
    assert!(health.counts().skipped >= 10, "{:?}", health.counts());
}

#[tokio::test(start_paused = true)]
async fn no_more_probes_are_under_way_than_allowed() {
    let script = Script { takes: Duration::from_millis(100), ..Script::default() };
    let settings = Settings { max_in_flight: 7, ..Settings::default() };
    let (health, script) = start(&settings, script);
    let _handles: Vec<_> = (0..200)
        .map(|number| health.acquire(check(number, SECOND)).expect("an allowed target"))
        .collect();
    pass(20 * SECOND).await;
    assert_eq!(script.most_under_way.load(Ordering::Relaxed), 7);
    // Seven at a time, ten times a second: what there is of time is used.
    assert!(health.counts().probes >= 1300, "{:?}", health.counts());
    assert!(health.checks().iter().all(|report| report.verdict.state == State::Up));
}

#[tokio::test(start_paused = true)]
async fn a_check_that_is_released_stops_at_once() {
    let script = Script { takes: Duration::from_millis(500), ..Script::default() };
    let (health, script) = start(&Settings::default(), script);
    let handle = health.acquire(check(1, SECOND)).expect("an allowed target");
    let other = health.acquire(check(1, SECOND)).expect("an allowed target");
    let clone = handle.clone();
    assert_eq!(handle.id(), other.id());
    pass(Duration::from_millis(100)).await;
    drop((handle, other));
    assert_eq!(script.under_way.load(Ordering::Relaxed), 1, "a clone still holds it");
    drop(clone);
    pass(Duration::from_millis(1)).await;
    assert_eq!(script.under_way.load(Ordering::Relaxed), 0, "the probe under way ends too");
    pass(10 * SECOND).await;
    assert_eq!(script.started(target(1)).len(), 1);
    assert!(health.checks().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_change_is_told_once_and_seen_by_readers() {
    let (health, script) = start(&Settings::default(), Script::default());
    let mut changes = health.subscribe();
    let mut reader = health.reader();
    let handle = health.acquire(check(1, SECOND)).expect("an allowed target");
    let steps = [(State::Unknown, State::Up), (State::Up, State::Down), (State::Down, State::Up)];
    for (from, to) in steps {
        let told = changes.next().await.expect("the engine runs");
        assert_eq!((told.from, told.to), (from, to));
        assert_eq!(*told.check, check(1, SECOND));
        pass(TICK).await;
        let verdict = reader.load().verdict(handle.id());
        assert_eq!((verdict.state, verdict.since), (to, Some(told.at)));
        *script.down.lock().expect("no panic before") = match to {
            State::Up => vec![target(1)],
            _ => Vec::new(),
        };
    }
    // Up, about to fall, down, up again.
    assert_eq!(reader.load().generation(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_computed_check_lives_as_long_as_it_is_asked_for() {
    let settings = Settings { lease: 60 * SECOND, max_computed: 2, ..Settings::default() };
    let (health, script) = start(&settings, Script::default());
    let mut reader = health.reader();
    assert_eq!(reader.load().find(&check(1, SECOND)), None);
    for number in [1, 1, 2] {
        health.request(b"zone", check(number, SECOND));
    }
    pass(SECOND).await;
    assert_eq!(health.counts().dropped, 0);
    let id = reader.load().find(&check(1, SECOND)).expect("a check that is held");
    assert_eq!(reader.load().verdict(id).state, State::Up);
    for _ in 0..20 {
        pass(30 * SECOND).await;
        assert_eq!(reader.load().find(&check(1, SECOND)), Some(id));
    }
    assert_eq!(reader.load().find(&check(2, SECOND)), None, "nobody asked for it");
    pass(90 * SECOND).await;
    assert_eq!(reader.load().find(&check(1, SECOND)), None);
    assert_eq!(reader.load().verdict(id).state, State::Unknown);
    let probes = script.started(target(1)).len();
    pass(10 * SECOND).await;
    assert_eq!(script.started(target(1)).len(), probes, "it is not probed any more");
}

#[tokio::test(start_paused = true)]
async fn when_all_leases_are_taken_the_least_used_makes_room() {
    let settings = Settings { max_computed: 3, ..Settings::default() };
    let (health, _script) = start(&settings, Script::default());
    let mut reader = health.reader();
    let ask = async |zone: &[u8], number| {
        health.request(zone, check(number, SECOND));
        pass(SECOND).await;
    };
    let held = || {
        let held = health.checks();
        let is_held = |number: &u32| {
            held.iter().any(|report| report.check.address() == Some(target(*number).ip()))
        };
        (1..=6).filter(is_held).collect::<Vec<u32>>()
    };
    for number in [1, 2, 3] {
        ask(b"greedy", number).await;
    }
    assert_eq!(held(), [1, 2, 3]);
    // Who has some gives up one of its own.
    ask(b"greedy", 4).await;
    assert_eq!(held(), [2, 3, 4]);
    // Who has none gets one of those that nobody has looked for lately.
    for number in [2, 4] {
        assert!(reader.load().find(&check(number, SECOND)).is_some());
    }
    ask(b"small", 5).await;
    assert_eq!(held(), [2, 4, 5]);
    ask(b"small", 6).await;
    assert_eq!(held(), [2, 4, 6]);
}

#[tokio::test(start_paused = true)]
async fn requests_beyond_the_queue_are_dropped_and_counted() {
    let settings = Settings { max_requests: 5, ..Settings::default() };
    let (health, _script) = start(&settings, Script::default());
    // The engine does not run before this task waits.
    for number in 0..8 {
        health.request(b"zone", check(number, SECOND));
    }
    assert_eq!(health.counts().dropped, 3);
    pass(SECOND).await;
    assert_eq!(health.checks().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_lease_ends_and_a_handle_still_holds_the_check() {
    let settings = Settings { lease: 10 * SECOND, ..Settings::default() };
    let (health, _script) = start(&settings, Script::default());
    let mut reader = health.reader();
    let handle = health.acquire(check(1, SECOND)).expect("an allowed target");
    pass(SECOND).await;
    assert_eq!(reader.load().find(&check(1, SECOND)), None, "its holder knows it");
    let before = reader.load().generation();
    health.request(b"zone", check(1, SECOND));
    pass(SECOND).await;
    assert_eq!(reader.load().find(&check(1, SECOND)), Some(handle.id()));
    assert_eq!(reader.load().generation(), before + 1, "the query sees a verdict now");
    pass(60 * SECOND).await;
    assert_eq!(reader.load().find(&check(1, SECOND)), None);
    assert_eq!(reader.load().verdict(handle.id()).state, State::Up);
}

#[tokio::test(start_paused = true)]
async fn the_engine_ends_with_the_last_health() {
    let (health, script) = start(&Settings::default(), Script::default());
    let handle = health.acquire(check(1, SECOND)).expect("an allowed target");
    pass(SECOND).await;
    drop(health);
    pass(TICK).await;
    let probes = script.started(target(1)).len();
    pass(10 * SECOND).await;
    assert_eq!(script.started(target(1)).len(), probes);
    drop(handle);
}

#[tokio::test(start_paused = true)]
async fn what_only_time_changes_waits_for_no_probe() {
    let (health, _script) = start(&Settings::default(), Script::default());
    let hour = 3600 * SECOND;
    let mut check = check(1, hour);
    check.pace.fall = 1;
    check.pace.rise = 1;
    check.pace.damping.hold_down = 10 * SECOND;
    let handle = health.acquire(check.clone()).expect("an allowed target");
    pass(SECOND).await;
    // Results from elsewhere, as heartbeats are, each published before the next.
    assert!(health.report(&check, Outcome::failure("it says so")));
    pass(SECOND).await;
    assert!(health.report(&check, Outcome::success(0)));
    pass(SECOND).await;
    let mut reader = health.reader();
    assert_eq!(reader.load().verdict(handle.id()).state, State::Down, "it is held");
    pass(9 * SECOND).await;
    assert_eq!(reader.load().verdict(handle.id()).state, State::Up, "and the next probe is far");
}

#[tokio::test(start_paused = true)]
async fn a_thousand_reloads_leave_nothing_behind() {
    let (health, script) = start(&Settings::default(), Script::default());
    // Some endpoints fail, so that there are alarms, departures and penalties.
    script.down.lock().expect("no panic before").extend((0..40).step_by(3).map(target));
    let mut before = Vec::new();
    let mut sizes = Vec::new();
    for version in 0..1000u32 {
        // Some checks stay, some are new, some are gone; all of one version is there before the other goes.
        let numbers = (0..20).map(|number| number + version % 7 * u32::from(number > 9));
        let mut handles: Vec<_> = numbers
            .map(|number| health.acquire(check(number, SECOND)).expect("an allowed target"))
            .collect();
        let parts = [check(version % 5, SECOND), check(30 + version % 3, SECOND)];
        let group = Group { at_least: 1, parts: parts.map(Arc::new).into() };
        let group = Check { probe: Probe::Group(group), pace: Group::pace(), source: None };
        handles.push(health.acquire(group).expect("allowed parts"));
        health.request(b"zone", check(100 + version % 50, SECOND));
        let member = |handle: &Handle| Member {
            address: target(handle.id().slot() as u32).ip(),
            weight: 1,
            check: Some(handle.id()),
            named: None,
            labels: [].into(),
        };
        let members: Vec<Member> = handles.iter().map(member).collect();
        let velocity = Some(Velocity { part: 100, window: 5 * SECOND });
        let pools: Vec<_> = (0..5)
            .map(|number| {
                let (zone, owner) = ("a.".into(), format!("w{number}.a.").into());
                let name = PoolName { zone, owner, rtype: "A".into(), program: 0, number: 0 };
                let groups = std::iter::once(0..members.len() as u32).collect();
                let policy = Policy { velocity, ..Policy::default() };
                health.register(Pool { name, members: members.clone(), groups, policy })
            })
            .collect();
        before = vec![(handles, pools)];
        pass(Duration::from_millis(if version % 10 == 0 { 3000 } else { 5 })).await;
        if version == 99 || version == 999 {
            sizes.push(health.sizes());
        }
    }
    let (early, late) = (&sizes[0], &sizes[1]);
    for ((what, early), (_, late)) in early.iter().zip(late) {
        assert!(
            *late <= early + early / 2 + 8,
            "{what}: {early} after 100 reloads, {late} after 1000"
        );
    }
    drop(before);
    // Leases end by themselves.
    pass(2 * Settings::default().lease).await;
    let left: Vec<_> = health
        .sizes()
        .into_iter()
        .filter(|(what, size)| !what.starts_with("room") && *size > 0)
        .collect();
    assert_eq!(left, []);
}
