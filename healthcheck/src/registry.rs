//! Who holds which check, and what is known of each: the state behind the board.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use foldhash::fast::RandomState;
use tokio::task::AbortHandle;

use crate::board::Board;
use crate::check::{Check, Probe};
use crate::choices::{ChoiceId, Choices};
use crate::damping::Flap;
use crate::judge::{Finding, Judge, Memory};
use crate::outcome::Outcome;
use crate::pool::{Member, Orders, Pool, PoolId};
use crate::pools::Pools;
use crate::report::Last;
use crate::state::{self, Known};
use crate::suspicion::{Conclusion, Doubts, Suspicion, View, concerns};
use crate::verdict::{CheckId, State, Verdict};

mod heartbeats;
mod leases;

use heartbeats::Heartbeats;
use leases::Lease;

/// The shortest time between two complaints in the log.
const COMPLAINT: Duration = Duration::from_secs(10);

/// All checks that somebody holds.
#[derive(Debug)]
pub(crate) struct Registry {
    slots: Vec<Slot>,
    free: Vec<u32>,
    by_check: HashMap<Arc<Check>, CheckId, RandomState>,
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

/// What checks were in another process, by what they are and by what they probe.
pub(crate) type Remembered = HashMap<Box<str>, (Memory, Box<str>), RandomState>;

#[derive(Debug, Default)]
struct Slot {
    /// Counts the checks that had this slot, so that none is taken for its predecessor.
    epoch: u32,
    occupant: Option<Occupant>,
}

/// A check that somebody holds.
#[derive(Debug)]
pub(crate) struct Occupant {
    pub(crate) check: Arc<Check>,
    /// How many handles hold it.
    pub(crate) holders: usize,
    lease: Option<Lease>,
    pub(crate) judge: Judge,
    /// Why it is in its state.
    pub(crate) reason: Box<str>,
    /// Nothing was heard of it in this process: its state is from another one.
    pub(crate) is_recalled: bool,
    pub(crate) last: Option<Last>,
    /// When the failures in a row began.
    pub(crate) failing: Option<SystemTime>,
    pub(crate) next: Option<Instant>,
    alarm: Option<SystemTime>,
    probing: Option<AbortHandle>,
    /// What it is calculated from. It holds each of them.
    pub(crate) parts: Vec<CheckId>,
    /// What is calculated from it.
    followers: Vec<CheckId>,
}

/// A change of state, as the judge saw it.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) check: Arc<Check>,
    pub(crate) from: State,
    pub(crate) to: State,
    pub(crate) reason: Box<str>,
    pub(crate) at: SystemTime,
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

    /// Holds a check once more.
    pub(crate) fn hold(&mut self, check: Check) -> (CheckId, Arc<Check>) {
        let id = self.place(check);
        let occupant = self.occupant_mut(id).expect("a check that was just placed");
        occupant.holders += 1;
        (id, Arc::clone(&occupant.check))
    }

    /// Holds a check once less.
    pub(crate) fn release(&mut self, id: CheckId) {
        let Some(occupant) = self.occupant_mut(id) else {
            return;
        };
        occupant.holders -= 1;
        self.vacate_if_unheld(id);
    }

    /// Takes in what a probe found; what follows from it, if states change.
    pub(crate) fn record(&mut self, id: CheckId, last: Last) -> Vec<Turn> {
        let mut turns = Vec::new();
        let now = last.at;
        let reason: Box<str> = last.reason().into();
        let Some(occupant) = self.occupant_mut(id) else {
            return turns;
        };
        let finding = match &last.outcome {
            Outcome::Success { weight, .. } => Finding::Success(*weight),
            Outcome::Failure(_) => Finding::Failure,
            Outcome::Inconclusive(_) => {
                occupant.last = Some(last);
                return turns;
            }
        };
        occupant.last = Some(last);
        occupant.is_recalled = false;
        occupant.failing = match finding {
            Finding::Success(_) => None,
            Finding::Failure => occupant.failing.or(Some(now)),
        };
        let check = Arc::clone(&occupant.check);
        let is_falling =
            finding == Finding::Failure && occupant.judge.is_about_to_fall(&check.pace);
        let doubts = self.doubt(id, is_falling, now, &mut turns);
        let Some(occupant) = self.occupant_mut(id) else {
            return turns;
        };
        let from = occupant.judge.state();
        let was_wavering = occupant.judge.is_wavering();
        occupant.judge.take(&check.pace, finding, now, doubts);
        let reason = match occupant.judge.is_wavering() && !was_wavering {
            true => format!("{} of {} probes failed, the last: {reason}", Flap::BAD, Flap::WINDOW),
            false => reason.into(),
        };
        turns.extend(self.settle_check(id, from, &reason, now));
        turns
    }

    /// Whether a failure is not to be believed. May find that the prober suspects itself, which takes
    /// falls back, or does not any more.
    fn doubt(
        &mut self,
        id: CheckId,
        is_falling: bool,
        now: SystemTime,
        turns: &mut Vec<Turn>,
    ) -> bool {
        let Some(occupant) = self.occupant(id).filter(|occupant| concerns(occupant)) else {
            return false;
        };
        if self.doubts.is_due(is_falling, now) {
            let view = match occupant.failing.filter(|_| is_falling) {
                Some(begin) => View::of(self.iter(), begin, now),
                None => View::recent(self.iter(), now),
            };
            self.conclude(view, now, turns);
        }
        self.doubts.is_suspect()
    }

    /// Draws conclusions from a look at all checks.
    fn conclude(&mut self, view: View, now: SystemTime, turns: &mut Vec<Turn>) {
        match self.doubts.conclude(&view, now) {
            Conclusion::Begins => self.take_back(view.fallen, now, turns),
            Conclusion::Ends => self.pardon(now),
            Conclusion::Same => {}
        }
    }

    /// Forgets the failures that were the prober's own, so that a probe that is still under way is not
    /// the last of them.
    fn pardon(&mut self, now: SystemTime) {
        let failing = self.iter().filter(|(_, occupant)| occupant.failing.is_some());
        for id in failing.map(|(id, _)| id).collect::<Vec<_>>() {
            let Some(occupant) = self.occupant_mut(id).filter(|occupant| concerns(occupant)) else {
                continue;
            };
            let state = occupant.judge.state();
            occupant.judge.pardon();
            occupant.failing = None;
            self.settle_check(id, state, "", now);
        }
    }

    /// Takes back falls of which it turned out that they say more of the prober.
    fn take_back(&mut self, fallen: Vec<CheckId>, now: SystemTime, turns: &mut Vec<Turn>) {
        for id in fallen {
            let Some(occupant) = self.occupant_mut(id) else { continue };
            let from = occupant.judge.state();
            occupant.judge.revive(&occupant.check.pace);
            turns.extend(self.settle_check(id, from, "the prober suspects itself", now));
        }
    }

    /// Puts what the judge says now on the board; what there is to tell, if the state is another.
    fn settle_check(
        &mut self,
        id: CheckId,
        from: State,
        reason: &str,
        now: SystemTime,
    ) -> Option<Turn> {
        let occupant = self.occupant_mut(id)?;
        let verdict = occupant.judge.verdict(&occupant.check.pace, now);
        let alarm = occupant.judge.next(&occupant.check.pace, now);
        let before = std::mem::replace(&mut occupant.alarm, alarm);
        let to = verdict.state;
        let turn = (from != to).then(|| Turn {
            check: Arc::clone(&occupant.check),
            from,
            to,
            reason: reason.into(),
            at: now,
        });
        if turn.is_some() {
            occupant.reason = reason.into();
        }
        if before != alarm {
            if let Some(before) = before {
                self.alarms.remove(&(before, id));
            }
            self.alarms.extend(alarm.map(|alarm| (alarm, id)));
        }
        if self.board.verdict(id) != verdict {
            self.board.set(id, verdict);
            self.pools.touch(id);
            self.revision += 1;
        }
        if turn.is_some() {
            let followers = self.occupant(id).map(|occupant| occupant.followers.clone());
            self.stirred.extend(followers.into_iter().flatten());
        }
        turn
    }

    /// What a calculated check comes to whose parts changed, or that is new, one after the other.
    pub(crate) fn calculate(&mut self) -> Option<(CheckId, Outcome)> {
        while let Some(id) = self.stirred.pop() {
            if let Some(outcome) = self.tally(id) {
                return Some((id, outcome));
            }
        }
        None
    }

    /// What a calculated check comes to.
    fn tally(&self, id: CheckId) -> Option<Outcome> {
        let occupant = self.occupant(id)?;
        let Probe::Group(group) = &occupant.check.probe else {
            return None;
        };
        let parts = occupant.parts.iter().filter_map(|part| self.occupant(*part));
        Some(group.tally(parts.map(|part| part.judge.state())))
    }

    /// Lets time pass; what follows from it.
    pub(crate) fn tick(&mut self, now: SystemTime) -> Vec<Turn> {
        let mut turns = Vec::new();
        while let Some((time, id)) = self.alarms.first().copied().filter(|(time, _)| *time <= now) {
            self.alarms.remove(&(time, id));
            let Some(occupant) = self.occupant_mut(id) else { continue };
            occupant.alarm = None;
            let from = occupant.judge.state();
            occupant.judge.tick(&occupant.check.pace, now);
            turns.extend(self.settle_check(id, from, "answers again, and nothing holds it", now));
        }
        if self.doubts.next().is_some_and(|next| next <= now) {
            let view = View::recent(self.iter(), now);
            self.conclude(view, now, &mut turns);
        }
        turns
    }

    /// When [`Registry::tick`] has something to do.
    pub(crate) fn next(&self) -> Option<SystemTime> {
        let alarms = self.alarms.first().map(|(time, _)| *time);
        [alarms, self.pools.next(), self.doubts.next()].into_iter().flatten().min()
    }

    /// Whether the engine, which waits for something else, would oversleep what time has to change.
    pub(crate) fn is_overslept(&self) -> bool {
        self.next().is_some_and(|next| self.awaited.is_none_or(|awaited| next < awaited))
    }

    /// An operator says that a check that is held may come back; `None` if it is not held.
    pub(crate) fn resume(&mut self, id: CheckId, now: SystemTime) -> Option<Turn> {
        let occupant = self.occupant_mut(id)?;
        let from = occupant.judge.state();
        if !occupant.judge.resume(&occupant.check.pace, now) {
            return None;
        }
        self.settle_check(id, from, "an operator lets it come back", now)
    }

    /// Takes a pool on.
    pub(crate) fn register(&mut self, pool: Pool, now: SystemTime) -> PoolId {
        self.revision += 1;
        self.pools.register(pool, &mut self.board, now)
    }

    /// Lets a pool go.
    pub(crate) fn release_pool(&mut self, id: PoolId) {
        self.pools.release(id, &mut self.board);
    }

    /// Takes a choice on.
    pub(crate) fn register_choice(&mut self, members: Arc<[Member]>) -> ChoiceId {
        self.choices.register(members, self.pools.orders(), &mut self.board)
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
        for (key, target, memory, reason) in known.checks.into_iter().map(state::Check::recall) {
            self.remembered.insert(key, (memory, reason.clone()));
            self.remembered.insert(target, (memory, reason));
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

    pub(crate) fn find(&self, check: &Check) -> Option<CheckId> {
        self.by_check.get(check).copied()
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
            ("checks by what they are", self.by_check.len()),
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
        self.slots.iter().enumerate().filter_map(|(number, slot)| {
            let occupant = slot.occupant.as_ref()?;
            Some((CheckId::new(number as u32, slot.epoch), occupant))
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// The place of a check, new if nobody holds it yet.
    fn place(&mut self, check: Check) -> CheckId {
        if let Some(id) = self.find(&check) {
            return id;
        }
        let mut parts = Vec::new();
        if let Probe::Group(group) = &check.probe {
            for part in &group.parts {
                parts.push(self.hold(Check::clone(part)).0);
            }
        }
        let number = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            u32::try_from(self.slots.len() - 1).expect("fewer checks than 2^32")
        });
        let memory = self.remember(&check);
        let check = Arc::new(check);
        let id = CheckId::new(number, self.slots[number as usize].epoch);
        let is_calculated = !parts.is_empty();
        for part in &parts {
            if let Some(part) = self.occupant_mut(*part) {
                part.followers.push(id);
            }
        }
        let mut occupant = Occupant { parts, ..Occupant::new(Arc::clone(&check)) };
        if let Some((memory, reason)) = memory {
            occupant.judge = Judge::recall(&memory);
            occupant.reason = reason;
            occupant.is_recalled = true;
            self.recalled.push(id);
        }
        self.slots[number as usize].occupant = Some(occupant);
        self.heartbeats.enter(&check, id);
        self.by_check.insert(check, id);
        if is_calculated {
            self.stirred.push(id);
        } else if let Some(fresh) = &mut self.fresh {
            fresh.push(id);
        }
        id
    }

    /// What a check was in another process.
    fn remember(&mut self, check: &Check) -> Option<(Memory, Box<str>)> {
        if self.remembered.is_empty() {
            return None;
        }
        self.remembered.remove(&*check.key()).or_else(|| {
            // The same target with other options: better than nothing until the first result.
            self.remembered.remove(&*check.to_string())
        })
    }

    fn vacate_if_unheld(&mut self, id: CheckId) {
        let slot = &mut self.slots[id.slot()];
        let unheld = |occupant: &mut Occupant| occupant.holders == 0 && occupant.lease.is_none();
        let Some(occupant) = slot.occupant.take_if(unheld) else {
            return;
        };
        slot.epoch = slot.epoch.wrapping_add(1);
        if let Some(probing) = occupant.probing {
            probing.abort();
        }
        if let Some(alarm) = occupant.alarm {
            self.alarms.remove(&(alarm, id));
        }
        self.by_check.remove(&occupant.check);
        self.heartbeats.leave(&occupant.check, id);
        self.free.push(id.slot() as u32);
        self.board.clear(id);
        for part in occupant.parts {
            if let Some(part) = self.occupant_mut(part) {
                part.followers.retain(|follower| *follower != id);
            }
            self.release(part);
        }
    }
}

impl Occupant {
    fn new(check: Arc<Check>) -> Self {
        Self {
            check,
            holders: 0,
            lease: None,
            judge: Judge::default(),
            reason: Box::default(),
            is_recalled: false,
            last: None,
            failing: None,
            next: None,
            alarm: None,
            probing: None,
            parts: Vec::new(),
            followers: Vec::new(),
        }
    }

    pub(crate) fn verdict(&self, now: SystemTime) -> Verdict {
        self.judge.verdict(&self.check.pace, now)
    }

    /// Whether it has to be said that the prober has this trouble with it: once, not at each probe. Who
    /// has not called in yet, and what is calculated, is not the prober's trouble.
    pub(crate) fn is_worth_a_complaint(&self, outcome: &Outcome) -> bool {
        let is_passive =
            matches!(self.check.probe, Probe::Beat(_) | Probe::File(_) | Probe::Group(_));
        let is_known = self.last.as_ref().is_some_and(|last| last.outcome == *outcome);
        !is_passive && !is_known
    }

    pub(crate) fn is_leased(&self) -> bool {
        self.lease.is_some()
    }

    pub(crate) fn is_probing(&self) -> bool {
        self.probing.as_ref().is_some_and(|probe| !probe.is_finished())
    }

    pub(crate) fn probing(&mut self, probe: AbortHandle) {
        self.probing = Some(probe);
    }
}
