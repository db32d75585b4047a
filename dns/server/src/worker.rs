//! A thread's own means to answer: its snapshots, its Lua machine, its scratch space.

use std::fmt;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use arc_swap::{ArcSwap, Cache};
use halfmoon_dnssec::Desk;
use halfmoon_healthcheck::{Health, Reader, Snapshot};
use halfmoon_lua::{Answers, Machine};
use halfmoon_wire::{Class, Name, NameBuf, Places, Query, Rcode, Reply, SuffixHashes};
use halfmoon_zones::{Sight, Sights};

use crate::answer::{MOST_ALIASES, Trail, answer};
use crate::budget::Purses;
use crate::cookies;
use crate::counters::Event;
use crate::explain;
use crate::limit::{Fate, Kind, Limiter, Limits};
use crate::meter::Meter;
use crate::ready::Ready;
use crate::shared::{Policy, Shared, Zones};
use crate::signing::date;
use crate::tenants::Realm;
use crate::transfer::{Transfer, is_current};
use crate::transport::{Peer, Protocol, Service, Stream, Verdict};
use crate::tsig::{Holder, KeyReader, Keys, Verified};

/// Answers queries on one thread.
pub struct Worker {
    pub(crate) zones: Arc<Zones>,
    pub(crate) health: Reader,
    pub(crate) geo: halfmoon_geo::Reader,
    pub(crate) requests: Health,
    pub(crate) cookies: cookies::Reader,
    pub(crate) policy: Policy,
    keys: KeyReader,
    /// Whose key signs the query at hand.
    pub(crate) signer: Option<Holder>,
    pub(crate) machine: Machine,
    pub(crate) hashes: SuffixHashes,
    pub(crate) answers: Answers,
    /// Answers of plans as they went out.
    pub(crate) ready: Ready,
    pub(crate) chain: Vec<NameBuf>,
    pub(crate) places: Places,
    pub(crate) desk: Desk,
    /// What sources may spend in signatures.
    pub(crate) purses: Purses,
    /// What they may spend in microseconds of programs, if that is limited.
    pub(crate) program_purses: Option<Purses>,
    pub(crate) limiter: Limiter,
    /// Answers on paper: nothing of it is counted, remembered or logged.
    pub(crate) is_aside: bool,
    /// What happened on the way to an answer, while somebody wants to know.
    pub(crate) trail: Option<Box<Trail>>,
    pub(crate) meter: Arc<Meter>,
    /// Whole seconds since `started`, as of the last refresh.
    pub(crate) now: u64,
    /// Seconds since 1970, modulo 2^32, as of the last refresh.
    pub(crate) date: u32,
    published: Cache<Arc<ArcSwap<Zones>>, Arc<Zones>>,
    started: Instant,
    /// Where the names of the batch seem to be that were looked up ahead.
    sights: Sights,
    /// Where the name of the query at hand seems to be.
    pub(crate) sight: Sight,
    /// Whether what was read for it was far.
    is_far: bool,
    /// Batches until the next whose names are looked up ahead.
    pause: u8,
}

impl Worker {
    /// A worker of this server.
    #[must_use]
    pub fn new(shared: &Shared) -> Self {
        Self {
            zones: shared.zones.load_full(),
            health: shared.health.reader(),
            geo: shared.geo.reader(),
            requests: shared.health.clone(),
            cookies: shared.cookies.reader(),
            policy: shared.policy.clone(),
            keys: shared.keys.reader(),
            signer: None,
            machine: Machine::new(shared.policy.lua.clone()).remembering(),
            hashes: SuffixHashes::default(),
            answers: Answers::default(),
            ready: Ready::default(),
            chain: Vec::with_capacity(MOST_ALIASES + 1),
            places: Places::default(),
            desk: Desk::default(),
            limiter: Limiter::new(shared.policy.limits.clone()),
            is_aside: false,
            trail: None,
            meter: shared.meters.take(),
            purses: Purses::new(shared.policy.signatures_per_source),
            program_purses: shared.policy.limits.program_time.map(Purses::new),
            now: 0,
            date: date(),
            published: Cache::new(Arc::clone(&shared.zones)),
            started: Instant::now(),
            sights: Sights::default(),
            sight: Sight::default(),
            is_far: false,
            pause: 0,
        }
    }
}

impl Worker {
    /// A worker whose answers do not count: nobody but an operator has asked.
    pub(crate) fn apart(realm: &Realm<'_>) -> Self {
        let mut worker = Self::new(realm.shared);
        worker.zones = Arc::clone(&realm.zones);
        worker.meter.end();
        worker.meter = Meter::apart();
        worker
    }

    /// A worker that answers on paper for a realm, with health as it is here: as those of the server do, without
    /// limits, and nothing of it is counted, remembered or logged.
    #[must_use]
    pub fn aside(realm: &Realm<'_>, health: Arc<Snapshot>) -> Self {
        let shared = realm.shared;
        let mut worker = Self::apart(realm);
        let policy = &mut worker.policy;
        policy.limits = Limits::none();
        policy.signatures_per_source = u32::MAX;
        worker.limiter = Limiter::new(policy.limits.clone());
        worker.purses = Purses::new(policy.signatures_per_source);
        worker.program_purses = None;
        worker.machine = Machine::new(policy.lua.clone());
        worker.keys = Keys::none().reader();
        worker.health = Reader::fixed(health);
        worker.is_aside = true;
        if shared.health.is_probing() {
            // Nothing is probed because somebody tries something out.
            worker.requests = shared.health.looking_on();
        }
        worker
    }
}

impl Service for Worker {
    fn refresh(&mut self) {
        self.look_back();
        let zones = self.published.load();
        if !Arc::ptr_eq(zones, &self.zones) {
            self.zones = Arc::clone(zones);
            self.machine.forget();
            self.ready.forget();
        }
        let now = Instant::now();
        self.now = now.saturating_duration_since(self.started).as_secs();
        self.date = date();
        self.meter.beat(now);
    }

    fn foresee(&mut self, messages: &[&[u8]]) {
        if self.pause > 0 {
            self.pause -= 1;
            return;
        }
        let names = messages.iter().map(|message| Query::name_in(message).unwrap_or(Name::ROOT));
        self.is_far = self.zones.look_ahead(names, &mut self.hashes, &mut self.sights);
    }

    fn pass_over(&mut self) {
        self.sights.take();
    }

    fn answer(&mut self, query: &[u8], peer: &Peer, limit: usize, out: &mut [u8]) -> Verdict {
        self.sight = self.sights.take();
        let verdict = self.judge(query, peer, limit, out);
        if verdict == Verdict::Drop {
            self.meter.silent();
        }
        verdict
    }

    fn stream(&mut self, message: &[u8], peer: &Peer) -> Option<Box<dyn Stream>> {
        let query = Query::parse(message)?;
        if query.question?.class == Class::CH {
            let told = explain::over_dns(self, message, peer)?;
            return Some(Box::new(told));
        }
        let zone = Arc::clone(self.zones.zone(query.question?.name)?);
        let is_current = is_current(message, &query, &zone.zone);
        let begun = Transfer::begin(zone, message, is_current, &self.policy.transfer_slots);
        self.meter.count(match begun {
            Some(_) => Event::TransferBegun,
            None => Event::TransferTooMany,
        });
        let mut transfer = begun?;
        if let Some(at) = query.signature
            && let Verified::Good(_, session) = self.keys.verify(message, at, time())
        {
            transfer.sign(session);
        }
        Some(Box::new(transfer))
    }
}

impl Worker {
    /// Ends with the names that were looked up ahead. Where all were near it has cost more than it has saved.
    fn look_back(&mut self) {
        /// So many batches are not looked at then.
        const PAUSE: u8 = 15;
        if self.sights.count() > 0 && !self.is_far {
            self.pause = PAUSE;
        }
        self.sights.clear();
    }

    fn judge(&mut self, query: &[u8], peer: &Peer, limit: usize, out: &mut [u8]) -> Verdict {
        // Only a query with additional records can be signed: most are not looked at twice.
        if query.get(10..12).is_some_and(|count| count != [0, 0])
            && !self.keys.is_empty()
            && let Some(at) = Query::parse(query).and_then(|query| query.signature)
        {
            return self.answer_signed((query, at), peer, limit, out);
        }
        answer(self, query, peer, limit, out)
    }

    /// Answers a query that bears a signature (RFC 8945 section 5.2): if that is right the answer bears
    /// one, too, and if not it says why.
    fn answer_signed(
        &mut self,
        (query, at): (&[u8], usize),
        peer: &Peer,
        limit: usize,
        out: &mut [u8],
    ) -> Verdict {
        let now = time();
        // Who signs wrongly may be anybody: what it is told is limited as any error is.
        let is_limited = |worker: &mut Self| {
            let fate = match peer.protocol {
                Protocol::Udp => worker.limiter.judge(peer.remote.ip(), Kind::Error, worker.now),
                Protocol::Tcp => Fate::Pass,
            };
            if fate == Fate::Drop {
                worker.meter.count(Event::AnswerDropped);
            }
            fate == Fate::Drop
        };
        let signed = |length: Option<usize>| length.map_or(Verdict::Drop, Verdict::Reply);
        match self.keys.verify(query, at, now) {
            Verified::Good(stripped, mut session) => {
                self.meter.count(Event::SignatureGood);
                self.signer = Some(session.holder());
                let limit = limit.saturating_sub(session.room());
                let verdict = answer(self, &stripped, peer, limit, out);
                self.signer = None;
                match verdict {
                    Verdict::Reply(length) => signed(session.sign(out, length, now)),
                    other => other,
                }
            }
            Verified::Bad(refusal) => {
                self.meter.count(Event::SignatureBad);
                if is_limited(self) {
                    return Verdict::Drop;
                }
                self.meter.reply(Rcode::NOTAUTH);
                let refused = refuse(query, Rcode::NOTAUTH, limit, out, &mut self.places);
                signed(refused.and_then(|length| refusal.sign(out, length, now)))
            }
            Verified::Malformed => {
                if is_limited(self) {
                    return Verdict::Drop;
                }
                self.meter.reply(Rcode::FORMERR);
                signed(refuse(query, Rcode::FORMERR, limit, out, &mut self.places))
            }
        }
    }
}

/// A reply that says nothing but its code.
fn refuse(
    query: &[u8],
    rcode: Rcode,
    limit: usize,
    out: &mut [u8],
    places: &mut Places,
) -> Option<usize> {
    let query = Query::parse(query)?;
    Some(Reply::new(&query, limit, out, places)?.finish(rcode))
}

/// Seconds since 1970; 0 before.
pub(crate) fn time() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.meter.end();
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("zones", &self.zones).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::offline::Offline;

    #[test]
    fn a_message_that_is_passed_over_moves_no_other_from_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let mut text =
            "@ 60 SOA ns h 1 3600 900 604800 60\n@ 60 NS ns\nns 60 A 192.0.2.1\n".to_owned();
        (0..5000).for_each(|number| text.push_str(&format!("host{number} 60 A 192.0.2.2\n")));
        fs::write(folder.path().join("example.org.zone"), text).unwrap();
        let offline = Offline::load(folder.path().to_owned(), halfmoon_lua::Settings::default());
        let mut worker = offline.unwrap().worker();
        let query = |number: usize| {
            let mut query = b"\x12\x34\0\0\0\x01\0\0\0\0\0\0".to_vec();
            let name: NameBuf = format!("host{number}.example.org.").parse().unwrap();
            query.extend(name.as_name().as_wire());
            query.extend([0, 1, 0, 1]);
            query
        };
        let queries: Vec<Vec<u8>> = (0..8).map(query).collect();
        let messages: Vec<&[u8]> = queries.iter().map(Vec::as_slice).collect();
        let [remote, local] = ["192.0.2.7:4711", "127.0.0.1:53"].map(|text| text.parse().unwrap());
        let peer = Peer { remote, local, protocol: Protocol::Udp };
        worker.refresh();
        worker.foresee(&messages);
        for (number, query) in queries.iter().enumerate() {
            if [0, 4].contains(&number) {
                worker.pass_over();
            } else {
                worker.answer(query, &peer, 4096, &mut [0; 4096]);
                let name = Query::name_in(query).unwrap();
                assert!(worker.zones.seen(name, worker.sight).is_some(), "{number}");
            }
        }
    }
}
