//! What keeps checks, pools and choices: each is there as long as somebody holds it.

use std::fmt;
use std::sync::Arc;

use crate::account::{AccountKey, Rate};
use crate::check::Check;
use crate::choices::ChoiceId;
use crate::clock::Clock;
use crate::pool::PoolId;
use crate::shared::Shared;
use crate::verdict::CheckId;

/// Holds a check: it is probed while some handle exists. Clones share one hold.
///
/// Dropping the last one takes a lock for a moment, so drop what holds handles outside the query
/// path.
#[derive(Clone, Debug)]
pub struct Handle {
    pub(super) hold: Arc<Hold>,
}

/// Keeps a choice registered.
///
/// Dropping it takes a lock for a moment, so drop what holds one outside the query path.
pub struct ChoiceHandle {
    pub(super) id: ChoiceId,
    pub(super) shared: Arc<Shared>,
}

/// Keeps a pool registered. Clones share it.
///
/// Dropping the last one takes a lock for a moment, so drop what holds one outside the query path.
#[derive(Clone, Debug)]
pub struct PoolHandle {
    pub(super) hold: Arc<PoolHold>,
}

pub(super) struct PoolHold {
    pub(super) id: PoolId,
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Hold {
    pub(super) id: CheckId,
    pub(super) check: Arc<Check>,
    /// On whose account it is held.
    pub(super) key: AccountKey,
    /// The check and all that it is calculated from, if it is held on an account.
    pub(super) family: Box<[(CheckId, Rate)]>,
    pub(super) shared: Arc<Shared>,
}

impl Handle {
    /// Where the check's verdict is found on the board.
    #[must_use]
    pub fn id(&self) -> CheckId {
        self.hold.id
    }

    /// What its account is charged for: the check and each that it is calculated from, with what these come
    /// to; nothing if it is held on none. What is charged more than once has the same number each time.
    #[must_use]
    pub fn charges(&self) -> &[(CheckId, Rate)] {
        &self.hold.family
    }

    /// The check.
    #[must_use]
    pub fn check(&self) -> &Check {
        &self.hold.check
    }
}

impl fmt::Debug for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hold").field("id", &self.id).field("check", &self.check).finish()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut registry = self.shared.lock();
        registry.release(self.id, self.key);
        self.shared.settle(registry, Clock::now());
    }
}

impl ChoiceHandle {
    /// Where it is found on the board.
    #[must_use]
    pub fn id(&self) -> ChoiceId {
        self.id
    }
}

impl fmt::Debug for ChoiceHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChoiceHandle").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Drop for ChoiceHandle {
    fn drop(&mut self) {
        self.shared.lock().choices.release(self.id);
    }
}

impl PoolHandle {
    /// Where the pool is found on the board.
    #[must_use]
    pub fn id(&self) -> PoolId {
        self.hold.id
    }
}

impl fmt::Debug for PoolHold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolHold").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Drop for PoolHold {
    fn drop(&mut self) {
        let mut registry = self.shared.lock();
        registry.release_pool(self.id);
        self.shared.settle(registry, Clock::now());
    }
}
