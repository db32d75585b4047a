//! Heartbeats: what was last called in, by name.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use foldhash::fast::RandomState;

use crate::check::{BeatProbe, PushOptions, Stale};
use crate::outcome::Outcome;
use crate::said::{Holds, Said};

/// Nobody may call in by this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no heartbeat {0:?}")]
pub struct NoBeat(pub(crate) String);

/// What was last called in. There are as many names as the settings have, and no more.
#[derive(Debug)]
pub(crate) struct Beats {
    board: Mutex<Board>,
    /// Since when anybody listens.
    since: SystemTime,
}

#[derive(Debug)]
struct Board {
    heard: HashMap<Box<str>, Option<Heard>, RandomState>,
    /// Counts what is worth writing down.
    revision: u64,
}

/// Something that was called in.
#[derive(Clone, Debug)]
struct Heard {
    said: Said,
    at: SystemTime,
    /// It was called in to another process.
    is_recalled: bool,
}

/// What was last called in by one name, as it outlives the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Last {
    pub(crate) name: Box<str>,
    pub(crate) said: Said,
    pub(crate) at: SystemTime,
}

impl Beats {
    pub(crate) fn new(names: impl IntoIterator<Item = Box<str>>, now: SystemTime) -> Self {
        let heard = names.into_iter().map(|name| (name, None)).collect();
        Self { board: Mutex::new(Board { heard, revision: 0 }), since: now }
    }

    /// Takes up what was called in to another process, where there still is such a name. How much that
    /// is.
    pub(crate) fn recall(&self, all: impl IntoIterator<Item = Last>) -> usize {
        let mut board = self.lock();
        let mut count = 0;
        for Last { name, said, at } in all {
            if let Some(last) = board.heard.get_mut(&name) {
                // A clock that was set back would make it hold for longer than it may.
                let at = at.min(self.since);
                *last = Some(Heard { said, at, is_recalled: true });
                count += 1;
            }
        }
        count
    }

    /// What is to be written down, and which revision of it this is.
    pub(crate) fn memories(&self) -> (u64, Vec<Last>) {
        let board = self.lock();
        let last = board.heard.iter().filter_map(|(name, heard)| {
            let Heard { said, at, .. } = heard.clone()?;
            Some(Last { name: name.clone(), said, at })
        });
        (board.revision, last.collect())
    }

    /// Counts what was called in.
    pub(crate) fn revision(&self) -> u64 {
        self.lock().revision
    }

    /// Takes in what was called in. Returns whether it says something else than before.
    pub(crate) fn hear(&self, name: &str, said: Said, now: SystemTime) -> Result<bool, NoBeat> {
        let mut board = self.lock();
        let Some(last) = board.heard.get_mut(name) else {
            return Err(NoBeat(name.to_owned()));
        };
        let is_news = last.as_ref().is_none_or(|last| {
            let is_other = (last.said.is_up, last.said.weight) != (said.is_up, said.weight);
            last.is_recalled || is_other
        });
        *last = Some(Heard { said, at: now, is_recalled: false });
        board.revision += 1;
        Ok(is_news)
    }

    /// What follows from what was called in last.
    pub(crate) fn look(&self, probe: &BeatProbe, now: SystemTime) -> Outcome {
        let listened = since(self.since, now);
        let last = self.lock().heard.get(&*probe.name).cloned().flatten();
        let Some(Heard { said, at, is_recalled }) = last else {
            return match listened < probe.push.within {
                // Who was called in for by the last process is given the time to do so again.
                true => Outcome::Inconclusive("nothing was called in yet".into()),
                false => silence("nothing was called in".to_owned(), &probe.push),
            };
        };
        let age = since(at, now);
        let (holds, within) = match said.holds {
            Holds::AsChecked => (age < probe.push.within, probe.push.within),
            Holds::For(ttl) => (age < ttl, ttl),
            Holds::Until(until) => (now < until, probe.push.within),
        };
        let age = age.as_secs();
        match holds {
            true => told(&said),
            // While no process listened, nobody could call in: silence counts from the start.
            false if is_recalled && listened < within => Outcome::Inconclusive(
                format!("nothing was called in since the start, the last time {age} s ago").into(),
            ),
            false => silence(format!("nothing was called in for {age} s"), &probe.push),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn since(then: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(then).unwrap_or_default()
}

/// What follows from what is said, while it holds.
pub(crate) fn told(said: &Said) -> Outcome {
    match (said.is_up, &said.reason) {
        (true, _) => Outcome::success(said.weight),
        (false, None) => Outcome::failure("it says that it is down"),
        (false, Some(reason)) => Outcome::failure(format!("it says that it is down: {reason}")),
    }
}

/// What follows from silence.
pub(crate) fn silence(reason: String, push: &PushOptions) -> Outcome {
    match push.stale {
        Stale::Down => Outcome::failure(reason),
        Stale::Unknown => Outcome::Inconclusive(reason.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn down(reason: &str) -> Outcome {
        Outcome::failure(reason.to_owned())
    }

    fn probe(stale: Stale) -> BeatProbe {
        let push = PushOptions { within: Duration::from_secs(60), stale };
        BeatProbe { name: "fra".into(), push }
    }

    #[test]
    fn a_call_holds_for_a_while_and_silence_counts() {
        let second = |count| SystemTime::UNIX_EPOCH + Duration::from_secs(count);
        let beats = Beats::new(["fra".into()], second(0));
        let look = |count, stale| beats.look(&probe(stale), second(count));
        let not_yet = Outcome::Inconclusive("nothing was called in yet".into());
        assert_eq!(look(0, Stale::Down), not_yet);
        assert_eq!(look(59, Stale::Down), not_yet);
        assert_eq!(look(60, Stale::Down), down("nothing was called in"));
        let silent = Outcome::Inconclusive("nothing was called in".into());
        assert_eq!(look(60, Stale::Unknown), silent);
        for (text, is_news, at, later, expected) in [
            ("up", true, 100, 159, Outcome::success(0)),
            ("up", false, 110, 169, Outcome::success(0)),
            ("up", false, 110, 170, down("nothing was called in for 60 s")),
            ("down", true, 200, 201, down("it says that it is down")),
            (
                "{\"state\":\"down\",\"reason\":\"full\"}",
                false,
                200,
                201,
                down("it says that it is down: full"),
            ),
            ("{\"state\":\"up\",\"ttl\":5,\"weight\":9}", true, 200, 204, Outcome::success(9)),
            (
                "{\"state\":\"up\",\"ttl\":5,\"weight\":9}",
                false,
                200,
                205,
                down("nothing was called in for 5 s"),
            ),
            ("up 1970-01-01T00:05:00Z", true, 200, 299, Outcome::success(0)),
            ("up 1970-01-01T00:05:00Z", false, 200, 300, down("nothing was called in for 100 s")),
        ] {
            let said = Said::parse(text.as_bytes()).expect(text);
            assert_eq!(beats.hear("fra", said, second(at)), Ok(is_news), "{text}");
            assert_eq!(look(later, Stale::Down), expected, "{text}");
        }
        let said = Said::parse(b"up").expect("a state");
        assert_eq!(beats.hear("nbg", said, second(0)), Err(NoBeat("nbg".into())));
    }

    #[test]
    fn a_call_holds_over_a_restart_and_silence_counts_from_the_start() {
        let second = |count| SystemTime::UNIX_EPOCH + Duration::from_secs(count);
        let not_since = |age: u64| {
            let said = format!("nothing was called in since the start, the last time {age} s ago");
            Outcome::Inconclusive(said.into())
        };
        let silent = |age: u64| down(&format!("nothing was called in for {age} s"));
        let full = down("it says that it is down: full");
        // Calls hold for 60 s. The server starts at 1000 s.
        for (text, at, looks) in [
            (
                "up",
                990,
                &[
                    (1000, Outcome::success(0)),
                    (1049, Outcome::success(0)),
                    (1050, not_since(60)),
                    (1059, not_since(69)),
                    (1060, silent(70)),
                ][..],
            ),
            ("up", 940, &[(1000, not_since(60)), (1059, not_since(119)), (1060, silent(120))]),
            ("up", 0, &[(1000, not_since(1000)), (1060, silent(1060))]),
            ("down", 990, &[(1000, down("it says that it is down")), (1060, silent(70))]),
            (
                "{\"state\":\"down\",\"reason\":\"full\",\"ttl\":3600}",
                10,
                &[
                    (1000, full.clone()),
                    (3609, full),
                    (3610, not_since(3600)),
                    (4600, silent(4590)),
                ],
            ),
            (
                "{\"state\":\"up\",\"weight\":5,\"ttl\":5}",
                990,
                &[(1000, not_since(10)), (1004, not_since(14)), (1005, silent(15))],
            ),
            ("up 1970-01-01T00:17:00Z", 0, &[(1019, Outcome::success(0)), (1020, not_since(1020))]),
            // The clock was set back: it holds as if it had been called in just now.
            ("up", 5000, &[(1000, Outcome::success(0)), (1059, Outcome::success(0))]),
            ("up", 5000, &[(1060, silent(60))]),
        ] {
            let beats = Beats::new(["fra".into()], second(1000));
            let said = Said::parse(text.as_bytes()).expect(text);
            let last = |name: &str| Last { name: name.into(), said: said.clone(), at: second(at) };
            assert_eq!(beats.recall([last("fra"), last("gone")]), 1);
            for (count, expected) in looks {
                let found = beats.look(&probe(Stale::Down), second(*count));
                assert_eq!(found, *expected, "{text} at {at}, looked at {count}");
            }
            assert_eq!(
                beats.hear("fra", said, second(9000)),
                Ok(true),
                "the first of this process"
            );
        }
    }
}
