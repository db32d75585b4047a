//! What is held on which account.
//!
//! Checks are held on an account by handles, and while programs that compute them ask for them. When zones
//! are read again, what was held before is there until the new versions have taken its place: so a handle
//! is judged by what handles have taken on since [`Registry::begin`], and what is computed by all.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use super::Registry;
use crate::account::{Account, AccountKey, Holdings, Rate};
use crate::check::{Check, Probe};
use crate::refused::Refused;
use crate::verdict::CheckId;

/// All accounts on which something is held.
#[derive(Debug, Default)]
pub(super) struct Accounts(HashMap<AccountKey, Ledger, RandomState>);

/// What is held on one.
#[derive(Debug)]
struct Ledger {
    account: Account,
    entries: HashMap<CheckId, Entry, RandomState>,
    all: Tally,
    /// Those that handles hold and did not when reading last began.
    new: Tally,
    /// Counts how often reading began.
    turn: u32,
    /// There was too much at the last look.
    was_over: bool,
}

/// A check that is held on an account.
#[derive(Debug, Default)]
struct Entry {
    rate: Rate,
    /// How many handles on this account hold it.
    handles: usize,
    /// How many leases on this account do.
    leases: usize,
    /// When the first of the handles came.
    turn: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    checks: usize,
    probes: Rate,
}

/// How a check is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Handle,
    Lease,
}

impl Registry {
    /// What handles hold on an account now belongs to versions that are to be replaced: their successors may
    /// hold as much.
    pub(crate) fn begin(&mut self, account: &Account) {
        if let Some(ledger) = self.accounts.0.get_mut(&account.key()) {
            ledger.turn = ledger.turn.wrapping_add(1);
            ledger.new = Tally::default();
        }
    }

    /// What is held on an account.
    pub(crate) fn holdings(&self, account: &Account) -> Holdings {
        let Some(ledger) = self.accounts.0.get(&account.key()) else {
            return Holdings::default();
        };
        let computed = ledger.entries.values().filter(|entry| entry.handles == 0).count();
        Holdings { checks: ledger.all.checks, computed, probes: ledger.all.probes }
    }

    /// Whether a check may be held on an account, too.
    pub(super) fn afford(&self, account: &Account, check: &Check, by: By) -> Result<(), Refused> {
        let ledger = self.accounts.0.get(&account.key());
        let mut tally = match by {
            By::Handle => ledger.map(|ledger| ledger.new).unwrap_or_default(),
            By::Lease => ledger.map(|ledger| ledger.all).unwrap_or_default(),
        };
        let is_held = |check: &Check| {
            let id = self.find(check, account.scope(check))?;
            let entry = ledger?.entries.get(&id)?;
            (by == By::Lease || entry.handles > 0).then_some(())
        };
        let (mut family, mut seen) = (Vec::new(), HashSet::new());
        members(check, &mut family);
        for check in family.into_iter().filter(|check| seen.insert(*check)) {
            if is_held(check).is_none() {
                tally.add(Rate::of(check));
            }
        }
        account.afford(tally.checks, tally.probes)
    }

    /// Whether a check that is computed at run time may be held on an account, if it is on one.
    pub(crate) fn affords(&self, account: Option<&Account>, check: &Check) -> Result<(), Refused> {
        account.map_or(Ok(()), |account| self.afford(account, check, By::Lease))
    }

    /// Charges a check and all that it is calculated from to an account.
    pub(super) fn charge(&mut self, account: &Account, id: CheckId, by: By) {
        let family = self.family(id);
        let ledger = self.accounts.0.entry(account.key()).or_insert_with(|| Ledger::new(account));
        for (id, rate) in family {
            ledger.charge(id, rate, by);
        }
    }

    /// Gives it back. Called while the check still has its place.
    pub(super) fn give_back(&mut self, key: AccountKey, id: CheckId, by: By) {
        let family = self.family(id);
        let Some(ledger) = self.accounts.0.get_mut(&key) else {
            return;
        };
        for (id, _) in family {
            ledger.give_back(id, by);
        }
        if ledger.entries.is_empty() {
            self.accounts.0.remove(&key);
        }
    }

    /// Accounts on which more is held than may be, at this look and the last one: while new versions take
    /// the place of old ones, both are there for a moment.
    pub(super) fn overdrawn(&mut self) -> Vec<Account> {
        let mut overdrawn = Vec::new();
        for ledger in self.accounts.0.values_mut() {
            let is_over = ledger.is_over();
            if is_over && ledger.was_over {
                overdrawn.push(ledger.account.clone());
            }
            ledger.was_over = is_over;
        }
        overdrawn
    }

    /// Whether more is held on an account than may be.
    pub(super) fn is_overdrawn(&self, account: &Account) -> bool {
        self.accounts.0.get(&account.key()).is_some_and(Ledger::is_over)
    }

    /// A check and all that it is calculated from, each with its rate.
    pub(crate) fn family(&self, id: CheckId) -> Vec<(CheckId, Rate)> {
        let mut family = Vec::new();
        let mut due = vec![id];
        while let Some(id) = due.pop() {
            if let Some(occupant) = self.occupant(id) {
                family.push((id, Rate::of(&occupant.check)));
                due.extend(&occupant.parts);
            }
        }
        family
    }

    /// How many entries all accounts have.
    #[cfg(test)]
    pub(super) fn charged(&self) -> usize {
        self.accounts.0.values().map(|ledger| ledger.entries.len()).sum()
    }
}

fn members<'c>(check: &'c Check, family: &mut Vec<&'c Check>) {
    family.push(check);
    if let Probe::Group(group) = &check.probe {
        for part in &group.parts {
            members(part, family);
        }
    }
}

impl Ledger {
    fn new(account: &Account) -> Self {
        Self {
            account: account.clone(),
            entries: HashMap::default(),
            all: Tally::default(),
            new: Tally::default(),
            turn: 0,
            was_over: false,
        }
    }

    fn charge(&mut self, id: CheckId, rate: Rate, by: By) {
        let entry = self.entries.entry(id).or_default();
        entry.rate = rate;
        if entry.handles + entry.leases == 0 {
            self.all.add(rate);
        }
        match by {
            By::Lease => entry.leases += 1,
            By::Handle => {
                if entry.handles == 0 {
                    entry.turn = self.turn;
                    self.new.add(rate);
                }
                entry.handles += 1;
            }
        }
    }

    fn give_back(&mut self, id: CheckId, by: By) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        match by {
            By::Lease => entry.leases = entry.leases.saturating_sub(1),
            By::Handle => {
                entry.handles = entry.handles.saturating_sub(1);
                if entry.handles == 0 && entry.turn == self.turn {
                    self.new.take(entry.rate);
                }
            }
        }
        if entry.handles + entry.leases == 0 {
            self.all.take(entry.rate);
            self.entries.remove(&id);
        }
    }

    fn is_over(&self) -> bool {
        self.account.afford(self.all.checks, self.all.probes).is_err()
    }
}

impl Tally {
    fn add(&mut self, rate: Rate) {
        self.checks += 1;
        self.probes += rate;
    }

    fn take(&mut self, rate: Rate) {
        self.checks = self.checks.saturating_sub(1);
        self.probes -= rate;
    }
}
