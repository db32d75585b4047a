//! Zones from a folder, or from files that are listed: each zone for itself, and again whenever one changes.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant, SystemTime};

use halfmoon_wire::NameBuf;
use halfmoon_zones::{FileReport, Level, Loaded, Loader, Outcome};
use tokio::sync::oneshot;

use super::base::Base;
use super::holding::{self, Held};
use super::notifier::Notifier;
use super::publishing::{Answer, Wish};
use super::start::Begin;
use super::watch::{MOST_WATCHED, Watch};
use super::{Compile, LOOK, Order, SourceError};
use crate::date::date;
use crate::expect::Coming;
use crate::shared::{Served, Zones};

/// After a change, the folder has to be quiet for so long before it is read: whoever writes a
/// file in pieces is done then.
const QUIET: Duration = Duration::from_millis(100);
/// A folder that never is quiet is read after so long all the same.
const PATIENCE: Duration = Duration::from_secs(2);
/// More paths than these are not followed one by one.
const MOST_CHANGED: usize = 1000;
/// Reasons of refusals that are shown to whoever asks; the log has more.
const MOST_REASONS: usize = 20;

/// Loads the zones, in place of those that are served; some a second time where zones above have to know of keys that
/// the first made.
///
/// # Errors
/// The folder cannot be read.
pub fn load(
    loader: &mut Loader<Served>,
    compile: &mut Compile,
    served: &Zones,
) -> io::Result<Loaded<Served>> {
    let mut first = loader.load(compile)?;
    let is_again = compile.is_to_read_again(served, &first.catalog);
    // What was read once is served all the same if the folder is gone by now.
    let Some(Ok(again)) = is_again.then(|| loader.load(compile)) else {
        compile.look_across(&mut first);
        return Ok(first);
    };
    let mut loaded = together(first, again);
    compile.look_across(&mut loaded);
    Ok(loaded)
}

/// What two loads in a row have to say, as one.
fn together(first: Loaded<Served>, again: Loaded<Served>) -> Loaded<Served> {
    let Loaded { catalog, mut reports, mut removed, held, mut strays } = again;
    // What was read twice is told once. One file may be listed for several zones.
    let told: HashSet<_> = reports.iter().map(|file| (file.path.clone(), file.apex)).collect();
    let is_new = |file: &FileReport| !told.contains(&(file.path.clone(), file.apex));
    reports.extend(first.reports.into_iter().filter(is_new));
    // What was gone may be back in another file.
    removed.extend(first.removed.into_iter().filter(|apex| catalog.zone(apex.as_name()).is_none()));
    strays.extend(first.strays);
    Loaded { catalog, reports, removed, held, strays }
}

/// The publishing thread of a folder.
pub(super) struct Work {
    loader: Box<Loader<Served>>,
    watch: Watch,
    base: Base,
    /// Why the folder could not be read the last time.
    unreadable: Option<String>,
    /// Whether that was told.
    is_told: bool,
    /// The files that are refused, and why.
    refused: BTreeMap<PathBuf, String>,
    held: Held,
    /// When it is loaded again for zones with tests for which there was no time.
    again: Option<Instant>,
    /// Looks into a folder; returns when that has answered.
    reach: fn(&Path),
}

impl Work {
    pub(super) fn new(
        loader: Box<Loader<Served>>,
        base: Base,
        notifier: Notifier,
        orders: Sender<Order>,
    ) -> Self {
        // What the operator has is his to judge.
        let most = base.tenant.is_some().then_some(MOST_WATCHED);
        let watch = Watch::new(loader.sources().folder.clone(), most, notifier, orders);
        Self {
            loader,
            watch,
            base,
            unreadable: None,
            is_told: false,
            refused: BTreeMap::new(),
            held: Held::default(),
            again: None,
            reach: look_into,
        }
    }

    pub(super) fn run(mut self, inbox: &Receiver<Order>) {
        // It may lie on a mount that hangs, for which others are not to wait.
        self.base.begins(Begin::Waits);
        self.reach();
        self.base.begins(Begin::Reads);
        let first = self.first();
        self.base.begun(first);
        self.watch.cover(self.loader.folders_of_listed());
        // What changed between the first load and now was not seen by a watch.
        if self.watch.renew() {
            self.load();
        }
        loop {
            match inbox.recv_timeout(LOOK) {
                // Nothing is fetched here.
                Ok(Order::Tip(..)) => {}
                Ok(Order::Ask(wish, reply)) => self.answer(&wish, reply),
                Ok(Order::End) | Err(RecvTimeoutError::Disconnected) => return,
                Ok(order) => {
                    let Ok(settled) = settle(order, inbox) else {
                        return;
                    };
                    // Whoever wants it read again is told again.
                    self.is_told &= !settled.is_wanted;
                    if settled.has_missed {
                        self.watch.has_missed();
                    }
                    self.watch.look_at(settled.changed.as_ref());
                    let is_whole = self.watch.renew() || self.unreadable.is_some();
                    match settled.changed.filter(|_| !is_whole) {
                        Some(changed) if changed.is_empty() => {}
                        Some(changed) => self.load_changed(&changed),
                        None => self.load(),
                    }
                    for (wish, reply) in settled.asked {
                        self.answer(&wish, reply);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    if self.watch.renew() || self.unreadable.is_some() {
                        self.load();
                    }
                }
            }
            if self.base.look() {
                self.load();
            } else if self.again.take_if(|again| *again <= Instant::now()).is_some() {
                // What is wrong was told.
                let _ = self.load_once(Coming::Again);
            }
        }
    }

    /// Waits until the folder answers, whatever it says.
    fn reach(&self) {
        if let Some(folder) = &self.loader.sources().folder {
            (self.reach)(folder);
        }
    }

    /// Loads all for the first time.
    fn first(&mut self) -> Result<(), SourceError> {
        let folder = self.loader.sources().folder.clone();
        let read = self.load_once(Coming::All).map_err(|source| SourceError::Unreadable {
            // Only a folder can be unreadable as a whole.
            path: folder.clone().unwrap_or_default(),
            source,
        })?;
        match (folder, self.base.zones.zones().len(), read) {
            (Some(path), 0, 0) => Err(SourceError::NoZone { path }),
            (Some(path), 0, count) if self.loader.sources().listed.is_empty() => {
                Err(SourceError::NoGoodZone { path, count })
            }
            (_, 0, count) => Err(SourceError::NoGoodListed { count }),
            _ => Ok(()),
        }
    }

    /// Does what an operator wants, and says what became of it.
    fn answer(&mut self, wish: &Wish, reply: oneshot::Sender<Result<Answer, String>>) {
        // Who has gone away does not hear it.
        let _ = reply.send(self.force(wish));
    }

    /// Serves what the folder has of a zone, whatever its guard says.
    fn force(&mut self, wish: &Wish) -> Result<Answer, String> {
        let name = wish.zone.as_deref().unwrap_or_default();
        let apex: NameBuf = name.parse().map_err(|error| format!("{name}: {error}"))?;
        let Some(guard) = self.base.compile.guard.as_mut().filter(|_| self.held.has(&apex)) else {
            return Err(format!("no guard holds anything of zone {apex}; see `halfmoon status`"));
        };
        let before = self.base.zones.zone(apex.as_name()).cloned();
        guard.force(apex);
        let who = wish.user.as_deref().unwrap_or("an operator");
        tracing::warn!(zone = %apex, who, "an operator says that what becomes of the zone is meant");
        self.load();
        if let Some(guard) = &mut self.base.compile.guard {
            guard.hold_again();
        }
        let is_other = match (before, self.base.zones.zone(apex.as_name())) {
            (Some(before), Some(now)) => !Arc::ptr_eq(&before, now),
            (before, now) => before.is_some() != now.is_some(),
        };
        match is_other {
            true => Ok(Answer { commit: String::new(), is_new: true }),
            false => {
                Err(format!("zone {apex} is as it was; the log and `halfmoon status` say why"))
            }
        }
    }

    fn load(&mut self) {
        // What is wrong was told.
        let _ = self.load_once(Coming::All);
        // A zone that includes from a folder not watched so far may have missed a change there.
        if self.watch.cover(self.loader.folders_of_listed()) && self.watch.renew() {
            let _ = self.load_once(Coming::All);
        }
    }

    /// Loads what stands at these paths alone, if that is all there is to do.
    fn load_changed(&mut self, changed: &BTreeSet<PathBuf>) {
        let started = Instant::now();
        // Before this takes a place from others.
        self.reach();
        let desk = self.base.prepare();
        let Base { zones, compile, .. } = &mut self.base;
        compile.expect_tests(Coming::Some);
        let loaded = self.loader.load_changed(changed, zones, compile);
        let Some(mut loaded) = loaded else {
            drop(desk);
            return self.load();
        };
        compile.look_across(&mut loaded);
        drop(desk);
        self.publish(loaded, started, Extent::Changed);
    }

    /// Loads all; how many files were read.
    fn load_once(&mut self, coming: Coming) -> io::Result<usize> {
        let started = Instant::now();
        // Before this takes a place from others.
        self.reach();
        let desk = self.base.prepare();
        let Base { zones, compile, .. } = &mut self.base;
        compile.expect_tests(coming);
        let loaded = load(&mut self.loader, compile, zones);
        drop(desk);
        match loaded {
            Ok(loaded) => {
                let read = loaded.reports.len();
                self.refused.retain(|path, _| path.exists());
                self.unreadable = None;
                self.publish(loaded, started, Extent::Whole);
                self.base.hub.has_read_all();
                Ok(read)
            }
            Err(error) => {
                self.base.shared.loads.fail();
                let folder =
                    self.loader.sources().folder.as_deref().unwrap_or_else(|| Path::new(""));
                let why = error.to_string();
                // Once for each reason, not at each try.
                let is_told = self.is_told && self.unreadable.as_ref() == Some(&why);
                if !is_told && !self.base.is_awaited() {
                    tracing::error!(
                        path = %folder.display(), %error,
                        "cannot read the zones; what was loaded last is still served"
                    );
                }
                self.base.tell(|source| {
                    source.change_folder(|folder| folder.error = Some(why.clone()));
                });
                (self.unreadable, self.is_told) = (Some(why), true);
                Err(error)
            }
        }
    }

    fn publish(&mut self, loaded: Loaded<Served>, started: Instant, extent: Extent) {
        // Others are to have their turn meanwhile, for as long as this took.
        let are_late = self.base.compile.late_tests() > 0;
        self.again = are_late.then(|| Instant::now() + started.elapsed());
        self.held.note(&loaded, self.loader.sources(), extent == Extent::Whole);
        let (holding, held) = self.held.shown();
        for report in &loaded.reports {
            self.refused.remove(&report.path);
            // What is held is told of for itself.
            if report.outcome != Outcome::Loaded && !holding::is_held(report) {
                let (path, why) = refusal(report);
                self.refused.insert(path, why);
            }
        }
        let why = self.refused.values().take(MOST_REASONS).cloned().collect();
        let (count, is_new) = (self.refused.len(), !loaded.reports.is_empty());
        // Only all of it shows that it can be read.
        let error = self.unreadable.clone();
        self.base.publish(loaded, started);
        self.base.tell(|source| {
            source.change_folder(|folder| {
                (folder.refused, folder.why, folder.error) = (count, why, error);
                (folder.holding, folder.held) = (holding, held);
                if is_new {
                    let now = SystemTime::now();
                    let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                    (folder.loaded, folder.loaded_at) = (Some(date(now)), since.as_secs());
                }
            });
        });
    }
}

/// Looks into a folder, as [`Work::reach`] does. What is wrong with it is told when it is read.
fn look_into(folder: &Path) {
    let _ = fs::read_dir(folder).map(|mut entries| entries.next());
}

/// How much of a folder was loaded.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// All of it.
    Whole,
    /// What had changed.
    Changed,
}

/// A file that is refused, and the first thing that is wrong with it.
fn refusal(report: &FileReport) -> (PathBuf, String) {
    let error = report.faults.iter().find(|fault| fault.level == Level::Error);
    let why = error.map_or_else(
        || format!("{}: refused", report.path.display()),
        |fault| fault.display_without_level(&report.files).to_string(),
    );
    (report.path.clone(), why)
}

/// What several orders in a row are about.
struct Settled {
    /// Which paths; `None`: anything.
    changed: Option<BTreeSet<PathBuf>>,
    /// Whether somebody wants all read again.
    is_wanted: bool,
    /// Whether something may have changed that nobody has told of.
    has_missed: bool,
    /// Who waits until it is done, told by this being dropped.
    waiting: Vec<Sender<()>>,
    /// What operators want once it is done.
    asked: Vec<(Wish, oneshot::Sender<Result<Answer, String>>)>,
}

/// Waits until no order has come for a while. An error: the end was ordered.
fn settle(first: Order, inbox: &Receiver<Order>) -> Result<Settled, ()> {
    let patience = Instant::now() + PATIENCE;
    let mut settled = Settled {
        changed: Some(BTreeSet::new()),
        is_wanted: false,
        has_missed: false,
        waiting: Vec::new(),
        asked: Vec::new(),
    };
    let mut order = first;
    loop {
        let Settled { changed, is_wanted, has_missed, waiting, asked } = &mut settled;
        *is_wanted |= matches!(order, Order::Load);
        match (order, &mut *changed) {
            (Order::Changed(paths), Some(changed)) => changed.extend(paths),
            (Order::Changed(_), None) => {}
            (Order::Load | Order::Keys, _) => *changed = None,
            (Order::Missed, _) => *has_missed = true,
            (Order::Settle(who), _) => waiting.push(who),
            (Order::Ask(wish, reply), _) => asked.push((wish, reply)),
            (Order::Tip(..), _) => {}
            (Order::End, _) => return Err(()),
        }
        if changed.as_ref().is_some_and(|changed| changed.len() > MOST_CHANGED) {
            *changed = None;
        }
        if Instant::now() >= patience {
            return Ok(settled);
        }
        order = match inbox.recv_timeout(QUIET) {
            Ok(order) => order,
            Err(RecvTimeoutError::Disconnected) => return Err(()),
            Err(RecvTimeoutError::Timeout) => return Ok(settled),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::mpsc;
    use std::thread;

    use halfmoon_lua::{Dialect, Settings};

    use super::super::hub::Hub;
    use super::super::publishing::FolderView;
    use super::super::{Publishing, Source};
    use super::*;
    use crate::offline::Offline;
    use crate::shared::Shared;

    #[test]
    fn two_loads_in_a_row_say_all_that_either_says() {
        let [a, b, c]: [NameBuf; 3] =
            ["a.test", "b.test", "c.test"].map(|name| name.parse().unwrap());
        let report = |apex| FileReport {
            path: PathBuf::from("shared.zone"),
            apex,
            records: 1,
            outcome: Outcome::Loaded,
            faults: Vec::new(),
            files: halfmoon_zones::Files::default(),
        };
        let load = |apexes: &[NameBuf], removed, stray: &str| Loaded {
            catalog: Zones::default(),
            reports: apexes.iter().map(|apex| report(*apex)).collect(),
            removed: vec![removed],
            held: Vec::new(),
            strays: vec![PathBuf::from(stray)],
        };
        let all = together(load(&[a, b], b, "first"), load(&[b], c, "again"));
        let told: Vec<NameBuf> = all.reports.iter().map(|file| file.apex).collect();
        assert_eq!(told, [b, a]);
        assert_eq!(all.removed, [c, b]);
        assert_eq!(all.strays, ["again", "first"].map(PathBuf::from));
    }

    /// A folder, the folder of its one zone in it, and a server of all of it.
    fn one_zone() -> (tempfile::TempDir, PathBuf, Shared, Settings) {
        let folder = tempfile::tempdir().unwrap();
        let zones = folder.path().join("zones");
        fs::create_dir(&zones).unwrap();
        let text = "@ 60 SOA ns h 1 3600 900 604800 60\n@ 60 NS ns\nns 60 A 192.0.2.1\n";
        fs::write(zones.join("a.test.zone"), text).unwrap();
        let settings = Settings::of(Dialect::Halfmoon);
        let shared = Offline::load(folder.path().to_owned(), settings.clone()).unwrap().shared;
        (folder, zones, shared, settings)
    }

    #[test]
    fn a_folder_that_does_not_answer_takes_nothing_from_others() {
        let (folder, zones, shared, settings) = one_zone();
        let shared = Arc::new(shared);
        let (orders, inbox) = mpsc::channel();
        let (told, said) = mpsc::channel();
        let hub = Arc::new(Hub::new(Arc::clone(&shared.zones), vec![orders.clone()]));
        let base = Base {
            number: 0,
            tenant: None,
            compile: Compile::new(settings, shared.health.clone()),
            hub: Arc::clone(&hub),
            shared: Arc::clone(&shared),
            zones: Arc::default(),
            awaited: Some(told),
        };
        let loader = Box::new(Loader::new(zones, false));
        let mut work = Work::new(loader, base, Notifier::default(), orders.clone());
        work.reach = |folder| {
            while !folder.with_file_name("answers").exists() {
                thread::park_timeout(Duration::from_millis(10));
            }
        };
        let thread = thread::spawn(move || work.run(&inbox));
        let next = || said.recv_timeout(Duration::from_secs(30)).unwrap().1;
        assert!(matches!(next(), Begin::Waits));
        // All places for those that compile are free.
        let (done, desks) = mpsc::channel();
        thread::spawn(move || {
            let cores = thread::available_parallelism().map_or(1, usize::from);
            let all: Vec<_> = (0..cores.max(2)).map(|_| hub.desk()).collect();
            let _ = done.send(all.len());
        });
        assert!(desks.recv_timeout(Duration::from_secs(30)).is_ok());
        assert!(said.try_recv().is_err(), "it does not answer yet");
        fs::write(folder.path().join("answers"), "").unwrap();
        assert!(matches!(next(), Begin::Reads));
        assert!(matches!(next(), Begin::Over(Ok(()))));
        orders.send(Order::End).unwrap();
        thread.join().unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_read_is_known_as_such_until_all_of_it_can() {
        let (folder, zones, mut shared, settings) = one_zone();
        let (orders, inbox) = mpsc::channel();
        shared.publishing = Publishing::default();
        shared.publishing.add(None, Source::Folder(FolderView::default()), orders.clone());
        let shared = Arc::new(shared);
        let base = Base {
            number: 0,
            tenant: None,
            compile: Compile::new(settings, shared.health.clone()),
            hub: Arc::new(Hub::new(Arc::clone(&shared.zones), vec![orders.clone()])),
            shared: Arc::clone(&shared),
            zones: Arc::default(),
            awaited: None,
        };
        let loader = Box::new(Loader::new(zones.clone(), false));
        let work = Work::new(loader, base, Notifier::default(), orders.clone());
        let thread = thread::spawn(move || work.run(&inbox));
        // Waits until all is done that was ordered so far.
        let settle = || {
            let (waiting, done) = mpsc::channel();
            orders.send(Order::Settle(waiting)).unwrap();
            let _ = done.recv();
        };
        let error = || shared.publishing.folder().unwrap().error;
        settle();
        assert_eq!(error(), None);
        fs::rename(&zones, folder.path().join("away")).unwrap();
        orders.send(Order::Load).unwrap();
        settle();
        assert!(error().is_some());
        // Orders that have nothing read of it.
        settle();
        orders.send(Order::Changed(vec![zones.join("notes")])).unwrap();
        settle();
        assert!(error().is_some());
        fs::rename(folder.path().join("away"), &zones).unwrap();
        orders.send(Order::Changed(vec![zones.join("notes")])).unwrap();
        settle();
        assert_eq!(error(), None);
        orders.send(Order::End).unwrap();
        thread.join().unwrap();
    }
}
