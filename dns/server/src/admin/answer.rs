//! `/api/v1/answer`: what a name answers now.
//!
//! The very function that answers queries is asked ([`super::asker`]), with the budgets that programs
//! always have. Zones are not sent. What it answers is not counted among the replies of the server.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State as Extract};
use axum::{Extension, Json};
use halfmoon_wire::{Name, Type};
use hickory_proto::op::Message;
use serde::Deserialize;

use super::State;
use super::access::{Caller, From};
use super::asker::{self, Desk};
use super::error::Refusal;
use super::metrics::RCODES;
use super::view::{AnswerView, RecordView};
use crate::explain::{extended_error, written};
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
    let query = query(name.as_name(), rtype);
    let octets = if sight.tenant.is_none() {
        state.asker.ask(&state.shared, None, move |desk| desk.answer(&query, &peer)).await?
    } else {
        let work = move |desk: &mut Desk| desk.answer_in(&sight, &query, &peer);
        state.for_tenants.ask(&state.shared, caller.tenant, work).await?
    };
    // It has no answer at all.
    let octets = octets.ok_or_else(asker::unanswered)?;
    let unreadable = |error| Refusal::Failed(format!("the answer cannot be shown: {error}"));
    let message = Message::from_vec(&octets).map_err(unreadable)?;
    let records = message.answers.iter().map(|record| RecordView {
        name: record.name.to_string(),
        ttl: record.ttl,
        rtype: record.record_type().to_string(),
        data: record.data.to_string(),
    });
    let metadata = &message.metadata;
    let rcode = u16::from(metadata.response_code);
    Ok(Json(AnswerView {
        rcode: RCODES
            .get(usize::from(rcode))
            .map_or_else(|| format!("RCODE{rcode}"), |name| (*name).to_owned()),
        authoritative: metadata.authoritative,
        client,
        records: records.collect(),
        note: extended_error(&message),
    }))
}

/// A query with EDNS, so that the answer may say why it is none.
fn query(name: Name<'_>, rtype: Type) -> Vec<u8> {
    let mut message = vec![0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    message.extend(name.as_wire());
    message.extend(rtype.0.to_be_bytes());
    // Class IN; the root, OPT, 1232 octets, no flags, no options.
    message.extend([0, 1, 0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0]);
    message
}
