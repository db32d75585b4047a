//! `/api/v1/whatif`: what would become of answers if targets were down.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::extract::State as Extract;
use axum::extract::rejection::JsonRejection;
use axum::{Extension, Json};

use super::State;
use super::access::Caller;
use super::asker::{Desk, Queue};
use super::error::Refusal;
use super::view::WhatIf;
use crate::explain::{MOST_TARGETS, Rest};
use crate::overrides::Target;
use crate::whatif::{Outcome, Sample, Trial, try_out};

/// The largest body, in octets: a sample of clients.
pub(super) const BODY: usize = 1024 * 1024;
/// How long it may take, a little less than a request.
const LONGEST: Duration = Duration::from_secs(35);
/// How long one of a tenant may take while others wait for their turn, which have no longer than that request.
const SHARED: Duration = Duration::from_secs(10);

/// Tells the thread that tries it out that nobody waits any more.
struct Waiting(Arc<AtomicBool>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

/// Tries it out.
pub(super) async fn show(
    Extract(state): Extract<Arc<State>>,
    Extension(caller): Extension<Caller>,
    wish: Result<Json<WhatIf>, JsonRejection>,
) -> Result<Json<Outcome>, Refusal> {
    let Json(wish) = wish.map_err(|why| Refusal::Malformed(why.body_text()))?;
    if wish.down.is_empty() || wish.down.len() > MOST_TARGETS {
        return Err(Refusal::Malformed(format!("name 1 to {MOST_TARGETS} targets in `down`")));
    }
    let down = wish.down.iter().map(|text| Target::parse(text)).collect::<Result<_, _>>();
    let sample = match wish.clients {
        None => Sample::built_in(),
        Some(clients) => Sample::of("clients".to_owned(), clients).map_err(Refusal::Malformed)?,
    };
    let rest = if wish.all_up { Rest::Up } else { Rest::AsItIs };
    let trial = Trial { down: down.map_err(Refusal::Malformed)?, rest, sample, at: None };
    let waiting = Waiting(Arc::new(AtomicBool::new(true)));
    let is_waiting = Arc::clone(&waiting.0);
    let sight = state.see(caller.tenant).await?;
    let asker = if caller.tenant.is_some() { &state.trials } else { &state.paper };
    let queue = caller.tenant.map(|_| asker.queue().clone());
    let work = move |desk: &mut Desk| {
        let started = Instant::now();
        try_out(&sight.realm(&desk.shared), &trial, &mut |_, _| match is_waiting
            .load(Ordering::Relaxed)
            && started.elapsed() < longest(queue.as_ref())
        {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        })
    };
    let outcome = asker.ask(&state.shared, caller.tenant, work).await?;
    outcome.map(Json).map_err(Refusal::Malformed)
}

/// How long it may take, with those that wait behind it where it is to care for them.
fn longest(queue: Option<&Queue>) -> Duration {
    if queue.is_none_or(Queue::is_empty) { LONGEST } else { SHARED }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_that_others_wait_for_has_less_time() {
        let queue = Queue::default();
        assert_eq!((longest(None), longest(Some(&queue))), (LONGEST, LONGEST));
        let waiting = queue.join();
        assert_eq!((longest(None), longest(Some(&queue))), (LONGEST, SHARED));
        drop(waiting);
        assert_eq!(longest(Some(&queue)), LONGEST);
    }
}
