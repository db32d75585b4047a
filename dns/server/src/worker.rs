//! A thread's own means to answer: its snapshots, its Lua machine, its scratch space.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::{ArcSwap, Cache};
use halfmoon_dnssec::Desk;
use halfmoon_healthcheck::{Health, Reader};
use halfmoon_lua::{Answers, Machine};
use halfmoon_wire::{NameBuf, Places, Query, SuffixHashes};

use crate::answer::{MOST_ALIASES, answer};
use crate::cookies;
use crate::limit::Limiter;
use crate::shared::{Policy, Shared, Zones};
use crate::signing::{Purses, date};
use crate::transfer::{Transfer, is_current};
use crate::transport::{Peer, Service, Stream, Verdict};

/// Answers queries on one thread.
pub struct Worker {
    pub(crate) zones: Arc<Zones>,
    pub(crate) health: Reader,
    pub(crate) geo: halfmoon_geo::Reader,
    pub(crate) requests: Health,
    pub(crate) cookies: cookies::Reader,
    pub(crate) policy: Policy,
    pub(crate) machine: Machine,
    pub(crate) hashes: SuffixHashes,
    pub(crate) answers: Answers,
    pub(crate) chain: Vec<NameBuf>,
    pub(crate) places: Places,
    pub(crate) desk: Desk,
    pub(crate) purses: Purses,
    pub(crate) limiter: Limiter,
    /// Whole seconds since `started`, as of the last refresh.
    pub(crate) now: u64,
    /// Seconds since 1970, modulo 2^32, as of the last refresh.
    pub(crate) date: u32,
    published: Cache<Arc<ArcSwap<Zones>>, Arc<Zones>>,
    started: Instant,
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
            machine: Machine::new(shared.policy.lua.clone()),
            hashes: SuffixHashes::default(),
            answers: Answers::default(),
            chain: Vec::with_capacity(MOST_ALIASES + 1),
            places: Places::default(),
            desk: Desk::default(),
            limiter: Limiter::new(shared.policy.limits.clone()),
            purses: Purses::new(shared.policy.signatures_per_source),
            now: 0,
            date: date(),
            published: Cache::new(Arc::clone(&shared.zones)),
            started: Instant::now(),
        }
    }
}

impl Service for Worker {
    fn refresh(&mut self) {
        let zones = self.published.load();
        if !Arc::ptr_eq(zones, &self.zones) {
            self.zones = Arc::clone(zones);
        }
        self.now = self.started.elapsed().as_secs();
        self.date = date();
    }

    fn answer(&mut self, query: &[u8], peer: &Peer, limit: usize, out: &mut [u8]) -> Verdict {
        answer(self, query, peer, limit, out)
    }

    fn stream(&mut self, message: &[u8], _: &Peer) -> Option<Box<dyn Stream>> {
        let query = Query::parse(message)?;
        let zone = Arc::clone(self.zones.zone(query.question?.name)?);
        let is_current = is_current(message, &query, &zone.zone);
        let transfer = Transfer::begin(zone, message, is_current, &self.policy.transfer_slots)?;
        Some(Box::new(transfer))
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("zones", &self.zones).finish_non_exhaustive()
    }
}
