//! Changes of state, as they are told to whoever listens.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use crate::check::Check;
use crate::verdict::State;

/// A target changed its state.
#[derive(Clone, Debug)]
pub struct Change {
    /// The check that noticed.
    pub check: Arc<Check>,
    /// What tells it from other checks of its name ([`crate::Report::key`]).
    pub key: String,
    /// The state before.
    pub from: State,
    /// The state from now on.
    pub to: State,
    /// Why, as in `connection refused` or `answered in 12 ms`.
    pub reason: String,
    /// When it was noticed.
    pub at: SystemTime,
}

/// Receives the changes of state from the moment of subscription on.
///
/// A listener that falls far behind loses the oldest changes; [`Changes::missed`] says how many.
#[derive(Debug)]
pub struct Changes {
    receiver: broadcast::Receiver<Change>,
    missed: u64,
}

impl Changes {
    pub(crate) fn new(receiver: broadcast::Receiver<Change>) -> Self {
        Self { receiver, missed: 0 }
    }

    /// Waits for the next change. `None`: there will be no more, every
    /// [`crate::Health`] and [`crate::Handle`] is gone.
    pub async fn next(&mut self) -> Option<Change> {
        loop {
            match self.receiver.recv().await {
                Ok(change) => return Some(change),
                Err(RecvError::Lagged(missed)) => self.missed += missed,
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// Waits for the next change by blocking the thread, which must not be one of an asynchronous
    /// runtime. `None`: there will be no more, every [`crate::Health`] and [`crate::Handle`] is gone.
    pub fn wait(&mut self) -> Option<Change> {
        loop {
            match self.receiver.blocking_recv() {
                Ok(change) => return Some(change),
                Err(RecvError::Lagged(missed)) => self.missed += missed,
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// The next change, if there is one already.
    pub fn try_next(&mut self) -> Option<Change> {
        loop {
            match self.receiver.try_recv() {
                Ok(change) => return Some(change),
                Err(TryRecvError::Lagged(missed)) => self.missed += missed,
                Err(TryRecvError::Empty | TryRecvError::Closed) => return None,
            }
        }
    }

    /// How many changes were lost because nobody received them in time.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.missed
    }
}
