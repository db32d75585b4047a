//! `/api/v1/overrides`: what operators say of endpoints.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::extract::rejection::{JsonRejection, PathRejection};
use axum::extract::{Path, State as Extract};
use axum::http::StatusCode;
use axum::{Extension, Json};

use super::State;
use super::access::Caller;
use super::error::Refusal;
use super::view::{
    EndWish, LetGo, LetGoWish, OverrideList, OverrideSet, OverrideWish, ResumeWish, Resumed,
};
use crate::config::duration;
use crate::date::date;
use crate::events::What;
use crate::overrides::{Override, Refused, Scope, Set, Target, Wish, valid_name};

/// Lists those in force.
pub(super) async fn list(
    Extract(state): Extract<Arc<State>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<OverrideList>, Refusal> {
    let work = move |state: &State| {
        let overrides = &state.shared.overrides;
        Json(OverrideList {
            overrides: overrides.seen_by(caller.tenant),
            max_s: overrides.longest().as_secs(),
            kept: overrides.are_kept(),
        })
    };
    state.aside(caller.tenant, work).await
}

/// Sets one.
pub(super) async fn set(
    Extract(state): Extract<Arc<State>>,
    Extension(caller): Extension<Caller>,
    wish: Result<Json<OverrideWish>, JsonRejection>,
) -> Result<(StatusCode, Json<OverrideSet>), Refusal> {
    let Json(wish) = wish.map_err(|why| Refusal::Malformed(why.body_text()))?;
    let wish = Wish {
        order: wish.order,
        target: Target::parse(&wish.target).map_err(Refusal::Malformed)?,
        within: wish.within.as_deref().map(Scope::parse).transpose().map_err(Refusal::Malformed)?,
        time: time(&wish.time)?,
        reason: wish.reason,
        who: who(&state, &caller, wish.user.as_deref())?,
        may_empty: wish.may_empty,
        tenant: caller.tenant,
    };
    let set = move |state: &State| state.shared.overrides.set(wish);
    let Set { set, members, fixed } = state.aside(caller.tenant, set).await??;
    let kept = state.shared.overrides.are_kept();
    Ok((StatusCode::CREATED, Json(OverrideSet { set, members, fixed, kept })))
}

/// Ends one before its time.
pub(super) async fn end(
    Extract(state): Extract<Arc<State>>,
    Extension(caller): Extension<Caller>,
    id: Result<Path<u64>, PathRejection>,
    wish: Result<Json<EndWish>, JsonRejection>,
) -> Result<Json<Override>, Refusal> {
    let Path(id) = id.map_err(|why| Refusal::Malformed(why.body_text()))?;
    let Json(wish) = wish.map_err(|why| Refusal::Malformed(why.body_text()))?;
    let who = who(&state, &caller, wish.user.as_deref())?;
    let tenant = caller.tenant;
    let end = move |state: &State| state.shared.overrides.end(id, tenant, (&who, &wish.reason));
    Ok(Json(state.aside(tenant, end).await??))
}

/// Lets an endpoint come back that answers again and is held (`resume`, `hold_down`, flapping).
pub(super) async fn resume(
    Extract(state): Extract<Arc<State>>,
    Extension(caller): Extension<Caller>,
    wish: Result<Json<ResumeWish>, JsonRejection>,
) -> Result<Json<Resumed>, Refusal> {
    let Json(wish) = wish.map_err(|why| Refusal::Malformed(why.body_text()))?;
    let who = who(&state, &caller, wish.user.as_deref())?;
    state.aside(caller.tenant, move |state| resumed(state, wish.check, who).map(Json)).await?
}

fn resumed(state: &State, check: String, who: String) -> Result<Resumed, Refusal> {
    let health = &state.shared.health;
    let mut named = health.checks();
    named.retain(|report| report.check.to_string() == check);
    if named.is_empty() {
        return Err(Refusal::NoSuch(format!(
            "there is no check {check:?}; `halfmoon health` shows all"
        )));
    }
    // Checks that differ in their pace alone have one name.
    named.retain(|report| health.resume(report.id));
    for report in &named {
        tracing::warn!(who, "{check} comes back at an operator's word");
        let (check, key, who) = (check.clone(), report.key(), who.clone());
        state.shared.events.note(What::Resumed { check, key, who });
    }
    Ok(Resumed { resumed: !named.is_empty() })
}

/// Lets members of a record's pools leave as fast as they fail (`velocity`).
pub(super) async fn let_go(
    Extract(state): Extract<Arc<State>>,
    Extension(caller): Extension<Caller>,
    wish: Result<Json<LetGoWish>, JsonRejection>,
) -> Result<Json<LetGo>, Refusal> {
    let Json(wish) = wish.map_err(|why| Refusal::Malformed(why.body_text()))?;
    let who = who(&state, &caller, wish.user.as_deref())?;
    let scope = Scope::parse(&wish.records).map_err(Refusal::Malformed)?;
    let time = time(&wish.time)?;
    let longest = state.shared.overrides.longest();
    if time.is_zero() || time > longest {
        return Err(Refusal::Malformed(format!("write from 1s to {}m", longest.as_secs() / 60)));
    }
    state
        .aside(caller.tenant, move |state| gone(state, &caller, &scope, (time, who)).map(Json))
        .await?
}

fn gone(
    state: &State,
    caller: &Caller,
    scope: &Scope,
    (time, who): (Duration, String),
) -> Result<LetGo, Refusal> {
    state.shared.overrides.may_act(caller.tenant)?;
    let health = &state.shared.health;
    let mut pools = state.sight(caller.tenant).pools(&state.shared);
    pools.retain(|report| scope.holds(report.pool.name.whose()) && health.let_go(report.id, time));
    if pools.is_empty() {
        return Err(Refusal::NoSuch(format!("no pool is of {scope}")));
    }
    let until = date(SystemTime::now() + time);
    tracing::warn!(who, until, "members of {scope} may leave as fast as they fail");
    let tenant = caller.tenant.map(|tenant| state.shared.tenants.name(tenant));
    state.shared.events.note_of(tenant, What::LetGo { records: scope.to_string(), who, until });
    Ok(LetGo { pools: pools.len() })
}

fn time(text: &str) -> Result<Duration, Refusal> {
    duration(text).map_err(Refusal::Malformed)
}

/// Whoever shows a token is its holder; of which user is what the client says.
pub(super) fn who(state: &State, caller: &Caller, user: Option<&str>) -> Result<String, Refusal> {
    let token = caller.token.as_deref().unwrap_or("nobody");
    let token = match caller.tenant {
        Some(tenant) => format!("{token} of {}", state.shared.tenants.name(tenant)),
        None => token.to_owned(),
    };
    Ok(match user.filter(|user| !user.trim().is_empty()) {
        // It is logged and kept, whatever becomes of the rest.
        Some(user) => format!("{} (token {token})", valid_name(user)?),
        None => format!("token {token}"),
    })
}

impl From<Refused> for Refusal {
    fn from(why: Refused) -> Self {
        let text = why.to_string();
        match why {
            Refused::NoSuch(_) => Self::NoSuch(text),
            Refused::NotYours(_) => Self::Forbidden(text),
            Refused::TooFast => Self::TooFast(text),
            Refused::Disk(_) => Self::Failed(text),
            Refused::Safety { .. } | Refused::Empties { .. } | Refused::TooMany { .. } => {
                Self::Conflict(text)
            }
            _ => Self::Malformed(text),
        }
    }
}
