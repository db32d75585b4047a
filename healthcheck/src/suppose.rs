//! The board as it would be if some targets were in other states than they are: for trying the loss
//! of a region on paper, and for explaining. Nothing of it is published.

use std::collections::HashMap;
use std::sync::Arc;

use crate::board::{Reader, Snapshot};
use crate::check::{Check, Probe};
use crate::clock::Clock;
use crate::health::Health;
use crate::pool::PoolReport;
use crate::pools;
use crate::registry::Registry;
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
    /// Looks at all checks and pools, and takes a lock again and again for that: not for the query path. What is
    /// supposed is worked out without it, however long that takes, and whoever wants it with it does not wait.
    #[must_use]
    pub fn suppose(&self, suppose: &Suppose<'_>) -> Supposed {
        let shared = self.shared();
        let now = shared.clock.date(Clock::now());
        let (mut board, orders) = {
            let registry = shared.lock();
            (registry.board.fork(), registry.pools.orders().cloned())
        };
        let mut checks = Vec::new();
        shared.in_parts(Registry::places, |registry, places| {
            let part = registry.part(places);
            checks.extend(part.map(|(id, one)| (id, Arc::clone(&one.check), one.parts.clone())));
        });
        let mut pools = Vec::new();
        let places = |registry: &Registry| registry.pools.places();
        shared.in_parts(places, |registry, places| {
            pools.extend(registry.pools.on_paper(places, now));
        });
        let mut changed: HashMap<CheckId, State> = HashMap::new();
        for (id, check, _) in &checks {
            let Some(state) = suppose(*id, check) else { continue };
            let before = board.verdict(*id);
            if before.state != state || before.hold.is_some() {
                // A weight is what a target says of itself while it is up.
                let weight = if state == State::Up { before.weight } else { 0 };
                board.set(*id, Verdict { state, weight, ..Verdict::default() });
            }
            changed.insert(*id, state);
        }
        // Those made of others that are made of others come after them.
        for _ in 0..crate::check::Group::DEEPEST {
            for (id, check, parts) in &checks {
                let Probe::Group(group) = &check.probe else { continue };
                if changed.contains_key(id) {
                    continue;
                }
                let before = board.verdict(*id).state;
                let state = match group.tally(parts.iter().map(|part| board.verdict(*part).state)) {
                    crate::Outcome::Success { .. } => State::Up,
                    crate::Outcome::Failure(_) => State::Down,
                    crate::Outcome::Inconclusive(_) => before,
                };
                if before != state {
                    board.set(*id, Verdict { state, ..Verdict::default() });
                }
            }
        }
        let pools = pools::suppose(pools, orders.as_deref(), &mut board, now);
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
