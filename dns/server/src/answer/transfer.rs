//! Whether somebody may have a whole zone; what of it leaves is the affair of `crate::transfer`.

use halfmoon_wire::{ExtendedError, Question, Rcode, Reply, Section, SuffixHashes, Type};
use halfmoon_zones::Hosted;

use crate::counters::Event;
use crate::meter::Meter;
use crate::shared::{Policy, Served, Zones};
use crate::transport::{Peer, Protocol};
use crate::tsig::Holder;

/// The answer to AXFR and IXFR, of which the code is told; `None`: it has many messages.
pub(super) fn answer(
    question: &Question<'_>,
    peer: &Peer,
    (zones, hashes): (&Zones, &mut SuffixHashes),
    (policy, signer, meter): (&Policy, Option<Holder>, &Meter),
    reply: &mut Reply<'_>,
) -> Option<Rcode> {
    let hosted = zone(question, zones, hashes);
    let source = peer.remote.ip();
    // Whoever has a key may have it from anywhere, and no more than the key is for. Who may not have a
    // zone does not learn whether it is here.
    let may = match signer {
        Some(Holder::Any) => true,
        Some(Holder::Of(tenant)) => hosted.is_some_and(|own| own.beside.tenant == Some(tenant)),
        None => policy.transfers.iter().any(|network| network.contains(&source)),
    };
    if !may {
        meter.count(Event::TransferRefused);
        reply.extended_error(ExtendedError::PROHIBITED);
        return Some(Rcode::REFUSED);
    }
    let Some(hosted) = hosted else {
        return Some(Rcode::NOTAUTH);
    };
    match (peer.protocol, question.qtype) {
        (Protocol::Tcp, _) => None,
        // RFC 1995 section 2: over UDP the SOA alone says that there is more over TCP.
        (Protocol::Udp, Type::IXFR) => {
            reply.authoritative(true);
            let soa = hosted.zone.apex_node().set(Type::SOA);
            let written = soa.and_then(|soa| {
                let rdata = soa.rdatas().next()?;
                let owner = halfmoon_wire::Owner::Question;
                reply.record(Section::Answer, owner, (Type::SOA, soa.ttl()), rdata).ok()
            });
            if written.is_none() {
                reply.truncated();
            }
            Some(Rcode::NOERROR)
        }
        // RFC 5936 section 4.2: a zone does not come in one datagram.
        (Protocol::Udp, _) => {
            reply.extended_error(ExtendedError::NOT_SUPPORTED);
            Some(Rcode::FORMERR)
        }
    }
}

/// The zone whose apex is in question.
pub(crate) fn zone<'z>(
    question: &Question<'_>,
    zones: &'z Zones,
    hashes: &mut SuffixHashes,
) -> Option<&'z Hosted<Served>> {
    hashes.compute(question.name);
    let hosted = zones.find(question.name, hashes, question.qtype)?;
    let apex = hosted.zone.apex().as_wire();
    apex.eq_ignore_ascii_case(question.name.as_wire()).then_some(hosted)
}
