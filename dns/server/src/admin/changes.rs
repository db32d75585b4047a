//! `/api/v1/changes`: what happened, and what is going to.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State as Extract};
use serde::Deserialize;

use super::State;
use super::checks::{MOST, SOME};
use super::error::Refusal;
use super::view::EventList;
use crate::events::{Event, Found};

/// The longest time that a request may wait for something to happen, in seconds.
const LONGEST: u64 = 30;

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
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<EventList>, Refusal> {
    let Query(wanted) = wanted.map_err(|why| Refusal::Malformed(why.body_text()))?;
    let part = wanted.check.to_ascii_lowercase();
    let is_wanted = |event: &Event| {
        let name = event.what.check().unwrap_or_default();
        part.is_empty() || name.to_ascii_lowercase().contains(&part)
    };
    let events = &state.shared.events;
    let limit = wanted.limit.min(MOST);
    let Some(after) = wanted.after else {
        return Ok(view(&events.last(limit, is_wanted)));
    };
    let mut news = events.watch();
    let wait = tokio::time::sleep(Duration::from_secs(wanted.wait.min(LONGEST)));
    tokio::pin!(wait);
    loop {
        let found = events.after(after, limit, is_wanted);
        if !found.events.is_empty() || wait.is_elapsed() {
            return Ok(view(&found));
        }
        let _waiting = Waiting::new(&state.waiting);
        tokio::select! {
            _ = news.changed() => {}
            () = &mut wait => {}
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

fn view(found: &Found) -> Json<EventList> {
    let changes = found.events.iter().map(|event| Event::clone(event)).collect();
    Json(EventList { newest: found.newest, changes })
}
