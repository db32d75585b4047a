//! The board as it would be if some targets were in other states than they are: for trying the loss
//! of a region on paper, and for explaining. Nothing of it is published.

use std::collections::HashMap;
use std::sync::Arc;

use crate::board::{Reader, Snapshot};
use crate::check::{Check, Probe};
use crate::clock::Clock;
use crate::health::Health;
use crate::pool::PoolReport;
use crate::verdict::{CheckId, State, Verdict};

/// What is supposed of checks: their states, `None` for one that is left as it is.
pub type Suppose<'a> = dyn Fn(CheckId, &Check) -> Option<State> + 'a;

/// A board that nobody has published.
#[derive(Clone, Debug)]
pub struct Supposed {
    /// What queries would find.
    pub snapshot: Arc<Snapshot>,
    /// What the members of pools would count as.
    pub pools: Vec<PoolReport>,
}

impl Health {
    /// The board as it would be if checks were in these states, for long enough that nothing holds
    /// anybody and as many have left as have to. Calculated checks follow from their parts, unless they
    /// are supposed themselves. What operators say holds as it does.
    ///
    /// Takes a lock for as long as it takes to look at all checks and pools: not for the query path.
    #[must_use]
    pub fn suppose(&self, suppose: &Suppose<'_>) -> Supposed {
        let shared = self.shared();
        let now = shared.clock.date(Clock::now());
        let registry = shared.lock();
        let mut board = registry.board.fork();
        let mut changed: HashMap<CheckId, State> = HashMap::new();
        for (id, occupant) in registry.iter() {
            let Some(state) = suppose(id, &occupant.check) else { continue };
            let before = board.verdict(id);
            if before.state != state || before.hold.is_some() {
                // A weight is what a target says of itself while it is up.
                let weight = if state == State::Up { before.weight } else { 0 };
                board.set(id, Verdict { state, weight, ..Verdict::default() });
            }
            changed.insert(id, state);
        }
        // Those made of others that are made of others come after them.
        for _ in 0..crate::check::Group::DEEPEST {
            for (id, occupant) in registry.iter().filter(|(id, _)| !changed.contains_key(id)) {
                let Probe::Group(group) = &occupant.check.probe else { continue };
                let state = match group
                    .tally(occupant.parts.iter().map(|part| board.verdict(*part).state))
                {
                    crate::Outcome::Success { .. } => State::Up,
                    crate::Outcome::Failure(_) => State::Down,
                    crate::Outcome::Inconclusive(_) => board.verdict(id).state,
                };
                if board.verdict(id).state != state {
                    board.set(id, Verdict { state, ..Verdict::default() });
                }
            }
        }
        let pools = registry.pools.suppose(&mut board, now);
        Supposed { snapshot: Arc::new(board.snapshot()), pools }
    }
}

impl Reader {
    /// A reader of this snapshot and no other.
    #[must_use]
    pub fn fixed(snapshot: Arc<Snapshot>) -> Self {
        Self::new(Arc::new(arc_swap::ArcSwap::new(snapshot)))
    }
}
