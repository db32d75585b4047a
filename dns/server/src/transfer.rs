//! Whole zones for those who may have them (AXFR, RFC 5936): message by message, each made when the
//! one before has left.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use halfmoon_wire::{Owner, Places, Query, Rcode, Reply, Section, Type};
use halfmoon_zones::{Hosted, Zone};

use crate::shared::Served;
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

/// Whether the records of a type at the apex are left out: the SOA stands at both ends, and keys
/// without signatures would make the zone bogus. Those are made here as answers leave; a secondary
/// that has the keys makes its own.
fn stays(zone: &Hosted<Served>, rtype: Type) -> bool {
    let of_signing = matches!(rtype, Type::DNSKEY | Type::CDS | Type::CDNSKEY);
    rtype == Type::SOA || of_signing && zone.beside.signed.is_some()
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
        let zone = &self.zone.zone;
        let soa = zone.apex_node().set(Type::SOA)?;
        let mut has_any = false;
        loop {
            let (owner, rtype, ttl, rdata, next) = match self.at {
                At::Done => break,
                At::First | At::Last => {
                    let is_over = self.only_soa || self.at == At::Last;
                    let next = if is_over { At::Done } else { At::Record(0, 0, 0) };
                    (zone.apex(), Type::SOA, soa.ttl(), soa.rdatas().next()?, next)
                }
                At::Record(node, set, record) => {
                    let Some(there) = zone.node(node) else {
                        self.at = At::Last;
                        continue;
                    };
                    let Some(records) = there.sets().nth(set) else {
                        self.at = At::Record(node + 1, 0, 0);
                        continue;
                    };
                    let stays = there.is_apex() && stays(&self.zone, records.rtype());
                    let found = records.rdata_from(record).filter(|_| !stays);
                    let Some((rdata, after)) = found else {
                        self.at = At::Record(node, set + 1, 0);
                        continue;
                    };
                    let next = At::Record(node, set, after);
                    (there.owner(), records.rtype(), records.ttl(), rdata, next)
                }
            };
            let fixed = (rtype, ttl);
            if reply.record(Section::Answer, Owner::Name(owner), fixed, rdata).is_err() {
                // It begins the next message. One that fits into none ends the transfer.
                if has_any {
                    break;
                }
                self.at = At::Done;
                return None;
            }
            has_any = true;
            self.at = next;
        }
        let length = reply.finish(Rcode::NOERROR);
        match &mut self.session {
            Some(session) => session.sign(out, length, time()),
            None => Some(length),
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
