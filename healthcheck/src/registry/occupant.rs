//! A check that somebody holds.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use tokio::task::AbortHandle;

use super::leases::Lease;
use crate::account::Account;
use crate::check::{Check, Probe};
use crate::judge::Judge;
use crate::outcome::Outcome;
use crate::report::Last;
use crate::suspicion::Counted;
use crate::verdict::{CheckId, Verdict};

/// A check that somebody holds.
#[derive(Debug)]
pub(crate) struct Occupant {
    pub(crate) check: Arc<Check>,
    /// How many handles hold it.
    pub(crate) holders: usize,
    /// What keeps it while programs compute it, one of each account that does.
    pub(super) leases: Vec<Lease>,
    /// Whose targets judge what it is found to probe, if it is shared with no other account.
    pub(super) owner: Option<Account>,
    pub(crate) judge: Judge,
    /// Why it is in its state.
    pub(crate) reason: Box<str>,
    /// Nothing was heard of it in this process: its state is from another one.
    pub(crate) is_recalled: bool,
    pub(crate) last: Option<Last>,
    /// When the failures in a row began.
    pub(crate) failing: Option<SystemTime>,
    pub(crate) next: Option<Instant>,
    pub(super) alarm: Option<SystemTime>,
    pub(super) probing: Option<AbortHandle>,
    /// As what it is in the sums over all checks.
    pub(super) counted: Counted,
    /// What it is calculated from. It holds each of them.
    pub(crate) parts: Vec<CheckId>,
    /// What is calculated from it.
    pub(super) followers: Vec<CheckId>,
}

impl Occupant {
    pub(super) fn new(check: Arc<Check>) -> Self {
        Self {
            check,
            holders: 0,
            leases: Vec::new(),
            owner: None,
            judge: Judge::default(),
            reason: Box::default(),
            is_recalled: false,
            last: None,
            failing: None,
            next: None,
            alarm: None,
            probing: None,
            counted: Counted::default(),
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
        !self.leases.is_empty()
    }

    /// For whom it is leased.
    pub(crate) fn leased_by(&self) -> Vec<Arc<[u8]>> {
        self.leases.iter().map(Lease::zone).collect()
    }

    /// Whose targets judge it besides the general ones.
    pub(crate) fn owner(&self) -> Option<&Account> {
        self.owner.as_ref()
    }

    pub(crate) fn is_probing(&self) -> bool {
        self.probing.as_ref().is_some_and(|probe| !probe.is_finished())
    }

    pub(crate) fn probing(&mut self, probe: AbortHandle) {
        self.probing = Some(probe);
    }
}
