//! Heartbeats that are called in, and files that say a state.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use halfmoon_healthcheck::{
    BeatProbe, Check, FileProbe, Health, Outcome, Probe, PushOptions, Said, Settings, Stale, State,
    TargetPolicy,
};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

mod common;
use common::{outcome, quick, report, until};

fn started(targets: TargetPolicy) -> Health {
    Health::start(Settings { targets, ..Settings::default() }).expect("threads")
}

fn beat(name: &str, within: Duration, stale: Stale) -> Check {
    let push = PushOptions { within, stale };
    quick(Probe::Beat(BeatProbe { name: name.to_owned(), push }))
}

fn file(path: &str, stale: Stale) -> Check {
    let push = PushOptions { within: Duration::from_secs(60), stale };
    quick(Probe::File(FileProbe { path: PathBuf::from(path), push }))
}

fn say(health: &Health, name: &str, text: &str) -> bool {
    health.beat(name, Said::parse(text.as_bytes()).expect("a state")).is_ok()
}

#[tokio::test]
async fn who_calls_in_is_up_until_it_falls_silent() {
    let targets = TargetPolicy::default().with_beats(["fra".into(), "nbg".into()]);
    let health = started(targets);
    let fra = health
        .acquire(beat("fra", Duration::from_secs(3), Stale::Down))
        .expect("a heartbeat that there is");
    let nbg = health
        .acquire(beat("nbg", Duration::from_secs(3600), Stale::Down))
        .expect("a heartbeat that there is");
    let mut reader = health.reader();
    let mut state = |handle: &halfmoon_healthcheck::Handle| {
        let verdict = reader.load().verdict(handle.id());
        (verdict.state, verdict.weight)
    };
    assert!(say(&health, "fra", "{\"state\": \"up\", \"weight\": 5}"));
    // Without waiting for anything: a call takes effect at once.
    until("what was called in", || (state(&fra) == (State::Up, 5)).then_some(())).await;
    assert_eq!(state(&nbg), (State::Unknown, 0));
    until("the silence to count", || (state(&fra) == (State::Down, 0)).then_some(())).await;
    assert!(say(&health, "fra", "up"));
    until("the next call", || (state(&fra).0 == State::Up).then_some(())).await;
    assert!(say(&health, "nbg", "{\"state\": \"down\", \"reason\": \"full\"}"));
    until("the word of the other", || (state(&nbg).0 == State::Down).then_some(())).await;
    let last = report(&health, nbg.check()).and_then(|report| report.last).expect("a result");
    assert_eq!(last.outcome, Outcome::Failure("it says that it is down: full".into()));
    assert!(!say(&health, "ber", "up"), "there is no such heartbeat");
}

#[test]
fn a_call_counts_as_one_result_at_once() {
    let health = Health::unprobed(TargetPolicy::default().with_beats(["fra".into()]));
    let mut check = beat("fra", Duration::from_secs(60), Stale::Down);
    check.pace.rise = 2;
    let handle = health.acquire(check).expect("a heartbeat that there is");
    let mut reader = health.reader();
    let mut state = || reader.load().verdict(handle.id()).state;
    assert!(say(&health, "fra", "up"));
    assert_eq!(state(), State::Up);
    assert!(say(&health, "fra", "down"));
    assert_eq!(state(), State::Down);
    assert!(say(&health, "fra", "up"));
    assert_eq!(state(), State::Down, "one of two");
}

#[test]
fn what_the_operator_did_not_name_is_refused() {
    let health = Health::unprobed(TargetPolicy::default().with_beats(["fra".into()]));
    let refused = |check| health.acquire(check).map(|_| ()).expect_err("refused").to_string();
    let said = refused(beat("nbg", Duration::from_secs(60), Stale::Down));
    assert!(said.starts_with("there is no heartbeat \"nbg\": "), "{said}");
    let said = refused(beat("fra", Duration::ZERO, Stale::Down));
    assert!(said.starts_with("what is called in cannot hold for 0ns"), "{said}");
    let said = refused(file("fra", Stale::Down));
    assert_eq!(said, "no files are read: `health.files` has to name their folder");
    let health = Health::unprobed(TargetPolicy::default().with_files("/nowhere".into()));
    for path in ["../fra", "/etc/passwd", ""] {
        let said = health.acquire(file(path, Stale::Down)).map(|_| ()).expect_err(path);
        assert!(said.to_string().contains("is not a path within a folder"), "{said}");
    }
}

fn in_minutes(minutes: i64) -> String {
    let moment = OffsetDateTime::now_utc() + time::Duration::minutes(minutes);
    moment.format(&Rfc3339).expect("a date")
}

#[tokio::test]
async fn a_file_says_a_state_until_a_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let (later, before) = (in_minutes(60), in_minutes(-1));
    let write = |text: &str| fs::write(folder.path().join("fra"), text).expect("a file");
    let stale = "what the file says holds no more";
    for (text, policy, expected) in [
        (format!("up {later}\n"), Stale::Down, Outcome::success(0)),
        ("up".to_owned(), Stale::Down, Outcome::success(0)),
        (format!("up {before}"), Stale::Down, Outcome::Failure(stale.into())),
        (format!("up {before}"), Stale::Unknown, Outcome::Inconclusive(stale.into())),
        (format!("down {later}"), Stale::Down, Outcome::Failure("it says that it is down".into())),
        (
            format!("{{\"state\": \"up\", \"until\": \"{later}\", \"weight\": 7}}"),
            Stale::Down,
            Outcome::success(7),
        ),
        (
            "perhaps".to_owned(),
            Stale::Down,
            Outcome::Failure(
                "the file holds neither a line like `up 2026-11-24T12:00:00Z` nor JSON like \
                 {\"state\": \"up\", \"ttl\": 30}"
                    .into(),
            ),
        ),
        ("x".repeat(5000), Stale::Down, {
            Outcome::Failure("the file holds more than 4096 octets".into())
        }),
    ] {
        write(&text);
        let health = started(TargetPolicy::default().with_files(folder.path().to_owned()));
        assert_eq!(outcome(&health, file("fra", policy)).await, expected, "{text}");
    }
    // What nobody writes any more holds for a while after it was written.
    write("up");
    age(&folder.path().join("fra"), Duration::from_secs(61));
    let health = started(TargetPolicy::default().with_files(folder.path().to_owned()));
    let found = outcome(&health, file("fra", Stale::Down)).await;
    assert_eq!(found, Outcome::Failure(stale.into()));
}

fn age(path: &Path, by: Duration) {
    let file = fs::File::options().write(true).open(path).expect("a file");
    file.set_modified(SystemTime::from(OffsetDateTime::now_utc()) - by).expect("a time");
}

#[tokio::test]
async fn a_file_that_is_none_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("eu")).expect("a folder");
    for (path, stale, expected) in [
        ("fra", Stale::Down, Outcome::Failure("there is no such file".into())),
        ("fra", Stale::Unknown, Outcome::Inconclusive("there is no such file".into())),
        ("eu", Stale::Down, Outcome::Failure("it is no file".into())),
    ] {
        let health = started(TargetPolicy::default().with_files(folder.path().to_owned()));
        assert_eq!(outcome(&health, file(path, stale)).await, expected, "{path}");
    }
}

#[tokio::test]
async fn a_file_is_read_again_when_it_changes() {
    let folder = tempfile::tempdir().expect("a folder");
    let health = started(TargetPolicy::default().with_files(folder.path().to_owned()));
    let path = folder.path().join("fra");
    let handle = health.acquire(file("fra", Stale::Down)).expect("an allowed file");
    let mut reader = health.reader();
    for (text, state) in [("up", State::Up), ("down", State::Down), ("up", State::Up)] {
        fs::write(&path, text).expect("a file");
        until("the file to be read", || {
            (reader.load().verdict(handle.id()).state == state).then_some(())
        })
        .await;
    }
}
