//! The one place where time is read.

use std::time::{Instant, SystemTime};

/// Tells the time on the runtime's clock, which tests can stop and turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    instant: Instant,
    date: SystemTime,
}

impl Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one place where this crate reads the time"
    )]
    pub(crate) fn new() -> Self {
        Self { instant: Self::now(), date: SystemTime::now() }
    }

    /// The moment, on a clock that only goes forward.
    pub(crate) fn now() -> Instant {
        tokio::time::Instant::now().into_std()
    }

    /// The moment of a date and time; now for one that is before all moments.
    pub(crate) fn moment(&self, date: SystemTime) -> Instant {
        match date.duration_since(self.date) {
            Ok(later) => self.instant + later,
            Err(earlier) => self.instant.checked_sub(earlier.duration()).unwrap_or(self.instant),
        }
    }

    /// The date and time of a moment.
    pub(crate) fn date(&self, moment: Instant) -> SystemTime {
        match moment.checked_duration_since(self.instant) {
            Some(later) => self.date + later,
            None => self.date - self.instant.duration_since(moment),
        }
    }
}
