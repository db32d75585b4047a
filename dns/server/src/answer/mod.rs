//! From the octets of a query to the octets of its reply, for every transport.
//!
//! `answer` judges the form of the query; `chain` follows it through the zones, alias by alias
//! (RFC 1034 section 4.3.2); `node` says what stands at a name; `program` runs what is computed;
//! `additional` brings addresses along. Nothing here waits, locks or touches a disk.

mod additional;
mod chain;
mod node;
mod program;

use std::sync::Arc;

use halfmoon_geo::Geo;
use halfmoon_healthcheck::{Health, Snapshot};
use halfmoon_lua::{Answers, Client, Dialect, Machine, Network};
use halfmoon_wire::{
    Class, ExtendedError, NameBuf, OWN_UDP_SIZE, PLAIN_UDP_SIZE, Query, Question, Rcode, Reply,
    SuffixHashes, Type,
};

use crate::shared::{Policy, Zones};
use crate::transport::{Peer, Protocol, Verdict};
use crate::worker::Worker;

pub(crate) use chain::MOST_ALIASES;

/// Answers one message of any content into `out`.
///
/// `limit` is what the transport carries; over UDP the reply keeps to what the client takes and
/// to our own payload size.
pub fn answer(
    worker: &mut Worker,
    message: &[u8],
    peer: &Peer,
    limit: usize,
    out: &mut [u8],
) -> Verdict {
    let Some(query) = Query::parse(message) else {
        return Verdict::Drop;
    };
    let limit = match peer.protocol {
        Protocol::Tcp => limit,
        Protocol::Udp => limit.min(usize::from(udp_size(&query))),
    };
    let now = worker.now;
    #[rustfmt::skip]
    let Worker {
        zones, health, geo, requests, policy, machine, hashes, answers, chain, places, ..
    } = worker;
    let Some(mut reply) = Reply::new(&query, limit, out, places) else {
        return Verdict::Drop;
    };
    if !policy.client_subnet {
        reply.ignore_client_subnet();
    }
    let question = match refusal(&query) {
        Ok(question) => question,
        Err((rcode, why)) => {
            if let Some(why) = why {
                reply.extended_error(why);
            }
            return Verdict::Reply(reply.finish(rcode));
        }
    };
    let header = message.first_chunk().copied().unwrap_or_default();
    let mut turn = Turn {
        question,
        reply,
        zones,
        health: health.load(),
        geo: geo.load(),
        requests,
        client: Client { header, ..client(&query, peer, policy) },
        policy,
        machine,
        hashes,
        answers,
        chain,
        now,
    };
    let rcode = turn.resolve();
    Verdict::Reply(turn.reply.finish(rcode))
}

/// What this client takes over UDP, at most our own payload size (RFC 6891 section 6.2.5).
fn udp_size(query: &Query<'_>) -> u16 {
    query.edns.map_or(PLAIN_UDP_SIZE, |edns| edns.udp_size.clamp(PLAIN_UDP_SIZE, OWN_UDP_SIZE))
}

/// The question, if it is one that zones can answer; otherwise what to say instead.
fn refusal<'a>(query: &Query<'a>) -> Result<Question<'a>, (Rcode, Option<ExtendedError>)> {
    // RFC 6891 section 6.1.3: of a version we do not speak nothing else is understood.
    if query.edns.is_some_and(|edns| edns.version != 0) {
        return Err((Rcode::BADVERS, None));
    }
    let question = match (query.fault, query.question) {
        (Some(rcode), _) => return Err((rcode, None)),
        (None, None) => return Err((Rcode::FORMERR, None)),
        (None, Some(question)) => question,
    };
    match question.qtype {
        // Types of meta data that cannot be asked for (RFC 6895 section 3.1, RFC 9824 section 3.5).
        Type(0) | Type::OPT | Type::TSIG | Type::TKEY | Type::NXNAME => {
            return Err((Rcode::FORMERR, None));
        }
        Type::AXFR | Type::IXFR => {
            return Err((Rcode::REFUSED, Some(ExtendedError::NOT_SUPPORTED)));
        }
        Type::MAILA | Type::MAILB => {
            return Err((Rcode::NOTIMP, Some(ExtendedError::NOT_SUPPORTED)));
        }
        _ => {}
    }
    if question.class != Class::IN {
        return Err((Rcode::REFUSED, Some(ExtendedError::NOT_AUTHORITATIVE)));
    }
    Ok(question)
}

/// Who asks.
fn client(query: &Query<'_>, peer: &Peer, policy: &Policy) -> Client {
    let subnet = query.edns.and_then(|edns| edns.client_subnet);
    // A prefix of no bits says nothing of the client, who does not want to be known (RFC 7871
    // section 7.1.2): the resolver stands for it. PowerDNS takes it for the network 0.0.0.0/0.
    let subnet = subnet.filter(|subnet| {
        policy.client_subnet && (subnet.source > 0 || policy.lua.dialect == Dialect::PowerDns)
    });
    Client {
        peer: peer.remote,
        local: Some(peer.local),
        ecs: subnet
            .and_then(|subnet| Some(Network { addr: subnet.address?, prefix: subnet.source })),
        tcp: peer.protocol == Protocol::Tcp,
        dnssec_ok: query.edns.is_some_and(|edns| edns.dnssec_ok),
        edns_size: query.edns.map(|edns| edns.udp_size),
        header: [0; 12],
    }
}

/// One query being answered.
struct Turn<'a> {
    question: Question<'a>,
    reply: Reply<'a>,
    zones: &'a Arc<Zones>,
    health: &'a Arc<Snapshot>,
    geo: &'a Arc<Geo>,
    requests: &'a Health,
    policy: &'a Policy,
    client: Client,
    machine: &'a mut Machine,
    hashes: &'a mut SuffixHashes,
    answers: &'a mut Answers,
    /// The targets of the aliases followed so far.
    chain: &'a mut Vec<NameBuf>,
    now: u64,
}

/// The name in question at this point of the chain.
#[derive(Clone, Copy)]
enum Asked<'a> {
    /// The name of the question: a pointer in the reply.
    Question,
    /// The target of an alias.
    Target(&'a NameBuf),
}
