//! A thread on which questions are answered that run programs: they need a stack, and take their time.
//!
//! It is started for the first question, and takes one at a time.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use super::error::Refusal;
use super::sight::Sight;
use crate::behind;
use crate::shared::Shared;
use crate::tenants::Realm;
use crate::transport::{MAX_MESSAGE, Peer, Service as _, Verdict};
use crate::worker::Worker;

/// Luau's parser and the answering function's own recursion fit into this, as on other threads.
const STACK: usize = 4 << 20;
/// Questions that may wait.
const WAITING: usize = 32;

/// Who answers, once somebody has asked.
#[derive(Debug, Default)]
pub(super) struct Asker(Mutex<Option<SyncSender<Job>>>);

/// What is to be done for a question.
type Job = Box<dyn FnOnce(&mut Desk) + Send>;

/// What the thread works with.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) shared: Arc<Shared>,
    /// For answers as clients get them.
    worker: Option<Worker>,
    out: Vec<u8>,
}

/// What is said where nothing comes back: whoever was to answer has panicked.
pub(super) fn unanswered() -> Refusal {
    Refusal::Failed("the question was not answered; the log says why".to_owned())
}

impl Asker {
    /// Does it, and waits for what comes of it.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        shared: &Arc<Shared>,
        work: impl FnOnce(&mut Desk) -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let (answer, answered) = oneshot::channel();
        let job = move |desk: &mut Desk| {
            // Whoever asked may be gone, and then nobody needs it.
            if !answer.is_closed() {
                let _ = answer.send(work(desk));
            }
        };
        self.send(shared, Box::new(job))?;
        answered.await.map_err(|_| unanswered())
    }

    fn send(&self, shared: &Arc<Shared>, mut job: Job) -> Result<(), Refusal> {
        let mut thread = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(jobs) = thread.as_ref() {
            job = match jobs.try_send(job) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(_)) => return Err(Refusal::Busy),
                // Whoever panicked is replaced.
                Err(TrySendError::Disconnected(job)) => job,
            };
        }
        let none = |error| Refusal::Failed(format!("there is no thread to answer: {error}"));
        let jobs = thread.insert(start(shared).map_err(none)?);
        jobs.try_send(job).map_err(|_| Refusal::Busy)
    }
}

fn start(shared: &Arc<Shared>) -> std::io::Result<SyncSender<Job>> {
    let (jobs, inbox) = sync_channel(WAITING);
    let shared = Arc::clone(shared);
    behind::spawn_sized("admin-answer", STACK, move || work(shared, &inbox))?;
    Ok(jobs)
}

/// Answers until nobody can ask any more.
fn work(shared: Arc<Shared>, inbox: &Receiver<Job>) {
    let mut desk = Desk { shared, worker: None, out: vec![0; MAX_MESSAGE] };
    while let Ok(job) = inbox.recv() {
        job(&mut desk);
    }
}

fn said(worker: &mut Worker, query: &[u8], peer: &Peer, out: &mut [u8]) -> Option<Vec<u8>> {
    match worker.answer(query, peer, MAX_MESSAGE, out) {
        Verdict::Reply(length) => out.get(..length).map(<[u8]>::to_vec),
        Verdict::Drop | Verdict::Stream => None,
    }
}

impl Desk {
    /// What a client gets for a query.
    pub(super) fn answer(&mut self, query: &[u8], peer: &Peer) -> Option<Vec<u8>> {
        let whole = || Worker::apart(&Realm::whole(&self.shared));
        let worker = self.worker.get_or_insert_with(whole);
        worker.refresh();
        said(worker, query, peer, &mut self.out)
    }

    /// What a client would get if there were nothing but what is seen.
    pub(super) fn answer_in(
        &mut self,
        sight: &Sight,
        query: &[u8],
        peer: &Peer,
    ) -> Option<Vec<u8>> {
        // Nothing is remembered from one tenant to the next.
        let mut worker = Worker::apart(&sight.realm(&self.shared));
        said(&mut worker, query, peer, &mut self.out)
    }
}
