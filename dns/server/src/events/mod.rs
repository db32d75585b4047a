//! What happened: changes of state, and what operators did about them.
//!
//! [`Events`] numbers each event, keeps the newest in memory for whoever asks, and passes it on to
//! the journal on disk and to webhooks. Nobody who notes an event waits for either.

mod journal;
mod recorder;
mod webhook;

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use halfmoon_healthcheck::{Change, State};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::counted::counted;
use crate::date::date;
use crate::overrides::Override;

pub use journal::JournalError;
pub use recorder::{Recorder, StartError, check};
pub use webhook::{HookCounts, HookError};

/// Events that are kept in memory.
const KEPT: usize = 10_000;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Its number; they grow without gaps, beyond a restart if there is a journal.
    pub seq: u64,
    /// When, in UTC (RFC 3339).
    pub at: String,
    /// In the name of which tenant it was done, or of whose commit it tells; none: the operator's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum What {
    /// The server began to check.
    Start {
        /// Its version.
        version: String,
    },
    /// A target changed its state.
    Change {
        /// The check that noticed.
        check: String,
        /// What tells it from other checks of this name: those with another pace, or of somebody else.
        #[serde(default)]
        key: String,
        /// The state before: `up`, `down` or `unknown`.
        from: String,
        /// The state from now on.
        to: String,
        /// Why.
        reason: String,
    },
    /// Somebody set an override.
    OverrideSet {
        /// Its number.
        id: u64,
        /// What it is, as `down region:fsn`.
        #[serde(rename = "override")]
        what: String,
        /// Who.
        who: String,
        /// Why.
        reason: String,
        /// Until when, in UTC (RFC 3339).
        until: String,
    },
    /// Somebody ended one.
    OverrideEnded {
        /// Its number.
        id: u64,
        /// What it was.
        #[serde(rename = "override")]
        what: String,
        /// Who.
        who: String,
        /// Why; may be empty.
        reason: String,
    },
    /// The time of one is over.
    OverrideExpired {
        /// Its number.
        id: u64,
        /// What it was.
        #[serde(rename = "override")]
        what: String,
    },
    /// Somebody wanted one and was refused.
    OverrideRefused {
        /// What it would have been.
        #[serde(rename = "override")]
        what: String,
        /// Who.
        who: String,
        /// Why it is not.
        why: String,
    },
    /// Somebody let a target come back that was held.
    Resumed {
        /// The check.
        check: String,
        /// What tells it from others of this name.
        #[serde(default)]
        key: String,
        /// Who.
        who: String,
    },
    /// Somebody let members of pools leave as fast as they fail.
    LetGo {
        /// Of which zone or record.
        records: String,
        /// Who.
        who: String,
        /// Until when, in UTC (RFC 3339).
        until: String,
    },
    /// A commit is served from now on.
    CommitServed {
        /// The commit.
        commit: String,
        /// The first line of its message.
        subject: String,
        /// Who said so; empty: it is the newest of the branch.
        who: String,
    },
    /// A commit is not served, and the one before stays.
    CommitRefused {
        /// The commit.
        commit: String,
        /// Whether an operator can let it through (`halfmoon publish --force`).
        held: bool,
        /// Why.
        why: String,
    },
    /// So many changes came so fast that they could not be noted one by one.
    Missed {
        /// How many.
        count: u64,
    },
}

/// The newest events, and where they go.
#[derive(Debug)]
pub struct Events {
    ring: Mutex<Ring>,
    newest: watch::Sender<u64>,
    hooks: Vec<Arc<webhook::Hook>>,
    /// Events that the journal could not take.
    lost: AtomicU64,
}

#[derive(Debug)]
struct Ring {
    events: VecDeque<Arc<Event>>,
    next: u64,
    journal: Option<SyncSender<Arc<Event>>>,
}

impl Events {
    /// Events that are kept in memory alone, for servers without a journal and for tests.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::new(Vec::new(), None, Vec::new())
    }

    /// `recalled`: what is known of the past, in order.
    fn new(
        recalled: Vec<Event>,
        journal: Option<SyncSender<Arc<Event>>>,
        hooks: Vec<Arc<webhook::Hook>>,
    ) -> Self {
        let last = recalled.last().map_or(0, |event| event.seq);
        let surplus = recalled.len().saturating_sub(KEPT);
        let events = recalled.into_iter().skip(surplus).map(Arc::new).collect();
        Self {
            ring: Mutex::new(Ring { events, next: last + 1, journal }),
            newest: watch::channel(last).0,
            hooks,
            lost: AtomicU64::new(0),
        }
    }

    /// Notes that something happened just now.
    pub fn note(&self, what: What) {
        self.note_of(None, what);
    }

    /// The same of what was done in the name of a tenant, or is of its commits.
    pub fn note_of(&self, tenant: Option<&str>, what: What) {
        self.add(tenant, what, SystemTime::now());
    }

    /// Notes that something happened.
    pub fn note_at(&self, what: What, at: SystemTime) {
        self.add(None, what, at);
    }

    fn add(&self, tenant: Option<&str>, what: What, at: SystemTime) {
        let mut ring = self.lock();
        let tenant = tenant.map(str::to_owned);
        let event = Arc::new(Event { seq: ring.next, at: date(at), tenant, what });
        ring.next += 1;
        if ring.events.len() == KEPT {
            ring.events.pop_front();
        }
        ring.events.push_back(Arc::clone(&event));
        // Under the lock, so that the journal has them in order.
        if let Some(journal) = &ring.journal
            && let Err(TrySendError::Full(_)) = journal.try_send(Arc::clone(&event))
        {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        for hook in &self.hooks {
            hook.push(&event);
        }
        drop(ring);
        self.newest.send_replace(event.seq);
    }

    /// The oldest events behind this number that are still kept, at most so many, and the number of
    /// the newest. A number that is still to come is one of another run of the server: then all are
    /// new. Whoever notes one meanwhile does not wait for what `is_wanted` does.
    #[must_use]
    pub fn after(&self, seq: u64, most: usize, is_wanted: impl Fn(&Event) -> bool) -> Found {
        let ring = self.lock();
        let newest = ring.next - 1;
        let seq = if seq > newest { 0 } else { seq };
        // Numbers have no gaps: what is old need not be looked at.
        let first = ring.events.front().map_or(0, |event| event.seq);
        let old = usize::try_from((seq + 1).saturating_sub(first)).unwrap_or(usize::MAX);
        let fresh: Vec<Arc<Event>> = ring.events.iter().skip(old).cloned().collect();
        drop(ring);
        let wanted = fresh.into_iter().filter(|event| is_wanted(event));
        Found { events: wanted.take(most).collect(), newest }
    }

    /// The newest events, at most so many, the oldest of them first. Whoever notes one meanwhile does not
    /// wait for what `is_wanted` does.
    #[must_use]
    pub fn last(&self, most: usize, is_wanted: impl Fn(&Event) -> bool) -> Found {
        let ring = self.lock();
        let newest = ring.next - 1;
        let all: Vec<Arc<Event>> = ring.events.iter().cloned().collect();
        drop(ring);
        let wanted = all.into_iter().rev().filter(|event| is_wanted(event));
        let mut events: Vec<Arc<Event>> = wanted.take(most).collect();
        events.reverse();
        Found { events, newest }
    }

    /// Says the number of the newest event, and each next one.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// How many events the journal could not take.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// What became of the deliveries to each webhook.
    pub fn hooks(&self) -> impl Iterator<Item = (&str, HookCounts)> {
        self.hooks.iter().map(|hook| (hook.name(), hook.counts()))
    }

    /// Nothing goes to the journal any more.
    fn close(&self) {
        self.lock().journal = None;
    }

    fn lock(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Some events.
#[derive(Clone, Debug)]
pub struct Found {
    /// The events, the oldest first.
    pub events: Vec<Arc<Event>>,
    /// The number of the newest of all.
    pub newest: u64,
}

impl What {
    /// Whether it has to be on the disk, whatever happens to the machine a moment later.
    fn must_last(&self) -> bool {
        !matches!(self, Self::Change { .. } | Self::Missed { .. })
    }

    /// That this override was set.
    #[must_use]
    pub fn of(an: &Override) -> Self {
        Self::OverrideSet {
            id: an.id,
            what: an.to_string(),
            who: an.who.clone(),
            reason: an.reason.clone(),
            until: date(an.until),
        }
    }

    /// The check that it is about, if it is about one: its name, and what tells it from others of that name.
    #[must_use]
    pub fn check(&self) -> Option<(&str, &str)> {
        match self {
            Self::Change { check, key, .. } | Self::Resumed { check, key, .. } => {
                Some((check, key))
            }
            _ => None,
        }
    }
}

/// As in `2026-11-24T10:56:00Z tcp 192.0.2.1:80 is down (was up): connection refused`.
impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.at)?;
        match &self.what {
            What::Start { version } => write!(f, "server started, version {version}"),
            What::Change { check, from, to, reason, .. } => {
                write!(f, "{check} is {to} (was {from}): {reason}")
            }
            What::OverrideSet { id, what, who, reason, until } => {
                write!(f, "override {id} set: {what} until {until}, by {who}: {reason}")
            }
            What::OverrideEnded { id, what, who, reason } if reason.is_empty() => {
                write!(f, "override {id} ended: {what}, by {who}")
            }
            What::OverrideEnded { id, what, who, reason } => {
                write!(f, "override {id} ended: {what}, by {who}: {reason}")
            }
            What::OverrideExpired { id, what } => write!(f, "override {id} is over: {what}"),
            What::OverrideRefused { what, who, why } => {
                write!(f, "override refused: {what}, by {who}: {why}")
            }
            What::Resumed { check, who, .. } => write!(f, "{check} may come back, by {who}"),
            What::LetGo { records, who, until } => {
                write!(f, "members of {records} may leave until {until}, by {who}")
            }
            What::CommitServed { commit, subject, who } => {
                write!(f, "commit {commit}{} is served", of(self.tenant.as_deref()))?;
                if !who.is_empty() {
                    write!(f, ", by {who}")?;
                }
                write!(f, ": {subject}")
            }
            What::CommitRefused { commit, held, why } => {
                let how = if *held { "held" } else { "refused" };
                write!(f, "commit {commit}{} is {how}: {why}", of(self.tenant.as_deref()))
            }
            What::Missed { count } => {
                write!(f, "{} came too fast to be noted", counted(*count, "change"))
            }
        }
    }
}

fn of(tenant: Option<&str>) -> String {
    tenant.map_or_else(String::new, |tenant| format!(" of tenant {tenant}"))
}

impl From<&Change> for What {
    fn from(change: &Change) -> Self {
        let word = |state: State| state.to_string();
        Self::Change {
            check: change.check.to_string(),
            key: change.key.clone(),
            from: word(change.from),
            to: word(change.to),
            reason: change.reason.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missed(count: u64) -> What {
        What::Missed { count }
    }

    fn numbers(found: &Found) -> Vec<u64> {
        found.events.iter().map(|event| event.seq).collect()
    }

    #[test]
    fn events_are_numbered_and_the_newest_are_kept() {
        let events = Events::in_memory();
        for count in 0..KEPT as u64 + 5 {
            events.note(missed(count));
        }
        let all = |_: &Event| true;
        let last = KEPT as u64 + 5;
        assert_eq!(numbers(&events.last(2, all)), [last - 1, last]);
        assert_eq!(numbers(&events.after(0, 2, all)), [6, 7], "the first five are gone");
        assert_eq!(numbers(&events.after(last - 1, 9, all)), [last]);
        assert_eq!(numbers(&events.after(last, 9, all)), [0; 0]);
        assert_eq!(events.after(last + 7, 9, all).events.len(), 9, "of another run");
        let odd = |event: &Event| event.seq % 2 == 1;
        assert_eq!(numbers(&events.last(2, odd)), [last - 2, last]);
        assert_eq!(*events.watch().borrow(), last);
        let is_free = |_: &Event| events.ring.try_lock().is_ok();
        assert_eq!(events.last(1, is_free).events.len(), 1, "nobody waits to note one");
        assert_eq!(events.after(0, 1, is_free).events.len(), 1, "nobody waits to note one");
    }

    #[test]
    fn an_event_is_one_flat_object() {
        let what = What::Change {
            check: "tcp 192.0.2.1:80".into(),
            key: "91c3a0f7b2d4e685".into(),
            from: "up".into(),
            to: "down".into(),
            reason: "connection refused".into(),
        };
        let event = Event { seq: 7, at: "2026-11-24T10:56:00Z".into(), tenant: None, what };
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(
            text,
            "{\"seq\":7,\"at\":\"2026-11-24T10:56:00Z\",\"event\":\"change\",\
             \"check\":\"tcp 192.0.2.1:80\",\"key\":\"91c3a0f7b2d4e685\",\"from\":\"up\",\"to\":\"down\",\
             \"reason\":\"connection refused\"}"
        );
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event);
    }
}
