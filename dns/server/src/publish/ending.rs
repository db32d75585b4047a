//! Threads that are waited for when the server ends, but not for ever: what they read may lie on a mount that hangs.

use std::convert::Infallible;
use std::io;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::behind;

/// A thread, until it has ended or is left.
#[derive(Debug)]
pub(super) struct Ending {
    handle: JoinHandle<()>,
    /// The tenant for whom it works; `None`: for the operator.
    tenant: Option<String>,
    /// Nothing is ever sent: it closes when the thread is at its end.
    running: Receiver<Infallible>,
}

impl Ending {
    /// Starts a thread that lets others go first.
    ///
    /// # Errors
    /// None is to be had.
    pub(super) fn spawn(
        name: &str,
        tenant: Option<String>,
        work: impl FnOnce() + Send + 'static,
    ) -> io::Result<Self> {
        let (runs, running) = mpsc::channel();
        let handle = behind::spawn(name, move || {
            let _runs = runs;
            work();
        })?;
        Ok(Self { handle, tenant, running })
    }

    /// Waits until it has ended, or for so long. Whether it has.
    fn join(self, patience: Duration) -> bool {
        if self.running.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!(
                thread = self.handle.thread().name().unwrap_or_default(),
                tenant = self.tenant.as_deref().unwrap_or_default(),
                "a thread is still busy, perhaps with a folder or file that does not answer; \
                 the server ends without waiting for it"
            );
            return false;
        }
        let _ = self.handle.join();
        true
    }
}

/// Waits until threads that were told to end have ended, for so long in all. Whether all have.
pub(super) fn join(threads: impl IntoIterator<Item = Ending>, patience: Duration) -> bool {
    let end = Instant::now() + patience;
    threads.into_iter().fold(true, |all, thread| {
        let left = end.saturating_duration_since(Instant::now());
        thread.join(left) && all
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_end_is_left_and_all_others_are_waited_for() {
        let (release, released) = mpsc::channel::<Infallible>();
        let spawn = |work: Box<dyn FnOnce() + Send>| Ending::spawn("test", None, work).unwrap();
        let hangs = spawn(Box::new(move || {
            let _ = released.recv();
        }));
        assert!(!join([hangs, spawn(Box::new(|| {}))], Duration::from_millis(50)));
        drop(release);
        let panics = spawn(Box::new(|| panic!("in a test")));
        assert!(join([spawn(Box::new(|| {})), panics], Duration::from_secs(3600)));
    }
}
