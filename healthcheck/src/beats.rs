//! Heartbeats: what was last called in, by name.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

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
    heard: Mutex<HashMap<Box<str>, Option<Heard>, RandomState>>,
    /// Since when anybody listens.
    since: Instant,
}

/// Something that was called in.
#[derive(Clone, Debug)]
struct Heard {
    said: Said,
    at: Instant,
}

impl Beats {
    pub(crate) fn new(names: impl IntoIterator<Item = Box<str>>, now: Instant) -> Self {
        let heard = names.into_iter().map(|name| (name, None)).collect();
        Self { heard: Mutex::new(heard), since: now }
    }

    /// Takes in what was called in. Returns whether it says something else than before.
    pub(crate) fn hear(&self, name: &str, said: Said, now: Instant) -> Result<bool, NoBeat> {
        let mut heard = self.lock();
        let Some(last) = heard.get_mut(name) else {
            return Err(NoBeat(name.to_owned()));
        };
        let is_news = last
            .as_ref()
            .is_none_or(|last| (last.said.is_up, last.said.weight) != (said.is_up, said.weight));
        *last = Some(Heard { said, at: now });
        Ok(is_news)
    }

    /// What follows from what was called in last.
    pub(crate) fn look(&self, probe: &BeatProbe, now: Instant, date: SystemTime) -> Outcome {
        let last = self.lock().get(&*probe.name).cloned().flatten();
        let Some(Heard { said, at }) = last else {
            let silent = now.saturating_duration_since(self.since);
            return match silent < probe.push.within {
                // Who was called in for by the last process is given the time to do so again.
                true => Outcome::Inconclusive("nothing was called in yet".into()),
                false => silence("nothing was called in".to_owned(), &probe.push),
            };
        };
        let age = now.saturating_duration_since(at);
        let holds = match said.holds {
            Holds::AsChecked => age < probe.push.within,
            Holds::For(ttl) => age < ttl,
            Holds::Until(until) => date < until,
        };
        match holds {
            true => told(&said),
            false => silence(format!("nothing was called in for {} s", age.as_secs()), &probe.push),
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Option<Heard>, RandomState>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_call_holds_for_a_while_and_silence_counts() {
        let start = Instant::now();
        let second = |count| start + Duration::from_secs(count);
        let date = |count| SystemTime::UNIX_EPOCH + Duration::from_secs(count);
        let down = |reason: &str| Outcome::failure(reason.to_owned());
        let beats = Beats::new(["fra".into()], start);
        let probe = |stale| BeatProbe {
            name: "fra".into(),
            push: PushOptions { within: Duration::from_secs(60), stale },
        };
        let look = |count, stale| beats.look(&probe(stale), second(count), date(count));
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
        assert_eq!(beats.hear("nbg", said, start), Err(NoBeat("nbg".into())));
    }
}
