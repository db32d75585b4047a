//! A thread on which questions are answered that run programs: they need a stack, and take their time.
//!
//! It is started for the first question, and takes one at a time. Of each tenant one may be under way, so that
//! no tenant fills what waits.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::error::Refusal;
use super::sight::Sight;
use crate::behind;
use crate::shared::Shared;
use crate::tenants::{Realm, TenantId};
use crate::transport::{MAX_MESSAGE, Peer, Service as _, Verdict};
use crate::worker::Worker;

/// Luau's parser and the answering function's own recursion fit into this, as on other threads.
const STACK: usize = 4 << 20;
/// Questions that may wait.
const WAITING: usize = 32;

/// Who answers, once somebody has asked.
#[derive(Debug, Default)]
pub(super) struct Asker {
    thread: Mutex<Option<SyncSender<Job>>>,
    /// The tenants that have a question under way.
    asking: Arc<Mutex<HashSet<TenantId>>>,
    queue: Queue,
}

/// How many questions wait for their turn.
#[derive(Clone, Debug, Default)]
pub(super) struct Queue(Arc<AtomicUsize>);

/// One that waits, until this is dropped.
#[derive(Debug)]
pub(super) struct Waiting(Queue);

/// The place of a tenant's question among those under way. It is free again when this is dropped.
struct Place(Arc<Mutex<HashSet<TenantId>>>, TenantId);

/// Whoever waits for an answer. The place is free before that is there, or is known not to come: who has it may
/// ask the next.
struct Client<T> {
    place: Option<Place>,
    answer: oneshot::Sender<T>,
}

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
    /// Does it for an operator or a tenant, and waits for what comes of it.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        shared: &Arc<Shared>,
        tenant: Option<TenantId>,
        work: impl FnOnce(&mut Desk) -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let place = tenant.map(|tenant| self.place(tenant)).transpose()?;
        let (answer, answered) = oneshot::channel();
        let client = Client { place, answer };
        let waiting = self.queue.join();
        let job = move |desk: &mut Desk| {
            drop(waiting);
            // All of it, which is dropped in order should the work panic.
            let client = client;
            // Whoever asked may be gone, and then nobody needs it.
            if !client.answer.is_closed() {
                let said = work(desk);
                client.tell(said);
            }
        };
        self.send(shared, Box::new(job))?;
        answered.await.map_err(|_| unanswered())
    }

    /// Those that wait.
    pub(super) const fn queue(&self) -> &Queue {
        &self.queue
    }

    fn place(&self, tenant: TenantId) -> Result<Place, Refusal> {
        let is_new = lock(&self.asking).insert(tenant);
        if is_new { Ok(Place(Arc::clone(&self.asking), tenant)) } else { Err(Refusal::Asking) }
    }

    fn send(&self, shared: &Arc<Shared>, mut job: Job) -> Result<(), Refusal> {
        let mut thread = lock(&self.thread);
        if let Some(jobs) = thread.as_ref() {
            job = match jobs.try_send(job) {
                Ok(()) => return Ok(()),
                Err(TrySendError::Full(_)) => return Err(Refusal::Busy),
                // Should it have ended, there is another one.
                Err(TrySendError::Disconnected(job)) => job,
            };
        }
        let none = |error| Refusal::Failed(format!("there is no thread to answer: {error}"));
        let jobs = thread.insert(start(shared).map_err(none)?);
        jobs.try_send(job).map_err(|_| Refusal::Busy)
    }
}

impl Queue {
    pub(super) fn is_empty(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    pub(super) fn join(&self) -> Waiting {
        self.0.fetch_add(1, Ordering::Relaxed);
        Waiting(self.clone())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<T> Client<T> {
    fn tell(self, said: T) {
        let Self { place, answer } = self;
        drop(place);
        let _ = answer.send(said);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.0).remove(&self.1);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
        // Whoever asked learns that nothing comes, and the others are answered all the same.
        if catch_unwind(AssertUnwindSafe(|| job(&mut desk))).is_err() {
            desk.worker = None;
        }
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

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::mpsc;

    use super::*;
    use crate::config::Config;
    use crate::offline::Offline;
    use crate::tenants::Tenants;

    #[tokio::test]
    async fn a_tenant_has_one_question_under_way() {
        let folder = tempfile::tempdir().unwrap();
        let lua = halfmoon_lua::Settings::default();
        let shared = Arc::new(Offline::load(folder.path().to_owned(), lua).unwrap().shared);
        let config = Config::parse("[tenants.a]\n[tenants.b]\n", Path::new("")).unwrap();
        let tenants = Tenants::new(&config.tenants);
        let (a, b) = (tenants.id("a"), tenants.id("b"));
        let asker = Arc::new(Asker::default());
        let (go, wait) = mpsc::channel::<()>();
        let (begun, has_begun) = oneshot::channel();
        let first = tokio::spawn({
            let (asker, shared) = (Arc::clone(&asker), Arc::clone(&shared));
            async move {
                let work = move |_: &mut Desk| {
                    let _ = begun.send(());
                    wait.recv().is_ok()
                };
                asker.ask(&shared, a, work).await
            }
        });
        has_begun.await.unwrap();
        assert_eq!(asker.ask(&shared, a, |_| ()).await, Err(Refusal::Asking));
        assert!(asker.queue().is_empty(), "what is under way does not wait, nor what is refused");
        // Others wait for their turn, and operators may ask as much as they like.
        let mut others = Vec::new();
        for tenant in [b, None, None] {
            let (asker, shared) = (Arc::clone(&asker), Arc::clone(&shared));
            others.push(tokio::spawn(async move { asker.ask(&shared, tenant, |_| 7).await }));
        }
        tokio::task::yield_now().await;
        assert_eq!(asker.ask(&shared, b, |_| ()).await, Err(Refusal::Asking));
        assert!(!asker.queue().is_empty());
        go.send(()).unwrap();
        assert_eq!(first.await.unwrap(), Ok(true));
        for other in others {
            assert_eq!(other.await.unwrap(), Ok(7));
        }
        assert!(asker.queue().is_empty());
        for tenant in [a, b] {
            assert_eq!(asker.ask(&shared, tenant, |_| 8).await, Ok(8), "it is answered");
        }
        // Whoever panics has none under way, either.
        assert_eq!(asker.ask::<()>(&shared, a, |_| panic!("a test")).await, Err(unanswered()));
        assert_eq!(asker.ask(&shared, a, |_| 9).await, Ok(9));
    }
}
