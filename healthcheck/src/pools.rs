//! The pools that are registered, and what their members count as: verdicts, with an operator's word
//! and the pool's policy laid over them.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use foldhash::fast::RandomState;

use crate::board::Board;
use crate::policy::{Choice, Pick, Standing};
use crate::pool::{
    Effective, Force, Forced, Member, Orders, Pool, PoolId, PoolName, PoolReport, PoolStanding,
    Why, forced,
};
use crate::verdict::{CheckId, State};

/// Departures of one pool that are remembered, at most.
const DEPARTURES: usize = 1024;

/// All pools.
#[derive(Default)]
pub(crate) struct Pools {
    slots: Vec<Slot>,
    free: Vec<u32>,
    /// The pools of a name, the newest last: a new version of a record registers before the old one
    /// goes, and goes before it when it is refused.
    by_name: HashMap<PoolName, Vec<PoolId>, RandomState>,
    /// Whose member a check is.
    by_check: HashMap<CheckId, Vec<PoolId>, RandomState>,
    dirty: HashSet<PoolId, RandomState>,
    /// When a pool has to be looked at again.
    alarms: BTreeSet<(SystemTime, PoolId)>,
    orders: Option<Arc<dyn Orders>>,
    /// What pools were in another process.
    remembered: HashMap<PoolName, PoolMemory, RandomState>,
    scratch: Scratch,
}

/// What is used again for each pool.
#[derive(Default)]
struct Scratch {
    picks: Vec<Pick>,
    forced: Vec<Option<Forced>>,
}

#[derive(Default)]
struct Slot {
    epoch: u32,
    entry: Option<Entry>,
}

struct Entry {
    pool: Arc<Pool>,
    members: Vec<Effective>,
    memory: Memory,
    standing: Arc<PoolStanding>,
    alarm: Option<SystemTime>,
}

/// What a pool has to know of its past.
#[derive(Debug, Default)]
struct Memory {
    /// The members that were chosen when something was up last.
    last: Vec<u32>,
    /// When members left, oldest first.
    departures: Vec<SystemTime>,
    /// An operator lets everybody leave until then.
    is_free_until: Option<SystemTime>,
}

/// What outlives the process: addresses, since numbers may change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PoolMemory {
    pub(crate) members_in: Vec<IpAddr>,
    pub(crate) last: Vec<IpAddr>,
    pub(crate) departures: Vec<SystemTime>,
}

impl std::fmt::Debug for Pools {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pools").field("count", &self.by_name.len()).finish_non_exhaustive()
    }
}

impl Pools {
    /// Takes a pool on, with what is remembered of one of the same name.
    pub(crate) fn register(&mut self, pool: Pool, board: &mut Board, now: SystemTime) -> PoolId {
        let memory = match self.newest(&pool.name) {
            Some(before) => Some(before.remember()),
            None => self.remembered.remove(&pool.name),
        };
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            u32::try_from(self.slots.len() - 1).expect("fewer pools than 2^32")
        });
        let id = PoolId { slot, epoch: self.slots[slot as usize].epoch };
        let checks: HashSet<CheckId> =
            pool.members.iter().filter_map(|member| member.check).collect();
        for check in checks {
            self.by_check.entry(check).or_default().push(id);
        }
        self.by_name.entry(pool.name.clone()).or_default().push(id);
        let entry = Entry::new(pool, memory.unwrap_or_default());
        self.slots[slot as usize].entry = Some(entry);
        self.refresh(id, board, now);
        id
    }

    /// Lets a pool go.
    pub(crate) fn release(&mut self, id: PoolId, board: &mut Board) {
        let slot = &mut self.slots[id.slot as usize];
        if slot.epoch != id.epoch {
            return;
        }
        let Some(entry) = slot.entry.take() else {
            return;
        };
        slot.epoch = slot.epoch.wrapping_add(1);
        self.free.push(id.slot);
        for check in entry.pool.members.iter().filter_map(|member| member.check) {
            if let Some(users) = self.by_check.get_mut(&check) {
                users.retain(|user| *user != id);
                if users.is_empty() {
                    self.by_check.remove(&check);
                }
            }
        }
        if let Some(same) = self.by_name.get_mut(&entry.pool.name) {
            same.retain(|other| *other != id);
            if same.is_empty() {
                self.by_name.remove(&entry.pool.name);
            }
        }
        if let Some(alarm) = entry.alarm {
            self.alarms.remove(&(alarm, id));
        }
        self.dirty.remove(&id);
        board.set_pool(id, None);
    }

    /// A check's verdict has changed: its pools have to be looked at before the board is published.
    pub(crate) fn touch(&mut self, check: CheckId) {
        if let Some(users) = self.by_check.get(&check) {
            self.dirty.extend(users);
        }
    }

    /// Looks at all pools that something has changed for.
    pub(crate) fn settle(&mut self, board: &mut Board, now: SystemTime) {
        while let Some((time, id)) = self.alarms.first().copied().filter(|(time, _)| *time <= now) {
            self.alarms.remove(&(time, id));
            if let Some(entry) = self.entry_mut(id) {
                entry.alarm = None;
            }
            self.dirty.insert(id);
        }
        for id in std::mem::take(&mut self.dirty) {
            self.refresh(id, board, now);
        }
    }

    /// When a pool has to be looked at again.
    pub(crate) fn next(&self) -> Option<SystemTime> {
        self.alarms.first().map(|(time, _)| *time)
    }

    /// What an operator says of members from now on.
    pub(crate) fn set_orders(&mut self, orders: Option<Arc<dyn Orders>>) {
        self.orders = orders;
        let all: Vec<PoolId> = self.ids(0..self.places()).collect();
        self.dirty.extend(all);
    }

    pub(crate) const fn orders(&self) -> Option<&Arc<dyn Orders>> {
        self.orders.as_ref()
    }

    /// Lets all members leave at once until then. Whether there is such a pool.
    pub(crate) fn let_go(&mut self, id: PoolId, until: SystemTime) -> bool {
        let Some(entry) = self.entry_mut(id) else {
            return false;
        };
        entry.memory.is_free_until = Some(until);
        self.dirty.insert(id);
        true
    }

    /// The pools that a check is used by.
    pub(crate) fn users(&self, check: CheckId) -> impl Iterator<Item = (PoolId, &Arc<Pool>)> {
        let users = self.by_check.get(&check).into_iter().flatten();
        users.filter_map(|id| Some((*id, &self.entry(*id)?.pool)))
    }

    /// How many places there are for pools.
    pub(crate) const fn places(&self) -> usize {
        self.slots.len()
    }

    /// Those with these places.
    pub(crate) fn reports(&self, places: Range<usize>) -> impl Iterator<Item = PoolReport> {
        self.ids(places).filter_map(|id| self.report(id))
    }

    pub(crate) fn report(&self, id: PoolId) -> Option<PoolReport> {
        let entry = self.entry(id)?;
        Some(PoolReport {
            id,
            pool: Arc::clone(&entry.pool),
            members: entry.members.clone(),
            standing: Arc::clone(&entry.standing),
        })
    }

    /// Those with these places, for trying something out.
    pub(crate) fn on_paper(
        &self,
        places: Range<usize>,
        now: SystemTime,
    ) -> impl Iterator<Item = OnPaper> {
        self.ids(places).filter_map(move |id| Some(OnPaper(id, self.entry(id)?.supposed(now))))
    }

    /// What pools were in another process.
    pub(crate) fn recall(&mut self, remembered: impl IntoIterator<Item = (PoolName, PoolMemory)>) {
        self.remembered.extend(remembered);
    }

    /// What is to be written down of those with these places: of several with one name the newest counts.
    pub(crate) fn memories(
        &self,
        places: Range<usize>,
    ) -> impl Iterator<Item = (&PoolName, PoolMemory)> {
        self.ids(places).filter_map(|id| {
            let entry = self.entry(id)?;
            let newest = self.by_name.get(&entry.pool.name)?.last()?;
            (*newest == id).then(|| (&entry.pool.name, entry.remember()))
        })
    }

    /// What is remembered of pools that did not come back.
    pub(crate) fn forget(&mut self) {
        self.remembered = HashMap::default();
    }

    #[cfg(test)]
    pub(crate) fn sizes(&self) -> [(&'static str, usize); 6] {
        [
            ("room for pools", self.slots.len()),
            ("pools", self.slots.len() - self.free.len()),
            ("pools by name", self.by_name.values().map(Vec::len).sum()),
            ("pools by check", self.by_check.values().map(Vec::len).sum()),
            ("dirty pools", self.dirty.len()),
            ("alarms of pools", self.alarms.len()),
        ]
    }

    fn ids(&self, places: Range<usize>) -> impl Iterator<Item = PoolId> {
        places.filter_map(|number| {
            let slot = self.slots.get(number)?;
            slot.entry.as_ref()?;
            Some(PoolId { slot: number as u32, epoch: slot.epoch })
        })
    }

    fn newest(&self, name: &PoolName) -> Option<&Entry> {
        self.entry(*self.by_name.get(name)?.last()?)
    }

    fn entry(&self, id: PoolId) -> Option<&Entry> {
        let slot = self.slots.get(id.slot as usize)?;
        slot.entry.as_ref().filter(|_| slot.epoch == id.epoch)
    }

    fn entry_mut(&mut self, id: PoolId) -> Option<&mut Entry> {
        let slot = self.slots.get_mut(id.slot as usize)?;
        slot.entry.as_mut().filter(|_| slot.epoch == id.epoch)
    }

    /// Finds out what the members of a pool count as, and puts it on the board.
    fn refresh(&mut self, id: PoolId, board: &mut Board, now: SystemTime) {
        let orders = self.orders.clone();
        let mut scratch = std::mem::take(&mut self.scratch);
        if let Some(entry) = self.entry_mut(id) {
            let before = entry.alarm.take();
            forced(orders.as_deref(), &entry.pool, &mut scratch.forced);
            let alarm = entry.weigh(&mut scratch.forced, board, now);
            entry.alarm = alarm;
            let standing = entry.stand(board, &mut scratch.picks);
            if *entry.standing != standing || !board.has_pool(id) {
                entry.standing = Arc::new(standing);
                board.set_pool(id, Some(Arc::clone(&entry.standing)));
            }
            if let Some(before) = before {
                self.alarms.remove(&(before, id));
            }
            self.alarms.extend(alarm.map(|alarm| (alarm, id)));
        }
        self.scratch = scratch;
    }
}

/// A pool as it is for trying something out.
pub(crate) struct OnPaper(PoolId, Entry);

/// What pools would come to with the verdicts of this board, on which it is put, and with what operators say.
pub(crate) fn suppose(
    pools: Vec<OnPaper>,
    orders: Option<&dyn Orders>,
    board: &mut Board,
    now: SystemTime,
) -> Vec<PoolReport> {
    let mut scratch = Scratch::default();
    let supposed = pools.into_iter().map(|OnPaper(id, mut entry)| {
        forced(orders, &entry.pool, &mut scratch.forced);
        entry.weigh(&mut scratch.forced, board, now);
        let standing = Arc::new(entry.stand(board, &mut scratch.picks));
        board.set_pool(id, Some(Arc::clone(&standing)));
        PoolReport { id, pool: entry.pool, members: entry.members, standing }
    });
    supposed.collect()
}

impl Entry {
    fn new(pool: Pool, memory: PoolMemory) -> Self {
        let known = |addresses: &[IpAddr], member: &Member| addresses.contains(&member.address);
        let members = pool.members.iter().map(|member| Effective {
            is_in: known(&memory.members_in, member),
            is_well: known(&memory.members_in, member),
            ..Effective::unknown()
        });
        let members = members.collect();
        let numbers = (0..).zip(&pool.members);
        let last = numbers.filter(|(_, member)| known(&memory.last, member)).map(|(n, _)| n);
        Self {
            members,
            memory: Memory {
                last: last.collect(),
                departures: memory.departures,
                is_free_until: None,
            },
            pool: Arc::new(pool),
            standing: Arc::default(),
            alarm: None,
        }
    }

    /// The same, for trying something out: everybody may leave at once, as they will have in the end.
    fn supposed(&self, now: SystemTime) -> Self {
        Self {
            pool: Arc::clone(&self.pool),
            members: self.members.clone(),
            memory: Memory {
                last: self.memory.last.clone(),
                departures: Vec::new(),
                is_free_until: now.checked_add(std::time::Duration::from_secs(1)),
            },
            standing: Arc::clone(&self.standing),
            alarm: None,
        }
    }

    fn remember(&self) -> PoolMemory {
        let address = |number: &u32| Some(self.pool.members.get(*number as usize)?.address);
        let members = self.members.iter().zip(&self.pool.members);
        PoolMemory {
            members_in: members
                .filter(|(effective, _)| effective.is_well)
                .map(|(_, member)| member.address)
                .collect(),
            last: self.memory.last.iter().filter_map(address).collect(),
            departures: self.memory.departures.clone(),
        }
    }

    /// What each member counts as. When it has to be asked again, whatever the checks say.
    fn weigh(
        &mut self,
        said: &mut [Option<Forced>],
        board: &Board,
        now: SystemTime,
    ) -> Option<SystemTime> {
        let pool = Arc::clone(&self.pool);
        let mut leaving = Vec::new();
        for (number, member) in pool.members.iter().enumerate() {
            let forced = said.get_mut(number).and_then(Option::take);
            let before = self.members[number].clone();
            let verdict = member.check.map(|check| board.verdict(check)).unwrap_or_default();
            let standing = match member.check {
                Some(_) => pool.policy.standing(&verdict, before.is_well),
                // Nothing will ever be known of it.
                None => Standing { is_in: false, is_barred: false, share: verdict.share },
            };
            let (is_well, why) = match (verdict.state, verdict.hold) {
                (State::Unknown, _) => (standing.is_in, Why::Unknown),
                (State::Down, Some(hold)) => (false, Why::Held(hold)),
                (state, _) => (standing.is_in, Why::Check(state)),
            };
            let (is_in, why) = match forced {
                Some(forced) => (forced.to == Force::Up, Why::Forced(forced)),
                None => (is_well, why),
            };
            let was_in = before.is_in && !matches!(before.why, Why::Forced(_));
            if was_in && !is_in && !matches!(why, Why::Forced(_)) {
                leaving.push((verdict.since, number, why));
                continue;
            }
            let since = if before.is_in == is_in { before.since } else { Some(now) };
            self.members[number] = Effective { is_in, is_well, since, share: standing.share, why };
        }
        leaving.sort_by_key(|(since, number, _)| (*since, *number));
        self.let_leave(leaving, now)
    }

    /// Takes members out, as many as may leave now; when more may.
    fn let_leave(
        &mut self,
        leaving: Vec<(Option<SystemTime>, usize, Why)>,
        now: SystemTime,
    ) -> Option<SystemTime> {
        let velocity = self.pool.policy.velocity;
        let is_free = self.memory.is_free_until.is_some_and(|until| now < until);
        let Some(velocity) = velocity.filter(|_| !is_free) else {
            for (_, number, why) in leaving {
                self.leave(number, why, now);
            }
            return None;
        };
        let ends = |time: &SystemTime| time.checked_add(velocity.window).unwrap_or(*time);
        self.memory.departures.retain(|time| ends(time) > now);
        let limit = self.members.len() * usize::from(velocity.part) / 1000;
        let mut alarm = None;
        for (_, number, why) in leaving {
            if self.memory.departures.len() < limit.max(1) {
                self.memory.departures.push(now);
                self.leave(number, why, now);
            } else {
                self.members[number].why = Why::Velocity;
                alarm = self.memory.departures.first().map(ends);
            }
        }
        self.memory.departures.truncate(DEPARTURES);
        alarm
    }

    fn leave(&mut self, number: usize, why: Why, now: SystemTime) {
        let member = &mut self.members[number];
        *member =
            Effective { is_in: false, is_well: false, since: Some(now), why, ..member.clone() };
    }

    /// How the pool answers now.
    fn stand(&mut self, board: &Board, chosen: &mut Vec<Pick>) -> PoolStanding {
        let members = &self.members;
        let forced = |number: u32| match &members[number as usize].why {
            Why::Forced(forced) => Some(forced.to),
            _ => None,
        };
        let member = |number: u32| {
            let Effective { is_well, share, .. } = members[number as usize];
            Standing { is_in: is_well, is_barred: false, share }
        };
        let pool = &self.pool;
        let last = &self.memory.last;
        let choice = pool.policy.choose_under(forced, &pool.groups, member, last, chosen);
        if choice == Choice::Selected
            && chosen.iter().any(|pick| members[pick.member as usize].is_in)
        {
            self.memory.last = chosen.iter().map(|pick| pick.member).collect();
        }
        let verdicts = || {
            let checks = pool.members.iter().filter_map(|member| member.check);
            checks.map(|check| board.verdict(check))
        };
        PoolStanding {
            choice,
            chosen: chosen.as_slice().into(),
            is_known: verdicts().any(|verdict| verdict.state != State::Unknown)
                || members.iter().any(|member| member.is_in),
            is_settled: verdicts().all(|verdict| verdict.is_settled)
                && members.iter().all(|member| member.why != Why::Velocity),
        }
    }
}
