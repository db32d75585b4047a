//! Who holds which check, and what is known of each: the state behind the board.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use foldhash::fast::RandomState;
use tokio::task::AbortHandle;

use crate::board::{Board, Computed};
use crate::check::{Check, Probe};
use crate::judge::{Finding, Judge};
use crate::outcome::Outcome;
use crate::refused::Refused;
use crate::report::Last;
use crate::verdict::{CheckId, State, Verdict};

/// The shortest time between two complaints in the log.
const COMPLAINT: Duration = Duration::from_secs(10);

/// All checks that somebody holds.
#[derive(Debug)]
pub(crate) struct Registry {
    slots: Vec<Slot>,
    free: Vec<u32>,
    by_check: HashMap<Arc<Check>, CheckId, RandomState>,
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
    pub(crate) board: Board,
}

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
    judge: Judge,
    since: Option<SystemTime>,
    pub(crate) last: Option<Last>,
    pub(crate) next: Option<Instant>,
    probing: Option<AbortHandle>,
    /// What it is calculated from. It holds each of them.
    parts: Vec<CheckId>,
    /// What is calculated from it.
    followers: Vec<CheckId>,
}

/// What keeps a check that was computed at run time.
#[derive(Debug)]
struct Lease {
    zone: Arc<[u8]>,
    computed: Arc<Computed>,
    used: Instant,
}

/// A change of state, as the judge saw it.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) check: Arc<Check>,
    pub(crate) from: State,
    pub(crate) to: State,
}

impl Registry {
    /// With room for so many computed checks, and for so many of one zone.
    pub(crate) fn new(board: Board, max_leased: usize, max_per_zone: usize) -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            by_check: HashMap::default(),
            fresh: None,
            leased: 0,
            hand: 0,
            max_leased,
            zones: HashMap::default(),
            max_per_zone: max_per_zone.max(1),
            complained: None,
            stirred: Vec::new(),
            board,
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

    /// Leases a check that a program of `zone` computed at run time. A zone that has as many as it may
    /// gives up the one that was not looked for longest, and so does one that wants more when all
    /// zones together have as many as they may.
    pub(crate) fn lease(
        &mut self,
        zone: &[u8],
        check: Check,
        now: Instant,
    ) -> Result<CheckId, Refused> {
        let known = self.by_check.get(&check).copied();
        let lease = known.and_then(|id| self.occupant_mut(id)?.lease.as_mut());
        if let (Some(id), Some(lease)) = (known, lease) {
            // Asked for twice before it was published.
            lease.computed.touch();
            return Ok(id);
        }
        if self.zones.get(zone).is_some_and(|leased| leased.len() >= self.max_per_zone) {
            self.give_up(zone, now);
        }
        if self.leased >= self.max_leased {
            // Whoever grows pays; a zone that has none yet gets one from somebody else.
            if self.zones.contains_key(zone) {
                self.give_up(zone, now);
            } else {
                self.give_up_any(now);
            }
        }
        if self.leased >= self.max_leased {
            return Err(Refused::TooMany { limit: self.max_leased });
        }
        let id = self.place(check);
        let occupant = self.occupant_mut(id).expect("a check that was just placed");
        let computed = Arc::new(Computed::new(Arc::clone(&occupant.check), id));
        let zone = match self.zones.get_key_value(zone) {
            Some((zone, _)) => Arc::clone(zone),
            None => Arc::from(zone),
        };
        let occupant = self.occupant_mut(id).expect("a check that was just placed");
        let lease = Lease { zone: Arc::clone(&zone), computed: Arc::clone(&computed), used: now };
        occupant.lease = Some(lease);
        self.zones.entry(zone).or_default().push_back(id);
        self.leased += 1;
        self.board.list(computed);
        Ok(id)
    }

    /// Ends the leases of checks that no query looked for since `now - lease`.
    pub(crate) fn sweep(&mut self, now: Instant, lease: Duration) {
        if self.leased == 0 {
            return;
        }
        for slot in 0..self.slots.len() {
            let Slot { epoch, occupant: Some(occupant) } = &mut self.slots[slot] else {
                continue;
            };
            let Some(held) = &mut occupant.lease else {
                continue;
            };
            if held.computed.take_used() {
                held.used = now;
            }
            if now.saturating_duration_since(held.used) < lease {
                continue;
            }
            let id = CheckId::new(slot as u32, *epoch);
            self.end_lease(id);
        }
    }

    /// Ends the lease of the zone's check that was not looked for longest, nearly: whoever was looked
    /// for since the last time goes to the end of the queue instead.
    fn give_up(&mut self, zone: &[u8], now: Instant) {
        let count = self.zones.get(zone).map_or(0, VecDeque::len);
        for turn in 0..=count {
            let Some(id) = self.zones.get_mut(zone).and_then(VecDeque::pop_front) else {
                return;
            };
            let lease = self.occupant_mut(id).and_then(|occupant| occupant.lease.as_mut());
            // After a whole round the first one goes, whatever happened meanwhile.
            if let Some(lease) = lease
                && turn < count
                && lease.computed.take_used()
            {
                lease.used = now;
                if let Some(leased) = self.zones.get_mut(zone) {
                    leased.push_back(id);
                }
                continue;
            }
            self.end_lease(id);
            return;
        }
    }

    /// Ends a lease of any zone that was not looked for since the hand last passed it.
    fn give_up_any(&mut self, now: Instant) {
        // In two rounds each is met once after it was passed over.
        for _ in 0..2 * self.slots.len() {
            self.hand = (self.hand + 1) % self.slots.len();
            let Slot { epoch, occupant: Some(occupant) } = &mut self.slots[self.hand] else {
                continue;
            };
            let Some(lease) = &mut occupant.lease else {
                continue;
            };
            if lease.computed.take_used() {
                lease.used = now;
                continue;
            }
            let id = CheckId::new(self.hand as u32, *epoch);
            self.end_lease(id);
            return;
        }
    }

    fn end_lease(&mut self, id: CheckId) {
        let Some(lease) = self.occupant_mut(id).and_then(|occupant| occupant.lease.take()) else {
            return;
        };
        if let Some(leased) = self.zones.get_mut(&lease.zone) {
            leased.retain(|known| *known != id);
            if leased.is_empty() {
                self.zones.remove(&lease.zone);
            }
        }
        self.leased -= 1;
        self.board.unlist(&lease.computed);
        self.vacate_if_unheld(id);
    }

    /// Takes in what a probe found; what follows from it, if the state changes.
    pub(crate) fn record(&mut self, id: CheckId, last: Last) -> Option<Turn> {
        let occupant = self.occupant_mut(id)?;
        let finding = match &last.outcome {
            Outcome::Success { weight, .. } => Some(Finding::Success(*weight)),
            Outcome::Failure(_) => Some(Finding::Failure),
            Outcome::Inconclusive(_) => None,
        };
        let at = last.at;
        occupant.last = Some(last);
        let from = occupant.judge.state();
        occupant.judge.take(&occupant.check.pace, finding?);
        let to = occupant.judge.state();
        if from != to {
            occupant.since = Some(at);
        }
        let verdict = occupant.verdict();
        let turn = (from != to).then(|| Turn { check: Arc::clone(&occupant.check), from, to });
        let followers = turn.is_some().then(|| occupant.followers.clone());
        self.stirred.extend(followers.into_iter().flatten());
        self.board.set(id, verdict);
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

    pub(crate) fn occupant(&self, id: CheckId) -> Option<&Occupant> {
        let slot = self.slots.get(id.slot())?;
        slot.occupant.as_ref().filter(|_| slot.epoch == id.epoch())
    }

    pub(crate) fn occupant_mut(&mut self, id: CheckId) -> Option<&mut Occupant> {
        let slot = self.slots.get_mut(id.slot())?;
        slot.occupant.as_mut().filter(|_| slot.epoch == id.epoch())
    }

    /// All checks with their places, in order of place.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (CheckId, &Occupant)> {
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
        let check = Arc::new(check);
        let id = CheckId::new(number, self.slots[number as usize].epoch);
        let is_calculated = !parts.is_empty();
        for part in &parts {
            if let Some(part) = self.occupant_mut(*part) {
                part.followers.push(id);
            }
        }
        self.slots[number as usize].occupant =
            Some(Occupant { parts, ..Occupant::new(Arc::clone(&check)) });
        self.by_check.insert(check, id);
        if is_calculated {
            self.stirred.push(id);
        } else if let Some(fresh) = &mut self.fresh {
            fresh.push(id);
        }
        id
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
        self.by_check.remove(&occupant.check);
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
            since: None,
            last: None,
            next: None,
            probing: None,
            parts: Vec::new(),
            followers: Vec::new(),
        }
    }

    pub(crate) fn verdict(&self) -> Verdict {
        Verdict { state: self.judge.state(), weight: self.judge.weight(), since: self.since }
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
