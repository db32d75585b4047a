//! `/api/v1/explain`: why an answer is what it is.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State as Extract};
use axum::{Extension, Json};
use halfmoon_wire::{NameBuf, Type};
use ipnet::IpNet;
use serde::Deserialize;

use super::State;
use super::access::Caller;
use super::asker::Desk;
use super::error::Refusal;
use crate::date;
use crate::explain::{Explanation, Rest, Wish, explain};
use crate::overrides::Target;

/// Targets that one request may suppose to be down.
pub(super) const MOST_TARGETS: usize = 64;

/// What is to be explained.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Wanted {
    name: String,
    #[serde(rename = "type")]
    rtype: String,
    client: IpAddr,
    subnet: Option<IpNet>,
    at: Option<String>,
    seed: u64,
    /// Targets that are supposed to be down, a line each.
    down: String,
    /// Everything else is supposed to be up.
    all_up: bool,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            name: String::new(),
            rtype: "A".to_owned(),
            client: IpAddr::V4(Ipv4Addr::LOCALHOST),
            subnet: None,
            at: None,
            seed: 0,
            down: String::new(),
            all_up: false,
        }
    }
}

/// Explains one answer.
pub(super) async fn show(
    Extract(state): Extract<Arc<State>>,
    Extension(caller): Extension<Caller>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Explanation>, Refusal> {
    let Query(wanted) = wanted.map_err(|why| Refusal::Malformed(why.body_text()))?;
    let no = |what: &str, text: &str| Refusal::Malformed(format!("{text:?} is no {what}"));
    let name: NameBuf = match wanted.name.as_str() {
        "" => return Err(Refusal::Malformed("say which `name`".to_owned())),
        text => text.parse().map_err(|_| no("name", text))?,
    };
    let rtype: Type = wanted.rtype.parse().map_err(|_| no("type of records", &wanted.rtype))?;
    if rtype.is_meta() && rtype != Type::ANY {
        return Err(no("type that records have", &wanted.rtype));
    }
    let at = match &wanted.at {
        Some(text) => Some(date::parse(text).ok_or_else(|| no("time (RFC 3339)", text))?),
        None => None,
    };
    let down = targets(&wanted.down)?;
    let rest = if wanted.all_up { Rest::Up } else { Rest::AsItIs };
    let Wanted { client, subnet, seed, .. } = wanted;
    let wish = Wish { name, rtype, client, subnet, at, seed };
    let sight = state.see(caller.tenant).await?;
    sight.may_ask(&state.shared, wish.name.as_name(), rtype)?;
    let work = move |desk: &mut Desk| explain(&sight.realm(&desk.shared), &wish, &down, rest);
    // No tenant keeps operators waiting.
    let asker = if caller.tenant.is_some() { &state.for_tenants } else { &state.paper };
    Ok(Json(asker.ask(&state.shared, caller.tenant, work).await?))
}

/// Targets as they are written in a query, a line each: checks have commas in their names.
fn targets(text: &str) -> Result<Vec<Target>, Refusal> {
    let parts: Vec<&str> = text.lines().filter(|part| !part.is_empty()).collect();
    if parts.len() > MOST_TARGETS {
        return Err(Refusal::Malformed(format!("more than {MOST_TARGETS} targets in `down`")));
    }
    let parsed = parts.into_iter().map(Target::parse).collect::<Result<Vec<_>, _>>();
    parsed.map_err(Refusal::Malformed)
}
