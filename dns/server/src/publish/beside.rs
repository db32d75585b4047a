//! A thread that looks at what changes beside the zones: databases and secrets.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::time::Instant;

use super::LOOK;
use super::ending::Ending;
use super::hub::{AFTERLIFE, Hub};
use crate::shared::Shared;

/// The thread. It ends when dropped.
#[derive(Debug)]
pub(super) struct Beside {
    /// Until its end is wanted.
    nudge: Option<SyncSender<()>>,
    thread: Option<Ending>,
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
                    Ok(()) => true,
                    Err(RecvTimeoutError::Timeout) => false,
                    Err(RecvTimeoutError::Disconnected) => return,
                };
                hub.tidy();
                if is_wanted || Instant::now() >= next {
                    look(&shared);
                    next = Instant::now() + LOOK;
                }
            }
        };
        let thread = Ending::spawn("beside", None, work)?;
        Ok(Self { nudge: Some(nudge), thread: Some(thread) })
    }

    /// Has it look at once.
    pub(super) fn nudge(&self) {
        // One that is nudged already looks anyway.
        let _ = self.nudge.as_ref().map(|nudge| nudge.try_send(()));
    }

    /// Tells it to end. The thread, unless it was told before.
    pub(super) fn end(&mut self) -> Option<Ending> {
        self.nudge = None;
        self.thread.take()
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
