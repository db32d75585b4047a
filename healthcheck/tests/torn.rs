//! No reader sees half of a change: in each snapshot, what pools answer with follows from the verdicts
//! of the same snapshot.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use halfmoon_healthcheck::{
    Check, Choice, Damping, Handle, Health, Member, Outcome, Pace, Policy, Pool, PoolHandle, Probe,
    State, TargetPolicy,
};

mod common;
use common::pool_name;

const ENDPOINTS: usize = 40;
const TIME: Duration = Duration::from_secs(3);

fn check(number: usize) -> Check {
    let target = (Ipv4Addr::new(192, 0, 2, number as u8 + 1), 80).into();
    let pace = Pace { fall: 1, rise: 1, damping: Damping::NONE, ..Pace::default() };
    Check { probe: Probe::Tcp(target), pace, source: None }
}

/// A pool of some of the endpoints, and which.
fn pool(health: &Health, handles: &[Handle], number: usize) -> (PoolHandle, Vec<usize>) {
    let whose: Vec<usize> = (0..ENDPOINTS).filter(|n| n % (number + 1) == 0).collect();
    let member = |n: &usize| Member {
        address: Ipv4Addr::new(192, 0, 2, *n as u8 + 1).into(),
        weight: 1,
        check: Some(handles[*n].id()),
        named: None,
        labels: [].into(),
    };
    let name = pool_name(number);
    let members: Vec<Member> = whose.iter().map(member).collect();
    let group = 0..members.len() as u32;
    let groups = std::iter::once(group).collect();
    let policy = Policy::default();
    (health.register(Pool { name, members, groups, policy }), whose)
}

#[test]
fn pools_and_verdicts_of_one_snapshot_agree_whatever_happens_meanwhile() {
    let health = Health::unprobed(TargetPolicy::default());
    let handles: Vec<Handle> =
        (0..ENDPOINTS).map(|n| health.acquire(check(n)).expect("an allowed target")).collect();
    let pools: Vec<_> = (0..20).map(|number| pool(&health, &handles, number)).collect();
    let (is_over, looks) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for seed in 0..3 {
            let (health, handles, is_over) = (&health, &handles, &is_over);
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(seed);
                while !is_over.load(Ordering::Relaxed) {
                    let handle = &handles[random.usize(..ENDPOINTS)];
                    let outcome = match random.bool() {
                        true => Outcome::success(0),
                        false => Outcome::Failure("refused".into()),
                    };
                    assert!(health.report(handle.check(), outcome));
                    if random.u32(..100) == 0 {
                        // A reload in the middle of it.
                        drop(pool(health, handles, 30));
                    }
                }
            });
        }
        for _ in 0..3 {
            scope.spawn(|| {
                let mut reader = health.reader();
                let mut seen: HashMap<u64, Vec<State>> = HashMap::new();
                let mut newest = 0;
                while !is_over.load(Ordering::Relaxed) {
                    let snapshot = reader.load();
                    assert!(snapshot.generation() >= newest, "snapshots go back");
                    newest = snapshot.generation();
                    let states: Vec<State> =
                        handles.iter().map(|handle| snapshot.verdict(handle.id()).state).collect();
                    for (pool, whose) in &pools {
                        let standing = snapshot.pool(pool.id()).expect("it is registered");
                        let chosen: Vec<usize> = standing
                            .chosen
                            .iter()
                            .map(|pick| whose[pick.member as usize])
                            .collect();
                        let up: Vec<usize> =
                            whose.iter().copied().filter(|n| states[*n] == State::Up).collect();
                        match up.is_empty() {
                            true => assert_eq!(standing.choice, Choice::Backup),
                            false => assert_eq!(chosen, up, "generation {newest}"),
                        }
                    }
                    if seen.len() > 10_000 {
                        seen.clear();
                    }
                    let before = seen.entry(newest).or_insert_with(|| states.clone());
                    assert_eq!(*before, states, "generation {newest} says two things");
                    looks.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let end = Instant::now() + TIME;
        while Instant::now() < end {
            thread::yield_now();
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert!(looks.load(Ordering::Relaxed) > 1000, "{looks:?}");
}
