//! The front of the crate: who wants to know of a target, and how it is told.

mod handles;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use crate::account::{Account, AccountKey, Holdings};
use crate::beats::NoBeat;
use crate::board::{Board, Reader};
use crate::change::Changes;
use crate::check::{Check, Probe};
use crate::clock::Clock;
use crate::engine::Engine;
use crate::outcome::Outcome;
use crate::pool::{Member, Orders, Pool, PoolId, PoolReport};
use crate::probe::Net;
use crate::refused::Refused;
use crate::registry::{Occupant, Registry};
use crate::report::{Counts, Report, count};
use crate::said::Said;
use crate::shared::{Request, Shared};
use crate::state::Keeper;
use crate::suspicion::Suspicion;
use crate::target::TargetPolicy;
use crate::verdict::{CheckId, State};
pub use handles::{ChoiceHandle, Handle, PoolHandle};
use handles::{Hold, PoolHold};

/// The shortest time between two publications of the board.
const SPACING: Duration = Duration::from_millis(1);

/// How checks are carried out.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What may be probed.
    pub targets: TargetPolicy,
    /// How long a check computed at run time lives without being asked for.
    pub lease: Duration,
    /// Probes under way at one time; each takes a file descriptor or two.
    pub max_in_flight: usize,
    /// Checks computed at run time that are held at one time.
    pub max_computed: usize,
    /// Checks that the programs of one zone compute at run time and that are held at one time, at least 1;
    /// of more, those not asked for longest go.
    pub computed_per_zone: usize,
    /// Requests for computed checks that may wait to be taken on.
    pub max_requests: usize,
    /// Connections that are kept for the next probe of checks that say so; each takes a file
    /// descriptor.
    pub max_kept: usize,
    /// Threads that probe.
    pub threads: usize,
    /// Certificates of issuers that are trusted besides those that the machine trusts.
    pub roots: Vec<CertificateDer<'static>>,
    /// The folder in which what is known is kept; `None`: it is forgotten at the end.
    pub state: Option<PathBuf>,
    /// What part of all targets, in thousandths, has to fail at once for the server to suspect itself
    /// and let nothing go down; `None`: it never does.
    pub suspect: Option<u16>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            targets: TargetPolicy::default(),
            lease: Duration::from_secs(3600),
            max_in_flight: 4096,
            max_computed: 100_000,
            computed_per_zone: 1000,
            max_requests: 4096,
            max_kept: 65_536,
            threads: 1,
            roots: Vec::new(),
            state: None,
            suspect: Some(800),
        }
    }
}

/// Why the checking cannot begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// No thread or no timer is to be had.
    #[error("the threads that probe do not start: {0}")]
    Threads(#[source] std::io::Error),
    /// What is known cannot be kept.
    #[error("{}: what is known of targets cannot be kept there: {source}", path.display())]
    State {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// TLS is not to be had.
    #[error("TLS does not start: {0}")]
    Tls(#[source] rustls::Error),
    /// One of [`Settings::roots`] is not a certificate of an issuer.
    #[error("trusted root certificate {number} is not usable: {source}")]
    Root {
        /// Its number, from 1.
        number: usize,
        /// What is wrong with it.
        source: rustls::Error,
    },
}

/// The health of all targets. Clones share it; probing ends with the last of them.
#[derive(Clone, Debug)]
pub struct Health {
    inner: Arc<Inner>,
    /// On whose account checks are taken on.
    account: Option<Account>,
    /// Nothing of what is requested is taken on.
    only_looks: bool,
}

struct Inner {
    shared: Arc<Shared>,
    requests: Option<mpsc::Sender<Request>>,
    runtime: Option<Runtime>,
    keeper: Mutex<Option<Keeper>>,
}

// === impl Health ===

impl Health {
    /// Starts checking on threads of its own.
    ///
    /// # Errors
    /// The threads do not start, or a root certificate is not usable.
    pub fn start(settings: Settings) -> Result<Self, StartError> {
        let shared = Arc::new(Shared::new(
            settings.targets.clone(),
            Board::new(SPACING),
            (settings.max_computed, settings.computed_per_zone),
            settings.suspect,
        ));
        let keeper = match settings.state.clone() {
            Some(path) => match Keeper::start(path.clone(), Arc::clone(&shared)) {
                Ok(keeper) => Some(keeper),
                Err(source) => return Err(StartError::State { path, source }),
            },
            None => None,
        };
        let beats = Arc::clone(&shared.beats);
        let net =
            Net::new(&settings.targets, &settings.roots, (beats, shared.clock), settings.max_kept)?;
        let (requests, requested) = mpsc::channel(settings.max_requests.max(1));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .thread_name("health")
            .worker_threads(settings.threads.max(1))
            // Only the resolver blocks; a host that does not resolve must not cost a thread each.
            .max_blocking_threads(16)
            .enable_all()
            .build()
            .map_err(StartError::Threads)?;
        let engine = Engine::new(Arc::clone(&shared), Arc::new(net), requested, &settings);
        runtime.spawn(engine.run());
        let inner = Inner {
            shared,
            requests: Some(requests),
            runtime: Some(runtime),
            keeper: Mutex::new(keeper),
        };
        Ok(Self { inner: Arc::new(inner), account: None, only_looks: false })
    }

    /// Takes checks on and never probes them: for checking zone files, explaining, and tests, which
    /// [`Health::report`] what a probe would find. Everything takes effect before the call returns.
    #[must_use]
    pub fn unprobed(targets: TargetPolicy) -> Self {
        let computed = (usize::MAX, Settings::default().computed_per_zone);
        let shared = Shared::new(targets, Board::new(Duration::ZERO), computed, None);
        Self::assemble(Arc::new(shared), None)
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.inner.shared
    }

    pub(crate) fn assemble(shared: Arc<Shared>, requests: Option<mpsc::Sender<Request>>) -> Self {
        let inner = Inner { shared, requests, runtime: None, keeper: Mutex::default() };
        Self { inner: Arc::new(inner), account: None, only_looks: false }
    }

    /// The same, but what is acquired and requested is held on this account; `None`: on nobody's, which is
    /// how it begins.
    #[must_use]
    pub fn on(&self, account: Option<&Account>) -> Self {
        Self { account: account.cloned(), ..self.clone() }
    }

    /// The same for somebody who only wants to know what would be: what is requested of it is neither taken
    /// on nor counted.
    #[must_use]
    pub fn looking_on(&self) -> Self {
        Self { only_looks: true, ..self.clone() }
    }

    /// On whose account checks are acquired and requested.
    #[must_use]
    pub fn account(&self) -> Option<&Account> {
        self.account.as_ref()
    }

    /// What is held on an account now belongs to versions that are about to be replaced: what is acquired on it
    /// from now on is judged by itself, so that the new versions may hold as much as the old ones did.
    pub fn begin(&self, account: &Account) {
        self.inner.shared.lock().begin(account);
    }

    /// What is held on an account at the moment.
    #[must_use]
    pub fn holdings(&self, account: &Account) -> Holdings {
        self.inner.shared.lock().holdings(account)
    }

    /// Why a check that a program computes would not be taken on, for people; `None`: it would.
    ///
    /// Takes a lock: not for the query path.
    #[must_use]
    pub fn objection(&self, check: &Check) -> Option<Refused> {
        let (shared, account) = (&self.inner.shared, self.account());
        let judged = shared.judge(check, account);
        judged.and_then(|()| shared.lock().affords(account, check)).err()
    }

    /// Holds a check, which is probed from now on. Equal checks are one.
    ///
    /// Takes a lock: for loading, not for the query path.
    ///
    /// # Errors
    /// The target may not be probed, the check cannot be carried out, or there would be more on the account
    /// than may be.
    pub fn acquire(&self, check: Check) -> Result<Handle, Refused> {
        let shared = &self.inner.shared;
        let account = self.account();
        shared.judge(&check, account)?;
        let mut registry = shared.lock();
        let (id, check) = registry.hold(check, account)?;
        let family = account.map(|_| registry.family(id)).unwrap_or_default();
        shared.settle(registry, Clock::now());
        shared.wake.notify_one();
        shared.calculate();
        let (key, shared) = (AccountKey::of(account), Arc::clone(shared));
        Ok(Handle { hold: Arc::new(Hold { id, check, key, family: family.into(), shared }) })
    }

    /// Asks for a check that was computed at run time and that [`Snapshot::find`] did not find.
    /// It is held until nobody looked for it for [`Settings::lease`], or until the zone has more than
    /// [`Settings::computed_per_zone`]. `zone` is any name for whoever is to be held to that.
    ///
    /// Never waits: what is refused, or one too many, is counted and dropped.
    pub fn request(&self, zone: &[u8], check: Check) {
        if self.only_looks {
            return;
        }
        let shared = &self.inner.shared;
        let account = self.account.clone();
        if let Some(account) = &account {
            // Whoever asks for what is not allowed is not to fill the line for all others.
            if let Err(why) = account.admit(&check) {
                count(&shared.counters.refused);
                return account.refuse(&check, why, Clock::now());
            }
            if self.inner.requests.is_some() && !account.wait() {
                return count(&shared.counters.dropped);
            }
        }
        let request = Request { zone: zone.into(), account, check };
        let Some(requests) = &self.inner.requests else {
            return shared.lease(&mut vec![request], Clock::now());
        };
        if let Err(unsent) = requests.try_send(request) {
            count(&shared.counters.dropped);
            if let Some(account) = unsent.into_inner().account {
                account.go();
            }
        }
    }

    /// Registers a pool: from now on it is worked out what it answers with, whenever something changes.
    /// What is known of a pool of the same name, which may still be registered or be from another
    /// process, goes on: a new version of a record begins where the old one was.
    ///
    /// Takes a lock: for loading, not for the query path.
    #[must_use]
    pub fn register(&self, pool: Pool) -> PoolHandle {
        let shared = &self.inner.shared;
        let now = Clock::now();
        let mut registry = shared.lock();
        let id = registry.register(pool, shared.clock.date(now));
        shared.settle(registry, now);
        PoolHandle { hold: Arc::new(PoolHold { id, shared: Arc::clone(shared) }) }
    }

    /// Registers what somebody chooses from without having it checked: from now on it is found out
    /// whenever operators say something whether it is about one of these ([`Snapshot::orders_on`]), as far as
    /// they are on this account ([`Health::on`]).
    ///
    /// Takes a lock: for loading, not for the query path.
    #[must_use]
    pub fn register_choice(&self, members: Arc<[Member]>) -> ChoiceHandle {
        let shared = &self.inner.shared;
        let mut registry = shared.lock();
        let id = registry.register_choice(self.account.clone(), members);
        shared.settle(registry, Clock::now());
        ChoiceHandle { id, shared: Arc::clone(shared) }
    }

    /// Publishes what has changed without waiting for the next publication. Whoever is about to serve
    /// what names new checks and pools calls this first: a query that did not find its pool would be
    /// answered as if nobody had ever said anything of its members.
    pub fn publish(&self) {
        let shared = &self.inner.shared;
        shared.publish(&mut shared.lock(), Clock::now());
    }

    /// All pools, for people: their members, what these count as and why.
    #[must_use]
    pub fn pools(&self) -> Vec<PoolReport> {
        let mut all = Vec::new();
        let places = |registry: &Registry| registry.pools.places();
        self.inner.shared.in_parts(places, |registry, places| {
            all.extend(registry.pools.reports(places));
        });
        all
    }

    /// What a pool is at the moment, for people; `None`: it is gone.
    #[must_use]
    pub fn pool(&self, id: PoolId) -> Option<PoolReport> {
        self.inner.shared.lock().pools.report(id)
    }

    /// Whether checks are probed, and not only held.
    #[must_use]
    pub fn is_probing(&self) -> bool {
        self.inner.requests.is_some()
    }

    /// The pools that a check is used by.
    #[must_use]
    pub fn users(&self, check: CheckId) -> Vec<(PoolId, Arc<Pool>)> {
        let registry = self.inner.shared.lock();
        registry.pools.users(check).map(|(id, pool)| (id, Arc::clone(pool))).collect()
    }

    /// Sets what an operator says of members, in place of what was said before: asked for each member
    /// of each pool now, and of each pool that is registered later; queries ask for those of other lists.
    /// `None`: nothing. Takes effect within a millisecond.
    pub fn set_orders(&self, orders: Option<Arc<dyn Orders>>) {
        let shared = &self.inner.shared;
        let mut registry = shared.lock();
        registry.set_orders(orders);
        registry.settle_pools(shared.clock.date(Clock::now()));
        shared.settle(registry, Clock::now());
    }

    /// Lets a target that answers again and is held come back at once. Whether it was held.
    #[must_use = "a target that is not held stays what it is"]
    pub fn resume(&self, id: CheckId) -> bool {
        let shared = &self.inner.shared;
        let now = Clock::now();
        let mut registry = shared.lock();
        let turn = registry.resume(id, shared.clock.date(now));
        let was_held = turn.is_some();
        let mut turns = shared.settle_at(&mut registry, now);
        shared.nudge(&registry);
        drop(registry);
        turns.splice(0..0, turn);
        shared.tell(turns);
        was_held
    }

    /// Lets members of a pool leave for so long as fast as they fail, whatever its velocity limit says.
    /// Whether there is such a pool.
    #[must_use = "a pool that is gone has no members"]
    pub fn let_go(&self, pool: PoolId, time: Duration) -> bool {
        let shared = &self.inner.shared;
        let now = Clock::now();
        let mut registry = shared.lock();
        let until = shared.clock.date(now + time);
        let is_there = registry.pools.let_go(pool, until);
        registry.settle_pools(shared.clock.date(now));
        shared.settle(registry, now);
        is_there
    }

    /// Whether the server suspects itself because nearly all targets fail at once: then nothing goes
    /// down.
    #[must_use]
    pub fn suspicion(&self) -> Option<Suspicion> {
        self.inner.shared.lock().suspicion()
    }

    /// A view of the board for one thread.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader::new(Arc::clone(&self.inner.shared.published))
    }

    /// All checks that are held, for people.
    #[must_use]
    pub fn checks(&self) -> Vec<Report> {
        let shared = &self.inner.shared;
        let mut all = Vec::new();
        shared.in_parts(Registry::places, |registry, places| {
            all.extend(registry.part(places).map(|(id, one)| shared.report_of(id, one)));
        });
        all
    }

    /// How many checks have no verdict yet, and of how many: those aside that programs compute, which come with
    /// the queries.
    #[must_use]
    pub fn pending(&self) -> (usize, usize) {
        let shared = &self.inner.shared;
        let now = shared.clock.date(Clock::now());
        let (mut unknown, mut all) = (0, 0);
        shared.in_parts(Registry::places, |registry, places| {
            for (_, one) in registry.part(places).filter(|(_, one)| !one.is_leased()) {
                unknown += usize::from(one.verdict(now).state == State::Unknown);
                all += 1;
            }
        });
        (unknown, all)
    }

    /// What is known of one of them, for people; `None`: it is held no more.
    #[must_use]
    pub fn check(&self, id: CheckId) -> Option<Report> {
        let shared = &self.inner.shared;
        let registry = shared.lock();
        registry.occupant(id).map(|occupant| shared.report_of(id, occupant))
    }

    /// How long the probe has been due that waits longest; nearly nothing while probing goes on.
    #[must_use]
    pub fn overdue(&self) -> Duration {
        let now = Clock::now();
        let mut first = None;
        self.inner.shared.in_parts(Registry::places, |registry, places| {
            let next = registry.part(places).filter_map(|(_, occupant)| occupant.next);
            first = first.into_iter().chain(next).min();
        });
        first.map_or(Duration::ZERO, |first| now.saturating_duration_since(first))
    }

    /// How much is held of everything.
    #[cfg(test)]
    pub(crate) fn sizes(&self) -> Vec<(&'static str, usize)> {
        self.inner.shared.lock().sizes()
    }

    /// Changes of state from now on.
    #[must_use]
    pub fn subscribe(&self) -> Changes {
        Changes::new(self.inner.shared.changes.subscribe())
    }

    /// What was done so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.inner.shared.counters.read()
    }

    /// Takes in what an endpoint calls in by the name of a heartbeat. What is new takes effect at once,
    /// and counts as one result of every check of that name; from then on they look at each of their
    /// intervals whether it still holds.
    ///
    /// # Errors
    /// There is no heartbeat of this name.
    pub fn beat(&self, name: &str, said: Said) -> Result<(), NoBeat> {
        let shared = &self.inner.shared;
        let now = shared.clock.date(Clock::now());
        if !shared.beats.hear(name, said, now)? {
            return Ok(());
        }
        let checks = shared.lock().of_beat(name);
        for (id, check) in checks {
            if let Probe::Beat(beat) = &check.probe {
                let outcome = shared.beats.look(beat, now);
                shared.take_in(id, outcome, Duration::ZERO);
            }
        }
        Ok(())
    }

    /// Takes in a result as if a probe had found it. Returns whether somebody holds the check.
    pub fn report(&self, check: &Check, outcome: Outcome) -> bool {
        let shared = &self.inner.shared;
        let ids = shared.lock().find_all(check);
        for id in &ids {
            shared.record(*id, outcome.clone(), Duration::ZERO);
        }
        !ids.is_empty()
    }

    /// Writes down what is known now, and nothing of what becomes known later, as the end of the last handle
    /// does: for whoever ends while others still have one.
    pub fn close(&self) {
        self.inner.close();
    }
}

impl Shared {
    fn report_of(&self, id: CheckId, occupant: &Occupant) -> Report {
        Report {
            id,
            check: Arc::clone(&occupant.check),
            owner: occupant.owner().cloned(),
            verdict: occupant.verdict(self.clock.date(Clock::now())),
            reason: occupant.reason.to_string(),
            is_recalled: occupant.is_recalled,
            last: occupant.last.clone(),
            next: occupant.next.map(|next| self.clock.date(next)),
            holders: occupant.holders,
            is_leased: occupant.is_leased(),
            leased_by: occupant.leased_by(),
        }
    }
}

impl Inner {
    fn close(&self) {
        let keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(keeper);
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("is_probing", &self.runtime.is_some()).finish_non_exhaustive()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // What is known now is written down, and not what becomes of it when all is let go.
        self.close();
        if let Some(runtime) = self.runtime.take() {
            // Does not wait for probes under way, and may be called from another runtime.
            runtime.shutdown_background();
        }
    }
}
