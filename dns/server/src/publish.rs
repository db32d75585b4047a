//! From zone files to the snapshot that is served: load, compile, swap; and again whenever
//! something changes.
//!
//! Zones come from several sources: the operator's, and those of tenants. Each has a thread of its own, with a
//! compiler of its own, and swaps in its part of the catalog, so that whatever keeps one of them waits for none
//! of the others.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::time::Duration;

use halfmoon_git::CommitId;
use tokio::sync::oneshot;

use crate::shared::Shared;

mod base;
mod beside;
mod budgets;
mod compile;
mod ending;
mod folder;
mod git;
mod guards;
mod holding;
mod hub;
mod judge;
mod loads;
mod notifier;
mod publishing;
mod serials;
mod sources;
mod start;
mod tell;
mod watch;

pub use compile::{Compile, ZoneBudgets};
pub use folder::load;
pub use git::{FollowError, Repository, SignersError};
pub use judge::UrlClaim;
pub use loads::{LoadCounts, Loads};
pub use publishing::{
    Act, Answer, CommitView, FolderView, GitView, HeldView, Publishing, RefusedView, Source,
    TenantSource, Wish,
};
pub use sources::{Place, SourceError, Unit, units};
pub use tell::{report, stray};

use base::Base;
use beside::Beside;
use ending::Ending;
use hub::Hub;
use notifier::Notifier;

/// How often geo databases, keys and secrets are looked at, and whether the paths of the zones lead
/// elsewhere.
const LOOK: Duration = Duration::from_secs(5);
/// How long a server that has some zones to serve waits for what its other sources are asked before it begins,
/// and for zones to hear of keys.
const START: Duration = Duration::from_secs(10);
/// How long threads are waited for at the end, all together: one may be kept by a folder that does not answer.
/// What is left undone is found by the next process as after a kill.
const END: Duration = Duration::from_secs(2);

/// Keeps the served zones at what their sources say.
#[derive(Debug)]
pub struct Publisher {
    orders: Vec<Sender<Order>>,
    threads: Vec<Ending>,
    beside: Beside,
    /// Told to whoever waits for a program.
    is_over: Arc<AtomicBool>,
}

#[derive(Debug)]
pub(crate) enum Order {
    /// Something changed at these paths.
    Changed(Vec<PathBuf>),
    /// Something changed, nobody knows what, or the operator wants it.
    Load,
    /// Something may change without anybody telling of it.
    Missed,
    /// Keys have changed: of zones here, or of zones of other sources of which some zone here tells.
    Keys,
    /// To be dropped once all that was ordered before is done.
    Settle(Sender<()>),
    /// The newest commit of the branch, or why it is not known, as this look has found it.
    Tip(Result<CommitId, String>, git::Look),
    /// An operator wants something of whoever follows a repository.
    Ask(Wish, oneshot::Sender<Result<Answer, String>>),
    End,
}

/// Why nothing is published.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// There is nothing to serve; the first source that has nothing says why.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// No thread is to be had.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] io::Error),
}

impl Publisher {
    /// Loads the zones of each source, serves them, and follows what becomes of them. `compile` makes the compiler of
    /// a source, by its number.
    ///
    /// A source without zones is told of and tried again, as long as another one has some. A repository or a
    /// folder that takes longer than ten seconds to answer is not waited for.
    ///
    /// # Errors
    /// No source has zones to serve, or no thread is to be had.
    pub fn start(
        units: Vec<Unit>,
        compile: impl Fn(usize, &Unit) -> Compile,
        shared: &Arc<Shared>,
    ) -> Result<Self, PublishError> {
        let (orders, inboxes): (Vec<_>, Vec<_>) = units.iter().map(|_| mpsc::channel()).unzip();
        let hub = Arc::new(Hub::new(Arc::clone(&shared.zones), orders.clone()));
        let beside = Beside::start(Arc::clone(shared), Arc::clone(&hub))?;
        let is_over = Arc::clone(&hub.is_over);
        let mut publisher = Self { orders, threads: Vec::new(), beside, is_over };
        let (told, outcomes) = mpsc::channel();
        let of_tenants = Notifier::shared();
        let (mut names, mut signs) = (Vec::new(), false);
        for (number, (unit, inbox)) in units.into_iter().zip(inboxes).enumerate() {
            let Some(orders) = publisher.orders.get(number).cloned() else {
                break;
            };
            let tenant = unit.tenant.map(|tenant| shared.tenants.name(tenant).to_owned());
            names.push(tenant.clone());
            shared.publishing.add(tenant.clone(), unit.place.view(), orders.clone());
            let compile = compile(number, &unit);
            signs |= compile.signing.is_some();
            let base = Base {
                number,
                tenant: tenant.clone(),
                compile,
                shared: Arc::clone(shared),
                zones: Arc::default(),
                hub: Arc::clone(&hub),
                awaited: Some(told.clone()),
            };
            // What the operator has may lie anywhere, so it has one for itself.
            let notifier = unit.tenant.map_or_else(Notifier::default, |_| of_tenants.clone());
            let whose = tenant.clone();
            let work = move || {
                // What is logged here says of whose zones it is.
                let _span = tenant.map(|name| tracing::error_span!("tenant", name).entered());
                match unit.place {
                    Place::Folder(loader) => {
                        folder::Work::new(loader, base, notifier, orders).run(&inbox);
                    }
                    Place::Repository(repository) => {
                        git::follow(&repository, base, &orders, &inbox);
                    }
                }
            };
            publisher.threads.push(Ending::spawn("publish", whose, work)?);
        }
        drop(told);
        start::wait(&outcomes, &names, START)?;
        if signs {
            publisher.settle();
        }
        Ok(publisher)
    }

    /// Waits until zones have heard of the keys of others that were made meanwhile.
    fn settle(&self) {
        if self.orders.len() == 1 {
            return;
        }
        let (waiting, done) = mpsc::channel();
        for orders in &self.orders {
            let _ = orders.send(Order::Settle(waiting.clone()));
        }
        drop(waiting);
        // Nothing is ever sent: it ends with the last who waits, or takes too long.
        let _ = done.recv_timeout(START);
    }

    /// Looks at all sources again, as SIGHUP asks for.
    pub fn reload(&self) {
        self.beside.nudge();
        for orders in &self.orders {
            // A publisher that is gone has nothing to load; the server is ending.
            let _ = orders.send(Order::Load);
        }
    }

    /// What has the keys of all zones looked at, from another thread: nothing is fetched for it, and nothing that was
    /// refused is judged again.
    pub fn renewer(&self) -> impl Fn() + Send + 'static {
        let orders = self.orders.clone();
        move || {
            for orders in &orders {
                let _ = orders.send(Order::Keys);
            }
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        for orders in &self.orders {
            let _ = orders.send(Order::End);
        }
        let beside = self.beside.end();
        ending::join(self.threads.drain(..).chain(beside), END);
    }
}
