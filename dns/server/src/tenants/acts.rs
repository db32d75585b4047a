//! How much a tenant may do that is noted: what happens is kept in one place for all, and nobody is to push out
//! of it what happens to others.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Acts that are noted for a tenant in a minute, and that it may do at once after a minute without any.
pub const ACTS_A_MINUTE: u32 = 60;
/// After which time there is one more.
const EACH: Duration = Duration::from_millis(60_000 / ACTS_A_MINUTE as u64);

/// The purse of a tenant.
#[derive(Debug, Default)]
pub(super) struct Acts {
    /// When it is going to be full again; `None`: it is.
    full: Mutex<Option<Instant>>,
    refused: AtomicU64,
}

impl Acts {
    /// Takes one, if there is one left at this moment; counts that there was none.
    pub(super) fn take(&self, now: Instant) -> bool {
        let mut full = self.full.lock().unwrap_or_else(PoisonError::into_inner);
        let then = full.map_or(now, |full| full.max(now)) + EACH;
        if then > now + EACH * ACTS_A_MINUTE {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        *full = Some(then);
        true
    }

    /// How often there was none.
    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purse_is_full_again_after_a_minute() {
        let (acts, start) = (Acts::default(), Instant::now());
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let many = |at: Instant| (0..100).filter(|_| acts.take(at)).count();
        for (seconds, taken, refused) in
            [(0, 60, 40), (0, 0, 140), (1, 1, 239), (11, 10, 329), (71, 60, 369), (10_000, 60, 409)]
        {
            assert_eq!((many(at(seconds)), acts.refused()), (taken, refused), "{seconds}");
        }
    }
}
