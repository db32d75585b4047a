//! Makes signatures in the background: those of large zones that were just loaded, and those that
//! are about to end.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::behind;
use crate::shared::Shared;

use super::date;

/// Between two looks at all zones.
const LOOK: Duration = Duration::from_secs(10);
/// How many RRsets are signed in a row before it is looked whether there is something else to do.
const BATCH: usize = 500;

/// The thread that renews signatures. Ends when dropped.
#[derive(Debug)]
pub struct Renewer {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Renewer {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub fn start(shared: Arc<Shared>) -> io::Result<Self> {
        let (end, ended) = mpsc::channel();
        let work = move || {
            let mut pause = Duration::ZERO;
            while matches!(ended.recv_timeout(pause), Err(RecvTimeoutError::Timeout)) {
                pause = if renew(&shared) { Duration::ZERO } else { LOOK };
            }
        };
        let thread = behind::spawn("signing", work)?;
        Ok(Self { end: Some(end), thread: Some(thread) })
    }
}

impl Drop for Renewer {
    fn drop(&mut self) {
        self.end = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Signs a batch; `true` if there may be more to do.
fn renew(shared: &Shared) -> bool {
    let zones = shared.zones.load_full();
    let now = date();
    for hosted in zones.zones() {
        let Some(signed) = &hosted.beside.signed else {
            continue;
        };
        match signed.refresh(&hosted.zone, now, BATCH) {
            Ok(progress) if progress.signed == 0 => {}
            Ok(progress) => {
                tracing::debug!(zone = %hosted.zone.apex(), signed = progress.signed, "signatures made");
                if progress.signed == BATCH {
                    return true;
                }
            }
            Err(error) => {
                tracing::error!(zone = %hosted.zone.apex(), %error, "zone not signed");
            }
        }
    }
    false
}
