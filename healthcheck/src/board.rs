//! The board: verdicts and the index of computed checks, published as immutable snapshots.
//!
//! The working copy shares its parts with the snapshot that was published last and copies a part
//! when it first changes after a publication. So a publication costs a few microseconds at a
//! hundred thousand checks, and many changes between two publications cost one copy of each part.

use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use foldhash::fast::RandomState;

use crate::account::{Account, AccountKey};
use crate::check::Check;
use crate::choices::ChoiceId;
use crate::pool::{Orders, PoolId, PoolStanding};
use crate::verdict::{CheckId, Verdict};

/// Verdicts in one part of the table.
const CHUNK: usize = 256;
/// Pools in one part of theirs.
const POOLS: usize = 128;
/// Choices in one part of theirs.
const CHOICES: usize = 1024;
/// Parts of the index; a power of two.
const SHARDS: usize = 256;

/// All verdicts at one moment. Reading takes no lock.
#[derive(Clone, Debug)]
pub struct Snapshot {
    generation: u64,
    chunks: Vec<Arc<Chunk>>,
    pools: Vec<Arc<PoolChunk>>,
    /// Counts what became something else in `pools`.
    pool_changes: u64,
    index: Arc<Index>,
    /// What operators say; `None`: nothing.
    orders: Option<Arc<dyn Orders>>,
    /// Counts how often they said something else.
    order: u64,
    /// Whom that concerns, as far as it is found out.
    concerns: Vec<Arc<ConcernChunk>>,
}

/// A thread's view of the board, which keeps the last snapshot at hand.
#[derive(Clone, Debug)]
pub struct Reader {
    cache: arc_swap::Cache<Arc<ArcSwap<Snapshot>>, Arc<Snapshot>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Cell {
    epoch: u32,
    verdict: Verdict,
}

type Chunk = [Cell; CHUNK];

#[derive(Clone, Debug, Default)]
struct PoolCell {
    epoch: u32,
    /// Which change of all has put it there.
    change: u64,
    standing: Option<Arc<PoolStanding>>,
}

type PoolChunk = [PoolCell; POOLS];

/// Whether orders concern a choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Concern {
    /// Maybe: it was not found out.
    #[default]
    Unknown,
    No,
    Yes,
}

type ConcernChunk = [(u32, Concern); CHOICES];

/// A check that was computed at run time, as queries find it.
#[derive(Debug)]
pub(crate) struct Computed {
    pub(crate) check: Arc<Check>,
    id: CheckId,
    /// On whose account it is held.
    key: AccountKey,
    used: AtomicBool,
}

#[derive(Clone, Debug)]
struct Index {
    hasher: RandomState,
    shards: Vec<Arc<Shard>>,
}

/// In order of hash.
type Shard = Vec<(u64, Arc<Computed>)>;

// === impl Snapshot ===

impl Snapshot {
    /// Counts the publications that changed some verdict: two snapshots of equal generation say the
    /// same of every check.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// What is held of a check; unknown for one that nobody holds any more.
    #[must_use]
    pub fn verdict(&self, id: CheckId) -> Verdict {
        let slot = id.slot();
        let cell = self.chunks.get(slot / CHUNK).map(|chunk| &chunk[slot % CHUNK]);
        match cell {
            Some(cell) if cell.epoch == id.epoch() => cell.verdict,
            _ => Verdict::default(),
        }
    }

    /// How a pool answers, by the verdicts of this snapshot. `None`: it is not registered any more, or
    /// not published yet.
    #[must_use]
    pub fn pool(&self, id: PoolId) -> Option<&PoolStanding> {
        self.pool_cell(id)?.standing.as_deref()
    }

    /// The number of the last change of how a pool answers. Changes of all pools of a board are counted
    /// together: the greatest number of several pools is another one as soon as any of them has changed.
    /// `None` where [`Snapshot::pool`] is.
    #[must_use]
    pub fn pool_change(&self, id: PoolId) -> Option<u64> {
        let cell = self.pool_cell(id)?;
        cell.standing.is_some().then_some(cell.change)
    }

    fn pool_cell(&self, id: PoolId) -> Option<&PoolCell> {
        let slot = id.slot as usize;
        let cell = self.pools.get(slot / POOLS).map(|chunk| &chunk[slot % POOLS]);
        cell.filter(|cell| cell.epoch == id.epoch)
    }

    /// The places ([`CheckId::slot`]) of which something else is held than in an older snapshot of the
    /// same board. Costs what changed, and a look at each of some hundred places that did not.
    pub fn checks_since<'s>(&'s self, before: &'s Self) -> impl Iterator<Item = usize> + 's {
        differing(&self.chunks, &before.chunks, |cell, before| cell == before)
    }

    /// The same of pools ([`PoolId::slot`]): those of which it may have become something else what they
    /// answer with.
    pub fn pools_since<'s>(&'s self, before: &'s Self) -> impl Iterator<Item = usize> + 's {
        differing(&self.pools, &before.pools, |cell, before| {
            let standings = (cell.standing.as_ref(), before.standing.as_ref());
            let is_same = match standings {
                (Some(standing), Some(before)) => Arc::ptr_eq(standing, before),
                (None, None) => true,
                _ => false,
            };
            is_same && cell.epoch == before.epoch
        })
    }

    /// What operators say of members, if they say anything.
    #[must_use]
    pub fn orders(&self) -> Option<&dyn Orders> {
        self.orders.as_deref()
    }

    /// The same for those of a choice, if any of them may be meant. Looks at nothing while no operator
    /// says anything, and at one place of a table where it is about others.
    #[must_use]
    #[inline]
    pub fn orders_on(&self, id: ChoiceId) -> Option<&dyn Orders> {
        let orders = self.orders.as_deref()?;
        let slot = id.slot as usize;
        let found = self.concerns.get(slot / CHOICES).map(|chunk| chunk[slot % CHOICES]);
        // What is not found out, or was of another one that had this place, may be.
        (found != Some((id.epoch, Concern::No))).then_some(orders)
    }

    /// Counts how often operators said something else: answers to which health was not asked are the
    /// same while this is the same.
    #[must_use]
    pub fn order(&self) -> u64 {
        self.order
    }

    /// Finds a check that was computed at run time, and renews its lease. `None`: the check is to be
    /// requested ([`crate::Health::request`]), and unknown until then.
    ///
    /// Checks that are only held by a [`crate::Handle`] are not found: their holder knows them.
    #[must_use]
    pub fn find(&self, check: &Check) -> Option<CheckId> {
        self.find_on(None, check)
    }

    /// The same for what was requested on an account: what others have asked for is not found.
    #[must_use]
    pub fn find_on(&self, account: Option<&Account>, check: &Check) -> Option<CheckId> {
        let computed = self.index.find(check, AccountKey::of(account))?;
        computed.touch();
        Some(computed.id)
    }
}

/// The places in a table of parts at which it is not as before. Parts that both share are not looked at.
fn differing<'s, T: Default, const N: usize>(
    parts: &'s [Arc<[T; N]>],
    before: &'s [Arc<[T; N]>],
    is_same: impl Fn(&T, &T) -> bool + Copy + 's,
) -> impl Iterator<Item = usize> + 's {
    let others = before.iter().map(Some).chain(std::iter::repeat(None));
    let pairs = parts.iter().zip(others).enumerate();
    pairs.flat_map(move |(at, (part, before))| {
        let is_shared = before.is_some_and(|before| Arc::ptr_eq(part, before));
        let places = if is_shared { 0 } else { N };
        let differs = move |place: &usize| match before {
            Some(before) => !is_same(&part[*place], &before[*place]),
            None => !is_same(&part[*place], &T::default()),
        };
        (0..places).filter(differs).map(move |place| at * N + place)
    })
}

// === impl Reader ===

impl Reader {
    pub(crate) fn new(published: Arc<ArcSwap<Snapshot>>) -> Self {
        Self { cache: arc_swap::Cache::new(published) }
    }

    /// The newest snapshot.
    pub fn load(&mut self) -> &Arc<Snapshot> {
        self.cache.load()
    }
}

// === impl Computed ===

impl Computed {
    pub(crate) fn new(check: Arc<Check>, id: CheckId, key: AccountKey) -> Self {
        Self { check, id, key, used: AtomicBool::new(false) }
    }

    /// Whether it was found since the last call.
    pub(crate) fn take_used(&self) -> bool {
        self.used.swap(false, Ordering::Relaxed)
    }

    pub(crate) fn touch(&self) {
        // Reading first keeps the line shared between the cores that look this check up.
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
    }
}

// === impl Index ===

impl Concern {
    pub(crate) fn of(is: bool) -> Self {
        if is { Self::Yes } else { Self::No }
    }
}

impl Index {
    fn new() -> Self {
        Self { hasher: RandomState::default(), shards: vec![Arc::default(); SHARDS] }
    }

    fn find(&self, check: &Check, key: AccountKey) -> Option<&Computed> {
        let hash = self.hasher.hash_one(check);
        let shard = &self.shards[shard_of(hash)];
        let first = shard.partition_point(|entry| entry.0 < hash);
        shard[first..]
            .iter()
            .take_while(|entry| entry.0 == hash)
            .map(|entry| &*entry.1)
            .find(|computed| computed.key == key && *computed.check == *check)
    }

    fn insert(&mut self, computed: Arc<Computed>) {
        let hash = self.hasher.hash_one(&*computed.check);
        let shard = Arc::make_mut(&mut self.shards[shard_of(hash)]);
        let place = shard.partition_point(|entry| entry.0 < hash);
        shard.insert(place, (hash, computed));
    }

    fn remove(&mut self, computed: &Arc<Computed>) {
        let hash = self.hasher.hash_one(&*computed.check);
        let shard = Arc::make_mut(&mut self.shards[shard_of(hash)]);
        shard.retain(|entry| !Arc::ptr_eq(&entry.1, computed));
    }
}

fn shard_of(hash: u64) -> usize {
    // The low bits: within a shard the whole hash gives the order.
    (hash as usize) & (SHARDS - 1)
}

/// The working copy of the board, and when it is to be published.
#[derive(Debug)]
pub(crate) struct Board {
    current: Snapshot,
    /// The shortest time between two publications.
    spacing: Duration,
    published: Option<Instant>,
    /// Something changed since the last publication.
    is_stale: bool,
    /// A verdict is among it.
    is_newer: bool,
}

impl Board {
    pub(crate) fn new(spacing: Duration) -> Self {
        Self {
            current: Snapshot {
                generation: 0,
                chunks: Vec::new(),
                pools: Vec::new(),
                pool_changes: 0,
                index: Arc::new(Index::new()),
                orders: None,
                order: 0,
                concerns: Vec::new(),
            },
            spacing,
            published: None,
            is_stale: false,
            is_newer: false,
        }
    }

    /// The snapshot as it is before anything happened.
    pub(crate) fn snapshot(&self) -> Snapshot {
        self.current.clone()
    }

    /// A board of its own that begins as this one is.
    pub(crate) fn fork(&self) -> Self {
        Self {
            current: self.current.clone(),
            spacing: self.spacing,
            published: None,
            is_stale: false,
            is_newer: false,
        }
    }

    /// Puts a verdict in its place, which lasts until it is cleared.
    pub(crate) fn set(&mut self, id: CheckId, verdict: Verdict) {
        if self.current.verdict(id) == verdict {
            return;
        }
        let (chunk, place) = (id.slot() / CHUNK, id.slot() % CHUNK);
        if self.current.chunks.len() <= chunk {
            self.current.chunks.resize_with(chunk + 1, || Arc::new([Cell::default(); CHUNK]));
        }
        Arc::make_mut(&mut self.current.chunks[chunk])[place] = Cell { epoch: id.epoch(), verdict };
        self.is_stale = true;
        self.is_newer = true;
    }

    /// What is held of a check.
    pub(crate) fn verdict(&self, id: CheckId) -> Verdict {
        self.current.verdict(id)
    }

    /// Whether a pool is on the board.
    pub(crate) fn has_pool(&self, id: PoolId) -> bool {
        self.current.pool(id).is_some()
    }

    /// Puts down how a pool answers, or takes it off.
    pub(crate) fn set_pool(&mut self, id: PoolId, standing: Option<Arc<PoolStanding>>) {
        let (chunk, place) = (id.slot as usize / POOLS, id.slot as usize % POOLS);
        if self.current.pools.len() <= chunk {
            let empty = || Arc::new(std::array::from_fn(|_| PoolCell::default()));
            self.current.pools.resize_with(chunk + 1, empty);
        }
        self.current.pool_changes += 1;
        let cell = PoolCell { epoch: id.epoch, change: self.current.pool_changes, standing };
        Arc::make_mut(&mut self.current.pools[chunk])[place] = cell;
        self.is_stale = true;
        self.is_newer = true;
    }

    /// Puts down what operators say from now on. Whom it concerns is not known then.
    pub(crate) fn set_orders(&mut self, orders: Option<Arc<dyn Orders>>) {
        self.current.orders = orders;
        self.current.order += 1;
        self.current.concerns.clear();
        self.is_stale = true;
        self.is_newer = true;
    }

    /// Puts down whether that concerns a choice.
    pub(crate) fn set_concern(&mut self, id: ChoiceId, concern: Concern) {
        let (chunk, place) = (id.slot as usize / CHOICES, id.slot as usize % CHOICES);
        if self.current.concerns.len() <= chunk {
            let empty = || Arc::new([(0, Concern::Unknown); CHOICES]);
            self.current.concerns.resize_with(chunk + 1, empty);
        }
        Arc::make_mut(&mut self.current.concerns[chunk])[place] = (id.epoch, concern);
        self.is_stale = true;
    }

    /// Forgets the verdict of a check that was released.
    pub(crate) fn clear(&mut self, id: CheckId) {
        self.set(id, Verdict::default());
    }

    /// Makes a computed check known to queries.
    pub(crate) fn list(&mut self, computed: Arc<Computed>) {
        // Only a check with a verdict changes what a query sees when it is found.
        self.is_newer |= self.current.verdict(computed.id) != Verdict::default();
        self.is_stale = true;
        Arc::make_mut(&mut self.current.index).insert(computed);
    }

    /// Hides a computed check from queries.
    pub(crate) fn unlist(&mut self, computed: &Arc<Computed>) {
        self.is_newer |= self.current.verdict(computed.id) != Verdict::default();
        self.is_stale = true;
        Arc::make_mut(&mut self.current.index).remove(computed);
    }

    /// When the changes that wait may be published; `None` if there are none, or at once.
    pub(crate) fn due(&self) -> Option<Instant> {
        if !self.is_stale {
            return None;
        }
        self.published.map(|last| last + self.spacing)
    }

    /// Whether the last publication is old enough for the next.
    pub(crate) fn may_publish(&self, now: Instant) -> bool {
        self.published.is_none_or(|last| now >= last + self.spacing)
    }

    /// The next snapshot, if something changed, however old the last one is.
    pub(crate) fn publish(&mut self, now: Instant) -> Option<Snapshot> {
        if !self.is_stale {
            return None;
        }
        if self.is_newer {
            self.current.generation += 1;
        }
        self.is_stale = false;
        self.is_newer = false;
        self.published = Some(now);
        Some(self.current.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdict::State;

    const SPACING: Duration = Duration::from_millis(1);

    fn up(weight: u32) -> Verdict {
        Verdict { state: State::Up, weight, ..Verdict::default() }
    }

    #[test]
    fn a_published_snapshot_does_not_change() {
        let mut board = Board::new(Duration::ZERO);
        let (one, far) = (CheckId::new(1, 0), CheckId::new(100_000, 0));
        board.set(one, up(1));
        let before = board.publish(Instant::now()).expect("a change");
        board.set(one, up(2));
        board.set(far, up(3));
        let after = board.publish(Instant::now()).expect("a change");
        assert_eq!((before.verdict(one), before.verdict(far)), (up(1), Verdict::default()));
        assert_eq!((after.verdict(one), after.verdict(far)), (up(2), up(3)));
        assert_eq!((before.generation(), after.generation()), (1, 2));
    }

    #[test]
    fn what_differs_from_an_older_snapshot_is_found_wherever_it_is() {
        let mut board = Board::new(Duration::ZERO);
        let ids = [0, 1, 255, 256, 1000].map(|slot| CheckId::new(slot, 0));
        let mut publish = |checks: &[CheckId], weight: u32, pools: &[u32]| {
            for id in checks {
                board.set(*id, up(weight));
            }
            for slot in pools {
                let standing = Arc::new(PoolStanding::default());
                board.set_pool(PoolId { slot: *slot, epoch: 0 }, Some(standing));
            }
            board.publish(Instant::now()).expect("a change")
        };
        let first = publish(&ids[..2], 1, &[0, 200]);
        let second = publish(&ids[1..4], 2, &[200, 201]);
        // What is set to what it is already differs in nothing, though its part was copied.
        let third = publish(&[ids[4], ids[3]], 2, &[]);
        for (new, old, checks, pools) in [
            (&second, &first, &[1, 255, 256][..], &[200, 201][..]),
            (&third, &second, &[1000], &[]),
            (&third, &first, &[1, 255, 256, 1000], &[200, 201]),
            (&third, &third, &[], &[]),
        ] {
            assert_eq!(new.checks_since(old).collect::<Vec<_>>(), checks);
            assert_eq!(new.pools_since(old).collect::<Vec<_>>(), pools);
        }
    }

    #[test]
    fn changes_are_published_at_once_and_then_a_while_apart() {
        let mut board = Board::new(SPACING);
        let (id, now) = (CheckId::new(0, 0), Instant::now());
        assert!(board.publish(now).is_none(), "nothing changed");
        board.set(id, up(1));
        assert!(board.publish(now).is_some(), "the first change waits for nothing");
        board.set(id, up(2));
        board.set(id, up(3));
        assert!(!board.may_publish(now), "too soon");
        assert_eq!(board.due(), Some(now + SPACING));
        assert!(board.may_publish(now + SPACING), "it is time");
        let snapshot = board.publish(now + SPACING).expect("a change");
        assert_eq!((snapshot.verdict(id), snapshot.generation()), (up(3), 2));
        board.set(id, up(3));
        assert_eq!(board.due(), None, "the same verdict again is no change");
    }

    #[test]
    fn a_slot_used_again_shows_nothing_of_its_last_occupant() {
        let mut board = Board::new(Duration::ZERO);
        let (old, new) = (CheckId::new(5, 0), CheckId::new(5, 1));
        board.set(old, up(1));
        let snapshot = board.publish(Instant::now()).expect("a change");
        assert_eq!(snapshot.verdict(new), Verdict::default());
        board.clear(old);
        board.set(new, up(2));
        let snapshot = board.publish(Instant::now()).expect("a change");
        assert_eq!((snapshot.verdict(old), snapshot.verdict(new)), (Verdict::default(), up(2)));
    }
}
