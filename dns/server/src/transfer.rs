//! Whole zones for those who may have them (AXFR, RFC 5936): message by message, each made when the
//! one before has left.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use halfmoon_dnssec::{Chain, Desk, Means, SignError, Signed, Unlimited};
use halfmoon_wire::{Full, Owner, Places, Query, Rcode, Reply, Section, Type};
use halfmoon_zones::{Hosted, Node, RrSet, Zone};

use crate::shared::Served;
use crate::signing::date;
use crate::transport::Stream;
use crate::tsig::Session;
use crate::worker::time;

/// The largest message of a transfer, in octets: names compress only within the first 16 KiB.
const MESSAGE: usize = 16 * 1024;

/// How many transfers there are, and may be.
#[derive(Clone, Debug)]
pub struct Slots {
    taken: Arc<AtomicU32>,
    most: u32,
}

impl Slots {
    /// Room for so many.
    #[must_use]
    pub fn new(most: u32) -> Self {
        Self { taken: Arc::default(), most }
    }

    /// Takes a slot; `None` if there is none left.
    fn take(&self) -> Option<Slot> {
        let more = |taken| (taken < self.most).then_some(taken + 1);
        let taken = self.taken.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        taken.ok().map(|_| Slot(Arc::clone(&self.taken)))
    }
}

/// A slot that is taken.
#[derive(Debug)]
struct Slot(Arc<AtomicU32>);

impl Drop for Slot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Where in a zone a transfer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// The SOA that begins it.
    First,
    /// A record: the number of its node, of its RRset there, and where it begins in that.
    Record(u32, usize, usize),
    /// A signature made here: the number of its node, of the RRset there, and its own.
    Signature(u32, usize, usize),
    /// The denial record of a node, and then its signatures.
    Link(u32, usize),
    /// The SOA that ends it.
    Last,
    /// Behind the last.
    Done,
}

/// A transfer under way. Keeps the version of the zone with which it began.
#[derive(Debug)]
pub struct Transfer {
    zone: Arc<Hosted<Served>>,
    query: Box<[u8]>,
    /// Only the SOA: the client has this version already (RFC 1995 section 2).
    only_soa: bool,
    at: At,
    places: Box<Places>,
    /// Where what is not signed yet is signed.
    desk: Box<Desk>,
    /// What signs the messages.
    session: Option<Session>,
    _slot: Slot,
}

impl Transfer {
    /// Begins the transfer that a query asks for; `None` if there are as many as there may be.
    #[must_use]
    pub fn begin(
        zone: Arc<Hosted<Served>>,
        query: &[u8],
        only_soa: bool,
        slots: &Slots,
    ) -> Option<Self> {
        let slot = slots.take()?;
        Some(Self {
            zone,
            query: query.into(),
            only_soa,
            at: At::First,
            places: Box::default(),
            desk: Box::default(),
            session: None,
            _slot: slot,
        })
    }
}

impl Transfer {
    /// Signs the messages.
    pub(crate) fn sign(&mut self, session: Session) {
        self.session = Some(session);
    }
}

/// A zone that leaves with the signatures that are made here, and what proves its denials.
#[derive(Clone, Copy)]
struct Leaving<'a> {
    zone: &'a Zone,
    signed: &'a Signed,
    chain: &'a Chain,
}

impl<'a> Leaving<'a> {
    /// A zone whose denials are compact has no records for them that a secondary could give: it
    /// leaves as it is written.
    fn of(hosted: &'a Hosted<Served>) -> Option<Self> {
        let signed = hosted.beside.signed.as_deref()?;
        Some(Self { zone: &hosted.zone, signed, chain: signed.chain()? })
    }

    /// Whether an RRset has a signature.
    fn signs(node: Node<'_>, rtype: Type) -> bool {
        !node.is_occluded() && is_data(rtype) && (!node.is_cut() || rtype == Type::DS)
    }
}

/// Whether the records of a type are left out at a node: the SOA stands at both ends; what signing
/// makes is made anew; and of a zone that leaves unsigned, keys that would make it bogus.
fn stays(hosted: &Hosted<Served>, node: Node<'_>, rtype: Type) -> bool {
    let of_signing = matches!(rtype, Type::DNSKEY | Type::CDS | Type::CDNSKEY);
    let signed = hosted.beside.signed.as_deref();
    let is_signed_there = signed.is_some_and(|signed| signed.chain().is_some());
    node.is_apex() && rtype == Type::SOA
        || node.is_apex() && of_signing && signed.is_some() && !is_signed_there
        || is_signed_there && !is_data(rtype)
}

/// Whether records of a type are the zone's own, and not of signing.
const fn is_data(rtype: Type) -> bool {
    !matches!(rtype, Type::RRSIG | Type::NSEC | Type::NSEC3)
}

/// The TTL of a record: that of a signature is the TTL of what it signs (RFC 4034 section 3).
fn ttl_of(node: Node<'_>, set: RrSet<'_>, rdata: &[u8]) -> u32 {
    let covered = match (set.rtype(), rdata.first_chunk()) {
        (Type::RRSIG, Some(rtype)) => node.set(Type(u16::from_be_bytes(*rtype))),
        _ => None,
    };
    covered.unwrap_or(set).ttl()
}

impl Stream for Transfer {
    fn next(&mut self, out: &mut [u8]) -> Option<usize> {
        if self.at == At::Done {
            return None;
        }
        let query = Query::parse(&self.query)?;
        let signature = self.session.as_ref().map_or(0, Session::room);
        let limit = MESSAGE.min(out.len()).saturating_sub(signature);
        let mut reply = Reply::new(&query, limit, out, &mut self.places)?;
        reply.authoritative(true);
        let hosted = Arc::clone(&self.zone);
        while self.at != At::Done {
            match step(&hosted, self.at, self.only_soa, &mut self.desk, &mut reply) {
                Ok(next) => self.at = next,
                // It begins the next message. One that fits into none ends the transfer, and so does
                // one that cannot be signed.
                Err(Stop::Full) if reply.count(Section::Answer) > 0 => break,
                Err(_) => {
                    self.at = At::Done;
                    return None;
                }
            }
        }
        let length = reply.finish(Rcode::NOERROR);
        match &mut self.session {
            Some(session) => session.sign(out, length, time()),
            None => Some(length),
        }
    }
}

/// Why a step was not made.
enum Stop {
    /// The record does not fit.
    Full,
    /// There is none where one has to be, or no signature.
    Broken,
}

impl From<Full> for Stop {
    fn from(_: Full) -> Self {
        Self::Full
    }
}

impl From<SignError> for Stop {
    fn from(_: SignError) -> Self {
        Self::Broken
    }
}

/// Writes what is at a place, if there is something, and says which place is next.
fn step(
    hosted: &Hosted<Served>,
    at: At,
    only_soa: bool,
    desk: &mut Desk,
    reply: &mut Reply<'_>,
) -> Result<At, Stop> {
    let (zone, leaving) = (&hosted.zone, Leaving::of(hosted));
    let section = Section::Answer;
    match at {
        At::Done => Ok(At::Done),
        At::First | At::Last => {
            let soa = zone.apex_node().set(Type::SOA).ok_or(Stop::Broken)?;
            let rdata = soa.rdatas().next().ok_or(Stop::Broken)?;
            reply.record(section, Owner::Name(zone.apex()), (Type::SOA, soa.ttl()), rdata)?;
            Ok(if only_soa || at == At::Last { At::Done } else { At::Record(0, 0, 0) })
        }
        At::Record(number, set, record) => {
            let Some(node) = zone.node(number) else {
                return Ok(At::Last);
            };
            let Some(records) = node.sets().nth(set) else {
                return Ok(At::Link(number, 0));
            };
            let rtype = records.rtype();
            let found = records.rdata_from(record).filter(|_| !stays(hosted, node, rtype));
            let Some((rdata, after)) = found else {
                return Ok(At::Signature(number, set, 0));
            };
            let ttl = ttl_of(node, records, rdata);
            reply.record(section, Owner::Name(node.owner()), (rtype, ttl), rdata)?;
            Ok(At::Record(number, set, after))
        }
        At::Signature(number, set, count) => {
            let next = At::Record(number, set + 1, 0);
            let (Some(Leaving { zone, signed, .. }), Some(node)) = (leaving, zone.node(number))
            else {
                return Ok(next);
            };
            let records = node.sets().nth(set).filter(|set| Leaving::signs(node, set.rtype()));
            let Some(records) = records else {
                return Ok(next);
            };
            let mut means = Means { now: date(), budget: &mut Unlimited, desk };
            let made = signed.of_set(zone, (node.owner(), records), &mut means)?;
            let Some(rdata) = made.as_ref().and_then(|made| made.rdatas().nth(count)) else {
                return Ok(next);
            };
            let what = (Type::RRSIG, records.ttl());
            reply.record(section, Owner::Name(node.owner()), what, rdata)?;
            Ok(At::Signature(number, set, count + 1))
        }
        At::Link(number, part) => {
            let next = At::Record(number + 1, 0, 0);
            let (Some(Leaving { zone, signed, chain }), Some(node)) = (leaving, zone.node(number))
            else {
                return Ok(next);
            };
            let Some(link) = chain.of(zone, node) else {
                return Ok(next);
            };
            // Programs leave as records of type LUA, not as what they make.
            let types = node.has_programs().then(|| chain.types_as_written(node));
            let mut means = Means { now: date(), budget: &mut Unlimited, desk };
            let Some(link) = signed.link(zone, link, types.as_ref(), &mut means)? else {
                return Ok(next);
            };
            let (owner, (ttl, _)) = (Owner::Name(link.owner.as_name()), zone.denial());
            let Some(signature) = part.checked_sub(1) else {
                reply.record(section, owner, (link.rtype, ttl), desk.nsec())?;
                return Ok(At::Link(number, 1));
            };
            let Some(rdata) = link.signatures.rdatas().nth(signature) else {
                return Ok(next);
            };
            reply.record(section, owner, (Type::RRSIG, ttl), rdata)?;
            Ok(At::Link(number, part + 1))
        }
    }
}

/// Whether a query for changes (IXFR, RFC 1995) comes from somebody who has them all: the serial of
/// the SOA in it is that of the zone, or a newer one (RFC 1982). Who does not gets the zone whole.
#[must_use]
pub fn is_current(message: &[u8], query: &Query<'_>, zone: &Zone) -> bool {
    let is_ixfr = query.question.is_some_and(|question| question.qtype == Type::IXFR);
    let ours = zone.apex_node().set(Type::SOA).and_then(|soa| serial(soa.rdatas().next()?));
    match (is_ixfr, theirs(message, query.question_octets.len()), ours) {
        (true, Some(theirs), Some(ours)) => theirs.wrapping_sub(ours) as i32 >= 0,
        _ => false,
    }
}

/// The serial in the data of a SOA record: before four more numbers of four octets each.
fn serial(rdata: &[u8]) -> Option<u32> {
    let at = rdata.len().checked_sub(20)?;
    rdata.get(at..)?.first_chunk().map(|octets| u32::from_be_bytes(*octets))
}

/// The serial of the first record behind the question, if that is a SOA.
fn theirs(message: &[u8], question: usize) -> Option<u32> {
    let mut rest = message.get(12 + question..)?;
    // Its owner: labels, and a pointer or the root at their end.
    loop {
        let (&length, tail) = rest.split_first()?;
        match length {
            0 => {
                rest = tail;
                break;
            }
            0xc0.. => {
                rest = tail.get(1..)?;
                break;
            }
            _ => rest = tail.get(usize::from(length)..)?,
        }
    }
    let (head, rest) = rest.split_first_chunk::<10>()?;
    let length = usize::from(u16::from_be_bytes([head[8], head[9]]));
    (head[..2] == [0, 6]).then(|| serial(rest.get(..length)?))?
}
