//! `/api/v1/changes`: what happened, and what is going to.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State as Extract};
use axum::{Extension, Json};
use serde::Deserialize;

use super::State;
use super::access::Caller;
use super::checks::{MOST, SOME};
use super::error::Refusal;
use super::view::EventList;
use crate::date::parse;
use crate::events::{Event, Events, Found, What};
use crate::tenants::TenantId;

/// The longest time that a request may wait for something to happen, in seconds.
const LONGEST: u64 = 30;
/// Before a look on behalf of a tenant when something has happened.
const PAUSE: Duration = Duration::from_millis(250);

/// Which events are wanted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Wanted {
    /// Those behind this number, the oldest first; without it, the newest.
    after: Option<u64>,
    /// How many seconds to wait if there is none behind it yet.
    wait: u64,
    /// A part of the name of the check, in any case.
    check: String,
    limit: usize,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { after: None, wait: 0, check: String::new(), limit: SOME }
    }
}

/// Lists events, and waits for the next if that is wanted.
pub(super) async fn list(
    Extract(state): Extract<Arc<State>>,
    Extension(caller): Extension<Caller>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<EventList>, Refusal> {
    let Query(wanted) = wanted.map_err(|why| Refusal::Malformed(why.body_text()))?;
    let look = Arc::new(Look {
        part: wanted.check.to_ascii_lowercase(),
        limit: wanted.limit.min(MOST),
        tenant: caller.tenant,
    });
    let Some(after) = wanted.after else {
        return found(&state, &look, None).await.map(Json);
    };
    let mut news = state.shared.events.watch();
    let wait = tokio::time::sleep(Duration::from_secs(wanted.wait.min(LONGEST)));
    tokio::pin!(wait);
    loop {
        news.mark_unchanged();
        let found = found(&state, &look, Some(after)).await?;
        if !found.changes.is_empty() || wait.is_elapsed() {
            return Ok(Json(found));
        }
        let _waiting = Waiting::new(&state.waiting);
        let next = async {
            let _ = news.changed().await;
            if caller.tenant.is_some() {
                // All events are looked through for it, most of which are of others: not at each of them.
                tokio::time::sleep(PAUSE).await;
            }
        };
        tokio::select! {
            () = next => {}
            () = &mut wait => {}
        }
    }
}

async fn found(
    state: &Arc<State>,
    look: &Arc<Look>,
    after: Option<u64>,
) -> Result<EventList, Refusal> {
    let look = Arc::clone(look);
    state.aside(look.tenant, move |state| look.found(state, after)).await
}

/// What is looked for.
struct Look {
    part: String,
    limit: usize,
    tenant: Option<TenantId>,
}

impl Look {
    fn found(&self, state: &State, after: Option<u64>) -> EventList {
        let is_wanted = |event: &Event| {
            let (name, _) = event.what.check().unwrap_or_default();
            self.part.is_empty() || name.to_ascii_lowercase().contains(&self.part)
        };
        let events = &state.shared.events;
        match (self.tenant, after) {
            (Some(tenant), _) => {
                Own::new(state, tenant).numbered(events, after, self.limit, is_wanted)
            }
            (None, Some(after)) => view(&events.after(after, self.limit, is_wanted)),
            (None, None) => view(&events.last(self.limit, is_wanted)),
        }
    }
}

/// Counts a request for as long as it waits, however it ends.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn view(found: &Found) -> EventList {
    let changes = found.events.iter().map(|event| Event::clone(event)).collect();
    EventList { newest: found.newest, changes }
}

/// The events of a tenant: those of the checks that its zones use, and what was done in its name.
struct Own {
    tenant: String,
    /// By name and what tells them from others of that name.
    checks: HashSet<(String, String)>,
}

impl Own {
    fn new(state: &State, tenant: TenantId) -> Self {
        let checks = state.sight(Some(tenant)).checks(&state.shared);
        Self {
            tenant: state.shared.tenants.name(tenant).to_owned(),
            checks: checks.iter().map(|report| (report.check.to_string(), report.key())).collect(),
        }
    }

    fn holds(&self, event: &Event) -> bool {
        match &event.what {
            What::Start { .. } => true,
            what => match what.check() {
                Some((name, key)) => self.checks.contains(&(name.to_owned(), key.to_owned())),
                None => event.tenant.as_ref() == Some(&self.tenant),
            },
        }
    }

    /// Those behind a number, the oldest first, or the newest. Their own numbers would tell how much
    /// happens to others: instead they are numbered by when they happened.
    fn numbered(
        &self,
        events: &Events,
        after: Option<u64>,
        most: usize,
        is_wanted: impl Fn(&Event) -> bool,
    ) -> EventList {
        let all = events.last(usize::MAX, |event| self.holds(event)).events;
        let mut newest = 0;
        let mut changes: Vec<Event> = Vec::with_capacity(all.len());
        for event in all {
            newest = (newest + 1).max(number(&event.at));
            changes.push(Event { seq: newest, ..Event::clone(&event) });
        }
        changes.retain(|event| is_wanted(event));
        match after {
            // One that is still to come is of another run: then all are new.
            Some(after) if after <= newest => {
                changes.retain(|event| event.seq > after);
                changes.truncate(most);
            }
            Some(_) => changes.truncate(most),
            None => drop(changes.drain(..changes.len().saturating_sub(most))),
        }
        EventList { newest, changes }
    }
}

/// The first number of events of this moment: a thousand of the same millisecond have room.
fn number(at: &str) -> u64 {
    let since = parse(at).and_then(|at| at.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or_default().saturating_mul(1000)
}
