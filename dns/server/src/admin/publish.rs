//! `/api/v1/publish`: which commit is served, at an operator's word.

use std::sync::Arc;

use axum::extract::State as Extract;
use axum::extract::rejection::JsonRejection;
use axum::{Extension, Json};

use super::State;
use super::access::Caller;
use super::error::Refusal;
use super::overrides::who;
use crate::publish::{Answer, Wish};

/// Follows the branch, lets a commit through that is held, or goes back to an older one.
pub(super) async fn order(
    Extract(state): Extract<Arc<State>>,
    Extension(caller): Extension<Caller>,
    wish: Result<Json<Wish>, JsonRejection>,
) -> Result<Json<Answer>, Refusal> {
    let Json(wish) = wish.map_err(|why| Refusal::Malformed(why.body_text()))?;
    let publishing = &state.shared.publishing;
    let tenant = match caller.tenant.map(|tenant| state.shared.tenants.name(tenant)) {
        None => wish.tenant,
        // Its own repository, if it has one, and no other.
        Some(own) if wish.tenant.as_deref().is_none_or(|name| name == own) => {
            let sources = publishing.tenants(Some(own));
            if sources.iter().all(|of| of.source.git().is_none()) {
                return Err(Refusal::Operators);
            }
            Some(own.to_owned())
        }
        Some(_) => return Err(Refusal::Operators),
    };
    // What comes of it is noted.
    state.shared.overrides.may_act(caller.tenant)?;
    let user = Some(who(&state, &caller, wish.user.as_deref())?);
    let wish = Wish { user, tenant, ..wish };
    let asked = publishing.ask(wish).map_err(Refusal::Conflict)?;
    let gone = |_| Refusal::Failed("the server is ending".to_owned());
    asked.await.map_err(gone)?.map(Json).map_err(Refusal::Conflict)
}
