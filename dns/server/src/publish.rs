//! From the zone folder to the snapshot that is served: load, compile, swap; and again whenever
//! something changes.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use halfmoon_git::CommitId;
use halfmoon_zones::{FileReport, Loaded, Loader};
use tokio::sync::oneshot;

use crate::behind;
use crate::shared::{Served, Shared, Zones};
use crate::signing::Signing;
use crate::transport::give_back;

mod budgets;
mod compile;
mod git;
mod guards;
mod judge;
mod loads;
mod publishing;
mod serials;
mod tell;
mod watch;

pub use compile::{Compile, ZoneBudgets};
pub use git::{FollowError, Following, SignersError};
pub use judge::UrlClaim;
pub use loads::{LoadCounts, Loads};
pub use publishing::{Act, Answer, CommitView, GitView, Publishing, RefusedView, Wish};

use tell::{MOST_LOGGED, report_file, report_strays};
pub use tell::{report, stray};
use watch::Watch;

/// After a change, the folder has to be quiet for so long before it is read: whoever writes a
/// file in pieces is done then.
const QUIET: Duration = Duration::from_millis(100);
/// A folder that never is quiet is read after so long all the same.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often geo databases and secrets are looked at, and whether the paths of the zones lead
/// elsewhere.
const LOOK: Duration = Duration::from_secs(5);
/// How long the zones before are kept after a swap. Until every worker has taken the new ones,
/// dropping the old ones would be the work of whoever lets go last.
const AFTERLIFE: Duration = Duration::from_secs(2);
/// More paths than these are not followed one by one.
const MOST_CHANGED: usize = 1000;

/// Loads the zones; a second time where the first made keys that zones above have to know of.
///
/// # Errors
/// The folder cannot be read.
pub fn load(loader: &mut Loader<Served>, compile: &mut Compile) -> io::Result<Loaded<Served>> {
    let mut first = loader.load(compile)?;
    if !compile.signing.as_mut().is_some_and(Signing::take_made) {
        compile.look_across(&mut first);
        return Ok(first);
    }
    let again = loader.load(compile)?;
    // What was read twice is told once.
    let mut reports = again.reports;
    let is_told = |report: &FileReport| reports.iter().any(|other| other.path == report.path);
    let once: Vec<FileReport> = first.reports.into_iter().filter(|r| !is_told(r)).collect();
    reports.extend(once);
    let mut loaded = Loaded { reports, removed: first.removed, strays: first.strays, ..again };
    compile.look_across(&mut loaded);
    Ok(loaded)
}

/// Keeps the served zones at what the folder says.
#[derive(Debug)]
pub struct Publisher {
    orders: Sender<Order>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
pub(crate) enum Order {
    /// Something changed at these paths.
    Changed(Vec<PathBuf>),
    /// Something changed, nobody knows what, or the operator wants it.
    Load,
    /// The newest commit of the branch, or why it is not known, as this look has found it.
    Tip(Result<CommitId, String>, git::Look),
    /// An operator wants something of whoever follows a repository.
    Ask(Wish, oneshot::Sender<Result<Answer, String>>),
    End,
}

impl Publisher {
    /// Starts to watch. `loader` has made the zones that `shared` holds.
    ///
    /// # Errors
    /// When no thread is to be had.
    pub fn start(
        loader: Loader<Served>,
        compile: Compile,
        shared: Arc<Shared>,
    ) -> io::Result<Self> {
        let (orders, inbox) = mpsc::channel();
        let mut watch = Watch::new(loader.sources().folder.clone(), orders.clone());
        watch.cover(loader.folders_of_listed());
        let base = Base::new(compile, shared);
        let work = Work { loader, watch, base };
        Self::spawn(orders, move || work.run(&inbox))
    }

    /// Starts to follow a repository. `following` has made the zones that `shared` holds.
    ///
    /// # Errors
    /// When no thread is to be had.
    pub fn follow(following: Following, compile: Compile, shared: Arc<Shared>) -> io::Result<Self> {
        let (orders, inbox) = mpsc::channel();
        shared.publishing.listen(orders.clone());
        let base = Base::new(compile, shared);
        let looks = following.fetch_always(orders.clone())?;
        let work = git::Work::new(following, base, looks);
        Self::spawn(orders, move || work.run(&inbox))
    }

    fn spawn(orders: Sender<Order>, work: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let thread = behind::spawn("publish", work)?;
        Ok(Self { orders, thread: Some(thread) })
    }

    /// Looks at the folder again, as SIGHUP asks for.
    pub fn reload(&self) {
        self.reloader()();
    }

    /// What does so from another thread.
    pub fn reloader(&self) -> impl Fn() + Send + 'static {
        let orders = self.orders.clone();
        // A publisher that is gone has nothing to load; the server is ending.
        move || drop(orders.send(Order::Load))
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        let _ = self.orders.send(Order::End);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the publishing thread has, wherever zones come from.
pub(crate) struct Base {
    compile: Compile,
    shared: Arc<Shared>,
    /// What was served before, and until when it is kept.
    before: Vec<(Instant, Arc<Zones>)>,
    /// All zones were read: much was freed, or will be when those before go.
    has_left_over: bool,
}

/// The publishing thread of a folder.
struct Work {
    loader: Loader<Served>,
    watch: Watch,
    base: Base,
}

impl Work {
    fn run(mut self, inbox: &Receiver<Order>) {
        // What changed between the first load and now was not seen by a watch.
        if self.watch.renew() {
            self.load();
        }
        loop {
            let wait = if self.base.before.is_empty() { LOOK } else { AFTERLIFE };
            match inbox.recv_timeout(wait) {
                Ok(order @ (Order::Load | Order::Changed(_))) => {
                    let Ok(changed) = settle(order, inbox) else {
                        return;
                    };
                    let is_whole = self.watch.renew();
                    match changed.filter(|_| !is_whole) {
                        Some(changed) => self.load_changed(&changed),
                        None => self.load(),
                    }
                }
                // Nothing is fetched here, and who asks is told by nobody being there.
                Ok(Order::Tip(..) | Order::Ask(..)) => {}
                Ok(Order::End) | Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => {
                    if self.watch.renew() {
                        self.load();
                    }
                }
            }
            if self.base.look() {
                self.load();
            }
        }
    }

    fn load(&mut self) {
        self.load_once();
        // A zone that includes from a folder not watched so far may have missed a change there.
        if self.watch.cover(self.loader.folders_of_listed()) && self.watch.renew() {
            self.load_once();
        }
    }

    /// Loads what stands at these paths alone, if that is all there is to do.
    fn load_changed(&mut self, changed: &BTreeSet<PathBuf>) {
        let started = Instant::now();
        self.base.prepare();
        let served = self.base.shared.zones.load_full();
        match self.loader.load_changed(changed, &served, &mut self.base.compile) {
            Some(mut loaded) => {
                self.base.compile.look_across(&mut loaded);
                self.base.publish(loaded, started);
                // Keys that were made for one zone are told of in another.
                if self.base.compile.signing.as_mut().is_some_and(Signing::take_made) {
                    self.load();
                }
            }
            None => self.load(),
        }
    }

    fn load_once(&mut self) {
        let started = Instant::now();
        self.base.prepare();
        let loaded = match load(&mut self.loader, &mut self.base.compile) {
            Ok(loaded) => loaded,
            Err(error) => {
                self.base.shared.loads.fail();
                let folder =
                    self.loader.sources().folder.as_deref().unwrap_or_else(|| Path::new(""));
                tracing::error!(
                    path = %folder.display(), %error,
                    "cannot read the zones; what was loaded last is still served"
                );
                return;
            }
        };
        self.base.publish(loaded, started);
        self.base.has_left_over = true;
    }
}

impl Base {
    fn new(compile: Compile, shared: Arc<Shared>) -> Self {
        Self { compile, shared, before: Vec::new(), has_left_over: false }
    }

    /// Looks at all that changes beside the zones. Whether zones are to be loaded again.
    pub(crate) fn look(&mut self) -> bool {
        let now = Instant::now();
        self.before.retain(|(until, _)| now < *until);
        if self.before.is_empty() && std::mem::take(&mut self.has_left_over) {
            give_back();
        }
        let are_keys_new = self.compile.signing.as_mut().is_some_and(Signing::look);
        self.look_at_geo();
        self.look_at_cookies();
        self.look_at_keys();
        are_keys_new
    }

    /// Tells the compiler what it has to know of the moment.
    pub(crate) fn prepare(&mut self) {
        self.compile.begin();
        self.compile.know(self.shared.geo.current().attributes());
    }

    fn publish(&mut self, loaded: Loaded<Served>, started: Instant) {
        if loaded.reports.is_empty() && loaded.removed.is_empty() {
            report_strays(&loaded);
            return;
        }
        report(&loaded, started.elapsed());
        self.shared.loads.note(&loaded, started.elapsed());
        self.swap(loaded.catalog);
    }

    /// Serves these zones from now on.
    pub(crate) fn swap(&mut self, zones: Zones) {
        let new = Arc::new(zones);
        // What these zones name is to be known before a query asks for it.
        self.shared.overrides.refresh();
        self.shared.health.publish();
        let old = self.shared.zones.swap(new);
        self.before.push((Instant::now() + AFTERLIFE, old));
    }

    fn look_at_cookies(&self) {
        match self.shared.cookies.reload() {
            Ok(false) => {}
            Ok(true) => tracing::info!("secrets of cookies reloaded"),
            Err(error) => tracing::error!(%error, "secrets of cookies not reloaded"),
        }
    }

    fn look_at_keys(&self) {
        match self.shared.keys.reload() {
            Ok(false) => {}
            Ok(true) => tracing::info!("secrets of keys reloaded"),
            Err(error) => tracing::error!(%error, "secrets of keys not reloaded"),
        }
    }

    fn look_at_geo(&self) {
        match self.shared.geo.reload() {
            Ok(false) => {}
            Ok(true) => tracing::info!("geo databases reloaded"),
            Err(error) => tracing::error!(%error, "geo databases not reloaded"),
        }
    }
}

/// Waits until no order has come for a while. What they are all about; `None`: anything. An error:
/// the end was ordered.
fn settle(first: Order, inbox: &Receiver<Order>) -> Result<Option<BTreeSet<PathBuf>>, ()> {
    let patience = Instant::now() + PATIENCE;
    let mut changed = Some(BTreeSet::new());
    let mut order = first;
    loop {
        match (order, &mut changed) {
            (Order::Changed(paths), Some(changed)) => changed.extend(paths),
            (Order::Changed(_), None) => {}
            (Order::Load, _) => changed = None,
            (Order::Tip(..) | Order::Ask(..), _) => {}
            (Order::End, _) => return Err(()),
        }
        if changed.as_ref().is_some_and(|changed| changed.len() > MOST_CHANGED) {
            changed = None;
        }
        if Instant::now() >= patience {
            return Ok(changed);
        }
        order = match inbox.recv_timeout(QUIET) {
            Ok(order) => order,
            Err(RecvTimeoutError::Disconnected) => return Err(()),
            Err(RecvTimeoutError::Timeout) => return Ok(changed),
        };
    }
}

#[cfg(test)]
mod tests {
    use halfmoon_lua::{Dialect, Settings};

    use super::*;
    use crate::offline::Offline;

    #[test]
    fn each_load_may_verify_as_many_signatures_as_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::of(Dialect::Halfmoon);
        let shared = Offline::load(folder.path().to_owned(), settings.clone()).unwrap().shared;
        let compile = Compile::new(settings, shared.health.clone());
        let mut base = Base::new(compile, Arc::new(shared));
        let whole = base.compile.verified;
        base.compile.verified.1 = 0;
        base.prepare();
        assert_eq!(base.compile.verified, whole);
    }
}
