//! Who holds which check, and what is known of each: the state behind the board.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use foldhash::fast::RandomState;

use crate::account::{Account, AccountKey};
use crate::board::Board;
use crate::check::Check;
use crate::choices::{ChoiceId, Choices};
use crate::judge::Memory;
use crate::pool::{Member, Orders, Pool, PoolId};
use crate::pools::Pools;
use crate::state::{self, Known};
use crate::suspicion::{Doubts, Suspicion};
use crate::verdict::CheckId;

mod accounts;
mod heartbeats;
mod judging;
mod leases;
mod occupant;
mod places;

use accounts::Accounts;
use heartbeats::Heartbeats;
pub(crate) use judging::Turn;
pub(crate) use occupant::Occupant;

/// The shortest time between two complaints in the log.
const COMPLAINT: Duration = Duration::from_secs(10);

/// All checks that somebody holds.
#[derive(Debug)]
pub(crate) struct Registry {
    slots: Vec<Slot>,
    free: Vec<u32>,
    by_check: HashMap<Arc<Check>, CheckId, RandomState>,
    /// Those that one account shares with no other.
    unshared: HashMap<(AccountKey, Arc<Check>), CheckId, RandomState>,
    accounts: Accounts,
    heartbeats: Heartbeats,
    /// Checks that were taken on and are not scheduled yet; `None` if nobody schedules them.
    fresh: Option<Vec<CheckId>>,
    leased: usize,
    /// Where the search for a lease to end goes on.
    hand: usize,
    max_leased: usize,
    /// What each zone has leased, the longest known first.
    zones: HashMap<Arc<[u8]>, VecDeque<CheckId>, RandomState>,
    max_per_zone: usize,
    /// When it was last said that the prober itself has trouble.
    complained: Option<Instant>,
    /// Calculated checks whose parts changed, or that are new.
    stirred: Vec<CheckId>,
    /// When the passing of time may change a verdict.
    alarms: BTreeSet<(SystemTime, CheckId)>,
    /// Until when the engine sleeps at most, for the sake of [`Registry::next`].
    pub(crate) awaited: Option<SystemTime>,
    /// What checks were in another process.
    remembered: Remembered,
    /// Checks that were taken on with what they were there, and are not on the board yet.
    recalled: Vec<CheckId>,
    pub(crate) doubts: Doubts,
    pub(crate) pools: Pools,
    pub(crate) choices: Choices,
    pub(crate) board: Board,
    /// Counts what is worth writing down.
    pub(crate) revision: u64,
}

/// What checks were in another process: of those that all share, under an empty name, and of those of one
/// account, under where its limits are set; by what they are and by what they probe.
type Remembered =
    HashMap<Box<str>, HashMap<Box<str>, (Memory, Box<str>), RandomState>, RandomState>;

#[derive(Debug, Default)]
struct Slot {
    /// Counts the checks that had this slot, so that none is taken for its predecessor.
    epoch: u32,
    occupant: Option<Occupant>,
}

impl Registry {
    /// With room for so many computed checks, and for so many of one zone.
    pub(crate) fn new(
        board: Board,
        max_leased: usize,
        max_per_zone: usize,
        suspect: Option<u16>,
    ) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            by_check: HashMap::default(),
            unshared: HashMap::default(),
            accounts: Accounts::default(),
            heartbeats: Heartbeats::default(),
            fresh: None,
            leased: 0,
            hand: 0,
            max_leased,
            zones: HashMap::default(),
            max_per_zone: max_per_zone.max(1),
            complained: None,
            stirred: Vec::new(),
            alarms: BTreeSet::new(),
            awaited: None,
            remembered: HashMap::default(),
            recalled: Vec::new(),
            doubts: Doubts::new(suspect),
            pools: Pools::default(),
            choices: Choices::default(),
            board,
            revision: 0,
        }
    }

    /// Keeps the checks that are taken on from now on for [`Registry::take_fresh`].
    pub(crate) fn keep_fresh(&mut self) {
        self.fresh.get_or_insert_default();
    }

    /// Takes a pool on.
    pub(crate) fn register(&mut self, pool: Pool, now: SystemTime) -> PoolId {
        self.revision += 1;
        self.pools.register(pool, &mut self.board, now)
    }

    /// Lets a pool go. What is written down may have been collected when it still hid an older one.
    pub(crate) fn release_pool(&mut self, id: PoolId) {
        self.revision += 1;
        self.pools.release(id, &mut self.board);
    }

    /// Takes a choice on, of somebody with this account.
    pub(crate) fn register_choice(
        &mut self,
        account: Option<Account>,
        members: Arc<[Member]>,
    ) -> ChoiceId {
        self.choices.register(
            (account, members),
            self.pools.orders().map(|orders| &**orders),
            &mut self.board,
        )
    }

    /// What operators say of members from now on.
    pub(crate) fn set_orders(&mut self, orders: Option<Arc<dyn Orders>>) {
        self.board.set_orders(orders.clone());
        if let Some(orders) = &orders {
            self.choices.judge(&**orders, &mut self.board);
        }
        self.pools.set_orders(orders);
    }

    /// Works out what the pools of changed verdicts answer with.
    pub(crate) fn settle_pools(&mut self, now: SystemTime) {
        for id in std::mem::take(&mut self.recalled) {
            if let Some(state) = self.occupant(id).map(|occupant| occupant.judge.state()) {
                self.settle_check(id, state, "", now);
            }
        }
        self.pools.settle(&mut self.board, now);
    }

    /// What checks and pools were in another process.
    pub(crate) fn recall(&mut self, known: Known) {
        for check in known.checks.into_iter().map(state::Check::recall) {
            let state::Recalled { account, key, target, memory, reason } = check;
            let of_account = self.remembered.entry(account).or_default();
            of_account.insert(key, (memory, reason.clone()));
            of_account.insert(target, (memory, reason));
        }
        self.pools.recall(known.pools.into_iter().map(state::Pool::recall));
    }

    /// Forgets what is remembered of checks that nobody asked for again.
    pub(crate) fn forget(&mut self) {
        self.remembered = HashMap::default();
        self.pools.forget();
    }

    /// Whether the prober suspects itself.
    pub(crate) fn suspicion(&self) -> Option<Suspicion> {
        self.doubts.suspicion()
    }

    /// Whether it may be said again that the prober itself has trouble; it tends to have it with all
    /// checks at once.
    pub(crate) fn may_complain(&mut self, now: Instant) -> bool {
        let is_long_ago = |last| now.saturating_duration_since(last) >= COMPLAINT;
        let may = self.complained.is_none_or(is_long_ago);
        if may {
            self.complained = Some(now);
        }
        may
    }

    /// The checks that were taken on since the last call.
    pub(crate) fn take_fresh(&mut self) -> Vec<CheckId> {
        self.fresh.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The place of a check that all share who want it, or of one of an account.
    pub(crate) fn find(&self, check: &Check, scope: AccountKey) -> Option<CheckId> {
        if scope == AccountKey::default() {
            return self.by_check.get(check).copied();
        }
        self.unshared.get(&(scope, Arc::new(check.clone()))).copied()
    }

    /// The places of equal checks, whoever shares them.
    pub(crate) fn find_all(&self, check: &Check) -> Vec<CheckId> {
        let unshared = self.unshared.iter().filter(|((_, other), _)| **other == *check);
        self.by_check.get(check).into_iter().chain(unshared.map(|(_, id)| id)).copied().collect()
    }

    /// The checks that follow a heartbeat.
    pub(crate) fn of_beat(&self, name: &str) -> Vec<(CheckId, Arc<Check>)> {
        let ids = self.heartbeats.of(name).iter();
        ids.filter_map(|id| Some((*id, Arc::clone(&self.occupant(*id)?.check)))).collect()
    }

    pub(crate) fn occupant(&self, id: CheckId) -> Option<&Occupant> {
        let slot = self.slots.get(id.slot())?;
        slot.occupant.as_ref().filter(|_| slot.epoch == id.epoch())
    }

    pub(crate) fn occupant_mut(&mut self, id: CheckId) -> Option<&mut Occupant> {
        let slot = self.slots.get_mut(id.slot())?;
        slot.occupant.as_mut().filter(|_| slot.epoch == id.epoch())
    }

    /// How much there is of everything, by name; of slots, which are used again, as room.
    #[cfg(test)]
    pub(crate) fn sizes(&self) -> Vec<(&'static str, usize)> {
        let followers = self.iter().map(|(_, occupant)| occupant.followers.len()).sum();
        let mut sizes = vec![
            ("room for checks", self.slots.len()),
            ("checks", self.len()),
            ("checks by what they are", self.by_check.len() + self.unshared.len()),
            ("checks on accounts", self.charged()),
            ("checks by heartbeat", self.heartbeats.len()),
            ("fresh", self.fresh.as_ref().map_or(0, Vec::len)),
            ("leased", self.leased),
            ("zones", self.zones.values().map(VecDeque::len).sum()),
            ("stirred", self.stirred.len()),
            ("alarms", self.alarms.len()),
            ("recalled", self.recalled.len()),
            ("followers", followers),
        ];
        sizes.extend(self.pools.sizes());
        sizes.extend(self.choices.sizes());
        sizes
    }

    /// All checks with their places, in order of place.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (CheckId, &Occupant)> + Clone {
        self.part(0..self.places())
    }

    /// How many places there are for checks.
    pub(crate) const fn places(&self) -> usize {
        self.slots.len()
    }

    /// The checks with these places.
    pub(crate) fn part(
        &self,
        places: Range<usize>,
    ) -> impl Iterator<Item = (CheckId, &Occupant)> + Clone {
        places.filter_map(|number| {
            let slot = self.slots.get(number)?;
            let occupant = slot.occupant.as_ref()?;
            Some((CheckId::new(number as u32, slot.epoch), occupant))
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }
}
