//! From the octets of a query to the octets of its reply, for every transport.
//!
//! `form` judges the form of the query, `cookie` its sender; `chaos` speaks for the server itself;
//! `chain` follows the question through the zones, alias by alias (RFC 1034 section 4.3.2); `node`
//! says what stands at a name, `any` how much of it; `program` runs what is computed; `additional`
//! brings addresses along. Nothing here waits, locks or touches a disk.

mod additional;
mod any;
mod chain;
mod chaos;
mod cookie;
mod denial;
mod form;
mod node;
mod program;
mod signed;
mod trail;
mod transfer;

use std::sync::Arc;

use halfmoon_dnssec::{Desk, SignError};
use halfmoon_geo::Geo;
use halfmoon_healthcheck::{Health, Snapshot};
use halfmoon_lua::{Answers, Client, Dialect, Machine, Network};
use halfmoon_wire::{
    Name, NameBuf, OWN_UDP_SIZE, PLAIN_UDP_SIZE, Query, Question, Rcode, Reply, Section,
    SuffixHashes,
};
use halfmoon_zones::{Node, Sight, Zone};

use crate::budget::{Purse, Purses, Source};
use crate::counters::Event;
use crate::limit::{Fate, Kind, Limiter};
use crate::meter::Meter;
use crate::ready::Ready;
use crate::shared::{Policy, Zones};
use crate::transport::{Peer, Protocol, Verdict};
use crate::worker::Worker;

pub(crate) use chain::MOST_ALIASES;
pub use cookie::{CookieState, Secrets};
use denial::{Expanded, Given};
use form::Form;
use signed::Signer;
pub use trail::{End, Found, ProgramRun, Stage, Trail};

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
    let (now, date) = (worker.now, worker.date);
    #[rustfmt::skip]
    let Worker {
        zones, health, geo, requests, cookies, policy, machine, hashes, answers, ready, chain, places, desk,
        purses, program_purses, limiter, signer, meter, is_aside, trail, sight, ..
    } = worker;
    let Some(mut reply) = Reply::new(&query, limit, out, places) else {
        return Verdict::Drop;
    };
    let cookies = cookies.load();
    let cookie = say_options(&query, peer, policy, cookies, date, &mut reply);
    if let Some(event) = cookie.event() {
        meter.count(event);
    }
    // Over TCP, and with a cookie of ours, the sender is known to be where its address says.
    let is_known = peer.protocol == Protocol::Tcp || cookie == CookieState::Valid;
    let source = Source { address: peer.remote.ip(), is_known };
    let mut gate = Gate { limiter, meter, source, now };
    let question = match Form::of(&query) {
        Form::Zones(question) => question,
        Form::Chaos(question) => {
            match chaos::explains(&question, policy, peer) {
                Some(Protocol::Tcp) if signer.is_none() => return Verdict::Stream,
                Some(Protocol::Udp) => {
                    reply.truncated();
                    return gate.pass(&mut reply, Kind::Error, Rcode::NOERROR);
                }
                _ => {}
            }
            let rcode = chaos::answer(&question, &policy.presentation, &mut reply);
            return gate.pass(&mut reply, Kind::Error, rcode);
        }
        Form::Transfer(question) => {
            let (zones, policy) = ((&**zones, hashes), (&*policy, *signer, gate.meter));
            return match transfer::answer(&question, peer, zones, policy, &mut reply) {
                Some(rcode) => gate.pass(&mut reply, Kind::Error, rcode),
                None => Verdict::Stream,
            };
        }
        Form::OnlyCookie => {
            let rcode = match cookie {
                CookieState::ClientOnly | CookieState::Valid => Rcode::NOERROR,
                CookieState::Invalid => Rcode::BADCOOKIE,
                // Without cookies it is a query without a question (RFC 9619).
                CookieState::None => Rcode::FORMERR,
            };
            return gate.pass(&mut reply, Kind::Error, rcode);
        }
        Form::Refused(rcode, why) => {
            if let Some(why) = why {
                reply.extended_error(why);
            }
            return gate.pass(&mut reply, Kind::Error, rcode);
        }
    };
    let header = message.first_chunk().copied().unwrap_or_default();
    let mut turn = Turn {
        question,
        query: &query,
        peer,
        header,
        reply: &mut reply,
        zones,
        health: health.load(),
        geo: geo.load(),
        requests,
        policy,
        machine,
        hashes,
        sight: *sight,
        answers,
        ready,
        chain,
        now,
        programs_left: program::MOST_PROGRAMS,
        source,
        program_purses: program_purses.as_mut(),
        has_spent: false,
        date,
        desk,
        purse: purses.of(source, now),
        signer: None,
        apex: None,
        wildcard: None,
        expanded: Expanded::default(),
        given: Given::default(),
        unsigned: None,
        lane: gate.meter.lane(),
        is_aside: *is_aside,
        trail: trail.as_deref_mut(),
    };
    let mut rcode = turn.resolve();
    if let Some(error) = turn.unsigned {
        if error == SignError::Budget {
            gate.meter.count(Event::SignaturesSpent);
        }
        rcode = turn.give_up(error);
    } else if turn.has_spent {
        gate.meter.count(Event::ProgramsSpent);
        rcode = turn.give_up_programs(rcode);
    }
    let kind = turn.kind(rcode);
    gate.pass(turn.reply, kind, rcode)
}

/// What a reply passes on its way out.
struct Gate<'a> {
    limiter: &'a mut Limiter,
    meter: &'a Meter,
    source: Source,
    now: u64,
}

impl Gate<'_> {
    /// Finishes a reply, if it may leave: those to senders who may be forged are counted.
    fn pass(&mut self, reply: &mut Reply<'_>, kind: Kind<'_>, mut rcode: Rcode) -> Verdict {
        if !self.source.is_known {
            match self.limiter.judge(self.source.address, kind, self.now) {
                Fate::Pass => {}
                Fate::Drop => {
                    self.meter.count(Event::AnswerDropped);
                    return Verdict::Drop;
                }
                Fate::Slip => {
                    self.meter.count(Event::AnswerSlipped);
                    reply.reset();
                    reply.truncated();
                    rcode = Rcode::NOERROR;
                }
            }
        }
        self.meter.reply(rcode);
        Verdict::Reply(reply.finish(rcode))
    }
}

/// What this client takes over UDP, at most our own payload size (RFC 6891 section 6.2.5).
fn udp_size(query: &Query<'_>) -> u16 {
    query.edns.map_or(PLAIN_UDP_SIZE, |edns| edns.udp_size.clamp(PLAIN_UDP_SIZE, OWN_UDP_SIZE))
}

/// Puts the options into the reply that the query asks for, and says what its cookie is worth.
fn say_options<'a>(
    query: &Query<'_>,
    peer: &Peer,
    policy: &'a Policy,
    secrets: &Secrets,
    date: u32,
    reply: &mut Reply<'a>,
) -> CookieState {
    if !policy.client_subnet {
        reply.ignore_client_subnet();
    }
    let Some(edns) = query.edns else {
        return CookieState::None;
    };
    let (state, fresh) = secrets.judge(edns.cookie, peer.remote.ip(), date);
    if let (Some(cookie), Some(fresh)) = (edns.cookie, fresh) {
        reply.cookie(cookie.client, fresh);
    }
    if edns.nsid
        && let Some(nsid) = &policy.presentation.nsid
    {
        reply.nsid(nsid.as_bytes());
    }
    // RFC 7828 section 3.3.1: over UDP it means nothing.
    if edns.tcp_keepalive && peer.protocol == Protocol::Tcp {
        reply.tcp_keepalive(policy.tcp_idle);
    }
    state
}

/// One query being answered.
struct Turn<'t, 'a> {
    question: Question<'a>,
    query: &'t Query<'a>,
    peer: &'t Peer,
    /// The header of the query.
    header: [u8; 12],
    reply: &'t mut Reply<'a>,
    zones: &'a Arc<Zones>,
    health: &'a Arc<Snapshot>,
    geo: &'a Arc<Geo>,
    requests: &'a Health,
    policy: &'a Policy,
    machine: &'a mut Machine,
    hashes: &'a mut SuffixHashes,
    /// Where the name of the question seems to be.
    sight: Sight,
    answers: &'a mut Answers,
    /// Answers of plans that may go out again.
    ready: &'a mut Ready,
    /// The targets of the aliases followed so far.
    chain: &'a mut Vec<NameBuf>,
    now: u64,
    /// How many more programs may run.
    programs_left: u32,
    /// Who asks, for those who count what it costs.
    source: Source,
    /// What sources may spend in microseconds of programs.
    program_purses: Option<&'a mut Purses>,
    /// Whether a program was not run because of that.
    has_spent: bool,
    /// Seconds since 1970, modulo 2^32.
    date: u32,
    /// Where signing is done.
    desk: &'a mut Desk,
    /// What the source may still cause in signatures.
    purse: Purse<'a>,
    /// Who signs: the zone that answers at the moment, if the client wants it signed and it is.
    signer: Option<(&'a Zone, Signer<'a>)>,
    /// The apex of the zone that answered last.
    apex: Option<Name<'a>>,
    /// The wildcard that made the name that was answered last.
    wildcard: Option<Node<'a>>,
    /// Names made by wildcards, of which that is still to be proven.
    expanded: Expanded,
    /// The denial records in the reply.
    given: Given,
    /// Why something is not signed that has to be.
    unsigned: Option<SignError>,
    /// Where this thread counts.
    lane: usize,
    /// Nothing of it is counted, remembered or logged.
    is_aside: bool,
    /// What happened on the way, while somebody wants to know.
    trail: Option<&'a mut Trail>,
}

/// The name in question at this point of the chain.
#[derive(Clone, Copy)]
enum Asked<'a> {
    /// The name of the question: a pointer in the reply.
    Question,
    /// The target of an alias.
    Target(&'a NameBuf),
}

impl<'a> Turn<'_, 'a> {
    /// Who asks, for programs: most answers need not know so much.
    fn client(&self) -> Client {
        let Query { edns, .. } = self.query;
        let subnet = edns.and_then(|edns| edns.client_subnet);
        // A prefix of no bits says nothing of the client, who does not want to be known (RFC 7871
        // section 7.1.2): the resolver stands for it. PowerDNS takes it for the network 0.0.0.0/0.
        let subnet = subnet.filter(|subnet| {
            self.policy.client_subnet
                && (subnet.source > 0 || self.policy.lua.dialect == Dialect::PowerDns)
        });
        Client {
            peer: self.peer.remote,
            local: Some(self.peer.local),
            ecs: subnet
                .and_then(|subnet| Some(Network { addr: subnet.address?, prefix: subnet.source })),
            tcp: self.peer.protocol == Protocol::Tcp,
            dnssec_ok: self.wants_signatures(),
            edns_size: edns.map(|edns| edns.udp_size),
            header: self.header,
        }
    }

    /// Whether signatures are asked for (RFC 3225).
    fn wants_signatures(&self) -> bool {
        self.query.edns.is_some_and(|edns| edns.dnssec_ok)
    }

    /// Whether a compact denial may bear NXDOMAIN.
    fn takes_compact(&self) -> bool {
        self.query.edns.is_some_and(|edns| edns.compact_ok)
    }

    /// In what the reply is like others, for those who count them.
    fn kind(&self, rcode: Rcode) -> Kind<'a> {
        let is_answer = rcode == Rcode::NOERROR && self.reply.count(Section::Answer) > 0;
        match self.apex {
            None => Kind::Error,
            Some(_) if is_answer && self.wildcard.is_none() => {
                Kind::Name(self.question.name.as_wire())
            }
            Some(apex) => Kind::Zone(apex.as_wire()),
        }
    }
}
