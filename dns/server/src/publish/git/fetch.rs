//! Fetching, with an end: who waits for a network may wait for ever.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use halfmoon_git::{CommitId, Copy};

use super::source;
use crate::behind;

/// So many fetches that were given up may hang on; then none is begun until one of them ends.
const MOST_HANGING: usize = 3;

/// What fetches a branch.
#[derive(Debug)]
pub(super) struct Fetcher {
    pub(super) copy: Copy,
    pub(super) url: String,
    pub(super) branch: String,
    pub(super) credentials: Option<PathBuf>,
    pub(super) limit: Duration,
    pub(super) running: Arc<AtomicUsize>,
}

/// One that runs, until it is dropped.
struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Fetcher {
    /// The same for another thread.
    pub(super) fn again(&self) -> Self {
        Self {
            copy: self.copy.handle(),
            url: self.url.clone(),
            branch: self.branch.clone(),
            credentials: self.credentials.clone(),
            limit: self.limit,
            running: Arc::clone(&self.running),
        }
    }

    /// The newest commit of the branch, which is in the copy then.
    ///
    /// A fetch that takes too long is told to stop. It may hear of it only when the other side says something,
    /// so it is not waited for.
    ///
    /// # Errors
    /// Why it is not known, in words.
    pub(super) fn fetch(&self) -> Result<CommitId, String> {
        if self.running.load(Ordering::Relaxed) >= MOST_HANGING {
            return Err(format!(
                "{MOST_HANGING} fetches that took too long hang on; the repository does not answer"
            ));
        }
        // The account is read each time: it may have been changed.
        let source = source(&self.url, &self.branch, self.credentials.as_deref());
        let source = source.map_err(|error| error.to_string())?;
        let (copy, stop) = (self.copy.handle(), Arc::new(AtomicBool::new(false)));
        let (done, waited_for) = mpsc::sync_channel(1);
        self.running.fetch_add(1, Ordering::Relaxed);
        let running = Running(Arc::clone(&self.running));
        let told = Arc::clone(&stop);
        let work = move || {
            let fetched = copy.fetch(&source, &told).map_err(|error| error.to_string());
            drop(running);
            // Who has given it up does not hear it.
            let _ = done.try_send(fetched);
        };
        let thread = behind::spawn("fetching", work);
        thread.map_err(|error| format!("no thread to fetch on: {error}"))?;
        match waited_for.recv_timeout(self.limit) {
            Ok(fetched) => fetched,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                stop.store(true, Ordering::Relaxed);
                Err(format!("the fetch took longer than {:?} (`timeout`)", self.limit))
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => Err("the fetch broke off".to_owned()),
        }
    }
}
