//! `/api/v1/answer`: what a name answers now.
//!
//! The very function that answers queries is asked ([`super::asker`]), with the budgets that programs
//! always have. Zones are not sent. What it answers is not counted among the replies of the server.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State as Extract};
use axum::{Extension, Json};
use halfmoon_wire::question;
use serde::Deserialize;

use super::State;
use super::access::{Caller, From};
use super::asker::{self, Desk};
use super::error::Refusal;
use super::view::{AnswerView, RecordView};
use crate::explain::written;
use crate::reply::{Heard, Record};
use crate::transport::{Peer, Protocol};

/// What is asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    name: String,
    #[serde(rename = "type", default = "a")]
    rtype: String,
    /// The address of the client; the caller's own if there is none.
    client: Option<IpAddr>,
}

fn a() -> String {
    "A".to_owned()
}

/// Answers a question as a client at that address would be answered.
pub(super) async fn show(
    Extract(state): Extract<Arc<State>>,
    Extension(from): Extension<From>,
    Extension(caller): Extension<Caller>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<AnswerView>, Refusal> {
    let Query(wanted) = wanted.map_err(|why| Refusal::Malformed(why.body_text()))?;
    let (name, rtype) = written(&wanted.name, &wanted.rtype).map_err(Refusal::Malformed)?;
    let sight = state.see(caller.tenant).await?;
    sight.may_ask(&state.shared, name.as_name(), rtype)?;
    let client = wanted.client.unwrap_or_else(|| from.0.ip()).to_canonical();
    let peer = Peer {
        remote: SocketAddr::new(client, 53),
        local: SocketAddr::new(from.0.ip(), 53),
        // Nobody is limited, and nothing truncated.
        protocol: Protocol::Tcp,
    };
    // With EDNS, so that the answer may say why it is none.
    let query = question(0, name.as_name(), rtype, false);
    let octets = if sight.tenant.is_none() {
        state.asker.ask(&state.shared, None, move |desk| desk.answer(&query, &peer)).await?
    } else {
        let work = move |desk: &mut Desk| desk.answer_in(&sight, &query, &peer);
        state.for_tenants.ask(&state.shared, caller.tenant, work).await?
    };
    // It has no answer at all.
    let octets = octets.ok_or_else(asker::unanswered)?;
    let heard = Heard::of(&octets).ok_or_else(asker::unanswered)?;
    if let Some(why) = heard.unreadable {
        return Err(Refusal::Failed(format!("the answer cannot be shown: {why}")));
    }
    let view = |record: Record| {
        let Record { name, ttl, rtype, data } = record;
        RecordView { name, ttl, rtype: rtype.to_string(), data }
    };
    Ok(Json(AnswerView {
        rcode: heard.rcode.to_string(),
        authoritative: heard.authoritative,
        client,
        records: heard.records.into_iter().map(view).collect(),
        note: heard.error,
    }))
}
