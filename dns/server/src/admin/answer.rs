//! `/api/v1/answer`: what a name answers now.
//!
//! The very function that answers queries is asked, on a thread of its own that is started for the
//! first question: one question at a time, with the budgets that programs always have. Zones are not
//! sent. What it answers is not counted among the replies of the server.

use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State as Extract};
use axum::{Extension, Json};
use halfmoon_wire::{Name, NameBuf, Type};
use hickory_proto::op::Message;
use hickory_proto::rr::rdata::opt::EdnsOption;
use serde::Deserialize;
use tokio::sync::oneshot;

use super::State;
use super::access::From;
use super::error::Refusal;
use super::metrics::RCODES;
use super::view::{AnswerView, RecordView};
use crate::shared::Shared;
use crate::transport::{MAX_MESSAGE, Peer, Protocol, Service as _, Verdict};
use crate::worker::Worker;

/// Luau's parser and the answering function's own recursion fit into this, as on other threads.
const STACK: usize = 4 << 20;
/// Questions that may wait.
const WAITING: usize = 32;
/// The code of an Extended DNS Error (RFC 8914).
const EXTENDED_ERROR: u16 = 15;

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

/// Who answers, once somebody has asked.
#[derive(Debug, Default)]
pub(super) struct Asker(Mutex<Option<SyncSender<Job>>>);

/// A query, who asks, and where the answer goes.
type Job = (Vec<u8>, Peer, oneshot::Sender<Option<Vec<u8>>>);

/// Answers a question as a client at that address would be answered.
pub(super) async fn show(
    Extract(state): Extract<Arc<State>>,
    Extension(from): Extension<From>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<AnswerView>, Refusal> {
    let Query(wanted) = wanted.map_err(|why| Refusal::Malformed(why.body_text()))?;
    let name: NameBuf = wanted.name.parse().map_err(|_| {
        Refusal::Malformed(format!("{:?} is not a domain name; write www.example.org", wanted.name))
    })?;
    let rtype: Type = wanted.rtype.parse().map_err(|_| {
        Refusal::Malformed(format!("{:?} is no type of records; write A or AAAA", wanted.rtype))
    })?;
    if rtype.is_meta() && rtype != Type::ANY {
        return Err(Refusal::Malformed(format!(
            "{rtype} is no type that records have; write A or AAAA"
        )));
    }
    let client = wanted.client.unwrap_or_else(|| from.0.ip()).to_canonical();
    let peer = Peer {
        remote: SocketAddr::new(client, 53),
        local: SocketAddr::new(from.0.ip(), 53),
        // Nobody is limited, and nothing truncated.
        protocol: Protocol::Tcp,
    };
    let octets = state.asker.ask(&state.shared, query(name.as_name(), rtype), peer).await?;
    let unreadable = |error| Refusal::Failed(format!("the answer cannot be shown: {error}"));
    let message = Message::from_vec(&octets).map_err(unreadable)?;
    let records = message.answers.iter().map(|record| RecordView {
        name: record.name.to_string(),
        ttl: record.ttl,
        rtype: record.record_type().to_string(),
        data: record.data.to_string(),
    });
    let note = message.edns.as_ref().and_then(|edns| {
        let options = edns.options().as_ref().iter();
        options.filter_map(|(_, option)| extended_error(option)).next()
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
        note,
    }))
}

/// The words of an Extended DNS Error, or its code.
fn extended_error(option: &EdnsOption) -> Option<String> {
    let EdnsOption::Unknown(EXTENDED_ERROR, data) = option else {
        return None;
    };
    let (code, text) = data.split_first_chunk::<2>()?;
    let text = String::from_utf8_lossy(text);
    Some(
        format!("extended error {}: {text}", u16::from_be_bytes(*code))
            .trim_end_matches(": ")
            .to_owned(),
    )
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

impl Asker {
    async fn ask(
        &self,
        shared: &Arc<Shared>,
        query: Vec<u8>,
        peer: Peer,
    ) -> Result<Vec<u8>, Refusal> {
        let (answer, answered) = oneshot::channel();
        self.send(shared, (query, peer, answer))?;
        // Whoever was to answer has panicked, or has no answer at all.
        let failed = || Refusal::Failed("the question was not answered; the log says why".into());
        answered.await.ok().flatten().ok_or_else(failed)
    }

    fn send(&self, shared: &Arc<Shared>, mut job: Job) -> Result<(), Refusal> {
        let mut thread = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(jobs) = thread.as_ref() {
            job = match jobs.try_send(job) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(_)) => return Err(Refusal::Busy),
                // Whoever panicked is replaced.
                Err(TrySendError::Disconnected(job)) => job,
            };
        }
        let none = |error| Refusal::Failed(format!("there is no thread to answer: {error}"));
        let jobs = thread.insert(start(shared).map_err(none)?);
        jobs.try_send(job).map_err(|_| Refusal::Busy)
    }
}

fn start(shared: &Arc<Shared>) -> std::io::Result<SyncSender<Job>> {
    let (jobs, inbox) = sync_channel(WAITING);
    let shared = Arc::clone(shared);
    let thread = thread::Builder::new().name("admin-answer".to_owned()).stack_size(STACK);
    thread.spawn(move || answer(&shared, &inbox))?;
    Ok(jobs)
}

/// Answers until nobody can ask any more.
fn answer(shared: &Shared, inbox: &Receiver<Job>) {
    let mut worker = Worker::apart(shared);
    let mut out = vec![0; MAX_MESSAGE];
    while let Ok((query, peer, answer)) = inbox.recv() {
        worker.refresh();
        let octets = match worker.answer(&query, &peer, MAX_MESSAGE, &mut out) {
            Verdict::Reply(length) => out.get(..length).map(<[u8]>::to_vec),
            Verdict::Drop | Verdict::Stream => None,
        };
        // Whoever asked may be gone.
        let _ = answer.send(octets);
    }
}
