//! A thread that looks at what changes beside the zones: databases and secrets.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::thread::JoinHandle;
use std::time::Instant;

use super::LOOK;
use super::hub::{AFTERLIFE, Hub};
use crate::behind;
use crate::shared::Shared;

/// The thread. It ends when dropped.
#[derive(Debug)]
pub(super) struct Beside {
    nudge: SyncSender<Nudge>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Nudge {
    Look,
    End,
}

impl Beside {
    /// Starts the thread.
    ///
    /// # Errors
    /// None is to be had.
    pub(super) fn start(shared: Arc<Shared>, hub: Arc<Hub>) -> io::Result<Self> {
        let (nudge, nudged) = mpsc::sync_channel(1);
        let work = move || {
            let mut next = Instant::now() + LOOK;
            loop {
                let is_wanted = match nudged.recv_timeout(AFTERLIFE) {
                    Ok(Nudge::Look) => true,
                    Err(RecvTimeoutError::Timeout) => false,
                    Ok(Nudge::End) | Err(RecvTimeoutError::Disconnected) => return,
                };
                hub.tidy();
                if is_wanted || Instant::now() >= next {
                    look(&shared);
                    next = Instant::now() + LOOK;
                }
            }
        };
        let thread = behind::spawn("beside", work)?;
        Ok(Self { nudge, thread: Some(thread) })
    }

    /// Has it look at once.
    pub(super) fn nudge(&self) {
        // One that is nudged already looks anyway.
        let _ = self.nudge.try_send(Nudge::Look);
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = self.nudge.send(Nudge::End);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn look(shared: &Shared) {
    match shared.geo.reload() {
        Ok(false) => {}
        Ok(true) => tracing::info!("geo databases reloaded"),
        Err(error) => tracing::error!(%error, "geo databases not reloaded"),
    }
    shared.cookies.reload().log("cookies");
    shared.keys.reload().log("keys");
}
