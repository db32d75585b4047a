//! Zones from a Git repository: a commit is one transaction.
//!
//! One thread fetches, so that nobody waits for a network. This one reads what has changed, checks it,
//! asks the guards, writes down which commit it is going to serve, and swaps. Whatever goes wrong
//! before, the commit that is served stays. A process that is killed at any moment starts again with
//! the commit that was written down: the copy has it whole, and it has passed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use halfmoon_git::{CommitId, Copy, GitError, Source, SourceError};
use halfmoon_zones::{CommitLoader, Outcome, Proposal, Store};
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use super::publishing::{Act, Answer, CommitView, RefusedView, Wish};
use super::{Base, Compile, LOOK, MOST_LOGGED, Order, guards, report, report_file};
use crate::config::{Config, GuardsConfig};
use crate::date::date;
use crate::events::What;
use crate::secret::{self, SecretError};
use crate::shared::{Served, Zones};
use crate::signing::Signing;

/// Reasons of one refusal that are kept for whoever asks; the log has more.
const MOST_REASONS: usize = 20;

/// Why zones cannot come from a repository.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FollowError {
    /// The configuration names a folder or a list as well.
    #[error(
        "zones come from Git or from a folder; remove `zones.path` and `zones.zone`, or `zones.git`"
    )]
    Both,
    /// There is no place for the copy.
    #[error("zones.git needs a folder for its copy; set `zones.git.state`, or `health.state`")]
    NoState,
    /// The URL or the branch is none.
    #[error("zones.git: {0}")]
    Source(#[from] SourceError),
    /// The secret cannot be read.
    #[error("zones.git.credentials_file: {0}")]
    Secret(#[from] SecretError),
    /// The copy cannot be used.
    #[error("zones.git: {0}")]
    Git(#[from] GitError),
    /// What was served cannot be read or written down.
    #[error("{path}: {source}", path = path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is nothing to serve: no commit was ever served here, and the newest one cannot be.
    #[error("zones.git: commit {commit} cannot be served, and none was before: {why}")]
    Refused {
        /// The commit.
        commit: CommitId,
        /// Why.
        why: String,
    },
}

/// What is written down, so that a restart serves what was served.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    version: u32,
    /// The commit that is served.
    commit: Option<String>,
    /// The one that was served before it.
    before: Option<String>,
    /// The newest commit of the branch when an operator went back: it is not served, newer ones are.
    passed_over: Option<String>,
}

/// A branch that is followed, and the zones of the commit that is served.
#[derive(Debug)]
pub struct Following {
    copy: Copy,
    url: String,
    branch: String,
    root: PathBuf,
    interval: Duration,
    credentials: Option<PathBuf>,
    state: PathBuf,
    guards: GuardsConfig,
    loader: CommitLoader<Served>,
    served: Option<CommitId>,
    kept: Kept,
}

/// Files of one commit.
struct Files<'a> {
    copy: &'a Copy,
    commit: CommitId,
}

impl Store for Files<'_> {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.copy.read(self.commit, path)
    }
}

/// Why a commit is not served.
#[derive(Debug)]
struct Refusal {
    held: bool,
    why: Vec<String>,
}

impl Refusal {
    fn of(why: impl ToString) -> Self {
        Self { held: false, why: vec![why.to_string()] }
    }
}

/// How the zones of a commit have come to be asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Guarded {
    Yes,
    No,
}

impl Following {
    /// What a configuration says of a repository; `None` where zones do not come from one.
    ///
    /// # Errors
    /// It cannot be followed.
    pub fn open(config: &Config) -> Result<Option<Self>, FollowError> {
        let Some(git) = &config.zones.git else {
            return Ok(None);
        };
        let folder = Self::check(config)?;
        let state = folder.join("served.json");
        let copy = Copy::open(&folder.join("repository"))?;
        let kept = Kept::read(&state)
            .map_err(|source| FollowError::State { path: state.clone(), source })?;
        Ok(Some(Self {
            copy,
            url: git.url.clone(),
            branch: git.branch.clone(),
            root: git.path.clone(),
            interval: git.interval,
            credentials: git.credentials_file.clone(),
            state,
            guards: config.zones.guards,
            loader: CommitLoader::new(git.path.clone(), config.lua.insert_whitespace),
            served: None,
            kept,
        }))
    }

    /// Says what is wrong with the settings, without asking anybody; else, where the copy is.
    ///
    /// # Errors
    /// What is wrong.
    pub(crate) fn check(config: &Config) -> Result<PathBuf, FollowError> {
        let git = config.zones.git.as_ref().ok_or(FollowError::NoState)?;
        if config.zones.path.is_some() || !config.zones.zone.is_empty() {
            return Err(FollowError::Both);
        }
        source(&git.url, &git.branch, git.credentials_file.as_deref())?;
        let by_default = || Some(config.health.state.as_ref()?.join("git"));
        git.state.clone().or_else(by_default).ok_or(FollowError::NoState)
    }

    /// The zones to begin with: those of the commit that was served last, without asking anybody, else
    /// those of the newest commit, which is waited for.
    ///
    /// # Errors
    /// There are none.
    pub(crate) fn first(
        &mut self,
        compile: &mut Compile,
        loads: &super::Loads,
    ) -> Result<Zones, FollowError> {
        let started = Instant::now();
        let recalled = self.kept.commit.as_ref().and_then(|text| text.parse().ok());
        if let Some(commit) = recalled {
            match self.propose(commit, &Zones::default(), compile) {
                // What was served is served again, but for zones that this version finds wrong.
                Ok(proposal) => {
                    report(&proposal.loaded, started.elapsed());
                    loads.note(&proposal.loaded, started.elapsed());
                    self.served = Some(commit);
                    return Ok(self.loader.accept(proposal));
                }
                Err(error) => tracing::error!(
                    %commit, %error, "the commit that was served cannot be read; fetching"
                ),
            }
        }
        let source = source(&self.url, &self.branch, self.credentials.as_deref())?;
        let commit = self.copy.fetch(&source)?;
        let proposal = self.propose(commit, &Zones::default(), compile)?;
        report(&proposal.loaded, started.elapsed());
        loads.note(&proposal.loaded, started.elapsed());
        let refused = |why: String| FollowError::Refused { commit, why };
        if proposal.is_refused() {
            return Err(refused(reasons(&proposal).join("; ")));
        }
        if proposal.loaded.catalog.zones().is_empty() {
            let place = if self.root.as_os_str().is_empty() { Path::new("it") } else { &self.root };
            return Err(refused(format!("{} holds no zone files (*.zone)", place.display())));
        }
        self.write_down(commit, None)?;
        self.served = Some(commit);
        Ok(self.loader.accept(proposal))
    }

    /// What a commit would make of the zones.
    fn propose(
        &self,
        commit: CommitId,
        served: &Zones,
        compile: &mut Compile,
    ) -> Result<Proposal<Served>, GitError> {
        let changes = self.copy.changes(self.served, commit, &self.root)?;
        let changed: Vec<(PathBuf, bool)> = changes
            .into_iter()
            .map(|change| (self.root.join(change.path), change.is_there))
            .collect();
        let files = Files { copy: &self.copy, commit };
        let proposal = self.loader.propose(&files, &changed, served, compile);
        // Keys that were made for one zone are told of in the zones above.
        if compile.signing.as_mut().is_some_and(Signing::take_made) {
            return Ok(self.loader.propose(&files, &changed, served, compile));
        }
        Ok(proposal)
    }

    fn write_down(
        &mut self,
        commit: CommitId,
        passed_over: Option<String>,
    ) -> Result<(), FollowError> {
        let before = match self.served {
            Some(served) if served != commit => Some(served.to_string()),
            _ => self.kept.before.clone(),
        };
        let kept = Kept { version: 1, commit: Some(commit.to_string()), before, passed_over };
        let path = || self.state.clone();
        kept.write(&self.state).map_err(|source| FollowError::State { path: path(), source })?;
        self.kept = kept;
        Ok(())
    }

    /// Starts to fetch on a thread of its own, at once, then at each interval and whenever it is
    /// kicked. It ends when nobody can kick it any more.
    pub(super) fn fetch_always(&self, orders: mpsc::Sender<Order>) -> io::Result<SyncSender<()>> {
        let (kick, kicked) = mpsc::sync_channel::<()>(1);
        let (copy, interval) = (self.copy.handle(), self.interval);
        let (url, branch) = (self.url.clone(), self.branch.clone());
        let credentials = self.credentials.clone();
        thread::Builder::new().name("fetch".into()).spawn(move || {
            loop {
                // The account is read each time: it may have been changed.
                let source = source(&url, &branch, credentials.as_deref());
                let tip = source.map_err(|error| error.to_string());
                let tip = tip.and_then(|source| copy.fetch(&source).map_err(|e| e.to_string()));
                if orders.send(Order::Tip(tip)).is_err() {
                    return;
                }
                if kicked.recv_timeout(interval) == Err(RecvTimeoutError::Disconnected) {
                    return;
                }
            }
        })?;
        Ok(kick)
    }
}

fn source(url: &str, branch: &str, credentials: Option<&Path>) -> Result<Source, FollowError> {
    let source = Source::new(url, branch)?;
    match credentials {
        Some(path) => Ok(source.with_account(&secret::read(path)?)?),
        None => Ok(source),
    }
}

/// What is wrong with zones that were read, one line each.
fn reasons(proposal: &Proposal<Served>) -> Vec<String> {
    let wrong = proposal.loaded.reports.iter().filter(|file| file.outcome != Outcome::Loaded);
    let errors = wrong.flat_map(|file| {
        let faults = file.faults.iter().filter(|fault| fault.level == halfmoon_zones::Level::Error);
        faults.map(|fault| fault.display_without_level(&file.files).to_string())
    });
    let mut why: Vec<String> = errors.collect();
    let more = why.len().saturating_sub(MOST_REASONS);
    if more > 0 {
        why.truncate(MOST_REASONS);
        why.push(format!("{more} more faults"));
    }
    why
}

impl Kept {
    fn read(path: &Path) -> io::Result<Self> {
        match fs::read(path) {
            Ok(octets) => {
                let kept: Self = serde_json::from_slice(&octets)?;
                if kept.version == 1 {
                    Ok(kept)
                } else {
                    Err(io::Error::other("of another version of this server"))
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// Replaces the file; it is on the disk when this returns.
    fn write(&self, path: &Path) -> io::Result<()> {
        let beside = path.with_extension("json.new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&beside)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.sync_all()?;
        fs::rename(&beside, path)?;
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }
}

/// The publishing thread of a repository.
pub(super) struct Work {
    following: Following,
    base: Base,
    kick: SyncSender<()>,
    /// The newest commit of the branch, as far as it is known.
    tip: Option<CommitId>,
    /// The commit that was looked at and not served: it is not looked at again.
    judged: Option<CommitId>,
}

impl Work {
    pub(super) fn new(following: Following, base: Base, kick: SyncSender<()>) -> Self {
        let work = Self { following, base, kick, tip: None, judged: None };
        let Following { url, branch, kept, .. } = &work.following;
        let (url, branch) = (url.clone(), branch.clone());
        let is_back = kept.passed_over.is_some();
        work.base.shared.publishing.tell(|git| {
            (git.url, git.branch, git.rolled_back) = (url, branch, is_back);
        });
        work.show_served();
        work
    }

    pub(super) fn run(mut self, inbox: &Receiver<Order>) {
        loop {
            match inbox.recv_timeout(LOOK) {
                Ok(Order::Tip(tip)) => self.learn(tip),
                Ok(Order::Ask(wish, reply)) => self.obey(&wish, reply),
                Ok(Order::Load) => {
                    // SIGHUP, or keys of signed zones: fetch, and look again at what is here.
                    self.judged = None;
                    let _ = self.kick.try_send(());
                    self.renew();
                }
                Ok(Order::Changed(_)) | Err(RecvTimeoutError::Timeout) => {}
                Ok(Order::End) | Err(RecvTimeoutError::Disconnected) => return,
            }
            if self.base.look() {
                self.renew();
            }
        }
    }

    /// Takes in what a fetch has found.
    fn learn(&mut self, tip: Result<CommitId, String>) {
        match tip {
            Ok(tip) => {
                self.tip = Some(tip);
                let now = SystemTime::now();
                let since = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                self.base.shared.publishing.tell(|git| {
                    git.newest = Some(tip.to_string());
                    (git.fetched, git.fetched_at) = (Some(date(now)), since.as_secs());
                    if git.fetch_error.take().is_some() {
                        tracing::info!("the repository is reached again");
                    }
                });
                self.advance();
            }
            Err(error) => {
                self.base.shared.loads.fail();
                self.base.shared.publishing.tell(|git| {
                    // Once for each reason, not at each interval.
                    if git.fetch_error.as_ref() != Some(&error) {
                        tracing::error!(%error, "cannot fetch; the commit before is still served");
                    }
                    git.fetch_error = Some(error);
                });
            }
        }
    }

    /// Serves the newest commit, unless it was passed over or judged.
    fn advance(&mut self) {
        let Some(tip) = self.tip else {
            return;
        };
        let is_passed_over = self.following.kept.passed_over.as_deref() == Some(&*tip.to_string());
        if is_passed_over || self.judged == Some(tip) || self.following.served == Some(tip) {
            return;
        }
        let _ = self.publish(tip, Guarded::Yes, None, "");
    }

    /// Does what an operator wants.
    fn obey(&mut self, wish: &Wish, reply: oneshot::Sender<Result<Answer, String>>) {
        let before = self.following.served;
        let done = match wish.act {
            Act::Follow => self.follow(),
            Act::Force => self.force(wish),
            Act::Rollback => self.roll_back(wish),
        };
        let answer = done.and_then(|()| {
            let served = self.following.served.ok_or("nothing is served")?;
            Ok(Answer { commit: served.to_string(), is_new: before != Some(served) })
        });
        // Who has gone away does not hear it.
        let _ = reply.send(answer);
    }

    fn follow(&mut self) -> Result<(), String> {
        self.judged = None;
        if self.following.kept.passed_over.is_some()
            && let Some(served) = self.following.served
        {
            self.following.write_down(served, None).map_err(|error| error.to_string())?;
            self.base.shared.publishing.tell(|git| git.rolled_back = false);
        }
        let _ = self.kick.try_send(());
        match self.tip {
            Some(tip) if self.following.served != Some(tip) => {
                self.publish(tip, Guarded::Yes, None, "").map_err(told)
            }
            _ => Ok(()),
        }
    }

    fn force(&mut self, wish: &Wish) -> Result<(), String> {
        let text = wish.commit.as_deref().unwrap_or_default();
        let commit = self.following.copy.resolve(text).map_err(|error| error.to_string())?;
        match self.tip {
            Some(tip) if tip == commit => {}
            Some(tip) => {
                return Err(format!(
                    "{commit} is not the newest commit of the branch, {tip} is; \
                     `halfmoon rollback` serves an older one"
                ));
            }
            None => return Err("the branch was not fetched yet; try again".to_owned()),
        }
        let who = wish.user.as_deref().unwrap_or("an operator");
        self.publish(commit, Guarded::No, None, who).map_err(told)
    }

    fn roll_back(&mut self, wish: &Wish) -> Result<(), String> {
        let text = wish.commit.clone().or_else(|| self.following.kept.before.clone());
        let text = text.ok_or("no commit was served before this one; name one")?;
        let commit = self.following.copy.resolve(&text).map_err(|error| error.to_string())?;
        let newest = self.tip.or(self.following.served).map(|tip| tip.to_string());
        let who = wish.user.as_deref().unwrap_or("an operator");
        self.publish(commit, Guarded::No, newest, who).map_err(told)
    }

    /// Looks again at what is served, as keys of its zones have changed.
    fn renew(&mut self) {
        if self.base.compile.signing.is_none() {
            return;
        }
        let Some(served) = self.following.served else {
            return;
        };
        let started = Instant::now();
        self.base.prepare();
        let zones = self.base.shared.zones.load_full();
        match self.following.propose(served, &zones, &mut self.base.compile) {
            Ok(proposal) if proposal.loaded.reports.is_empty() => {}
            Ok(proposal) if proposal.is_refused() => report(&proposal.loaded, started.elapsed()),
            Ok(proposal) => self.swap(proposal, started),
            Err(error) => tracing::error!(%error, "the commit that is served cannot be read"),
        }
    }

    /// Serves a commit, or stays with the one before and says why.
    fn publish(
        &mut self,
        commit: CommitId,
        guarded: Guarded,
        passed_over: Option<String>,
        who: &str,
    ) -> Result<(), Refusal> {
        let started = Instant::now();
        let done = self.attempt(commit, guarded, passed_over.clone(), started);
        let shared = &self.base.shared;
        match done {
            Ok(()) => {
                self.judged = None;
                self.show_served();
                let about = self.following.copy.about(commit);
                let subject = about.map(|about| about.subject).unwrap_or_default();
                tracing::info!(%commit, subject, who, "commit served");
                shared.publishing.tell(|git| {
                    git.rolled_back = passed_over.is_some();
                    git.refused = None;
                });
                let (commit, who) = (commit.to_string(), who.to_owned());
                shared.events.note(What::CommitServed { commit, subject, who });
                Ok(())
            }
            Err(refusal) => {
                let how = if refusal.held { "held by a guard" } else { "refused" };
                let served = self.following.served.map(|id| id.to_string()).unwrap_or_default();
                tracing::error!(
                    %commit, served, why = refusal.why.join("; "),
                    "commit {how}; the one before is still served"
                );
                let why = refusal.why.join("; ");
                let event =
                    What::CommitRefused { commit: commit.to_string(), held: refusal.held, why };
                shared.events.note(event);
                if self.tip == Some(commit) {
                    self.judged = Some(commit);
                    let (held, why) = (refusal.held, refusal.why.clone());
                    let (commit, at) = (commit.to_string(), date(SystemTime::now()));
                    let refused = RefusedView { commit, at, held, why };
                    shared.publishing.tell(|git| git.refused = Some(refused));
                }
                Err(refusal)
            }
        }
    }

    fn attempt(
        &mut self,
        commit: CommitId,
        guarded: Guarded,
        passed_over: Option<String>,
        started: Instant,
    ) -> Result<(), Refusal> {
        self.base.prepare();
        let zones = self.base.shared.zones.load_full();
        let following = &mut self.following;
        let proposal = following.propose(commit, &zones, &mut self.base.compile);
        let proposal = proposal.map_err(Refusal::of)?;
        if proposal.is_refused() {
            let mut logged = 0;
            let wrong = |file: &&_| {
                let file: &halfmoon_zones::FileReport = file;
                file.outcome != Outcome::Loaded
            };
            for file in proposal.loaded.reports.iter().filter(wrong) {
                report_file(file, &mut logged);
                if logged > MOST_LOGGED {
                    break;
                }
            }
            self.base.shared.loads.note(&proposal.loaded, started.elapsed());
            return Err(Refusal { held: false, why: reasons(&proposal) });
        }
        if guarded == Guarded::Yes {
            let mut why = guards::held(&following.guards, &proposal.loaded, &zones);
            if !why.is_empty() {
                let more = why.len().saturating_sub(MOST_REASONS);
                why.truncate(MOST_REASONS);
                if more > 0 {
                    why.push(format!("{more} more of the kind"));
                }
                return Err(Refusal { held: true, why });
            }
        }
        // Written down before it is served: a restart must not serve anything older.
        following.write_down(commit, passed_over).map_err(Refusal::of)?;
        following.served = Some(commit);
        self.swap(proposal, started);
        Ok(())
    }

    fn swap(&mut self, proposal: Proposal<Served>, started: Instant) {
        report(&proposal.loaded, started.elapsed());
        self.base.shared.loads.note(&proposal.loaded, started.elapsed());
        let zones = self.following.loader.accept(proposal);
        self.base.swap(zones);
    }

    fn show_served(&self) {
        let Some(commit) = self.following.served else {
            return;
        };
        let about = self.following.copy.about(commit).ok();
        let view = about.map_or_else(CommitView::default, |about| {
            let made = Duration::from_secs(u64::try_from(about.at).unwrap_or(0));
            CommitView {
                commit: commit.to_string(),
                at: date(SystemTime::UNIX_EPOCH + made),
                made_at: about.at,
                author: about.author,
                subject: about.subject,
                since: date(SystemTime::now()),
            }
        });
        self.base.shared.publishing.tell(|git| git.served = Some(view));
    }
}

fn told(refusal: Refusal) -> String {
    let why = refusal.why.join("; ");
    if refusal.held {
        return format!("held: {why}; `halfmoon publish --force COMMIT` says that it is meant");
    }
    format!("refused: {why}")
}
