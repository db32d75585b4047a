//! The threads behind [`Events`]: one that hears of changes and delivers to webhooks, one that writes
//! the journal.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::{self, JoinHandle};

use halfmoon_healthcheck::Changes;
use tokio::runtime::Builder;
use tokio::sync::watch;

use super::journal::Journal;
use super::webhook::{self, Hook};
use super::{Events, HookError, JournalError, What};
use crate::config::WebhookConfig;
use crate::secret::SecretError;

/// Events that may wait to be written.
const WAITING: usize = 65_536;

/// Why what happens cannot be recorded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The journal is not to be had.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A webhook is not usable.
    #[error(transparent)]
    Hook(#[from] HookError),
    /// No thread is to be had.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
}

/// Records what happens for as long as it lives; what was noted is written when it is dropped.
#[derive(Debug)]
pub struct Recorder {
    events: Arc<Events>,
    stop: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
}

impl Recorder {
    /// Starts to record the changes that are heard from now on: in memory, in a journal in `folder` if
    /// there is one, and to webhooks.
    ///
    /// # Errors
    /// The folder or a secret is not usable, or there is no thread.
    pub fn start(
        mut changes: Changes,
        folder: Option<&PathBuf>,
        hooks: &[WebhookConfig],
    ) -> Result<Self, StartError> {
        let (mut threads, mut recalled, mut sink) = (Vec::new(), Vec::new(), None);
        let hooks = open(hooks).map_err(HookError::from)?;
        let client = if hooks.is_empty() { None } else { Some(webhook::client()?) };
        if let Some(folder) = folder {
            let (journal, before) = Journal::open(folder)?;
            let (sender, receiver) = sync_channel(WAITING);
            (recalled, sink) = (before, Some(sender));
            let work = move || journal.run(&receiver);
            let thread = thread::Builder::new().name("journal".to_owned()).spawn(work);
            threads.push(thread.map_err(StartError::Thread)?);
        }
        let events = Arc::new(Events::new(recalled, sink, hooks));
        events.note(What::Start { version: env!("CARGO_PKG_VERSION").to_owned() });
        let (stop, mut stopped) = watch::channel(false);
        let runtime = Builder::new_current_thread().enable_io().enable_time().build();
        let runtime = runtime.map_err(StartError::Thread)?;
        let heard = Arc::clone(&events);
        let work = move || {
            for hook in client.iter().flat_map(|_| &heard.hooks) {
                let client = client.clone().unwrap_or_default();
                runtime.spawn(Arc::clone(hook).run(client));
            }
            runtime.block_on(async {
                tokio::select! {
                    () = hear(&mut changes, &heard) => {}
                    _ = stopped.changed() => {}
                }
            });
        };
        let thread = thread::Builder::new().name("events".to_owned()).spawn(work);
        threads.push(thread.map_err(StartError::Thread)?);
        Ok(Self { events, stop, threads })
    }

    /// What is recorded.
    #[must_use]
    pub fn events(&self) -> &Arc<Events> {
        &self.events
    }
}

/// Says whether the secrets of webhooks are usable.
///
/// # Errors
/// The first that is not.
pub fn check(hooks: &[WebhookConfig]) -> Result<(), SecretError> {
    open(hooks).map(drop)
}

fn open(hooks: &[WebhookConfig]) -> Result<Vec<Arc<Hook>>, SecretError> {
    hooks.iter().map(|config| Hook::open(config).map(Arc::new)).collect()
}

async fn hear(changes: &mut Changes, events: &Events) {
    let mut missed = 0;
    while let Some(change) = changes.next().await {
        if changes.missed() > missed {
            let count = changes.missed() - missed;
            missed = changes.missed();
            events.note(What::Missed { count });
        }
        events.note_at(What::from(&change), change.at);
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        self.events.close();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}
