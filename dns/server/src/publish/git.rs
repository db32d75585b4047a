//! Zones from a Git repository: a commit is one transaction.
//!
//! One thread fetches, so that nobody waits for a network. Another one ([`work`]) reads what has changed,
//! checks it, asks the guards, writes down which commit it is going to serve, and swaps. Whatever goes
//! wrong before, the commit that is served stays. A process that is killed at any moment starts again
//! with the commit that was written down: the copy has it whole, and it has passed.

mod asked;
mod begin;
mod command;
mod fetch;
mod kept;
mod refusal;
mod repository;
mod signature;
mod verifier;
mod work;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;
use std::time::Duration;

use halfmoon_git::{CommitId, Copy, Files, GitError, Source, SourceError};
use halfmoon_zones::{CommitLoader, Fault, Level, Proposal, Store, UNREADABLE};

use super::serials::Serials;
use super::{Compile, Order};
use crate::behind;
use crate::config::{GitConfig, GuardsConfig, SerialOf, Verify};
use crate::expect::NOT_RUN;
use crate::secret::{self, SecretError};
use crate::shared::{Served, Zones};
use crate::signing::NO_KEYS;

pub(super) use asked::Look;
use asked::Looks;
pub(super) use begin::follow;
use fetch::Fetcher;
use kept::Kept;
use refusal::Refusal;
pub use repository::Repository;
use signature::Signers;
pub use signature::SignersError;
use verifier::Verifier;

/// Reasons of one refusal that are kept for whoever asks; the log has more.
const MOST_REASONS: usize = 20;
/// So many histories that were served are known; with more, signed trailers count for nothing until an operator
/// forces a commit.
const MOST_TOPS: usize = 100;
/// What a signed commit says if it is meant, whatever the guards say: `Halfmoon-Force: yes`.
const TRAILER: &str = "Halfmoon-Force";

/// Why zones cannot come from a repository. Said behind the key of the configuration that wants it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FollowError {
    /// The configuration names a folder or a list as well.
    #[error(
        "zones come from Git or from a folder; remove `zones.path` and `zones.zone`, or `zones.git`"
    )]
    Both,
    /// There is no place for the copy.
    #[error("the copy needs a folder; set its `state`, or `health.state`")]
    NoState,
    /// The URL or the branch is none.
    #[error("{0}")]
    Source(#[from] SourceError),
    /// The secret cannot be read.
    #[error("credentials_file: {0}")]
    Secret(#[from] SecretError),
    /// The copy cannot be used.
    #[error("{0}")]
    Git(#[from] GitError),
    /// It is not known whose signatures count.
    #[error("{0}")]
    Signers(#[from] SignersError),
    /// The newest commit cannot be had.
    #[error("{0}")]
    Fetch(String),
    /// What was served cannot be read or written down.
    #[error("{path}: {source}", path = path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// There is nothing to serve: no commit was ever served here, and the newest one cannot be.
    #[error("commit {commit} cannot be served, and none was before: {why}")]
    Refused {
        /// The commit.
        commit: CommitId,
        /// Why.
        why: String,
    },
    /// No thread is to be had.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
}

/// A branch that is followed, and the zones of the commit that is served.
#[derive(Debug)]
pub(super) struct Following {
    copy: Copy,
    fetcher: Fetcher,
    root: PathBuf,
    interval: Duration,
    signers: Signers,
    must_be_signed: bool,
    verifier: Verifier,
    state: PathBuf,
    guards: GuardsConfig,
    loader: CommitLoader<Served>,
    served: Option<CommitId>,
    /// Zone files of the commit that is served of which nothing is, for a reason that may pass.
    unread: BTreeSet<PathBuf>,
    kept: Kept,
}

/// Files of one commit.
struct Stored {
    files: Files,
    /// Whether one of them could not be read for a reason that is not in the commit.
    has_failed: Cell<bool>,
}

impl Store for Stored {
    fn read(&self, path: &Path, most: u64) -> io::Result<Vec<u8>> {
        let read = self.files.read(path, most);
        let is_passing = |error: &io::Error| error.kind() == io::ErrorKind::Other;
        if read.as_ref().is_err_and(is_passing) {
            self.has_failed.set(true);
        }
        read
    }
}

/// What a commit would make of the zones.
struct Proposed {
    proposal: Proposal<Served>,
    /// If it is refused, that is not the commit's doing: something here was in the way.
    is_passing: bool,
    /// The zone files that were looked at.
    touched: Vec<PathBuf>,
    /// Those of them that are refused, and for what is not the commit's doing.
    unread: BTreeSet<PathBuf>,
}

impl Following {
    /// Opens the copy of a repository, and finds out what was served. Programs that are asked are ended when all
    /// `is_over`.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn open(
        repository: &Repository,
        is_over: &Arc<AtomicBool>,
    ) -> Result<Self, FollowError> {
        let Repository { git, guards, folder, most_octets, insert_whitespace, .. } = repository;
        let state = folder.join("served.json");
        let copy = Copy::open(&folder.join("repository"), *most_octets)?;
        let kept = Kept::read(&state)
            .map_err(|source| FollowError::State { path: state.clone(), source })?;
        let fetcher = Fetcher {
            copy: copy.handle(),
            url: git.url.clone(),
            branch: git.branch.clone(),
            credentials: git.credentials_file.clone(),
            limit: git.timeout,
            running: Arc::default(),
        };
        Ok(Self {
            copy,
            fetcher,
            root: git.path.clone(),
            interval: git.interval,
            signers: Signers { is_over: Arc::clone(is_over), ..signers(git, folder) },
            must_be_signed: git.verify == Some(Verify::Signed),
            verifier: Verifier {
                command: git.verifier.clone(),
                limit: git.verifier_timeout,
                folder: folder.join("verifier"),
                is_over: Arc::clone(is_over),
            },
            state,
            guards: *guards,
            loader: CommitLoader::new(git.path.clone(), *insert_whitespace),
            served: None,
            unread: BTreeSet::new(),
            kept,
        })
    }

    /// Who has signed a commit that has to be; nobody where it does not.
    ///
    /// # Errors
    /// Nobody who may.
    fn signer(&self, commit: CommitId) -> Result<Option<String>, Refusal> {
        if !self.must_be_signed {
            return Ok(None);
        }
        self.signers.signer(&self.copy, commit).map(Some)
    }

    /// Who says with his signature that a commit is meant, whatever the guards say; `None`: nobody does.
    /// The signature covers the history of the commit, so it is for the change from what is served only where
    /// all that was served is part of this history.
    ///
    /// # Errors
    /// Somebody says it whose signature does not count.
    fn released_by(&self, commit: CommitId) -> Result<Option<String>, Refusal> {
        let said = self.copy.trailers(commit, TRAILER)?;
        if !said.iter().any(|value| value.eq_ignore_ascii_case("yes")) {
            return Ok(None);
        }
        if !self.signers.are_any() {
            return Err(Refusal::of("no `allowed_signers` are set"));
        }
        // Else an old commit would release a second time what was meant then: whoever may push sets the
        // branch back to it, or to what it was signed on top of and then to it.
        let older = self.tops().chain(self.served).collect();
        if let Some(other) = self.copy.not_before(older, commit)?.first() {
            return Err(Refusal::of(format!(
                "{other}, which was served, does not lie before it, so the signature is not for this \
                 change; sign a commit on top of that one, or run `halfmoon publish --force`"
            )));
        }
        self.signers.signer(&self.copy, commit).map(Some)
    }

    /// The serials that zones had, where they come from commits.
    ///
    /// # Errors
    /// They cannot be read.
    fn serials(&self, serial: SerialOf) -> Result<Option<Serials>, FollowError> {
        if serial != SerialOf::Commit {
            return Ok(None);
        }
        let path = self.state.with_file_name("serials");
        let serials = Serials::open(path.clone());
        serials.map(Some).map_err(|source| FollowError::State { path, source })
    }

    /// What was served last, as far as it is known.
    fn recalled(&self) -> Option<CommitId> {
        self.kept.commit.as_ref()?.parse().ok()
    }

    /// That it holds no zones, said of a commit.
    fn no_zones(&self) -> String {
        let place = if self.root.as_os_str().is_empty() { Path::new("it") } else { &self.root };
        format!("{} holds no zone files (*.zone)", place.display())
    }

    /// The files that a commit changes, and whether they are there in it; and these files, whether they have changed
    /// or not. It may take long where there are many, and nobody who compiles is to wait for it.
    fn changed(
        &self,
        commit: CommitId,
        again: &BTreeSet<PathBuf>,
    ) -> Result<Vec<(PathBuf, bool)>, GitError> {
        let changes = self.copy.changes(self.served, commit, &self.root)?;
        let mut changed: Vec<(PathBuf, bool)> = changes
            .into_iter()
            .map(|change| (self.root.join(change.path), change.is_there))
            .collect();
        let have_not_changed = |path: &&PathBuf| !changed.iter().any(|(other, _)| other == *path);
        let again: Vec<_> = again.iter().filter(have_not_changed).cloned().collect();
        changed.extend(again.into_iter().map(|path| (path, true)));
        Ok(changed)
    }

    /// What a commit would make of the zones, of which these files are looked at.
    fn propose(
        &self,
        commit: CommitId,
        changed: Vec<(PathBuf, bool)>,
        served: &Zones,
        compile: &mut Compile,
    ) -> Result<Proposed, GitError> {
        let files = Stored { files: self.copy.files(commit), has_failed: Cell::new(false) };
        compile.look_at(&commit.to_string());
        if let Some(serials) = &mut compile.serials {
            // Where nothing is served yet, what was served is read once more.
            let is_again =
                self.served.is_none() && self.kept.commit.as_deref() == Some(&*commit.to_string());
            serials.begin(self.copy.about(commit)?.at, is_again);
        }
        let mut proposal = self.loader.propose(&files, &changed, served, compile);
        // Keys that were made for one zone are told of in the zones above.
        if compile.is_to_read_again(served, &proposal.loaded.catalog) {
            proposal = self.loader.propose(&files, &changed, served, compile);
        }
        compile.look_across(&mut proposal.loaded);
        let is_passing = files.has_failed.get() || may_pass(&proposal);
        let has_failed = files.has_failed.get();
        let may_pass = |fault: &Fault| {
            let is_passing = fault.rule == NO_KEYS || fault.rule == UNREADABLE && has_failed;
            is_passing && fault.level == Level::Error
        };
        let wrong = proposal.loaded.reports.iter().filter(|file| file.is_wrong());
        let unread = wrong.filter(|file| file.faults.iter().any(may_pass));
        let unread = unread.map(|file| file.path.clone()).collect();
        let touched = changed.into_iter().map(|(path, _)| path).collect();
        Ok(Proposed { proposal, is_passing, touched, unread })
    }

    /// Writes down the serials of what is going to be served.
    fn accept_serials(&self, serials: Option<&mut Serials>) -> Result<(), FollowError> {
        let Some(serials) = serials else {
            return Ok(());
        };
        let path = || self.state.with_file_name("serials");
        serials.accept().map_err(|source| FollowError::State { path: path(), source })
    }

    /// Writes down a commit that is going to be served, with the serials of its zones.
    fn write_down(
        &mut self,
        commit: CommitId,
        passed_over: Option<String>,
        mut tops: Vec<String>,
        serials: Option<&mut Serials>,
    ) -> Result<(), FollowError> {
        let before = match self.served {
            Some(served) if served != commit => Some(served.to_string()),
            _ => self.kept.before.clone(),
        };
        let text = commit.to_string();
        if !tops.contains(&text) && tops.len() < MOST_TOPS {
            tops.push(text.clone());
        }
        let kept = Kept { version: 1, commit: Some(text), before, passed_over, tops };
        let failed = |source| FollowError::State { path: self.state.clone(), source };
        // Serials are spent only where the commit can be written down, since it is tried again if it cannot, and
        // before it is: a restart must not serve it with those of the one before.
        kept.write_beside(&self.state).map_err(failed)?;
        self.accept_serials(serials)?;
        Kept::replace(&self.state).map_err(failed)?;
        self.kept = kept;
        Ok(())
    }

    /// The commits that all that was served lies before.
    fn tops(&self) -> impl Iterator<Item = CommitId> {
        self.kept.tops.iter().filter_map(|text| text.parse().ok())
    }

    /// Those of them that do not lie before a commit.
    fn tops_beside(&self, commit: CommitId) -> Vec<String> {
        let beside = self.copy.not_before(self.tops().collect(), commit);
        // Where it is not known, no signed trailer is believed.
        beside.map_or_else(
            |_| self.kept.tops.clone(),
            |beside| beside.iter().map(CommitId::to_string).collect(),
        )
    }

    /// Whether an operator went back from a commit.
    fn passes_over(&self, commit: CommitId) -> bool {
        self.kept.passed_over.as_deref() == Some(&*commit.to_string())
    }

    /// Starts to fetch on a thread of its own, at once, then at each interval and whenever a look is
    /// wanted. It ends when nobody can want one any more.
    pub(super) fn fetch_always(&self, orders: mpsc::Sender<Order>) -> io::Result<Looks> {
        let (looks, wanted) = Looks::new();
        let (fetcher, interval) = (self.fetcher.again(), self.interval);
        behind::spawn("fetch", move || {
            loop {
                let look = wanted.begin();
                let is_told = orders.send(Order::Tip(fetcher.fetch(), look)).is_ok();
                if !is_told || !wanted.wait(interval) {
                    return;
                }
            }
        })?;
        Ok(looks)
    }
}

/// Whose signatures count, as the settings have it.
fn signers(git: &GitConfig, folder: &Path) -> Signers {
    Signers {
        allowed: git.allowed_signers.clone(),
        keyring: git.openpgp_keyring.clone(),
        folder: folder.join("signature"),
        is_over: Arc::default(),
    }
}

fn source(url: &str, branch: &str, credentials: Option<&Path>) -> Result<Source, FollowError> {
    let source = Source::new(url, branch)?;
    match credentials {
        Some(path) => Ok(source.with_account(&secret::read(path)?)?),
        None => Ok(source),
    }
}

/// Whether nothing is wrong but that there are no keys to sign with, or that there was no time for tests.
fn may_pass(proposal: &Proposal<Served>) -> bool {
    let faults = proposal.loaded.reports.iter().flat_map(|file| &file.faults);
    are_passing(faults)
}

fn are_passing<'a>(faults: impl Iterator<Item = &'a Fault>) -> bool {
    let mut errors = faults.filter(|fault| fault.level == Level::Error);
    errors.all(|fault| fault.rule == NO_KEYS || fault.rule == NOT_RUN)
}

/// What is wrong with zones that were read, one line each.
fn reasons(proposal: &Proposal<Served>) -> Vec<String> {
    let wrong = proposal.loaded.reports.iter().filter(|file| file.is_wrong());
    let errors = wrong.flat_map(|file| {
        let faults = file.faults.iter().filter(|fault| fault.level == Level::Error);
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use halfmoon_git::MOST_OCTETS;

    use super::*;

    #[test]
    fn a_commit_is_tried_again_for_what_is_not_its_own_doing() {
        let place = halfmoon_zones::Files::default().add(Path::new("a.zone"));
        let place = halfmoon_zones::Place { file: place, line: 1, column: 1 };
        for (rules, expected) in [
            (&[NO_KEYS][..], true),
            (&[NOT_RUN], true),
            (&[NOT_RUN, NO_KEYS], true),
            (&[NOT_RUN, "expectation"], false),
            (&["soa-missing"], false),
        ] {
            let faults: Vec<Fault> =
                rules.iter().map(|rule| Fault::error(rule, place, String::new())).collect();
            assert_eq!(are_passing(faults.iter()), expected, "{rules:?}");
        }
    }

    #[test]
    fn what_the_copy_cannot_read_is_not_the_commits_doing() {
        let folder = tempfile::tempdir().unwrap();
        let git = |args: &[&str]| {
            let said = Command::new("git")
                .args(["-c", "user.name=T", "-c", "user.email=t@example.test"])
                .args(["-c", "commit.gpgsign=false"])
                .args(args)
                .current_dir(folder.path())
                .output()
                .unwrap();
            assert!(said.status.success(), "{args:?}");
            String::from_utf8(said.stdout).unwrap().trim().to_owned()
        };
        git(&["init", "--quiet"]);
        fs::write(folder.path().join("a.zone"), "@ NS ns\n").unwrap();
        std::os::unix::fs::symlink("a.zone", folder.path().join("link")).unwrap();
        git(&["add", "--all"]);
        git(&["commit", "--quiet", "-m", "first"]);
        let commit: CommitId = git(&["rev-parse", "HEAD"]).parse().unwrap();
        let read = |path: &str| {
            let copy = Copy::open(&folder.path().join(".git"), MOST_OCTETS).unwrap();
            let stored = Stored { files: copy.files(commit), has_failed: Cell::new(false) };
            let is_there = stored.read(Path::new(path), MOST_OCTETS).is_ok();
            (is_there, stored.has_failed.get())
        };
        assert_eq!(read("a.zone"), (true, false));
        assert_eq!((read("none"), read("link")), ((false, false), (false, false)));
        let blob = git(&["rev-parse", "HEAD:a.zone"]);
        let (first, rest) = blob.split_at(2);
        fs::remove_file(folder.path().join(".git/objects").join(first).join(rest)).unwrap();
        assert_eq!(read("a.zone"), (false, true));
    }
}
