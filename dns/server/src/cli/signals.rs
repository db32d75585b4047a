//! Signals: when to end, when to look at the zones again, when to say what was counted.
//!
//! Those of a server are heard on a thread of their own, from before it starts: reading zones may take long, and for
//! good where a file system does not answer. Who wants an end meanwhile gets it at once.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::logging::Log;
use crate::transport;

/// What the operator wants of a running server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// SIGINT or SIGTERM.
    End,
    /// SIGHUP.
    Reload,
    /// SIGUSR1.
    Count,
}

/// The signals a server obeys. They are caught from the time this is made.
#[derive(Debug)]
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
    user: Signal,
}

/// The same, heard on a thread of their own.
#[derive(Debug)]
pub(super) struct Heard {
    wishes: Receiver<Wish>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Whether the server has started, so that it is its own to end.
    has_started: AtomicBool,
    /// What waits to be logged is written when this is dropped.
    log: Mutex<Option<Log>>,
}

impl Signals {
    /// To be called inside a tokio runtime.
    pub(super) fn catch() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            user: signal(SignalKind::user_defined1())?,
        })
    }

    /// Waits for the next one.
    pub(super) async fn next(&mut self) -> Wish {
        tokio::select! {
            _ = self.interrupt.recv() => Wish::End,
            _ = self.terminate.recv() => Wish::End,
            _ = self.hang_up.recv() => Wish::Reload,
            _ = self.user.recv() => Wish::Count,
        }
    }
}

impl Heard {
    /// Begins to hear. Nothing is logged any more once it is dropped.
    ///
    /// # Errors
    /// The system has no thread for it, or does not let the signals be caught.
    pub(super) fn begin(log: Log) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_io().build()?;
        let signals = {
            let _context = runtime.enter();
            Signals::catch()?
        };
        let shared = Shared { has_started: AtomicBool::new(false), log: Mutex::new(Some(log)) };
        let shared = Arc::new(shared);
        let (tell, wishes) = mpsc::channel();
        let hears = Arc::clone(&shared);
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || hears.hear(&runtime, signals, &tell))?;
        Ok(Self { wishes, shared })
    }

    /// The server has started: what is wished from now on is told by [`Heard::next`].
    pub(super) fn have_started(&self) {
        self.shared.has_started.store(true, Ordering::Release);
    }

    /// Waits for the next one. What was wished while the server started comes first.
    pub(super) fn next(&self) -> Wish {
        // Who hears ends no sooner than the process.
        self.wishes.recv().unwrap_or(Wish::End)
    }
}

impl Drop for Heard {
    fn drop(&mut self) {
        self.shared.close_log();
    }
}

impl Shared {
    fn hear(&self, runtime: &Runtime, mut signals: Signals, tell: &Sender<Wish>) {
        loop {
            let wish = runtime.block_on(signals.next());
            if wish == Wish::End && !self.has_started.load(Ordering::Acquire) {
                tracing::info!("ending before the start was done");
                self.close_log();
                transport::leave(0);
            }
            if tell.send(wish).is_err() {
                return;
            }
        }
    }

    /// Writes what waits to be logged.
    fn close_log(&self) {
        drop(self.log.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}
