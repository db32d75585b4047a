//! Whether the server is alive, and whether it is ready: for those who start and stop it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Extension;
use axum::extract::State as Extract;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use super::State;
use super::access::Caller;

use crate::counted::counted;

/// A thread that answers and did not stir for so long is stuck; they stir a few times a second.
const STUCK: Duration = Duration::from_secs(10);
/// A check that is due for so long is not going to be probed.
const OVERDUE: Duration = Duration::from_secs(60);

/// So many places that were not read yet are named.
const MOST_NAMED: usize = 5;

/// Whether the server was ready once. What comes later, a new zone with new checks, does not undo it.
#[derive(Debug)]
pub(super) struct Readiness {
    within: Duration,
    is_reached: AtomicBool,
}

impl Readiness {
    pub(super) fn new(within: Duration) -> Self {
        Self { within, is_reached: AtomicBool::new(false) }
    }
}

/// `/healthz`: 200 while the server is alive, else 503.
pub(super) async fn alive(
    Extract(state): Extract<Arc<State>>,
    Extension(caller): Extension<Caller>,
) -> Response {
    say(trouble(&state), "alive", &caller)
}

/// `/readyz`: 200 once the server may be asked, before that 503.
pub(super) async fn ready(
    Extract(state): Extract<Arc<State>>,
    Extension(caller): Extension<Caller>,
) -> Response {
    say(unreadiness(&state), "ready", &caller)
}

fn say(trouble: Option<String>, well: &str, caller: &Caller) -> Response {
    match trouble {
        None => format!("{well}\n").into_response(),
        // What is wrong is for those who may see the rest of the server, too.
        Some(why) if caller.may.is_some() && caller.tenant.is_none() => {
            (StatusCode::SERVICE_UNAVAILABLE, format!("not {well}: {why}\n")).into_response()
        }
        Some(_) => (StatusCode::SERVICE_UNAVAILABLE, format!("not {well}\n")).into_response(),
    }
}

/// What a new start would mend.
fn trouble(state: &State) -> Option<String> {
    let readings = state.shared.meters.read();
    let silence = Duration::from_millis(readings.longest_silence);
    if silence > STUCK {
        return Some(format!("a thread that answers has been stuck for {} s", silence.as_secs()));
    }
    let overdue = state.shared.health.overdue();
    if overdue > OVERDUE {
        return Some(format!("a probe has been due for {} s", overdue.as_secs()));
    }
    None
}

/// Why the server had better not be asked yet.
pub(super) fn unreadiness(state: &State) -> Option<String> {
    if state.shared.zones.load().zones().is_empty() {
        return Some("no zone is served".to_owned());
    }
    let readiness = &state.readiness;
    if readiness.is_reached.load(Ordering::Relaxed) {
        return None;
    }
    if let Some(why) = unread(state) {
        return Some(why);
    }
    if state.started.elapsed() < readiness.within {
        let (unknown, all) = state.shared.health.pending();
        if unknown > 0 {
            return Some(format!("no verdict yet of {unknown} of {}", counted(all, "check")));
        }
    }
    readiness.is_reached.store(true, Ordering::Relaxed);
    None
}

/// Which places that zones come from were not read yet, if any: their zones would be refused.
fn unread(state: &State) -> Option<String> {
    let (unread, all) = state.shared.publishing.unread();
    let name = |tenant: &Option<String>| match tenant {
        Some(tenant) => format!("tenant {tenant}"),
        None => "zones".to_owned(),
    };
    let mut names: Vec<String> = unread.iter().take(MOST_NAMED).map(name).collect();
    if unread.len() > MOST_NAMED {
        names.push(format!("{} more", unread.len() - MOST_NAMED));
    }
    let (were, names) = (if unread.len() == 1 { "was" } else { "were" }, names.join(", "));
    let count = unread.len();
    (count > 0).then(|| {
        format!("{count} of {all} places that zones come from {were} not read yet: {names}")
    })
}
