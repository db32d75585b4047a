//! Operators who have asked what the newest commit is, and the looks at the branch that can tell.
//!
//! Who has just pushed and says `halfmoon publish` means what was pushed. A fetch that was under way already
//! may have missed it, so an order is obeyed after the first one that began later.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use halfmoon_git::CommitId;
use tokio::sync::oneshot;

use super::super::publishing::{Answer, Wish};

/// A repository that has not answered for so long is not waited for any longer. Less than the command line waits
/// for a server.
pub(super) const LONGEST: Duration = Duration::from_secs(12);

/// The number of a look at the branch; later ones have higher numbers.
pub(in crate::publish) type Look = u64;

/// Has the branch looked at.
#[derive(Debug)]
pub(in crate::publish) struct Looks {
    number: Arc<AtomicU64>,
    wake: SyncSender<()>,
}

/// The other end, of the thread that looks.
#[derive(Debug)]
pub(super) struct Wanted {
    number: Arc<AtomicU64>,
    woken: Receiver<()>,
}

impl Looks {
    pub(super) fn new() -> (Self, Wanted) {
        // One that waits is enough: it begins after all that was wanted so far.
        let (wake, woken) = mpsc::sync_channel(1);
        let number = Arc::new(AtomicU64::new(0));
        (Self { number: Arc::clone(&number), wake }, Wanted { number, woken })
    }

    /// Has it looked at now. The first look that begins from now on has this number, or a higher one.
    pub(super) fn now(&self) -> Look {
        let look = self.number.fetch_add(1, Ordering::SeqCst) + 1;
        let _ = self.wake.try_send(());
        look
    }
}

impl Wanted {
    /// The number of a look that begins now.
    pub(super) fn begin(&self) -> Look {
        self.number.load(Ordering::SeqCst)
    }

    /// Waits for so long, or until a look is wanted; whether anybody can still want one.
    pub(super) fn wait(&self, interval: Duration) -> bool {
        self.woken.recv_timeout(interval) != Err(RecvTimeoutError::Disconnected)
    }
}

/// An order that waits.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) wish: Wish,
    /// What was served when it came.
    pub(super) before: Option<CommitId>,
    reply: oneshot::Sender<Result<Answer, String>>,
    /// The first look that can tell.
    look: Look,
    until: Instant,
}

impl Asked {
    pub(super) fn new(
        wish: Wish,
        before: Option<CommitId>,
        reply: oneshot::Sender<Result<Answer, String>>,
        look: Look,
    ) -> Self {
        Self { wish, before, reply, look, until: Instant::now() + LONGEST }
    }

    /// Says what became of it. Who has gone away does not hear it.
    pub(super) fn tell(self, answer: Result<Answer, String>) {
        let _ = self.reply.send(answer);
    }

    pub(super) fn is_told_by(&self, look: Look) -> bool {
        self.look <= look
    }

    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.until <= now
    }

    /// How long it waits yet.
    pub(super) fn left(&self, now: Instant) -> Duration {
        self.until.saturating_duration_since(now)
    }
}
