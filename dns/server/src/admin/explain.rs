//! `/api/v1/explain`: why an answer is what it is.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State as Extract};
use axum::{Extension, Json};

use super::State;
use super::access::Caller;
use super::asker::Desk;
use super::error::Refusal;
use crate::explain::{Asked, Explanation, Rest, explain};

/// Explains one answer.
pub(super) async fn show(
    Extract(state): Extract<Arc<State>>,
    Extension(caller): Extension<Caller>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Json<Explanation>, Refusal> {
    let Query(asked) = asked.map_err(|why| Refusal::Malformed(why.body_text()))?;
    let (wish, down) = asked.parse().map_err(Refusal::Malformed)?;
    let rest = if asked.all_up { Rest::Up } else { Rest::AsItIs };
    let sight = state.see(caller.tenant).await?;
    sight.may_ask(&state.shared, wish.name.as_name(), wish.rtype)?;
    let work = move |desk: &mut Desk| explain(&sight.realm(&desk.shared), &wish, &down, rest);
    // No tenant keeps operators waiting.
    let asker = if caller.tenant.is_some() { &state.for_tenants } else { &state.paper };
    Ok(Json(asker.ask(&state.shared, caller.tenant, work).await?))
}
