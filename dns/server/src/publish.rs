//! From the zone folder to the snapshot that is served: load, compile, swap; and again whenever
//! something changes.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use halfmoon_dnssec::{Presigned, Verify};
use halfmoon_git::CommitId;
use halfmoon_healthcheck::Health;
use halfmoon_lua::{Budget, Compiler, Defaults, Dialect, Program, Settings};
use halfmoon_wire::{Name, NameBuf, Type};
use halfmoon_zones::{
    Addition, Attach, Companion, Draft, Fault, FileReport, Files, Fresh, Level, Loaded, Loader,
    Outcome, Place, ProgramSource,
};
use tokio::sync::oneshot;

use crate::config::{DnssecConfig, Rules, ZoneFault, ZoneHealth};
use crate::expect::{Examiner, Subject, Tests};
use crate::last_good;
use crate::shared::{Programs, Served, Shared, Zones};
use crate::signing::{Signing, date};

mod git;
mod guards;
mod judge;
mod loads;
mod publishing;
mod serials;
mod watch;

pub use git::{FollowError, Following, SignersError};
pub use judge::UrlClaim;
pub use loads::{LoadCounts, Loads};
pub use publishing::{Act, Answer, CommitView, GitView, Publishing, RefusedView, Wish};
use serials::Serials;
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
/// How many faults of one load are logged; the rest are counted.
const MOST_LOGGED: usize = 100;
/// How many signatures of zones that come signed one load verifies: a second or two, once for each.
const MOST_VERIFIED: usize = 40_000;

/// Compiles the programs of zones as they are loaded.
#[derive(Debug)]
pub struct Compile {
    compiler: Compiler,
    /// What holds of records where their zone says nothing.
    defaults: Arc<Defaults>,
    signing: Option<Signing>,
    /// How long failovers take, if anybody wants to know.
    budgets: Option<Vec<ZoneBudgets>>,
    /// How grave what is found is.
    rules: Rules,
    /// Which zones are to be signed.
    dnssec: DnssecConfig,
    /// The serials of zones, if they do not come from their files.
    serials: Option<Serials>,
    /// Whether a program that fails has nothing said in its place (as in PowerDNS).
    is_final: bool,
    /// How many signatures a load verifies, and how many this one may still.
    verified: (usize, usize),
    /// Threads that will run programs.
    threads: usize,
    /// Who runs the tests beside zones, if they are run.
    examiner: Option<Examiner>,
}

impl Compile {
    /// Compiles with these settings; checks are acquired from `health`.
    #[must_use]
    pub fn new(settings: Settings, health: Health) -> Self {
        let is_final = settings.dialect == Dialect::PowerDns;
        let defaults = Arc::clone(&settings.defaults);
        let compiler = Compiler::new(settings, health);
        Self {
            compiler,
            defaults,
            signing: None,
            budgets: None,
            rules: Rules::default(),
            dnssec: DnssecConfig::default(),
            serials: None,
            is_final,
            verified: (MOST_VERIFIED, MOST_VERIFIED),
            threads: 1,
            examiner: None,
        }
    }

    /// Verifies all signatures of zones that come signed, however long that takes.
    #[must_use]
    pub fn verifying_all(self) -> Self {
        Self { verified: (usize::MAX, usize::MAX), ..self }
    }

    /// For so many threads that run programs, each of which counts by itself.
    #[must_use]
    pub fn threads(self, threads: usize) -> Self {
        Self { threads, ..self }
    }

    /// Notes how long failovers take, too.
    #[must_use]
    pub fn with_budgets(self) -> Self {
        Self { budgets: Some(Vec::new()), ..self }
    }

    /// How long failovers take in the zones that were read, refused ones among them.
    #[must_use]
    pub fn into_budgets(self) -> Vec<ZoneBudgets> {
        self.budgets.unwrap_or_default()
    }

    /// Judges what is found by these rules.
    #[must_use]
    pub fn rules(self, rules: Rules) -> Self {
        Self { rules, ..self }
    }

    /// Knows which zones are to be signed.
    #[must_use]
    pub fn dnssec(self, dnssec: DnssecConfig) -> Self {
        Self { dnssec, ..self }
    }

    /// Looks at the zones that were read together with all others.
    pub fn look_across(&self, loaded: &mut Loaded<Served>) {
        let Loaded { catalog, reports, .. } = loaded;
        judge::across(catalog, reports, &self.rules, judge::Signs(&self.dnssec));
    }

    /// Runs the tests beside zones, too.
    #[must_use]
    pub fn examining(self, examiner: Examiner) -> Self {
        Self { examiner: Some(examiner), ..self }
    }

    /// How many tests were run so far.
    #[must_use]
    pub fn tests_run(&self) -> usize {
        self.examiner.as_ref().map_or(0, Examiner::ran)
    }

    /// Signs zones, too.
    #[must_use]
    pub fn signing(self, signing: Option<Signing>) -> Self {
        Self { signing, ..self }
    }

    /// What holds of the records of a zone with these settings beside it.
    fn defaults(&self, companion: Option<&Companion>, faults: &mut Vec<Fault>) -> Arc<Defaults> {
        let Some(companion) = companion else {
            return Arc::clone(&self.defaults);
        };
        match ZoneHealth::parse(&companion.text) {
            Ok(zone) => Arc::new(zone.defaults(&self.defaults)),
            Err(wrong) => {
                note(wrong, "zone-settings", companion, faults);
                Arc::clone(&self.defaults)
            }
        }
    }

    /// Runs the tests beside a zone, unless something else is wrong with it already.
    fn examine(&mut self, companion: &Companion, subject: Subject<'_>, faults: &mut Vec<Fault>) {
        match Tests::parse(&companion.text, subject.zone.apex()) {
            Ok(tests) => {
                let is_right = faults.iter().all(|fault| fault.level != Level::Error);
                if let Some(examiner) = self.examiner.as_mut().filter(|_| is_right) {
                    examiner.examine(subject, &tests, companion.file, faults);
                }
            }
            Err(wrong) => note(wrong, "zone-tests", companion, faults),
        }
    }
}

/// Puts what is wrong with a file beside a zone among the faults.
fn note(wrong: Vec<ZoneFault>, rule: &'static str, file: &Companion, faults: &mut Vec<Fault>) {
    faults.extend(wrong.into_iter().map(|ZoneFault { line, column, message }| {
        Fault::error(rule, Place { file: file.file, line, column }, message)
    }));
}

/// How long failovers take in a zone.
#[derive(Debug)]
pub struct ZoneBudgets {
    /// The zone.
    pub apex: NameBuf,
    /// The records by health, each with its owner, its program, and the budget of its slowest call.
    pub records: Vec<(NameBuf, ProgramSource, Budget)>,
}

impl ZoneBudgets {
    fn of(apex: Name<'_>, programs: &[(NameBuf, ProgramSource)], compiled: &[Compiled]) -> Self {
        let slowness =
            |budget: &Budget| (!budget.is_met(), budget.total().is_none(), budget.total());
        let records = programs.iter().zip(compiled).filter_map(|((owner, source), program)| {
            // What is there to be included is told where it is.
            let program = program.as_ref().filter(|_| source.inner != Type::LUA)?;
            let slowest = program.budgets().iter().max_by_key(|budget| slowness(budget))?;
            Some((*owner, source.clone(), slowest.clone()))
        });
        Self { apex: apex.to_buf(), records: records.collect() }
    }
}

type Compiled = Option<Arc<Program>>;

/// Loads the zones; a second time where the first made keys that zones above have to know of.
///
/// # Errors
/// The folder cannot be read.
pub fn load(loader: &mut Loader<Served>, compile: &mut Compile) -> io::Result<Loaded<Served>> {
    compile.verified.1 = compile.verified.0;
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

impl Attach<Served> for Compile {
    fn stamp(&self, apex: Name<'_>) -> u64 {
        self.signing.as_ref().map_or(0, |signing| signing.stamp(apex))
    }

    fn additions(&mut self, draft: &Draft<'_>) -> Vec<Addition> {
        self.signing.as_mut().map_or_else(Vec::new, |signing| signing.additions(draft))
    }

    fn serial(&mut self, draft: &Draft<'_>) -> Option<u32> {
        // Its signatures hold for the serial of the file alone.
        let serials = self.serials.as_mut().filter(|_| !draft.is_signed())?;
        Some(serials.propose(draft.apex()))
    }

    fn attach(&mut self, fresh: &Fresh<'_, Served>, faults: &mut Vec<Fault>) -> Served {
        let served = self.serve(fresh, faults);
        self.rules.apply(faults);
        served
    }
}

impl Compile {
    fn serve(&mut self, fresh: &Fresh<'_, Served>, faults: &mut Vec<Fault>) -> Served {
        let Fresh { zone, programs, before, companions } = *fresh;
        let defaults = self.defaults(companions.settings.as_ref(), faults);
        if let Some(presigned) = self.presigned(fresh, faults) {
            // What its programs made could not be signed: they are not run.
            return Served { presigned: Some(presigned), ..Served::default() };
        }
        self.compiler.set_defaults(Arc::clone(&defaults));
        let compiled = self.compiler.compile_zone(zone.apex(), programs, faults);
        if let Some(tests) = &companions.tests {
            self.examine(tests, Subject { zone, programs, defaults: &defaults }, faults);
        }
        if let Some(budgets) = &mut self.budgets {
            budgets.push(ZoneBudgets::of(zone.apex(), programs, &compiled));
        }
        judge::twins(zone, programs, &compiled, faults);
        let claims = judge::claims(programs, &compiled);
        let with_last_good = programs.iter().zip(compiled).map(|((owner, _), program)| {
            let runs = program.as_ref().filter(|program| !program.is_plan() && !self.is_final);
            let last_good =
                runs.map(|program| last_good::inherited(before, owner.as_name(), program));
            (program, last_good)
        });
        let places = programs.iter().map(|(_, source)| source.place(0));
        let programs = Programs::new(with_last_good, self.threads).at(places);
        let before =
            before.and_then(|hosted| Some((&hosted.zone, &**hosted.beside.signed.as_ref()?)));
        let signed = self.signing.as_mut().and_then(|signing| signing.sign(zone, before, faults));
        Served { programs, signed, claims, ..Served::default() }
    }

    /// What a zone that comes signed brings along; `None` of another.
    fn presigned(
        &mut self,
        fresh: &Fresh<'_, Served>,
        faults: &mut Vec<Fault>,
    ) -> Option<Presigned> {
        let before =
            fresh.before.and_then(|hosted| Some((&hosted.zone, hosted.beside.presigned.as_ref()?)));
        let (all, left) = self.verified;
        // No zone takes all from those that come after it.
        let most = if all == usize::MAX { all } else { left / 2 };
        let presigned = Presigned::of(fresh.zone, date(), Verify { most, before }, faults)?;
        self.verified.1 = left.saturating_sub(presigned.verified());
        Some(presigned)
    }
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
    /// The newest commit of the branch, or why it is not known.
    Tip(Result<CommitId, String>),
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
        let base = Base { compile, shared, before: Vec::new() };
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
        let base = Base { compile, shared, before: Vec::new() };
        let kicks = following.fetch_always(orders.clone())?;
        let work = git::Work::new(following, base, kicks);
        Self::spawn(orders, move || work.run(&inbox))
    }

    fn spawn(orders: Sender<Order>, work: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let thread = thread::Builder::new().name("publish".into()).spawn(work)?;
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
                Ok(Order::Tip(_) | Order::Ask(..)) => {}
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
    }
}

impl Base {
    /// Looks at all that changes beside the zones. Whether zones are to be loaded again.
    pub(crate) fn look(&mut self) -> bool {
        let now = Instant::now();
        self.before.retain(|(until, _)| now < *until);
        let are_keys_new = self.compile.signing.as_mut().is_some_and(Signing::look);
        self.look_at_geo();
        self.look_at_cookies();
        self.look_at_keys();
        are_keys_new
    }

    /// Tells the compiler what it has to know of the moment.
    pub(crate) fn prepare(&mut self) {
        self.compile.compiler.with_places(self.shared.geo.current().attributes());
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
            (Order::Tip(_) | Order::Ask(..), _) => {}
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

/// Logs what a load found: each fault, and a summary.
pub fn report(loaded: &Loaded<Served>, took: Duration) {
    let mut logged = 0;
    for file in &loaded.reports {
        report_file(file, &mut logged);
    }
    if logged > MOST_LOGGED {
        tracing::warn!("{} more faults; `halfmoon check` lists all", logged - MOST_LOGGED);
    }
    report_strays(loaded);
    for apex in &loaded.removed {
        tracing::info!(zone = %apex, "zone removed: its file is gone");
    }
    let count = |outcome| loaded.reports.iter().filter(|file| file.outcome == outcome).count();
    let records = loaded.catalog.record_count();
    tracing::info!(
        read = count(Outcome::Loaded),
        refused = count(Outcome::Kept) + count(Outcome::Refused),
        removed = loaded.removed.len(),
        serving = loaded.catalog.zones().len(),
        records,
        took = ?took,
        "zones loaded"
    );
}

fn report_strays(loaded: &Loaded<Served>) {
    for path in &loaded.strays {
        let (fault, files) = stray(path);
        tracing::warn!("{}", fault.display_without_level(&files));
    }
}

/// What is said of settings or tests without a zone.
#[must_use]
pub fn stray(path: &Path) -> (Fault, Files) {
    let mut files = Files::default();
    let place = Place { file: files.add(path), line: 1, column: 1 };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let (stem, what) = match name.strip_suffix("test.toml") {
        Some(stem) => (stem, "tests"),
        None => (name.trim_end_matches("health.toml"), "settings"),
    };
    let message = format!("no zone file {stem}zone is beside these {what}: they count for nothing");
    let help = "name them after the file of their zone";
    (Fault::warning("stray-settings", place, message).help(help), files)
}

fn report_file(file: &FileReport, logged: &mut usize) {
    for fault in &file.faults {
        *logged += 1;
        if *logged <= MOST_LOGGED {
            match fault.level {
                Level::Error => tracing::error!("{}", fault.display_without_level(&file.files)),
                Level::Warning => tracing::warn!("{}", fault.display_without_level(&file.files)),
            }
        }
    }
    match file.outcome {
        Outcome::Loaded => {}
        Outcome::Kept => tracing::error!(
            zone = %file.apex, file = %file.path.display(),
            "new version refused; the old one is still served"
        ),
        Outcome::Refused => tracing::error!(
            zone = %file.apex, file = %file.path.display(), "zone refused; it is not served"
        ),
    }
}
