//! `/heartbeat/NAME`: where endpoints call in.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, State as Extract};
use axum::http::StatusCode;
use halfmoon_healthcheck::Said;

use super::State;
use super::access::Caller;
use super::error::Refusal;

/// Takes in what an endpoint says of itself. Whoever may not call in learns nothing of which names
/// there are.
pub(super) async fn take(
    Extract(state): Extract<Arc<State>>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
    body: Bytes,
) -> Result<StatusCode, Refusal> {
    if !caller.beats.contains(&name) {
        return Err(match caller.token {
            Some(_) if caller.tenant.is_some() => Refusal::Operators,
            Some(token) => Refusal::NotYourBeat(format!(
                "token {token:?} may not call in for {name:?}; list it in its `beats`"
            )),
            None => Refusal::NotAllowed,
        });
    }
    let said = Said::parse(&body).map_err(|error| Refusal::Malformed(error.to_string()))?;
    // Every name that a token has is one that there is.
    state.shared.health.beat(&name, said).map_err(|_| Refusal::NoSuchPath)?;
    Ok(StatusCode::NO_CONTENT)
}
