use std::net::Ipv4Addr;
use std::time::SystemTime;

use super::*;
use crate::account::{Account, Limits};
use crate::beats::Last as LastBeat;
use crate::board::Board;
use crate::check::{Check, HttpProbe, Pace, Probe};
use crate::damping::Damping;
use crate::outcome::Outcome;
use crate::policy::{AllDown, Policy, Velocity};
use crate::pool::{Member, Pool, PoolName, PoolReport};
use crate::registry::Registry;
use crate::report::Last;
use crate::said::{Holds, Said};
use crate::target::TargetPolicy;
use crate::verdict::{CheckId, State};

fn registry() -> Registry {
    Registry::new(Board::new(Duration::ZERO), 10, 10, None)
}

fn check(last: u8) -> Check {
    let pace = Pace { fall: 1, rise: 1, ..Pace::default() };
    Check { probe: Probe::Tcp((Ipv4Addr::new(192, 0, 2, last), 80).into()), pace, source: None }
}

fn pool(members: &[CheckId]) -> Pool {
    let member = |(last, check): (u8, &CheckId)| Member {
        address: Ipv4Addr::new(192, 0, 2, last).into(),
        weight: 1,
        check: Some(*check),
        named: None,
        labels: [].into(),
    };
    let name = PoolName {
        zone: "a.".into(),
        owner: "w.a.".into(),
        rtype: "A".into(),
        program: 0,
        number: 0,
    };
    Pool {
        name,
        members: (1..).zip(members).map(member).collect(),
        groups: std::iter::once(0..members.len() as u32).collect(),
        policy: Policy { all_down: AllDown::Last, ..Policy::default() },
    }
}

fn report(registry: &mut Registry, id: CheckId, outcome: Outcome, at: SystemTime) {
    registry.record(id, Last { outcome, latency: Duration::ZERO, at });
    registry.settle_pools(at);
}

/// What a pool answers with, by number.
fn answer(registry: &Registry) -> Vec<u32> {
    let report = registry.pools.reports(0..1).next().unwrap();
    report.standing.chosen.iter().map(|pick| pick.member).collect()
}

#[test]
fn what_is_written_down_is_what_the_next_process_begins_with() {
    let folder = tempfile::tempdir().expect("a folder");
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let mut before = registry();
    assert!(read(folder.path(), HEALTH, Known::read).expect("no file").is_none());
    let ids = [1, 2, 3].map(|last| before.hold(check(last), None).expect("no account").0);
    before.register(pool(&ids), now);
    for (id, is_up) in [(ids[0], true), (ids[1], true), (ids[2], false)] {
        let outcome = if is_up { Outcome::success(5) } else { Outcome::failure("refused") };
        report(&mut before, id, outcome, now);
    }
    report(&mut before, ids[0], Outcome::failure("refused"), now);
    assert_eq!(answer(&before), [1]);
    replace(folder.path(), HEALTH, |out| Known::of_all(&before).write(out))
        .expect("a folder that can be written");

    let mut after = registry();
    after.recall(
        read(folder.path(), HEALTH, Known::read).expect("a file").expect("what was written"),
    );
    let later = now + Duration::from_secs(3600);
    let ids = [1, 2, 3].map(|last| after.hold(check(last), None).expect("no account").0);
    after.settle_pools(later);
    after.register(pool(&ids), later);
    assert_eq!(answer(&after), [1]);
    let verdicts = ids.map(|id| after.board.verdict(id));
    assert_eq!(verdicts.map(|verdict| verdict.state), [State::Down, State::Up, State::Down]);
    assert_eq!(verdicts[1].since, Some(now));
    assert_eq!(&*after.occupant(ids[0]).expect("held").reason, "refused");
    // What was up before the last of it went is known as well.
    report(&mut after, ids[1], Outcome::failure("refused"), later);
    assert_eq!(answer(&after), [1]);
}

#[test]
fn what_an_older_pool_remembers_outlives_a_newer_one_of_its_name() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let mut registry = registry();
    let ids = [1, 2, 3].map(|last| registry.hold(check(last), None).expect("no account").0);
    let mut list = pool(&ids);
    list.policy.velocity = Some(Velocity { part: 500, window: Duration::from_secs(300) });
    let _older = registry.register(list.clone(), now);
    for id in ids {
        report(&mut registry, id, Outcome::success(0), now);
    }
    // A version of the zone that is refused, and goes again.
    let newer = registry.register(list.clone(), now);
    report(&mut registry, ids[0], Outcome::failure("refused"), now);
    let written = registry.revision;
    registry.release_pool(newer);
    assert!(registry.revision > written, "it is written down anew");
    let known = Known::of_all(&registry);
    let [memory] = &*known.pools else { panic!("{:?}", known.pools) };
    let (_, memory) = memory.clone().recall();
    assert_eq!((memory.members_in.len(), memory.last.len(), memory.departures.len()), (2, 2, 1));
    // The next version begins where the old one is: one of three has left, and no other may.
    registry.register(list, now);
    report(&mut registry, ids[1], Outcome::failure("refused"), now);
    let reports: Vec<_> = registry.pools.reports(0..registry.pools.places()).collect();
    let of = |report: &PoolReport| report.members.iter().filter(|member| member.is_in).count();
    assert_eq!(reports.iter().map(of).collect::<Vec<_>>(), [2, 2]);
}

#[test]
fn pools_of_a_file_without_numbers_are_the_first_of_their_owner() {
    let line = |more: &str| {
        format!(
            "{{\"zone\":\"a.\",\"owner\":\"w.a.\",\"type\":\"A\",\"in\":[],\"last\":[]{more}}}\n"
        )
    };
    for (more, shown) in [
        ("", "w.a. A"),
        (",\"number\":1", "w.a. A/1/2"),
        (",\"program\":1,\"number\":0", "w.a. A/2"),
        (",\"program\":1,\"number\":2", "w.a. A/2/3"),
    ] {
        let text = format!("{{\"format\":\"halfmoon-health\",\"version\":1}}\n{}", line(more));
        let known = Known::read(text.as_bytes()).expect("a file");
        assert_eq!(known.pools[0].clone().recall().0.to_string(), shown, "{more}");
        let mut written = Vec::new();
        known.write(&mut written).expect("a vector");
        assert_eq!(Known::read(&*written).expect("a file").pools, known.pools);
    }
}

#[test]
fn other_options_find_what_was_known_of_the_same_target() {
    let folder = tempfile::tempdir().expect("a folder");
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let mut before = registry();
    let id = before.hold(check(1), None).expect("no account").0;
    report(&mut before, id, Outcome::success(0), now);
    replace(folder.path(), HEALTH, |out| Known::of_all(&before).write(out))
        .expect("a folder that can be written");
    let mut after = registry();
    after.recall(
        read(folder.path(), HEALTH, Known::read).expect("a file").expect("what was written"),
    );
    let pace = Pace { damping: Damping::NONE, ..Pace::default() };
    let id = after.hold(Check { pace, ..check(1) }, None).expect("no account").0;
    after.settle_pools(now);
    assert_eq!(after.board.verdict(id).state, State::Up);
}

#[test]
fn what_an_account_knows_of_a_host_is_taken_up_by_no_other() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let accounts = || {
        ["tenants.a", "tenants.b", "tenants.c"].map(|settings| {
            let targets = Some(TargetPolicy::default());
            Account::new(settings, Limits { targets, ..Limits::default() })
        })
    };
    let url = "http://host.example/".parse().expect("a URL");
    let pace = Pace { fall: 1, rise: 1, ..Pace::default() };
    let host = Check { probe: Probe::Http(HttpProbe::new(url, None).into()), pace, source: None };
    let mut before = registry();
    let of_before = accounts();
    let hold = |registry: &mut Registry, account: &Account| {
        registry.hold(host.clone(), Some(account)).expect("no limit").0
    };
    for (account, outcome) in
        of_before.iter().zip([Outcome::success(0), Outcome::failure("refused")])
    {
        let id = hold(&mut before, account);
        report(&mut before, id, outcome, now);
    }
    let mut written = Vec::new();
    Known::of_all(&before).write(&mut written).expect("a vector");
    let mut after = registry();
    after.recall(Known::read(&*written).expect("a file"));
    // Whoever comes first takes nothing from the others.
    let [a, b, c] = &accounts();
    let ids = [c, b, a].map(|account| hold(&mut after, account));
    after.settle_pools(now);
    let states = ids.map(|id| after.board.verdict(id).state);
    assert_eq!(states, [State::Unknown, State::Down, State::Up]);
}

#[test]
fn what_is_no_such_file_is_told_and_not_believed() {
    let folder = tempfile::tempdir().expect("a folder");
    for (text, why) in [
        ("", ""),
        ("{\"format\":\"halfmoon-health\",\"version\":2}\n", "it is halfmoon-health 2"),
        ("garbage\n", "line 1: expected value"),
        ("{\"format\":\"halfmoon-health\",\"version\":1}\n{\"check\":", "line 2: "),
        ("\u{0}\u{0}", "line 1: "),
    ] {
        fs::write(folder.path().join(HEALTH), text).expect("a folder that can be written");
        match read(folder.path(), HEALTH, Known::read) {
            Ok(known) => assert!(why.is_empty() && known.is_some_and(|k| k.checks.is_empty())),
            Err(error) => assert!(error.to_string().starts_with(why) && !why.is_empty(), "{error}"),
        }
    }
}

#[test]
fn what_was_called_in_is_written_down_as_it_was_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_764_000_000_500);
    let texts = [
        "up",
        "down",
        "up 2026-11-24T12:00:00Z",
        "{\"state\":\"down\",\"ttl\":30,\"weight\":7,\"reason\":\"disk \\\"a\\\" full\"}",
    ];
    let said = |text: &str| Said::parse(text.as_bytes()).expect(text);
    let name = |number: usize| Box::from(format!("beat-{number}"));
    let last = |(number, text)| LastBeat { name: name(number), said: said(text), at };
    let all: Vec<LastBeat> = texts.into_iter().enumerate().map(last).collect();
    replace(folder.path(), BEATS, |out| beats::write(&all, out)).expect("a folder");
    let found = read(folder.path(), BEATS, beats::read).expect("a file");
    assert_eq!(found.expect("what was written"), all);
}

#[test]
fn what_is_called_in_before_anybody_writes_is_written_down() {
    let folder = tempfile::tempdir().expect("a folder");
    let targets = TargetPolicy::default().with_beats(["fra".into()]);
    let shared = Shared::new(targets, Board::new(Duration::ZERO), (10, 10), None);
    let said = Said { is_up: true, holds: Holds::AsChecked, weight: 0, reason: None };
    shared.beats.hear("fra", said, SystemTime::UNIX_EPOCH).expect("a name");
    drop(Keeper::start(folder.path().to_owned(), Arc::new(shared)).expect("a thread"));
    let found = read(folder.path(), BEATS, beats::read).expect("a file").expect("a call");
    assert_eq!(found.len(), 1);
}

#[test]
fn a_file_of_calls_that_is_none_is_told() {
    let head = "{\"format\":\"halfmoon-beats\",\"version\":1}\n";
    let beyond =
        format!("{head}{{\"beat\":\"fra\",\"at\":1,\"state\":\"up\",\"ttl\":{}}}\n", u64::MAX);
    for (text, expected) in [
        ("{\"format\":\"halfmoon-health\",\"version\":1}\n", Err("it is halfmoon-health 1")),
        ("{\"format\":\"halfmoon-beats\",\"version\":2}\n", Err("it is halfmoon-beats 2")),
        (&format!("{head}{{\"beat\":\"fra\",\"at\":1"), Err("line 2: EOF")),
        (
            &format!("{head}{{\"beat\":\"fra\",\"state\":\"up\"}}\n"),
            Err("line 2: missing field `at`"),
        ),
        (
            &format!("{head}{{\"beat\":\"fra\",\"at\":-1,\"state\":\"up\"}}\n"),
            Err("line 2: invalid value"),
        ),
        (head, Ok(0)),
        // It would hold for ever, and holds for as long as anything may.
        (&beyond, Ok(7 * 24 * 3600)),
    ] {
        let found = beats::read(text.as_bytes()).map_err(|error| error.to_string());
        match (found, expected) {
            (Ok(last), Ok(seconds)) => {
                let holds = last.first().map(|last| last.said.holds);
                let expected = (seconds > 0).then(|| Holds::For(Duration::from_secs(seconds)));
                assert_eq!(holds, expected, "{text}");
            }
            (Err(error), Err(start)) => assert!(error.starts_with(start), "{text}: {error}"),
            (found, _) => panic!("{text}: {found:?}"),
        }
    }
}
