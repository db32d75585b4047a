//! The copy of a repository on this disk.

use std::collections::{HashSet, VecDeque};
use std::error::Error as _;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use gix::bstr::ByteSlice as _;
use gix::error::{Class, ResourceExhaustionKind};
use gix::objs::tree::EntryKind;
use gix::remote::Direction;
use gix::{ObjectId, Repository, ThreadSafeRepository};

use crate::source::Place;
use crate::{About, Change, CommitId, Files, MOST_OCTETS, Signed, Source, tree};

/// So many commits before one are looked at, and of a repository on this machine brought along.
const MOST_BEFORE: usize = 10_000;
/// What one object may take while it is unpacked, in so many of the largest file: it is made of the one that it is
/// stored as a difference from, which lies beside it then.
const UNPACKED: u64 = 4;
/// What it, and what is told of files that changed, may take in any case: folders and commits, too, are unpacked.
const LEAST: u64 = 16 << 20;
/// Fewer digits than these name no commit.
const FEWEST_DIGITS: usize = 7;

/// Why something cannot be had of a repository.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GitError {
    /// What Git's data or the other side say, in one line.
    #[error("{0}")]
    Said(String),
    /// The copy cannot be used.
    #[error("the copy of the repository, {}: {why}", path.display())]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// There is no such branch.
    #[error("{place}: there is no branch {branch:?}")]
    NoBranch {
        /// The repository.
        place: String,
        /// The branch.
        branch: String,
    },
    /// There is no such commit.
    #[error(
        "there is no commit {0} here; write its first {FEWEST_DIGITS} digits or more, of one that was fetched"
    )]
    NoCommit(String),
    /// There is no such folder in a commit.
    #[error("commit {commit} has no folder {path:?}")]
    NoFolder {
        /// The commit.
        commit: CommitId,
        /// The folder.
        path: PathBuf,
    },
    /// Something would take more memory to unpack than it may.
    #[error(
        "a file, or another version of it that it is stored as a difference from, is too large to be unpacked ({0}); \
         take large files out of the repository and its history, or let it have more memory"
    )]
    Large(String),
    /// There are more files and folders to compare than anybody means.
    #[error("more files and folders differ than are looked at; have fewer of them")]
    Many,
    /// Folders lie in folders without end.
    #[error("folders lie too deep in folders")]
    Deep,
}

/// An error of the library with all that led to it, in one line.
pub(crate) fn said(error: impl Into<gix::Error>) -> GitError {
    let error = error.into();
    let limit = Class::ResourceExhaustion(ResourceExhaustionKind::AllocationLimit);
    let is_large = error.classify().has(limit);
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if is_large { GitError::Large(text) } else { GitError::Said(text) }
}

/// How a repository is opened. Settings of the user and the environment do not count; whose it is does not either,
/// as the operator names it. Nothing that takes more than `unpacked` octets is unpacked of it.
fn how(unpacked: u64) -> gix::open::Options {
    gix::open::Options::isolated()
        .with(gix::sec::Trust::Full)
        .config_overrides([format!("gitoxide.objects.allocLimit={unpacked}")])
}

/// A bare repository of our own, with all commits that were fetched so far.
pub struct Copy {
    repo: ThreadSafeRepository,
    /// What one object may take while it is unpacked, in octets.
    unpacked: u64,
}

impl Copy {
    /// Opens the copy in a folder, and makes one if there is none. Settings of the user and the
    /// environment do not count. No file of more than `most_octets` is wanted of it: while an object is unpacked, it and
    /// those that it is stored as a difference from may take four times as many, or 16 MiB; what takes more is not
    /// fetched either.
    ///
    /// # Errors
    /// It cannot be used.
    pub fn open(folder: &Path, most_octets: u64) -> Result<Self, GitError> {
        let unusable = |why: String| GitError::Unusable { path: folder.to_owned(), why };
        let unpacked = most_octets.min(MOST_OCTETS).saturating_mul(UNPACKED).max(LEAST);
        let options = || how(unpacked).open_path_as_is(true);
        let opened = match gix::open_opts(folder, options()) {
            Ok(repo) => repo,
            Err(_) if !folder.join("HEAD").exists() => {
                std::fs::create_dir_all(folder).map_err(|error| unusable(error.to_string()))?;
                let kind = gix::create::Kind::Bare;
                let made = ThreadSafeRepository::init_opts(
                    folder,
                    kind,
                    // What a process left that was killed here is no reason to fail.
                    gix::create::Options {
                        destination_must_be_empty: Some(false),
                        ..Default::default()
                    },
                    options(),
                );
                made.map_err(|error| unusable(said(error).to_string()))?.to_thread_local()
            }
            Err(error) => return Err(unusable(said(error).to_string())),
        };
        Ok(Self { repo: opened.into_sync(), unpacked })
    }

    /// Where the copy is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.repo.path()
    }

    /// Another handle on the same copy.
    #[must_use]
    pub fn handle(&self) -> Self {
        Self { repo: self.repo.clone(), unpacked: self.unpacked }
    }

    /// Brings what the branch has, and says which commit is its newest. It may take long: over a
    /// network, and the first time. It ends soon after `stop` is set, unless it waits for the other side.
    ///
    /// # Errors
    /// The other side cannot be reached, or has no such branch.
    pub fn fetch(&self, source: &Source, stop: &AtomicBool) -> Result<CommitId, GitError> {
        match &source.place {
            Place::Local(path) => self.fetch_local(path, &source.branch),
            Place::Remote(url) => self.fetch_remote(url, source, stop),
        }
    }

    fn fetch_local(&self, path: &Path, branch: &str) -> Result<CommitId, GitError> {
        let from = gix::open_opts(path, how(self.unpacked)).map_err(said)?;
        let no_branch =
            || GitError::NoBranch { place: path.display().to_string(), branch: branch.to_owned() };
        let found = from.try_find_reference(&format!("refs/heads/{branch}")).map_err(said)?;
        let tip = found.ok_or_else(no_branch)?.into_fully_peeled_id().map_err(said)?.detach();
        let to = self.repo.to_thread_local();
        copy_commit(&from, &to, tip)?;
        Ok(CommitId(tip))
    }

    fn fetch_remote(
        &self,
        url: &str,
        source: &Source,
        stop: &AtomicBool,
    ) -> Result<CommitId, GitError> {
        let tip = self.receive(url, source, stop)?;
        if is_whole(&self.repo.to_thread_local(), tip)? {
            return Ok(CommitId(tip));
        }
        // It came along with a later one, when the repository was one on this machine.
        self.forget(tip, &source.branch)?;
        Ok(CommitId(self.receive(url, source, stop)?))
    }

    fn receive(&self, url: &str, source: &Source, stop: &AtomicBool) -> Result<ObjectId, GitError> {
        let repo = self.repo.to_thread_local();
        let branch = &source.branch;
        let kept = kept(branch);
        let refspec = format!("+refs/heads/{branch}:{kept}");
        let remote = repo
            .remote_at(url)
            .map_err(said)?
            .with_fetch_tags(gix::remote::fetch::Tags::None)
            .with_refspecs([refspec.as_str()], Direction::Fetch)
            .map_err(said)?;
        let connection = remote.connect(Direction::Fetch).map_err(said)?;
        let account = source.account.clone();
        let connection = connection.with_credentials(move |action| match action {
            gix::credentials::helper::Action::Get(context) => {
                Ok(account.clone().map(|(username, password)| {
                    let identity = gix::sec::identity::Account {
                        username,
                        password,
                        oauth_refresh_token: None,
                    };
                    gix::credentials::protocol::Outcome { identity, next: context.into() }
                }))
            }
            _ => Ok(None),
        });
        let prepared = connection
            .prepare_fetch(gix::progress::Discard, gix::remote::ref_map::Options::default())
            .map_err(said)?;
        prepared.receive(gix::progress::Discard, stop).map_err(said)?;
        let found = repo.try_find_reference(&kept).map_err(said)?;
        let no_branch = || GitError::NoBranch { place: url.to_owned(), branch: branch.clone() };
        let tip = found.ok_or_else(no_branch)?.into_fully_peeled_id().map_err(said)?.detach();
        Ok(tip)
    }

    /// Forgets a commit that is here without its files, and the branch: what is here is not fetched.
    fn forget(&self, id: ObjectId, branch: &str) -> Result<(), GitError> {
        let repo = self.repo.to_thread_local();
        if let Some(kept) = repo.try_find_reference(&kept(branch)).map_err(said)? {
            kept.delete().map_err(said)?;
        }
        let name = id.to_string();
        // It was written by itself, and is in no pack.
        let path = self.folder().join("objects").join(&name[..2]).join(&name[2..]);
        std::fs::remove_file(&path).map_err(|error| {
            let why = format!("it lacks the files of commit {id}: {}: {error}", path.display());
            GitError::Unusable { path: self.folder().to_owned(), why }
        })
    }

    /// The commit that a text names by its first digits.
    ///
    /// # Errors
    /// There is none, or there are several.
    pub fn resolve(&self, text: &str) -> Result<CommitId, GitError> {
        let none = || GitError::NoCommit(text.to_owned());
        if text.len() < FEWEST_DIGITS {
            return Err(none());
        }
        let prefix = gix::hash::Prefix::from_hex(text).map_err(|_| none())?;
        let repo = self.repo.to_thread_local();
        let found = repo.objects.lookup_prefix(prefix, None).map_err(said)?;
        let id = found.and_then(Result::ok).ok_or_else(none)?;
        // Those that came along with a later one have no files here.
        if !is_whole(&repo, id).map_err(|_| none())? {
            return Err(none());
        }
        Ok(CommitId(id))
    }

    /// Those of some commits that do not lie before another: that are not its parents, or theirs, and so on. At
    /// most 10,000 commits are looked at, from the newer one on; beyond them, and beyond commits that are
    /// not here, nothing lies before it.
    ///
    /// # Errors
    /// A commit cannot be read.
    pub fn not_before(
        &self,
        mut older: Vec<CommitId>,
        newer: CommitId,
    ) -> Result<Vec<CommitId>, GitError> {
        walk(&self.repo.to_thread_local(), newer.0, |commit| {
            let parents = parents(commit)?;
            older.retain(|id| !parents.contains(&id.0));
            Ok(!older.is_empty())
        })?;
        Ok(older)
    }

    /// What is told of a commit.
    ///
    /// # Errors
    /// It is not here.
    pub fn about(&self, commit: CommitId) -> Result<About, GitError> {
        let repo = self.repo.to_thread_local();
        let found = repo.find_commit(commit.0).map_err(said)?;
        let decoded = found.decode().map_err(said)?;
        let author = decoded.author().map_err(said)?;
        let committer = decoded.committer().map_err(said)?;
        Ok(About {
            at: committer.time().map(|time| time.seconds).unwrap_or_default(),
            author: author.name.to_str_lossy().into_owned(),
            subject: decoded.message_summary().to_str_lossy().into_owned(),
        })
    }

    /// The signature of a commit, if it has one. Whether it is right is not looked at.
    ///
    /// # Errors
    /// The commit is not here.
    pub fn signed(&self, commit: CommitId) -> Result<Option<Signed>, GitError> {
        let repo = self.repo.to_thread_local();
        let found = repo.find_commit(commit.0).map_err(said)?;
        let signed = found.signature().map_err(said)?;
        Ok(signed.map(|(signature, payload)| Signed {
            signature: signature.to_vec(),
            payload: payload.to_bstring().to_vec(),
        }))
    }

    /// What the trailers of this name say in the message of a commit: the lines `NAME: VALUE` of its last
    /// paragraph. The name is compared without regard to case.
    ///
    /// # Errors
    /// The commit is not here.
    pub fn trailers(&self, commit: CommitId, name: &str) -> Result<Vec<String>, GitError> {
        let repo = self.repo.to_thread_local();
        let found = repo.find_commit(commit.0).map_err(said)?;
        let message = found.message_raw().map_err(said)?.to_str_lossy().into_owned();
        Ok(trailers(&message, name))
    }

    /// The files below a folder that differ between two commits; all there are where there is no
    /// commit before.
    ///
    /// # Errors
    /// A commit is not here whole, the newer one lacks the folder, or there are so many that their names take more
    /// than an object may.
    pub fn changes(
        &self,
        before: Option<CommitId>,
        after: CommitId,
        folder: &Path,
    ) -> Result<Vec<Change>, GitError> {
        let repo = self.repo.to_thread_local();
        let old = match before {
            Some(commit) => folder_of(&repo, commit, folder)?,
            None => None,
        };
        let no_folder = || GitError::NoFolder { commit: after, path: folder.to_owned() };
        let new = folder_of(&repo, after, folder)?.ok_or_else(no_folder)?;
        tree::compare(&repo, (old, Some(new)), self.unpacked)
    }

    /// The files of a commit.
    #[must_use]
    pub fn files(&self, commit: CommitId) -> Files {
        Files::new(self.repo.to_thread_local(), commit)
    }
}

impl fmt::Debug for Copy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Copy").field(&self.folder()).finish()
    }
}

fn trailers(message: &str, name: &str) -> Vec<String> {
    let message = message.replace("\r\n", "\n");
    // The first paragraph is what the commit is about.
    let Some((_, last)) = message.trim_end().rsplit_once("\n\n") else {
        return Vec::new();
    };
    let pairs = last.lines().filter_map(|line| line.split_once(':'));
    let named = pairs.filter(|(key, _)| key.trim_end().eq_ignore_ascii_case(name));
    named.map(|(_, value)| value.trim().to_owned()).collect()
}

/// The tree of a folder in a commit, if it is there.
pub(crate) fn folder_of(
    repo: &Repository,
    commit: CommitId,
    folder: &Path,
) -> Result<Option<ObjectId>, GitError> {
    let tree = repo.find_commit(commit.0).map_err(said)?.tree().map_err(said)?;
    if folder.as_os_str().is_empty() {
        return Ok(Some(tree.id));
    }
    let entry = tree.lookup_entry_by_path(folder).map_err(said)?;
    Ok(entry.filter(|entry| entry.mode().is_tree()).map(|entry| entry.object_id()))
}

/// Where the copy keeps the newest commit of a branch that was fetched over a network.
fn kept(branch: &str) -> String {
    format!("refs/remotes/source/{branch}")
}

/// Whether the files of a commit are here with it.
fn is_whole(repo: &Repository, id: ObjectId) -> Result<bool, GitError> {
    let tree = repo.find_commit(id).map_err(said)?.tree_id().map_err(said)?.detach();
    Ok(repo.has_object(tree))
}

fn parents(commit: &gix::Commit<'_>) -> Result<Vec<ObjectId>, GitError> {
    Ok(commit.decode().map_err(said)?.parents().collect())
}

/// Shows a commit and those before it, newest generation first, each once, until it is told to stop or has
/// shown as many as are looked at. What is not here, as beyond the end of a shallow clone, is passed over.
fn walk(
    repo: &Repository,
    newest: ObjectId,
    mut show: impl FnMut(&gix::Commit<'_>) -> Result<bool, GitError>,
) -> Result<(), GitError> {
    let (mut waiting, mut seen) = (VecDeque::from([newest]), HashSet::from([newest]));
    for _ in 0..=MOST_BEFORE {
        let Some(id) = waiting.pop_front() else {
            break;
        };
        let Some(object) = repo.try_find_object(id).map_err(said)? else {
            continue;
        };
        let commit = object.try_into_commit().map_err(said)?;
        if !show(&commit)? {
            break;
        }
        waiting.extend(parents(&commit)?.into_iter().filter(|parent| seen.insert(*parent)));
    }
    Ok(())
}

/// Copies a commit and all that is in it. A tree that is here already has all that it refers to, since that is
/// written first. The commits before it come along without their files: they say what lies before what.
fn copy_commit(from: &Repository, to: &Repository, id: ObjectId) -> Result<(), GitError> {
    if to.has_object(id) && is_whole(to, id)? {
        return Ok(());
    }
    let tree = from.find_commit(id).map_err(said)?.tree_id().map_err(said)?.detach();
    copy_tree(from, to, tree, 0)?;
    walk(from, id, |commit| {
        if commit.id != id && !to.has_object(commit.id) {
            copy_object(from, to, commit.id)?;
        }
        Ok(true)
    })?;
    copy_object(from, to, id)
}

fn copy_tree(
    from: &Repository,
    to: &Repository,
    id: ObjectId,
    depth: usize,
) -> Result<(), GitError> {
    if to.has_object(id) {
        return Ok(());
    }
    if depth > 64 {
        return Err(GitError::Deep);
    }
    let tree = from.find_tree(id).map_err(said)?;
    for entry in tree.iter() {
        let entry = entry.map_err(said)?;
        match entry.mode().kind() {
            EntryKind::Tree => copy_tree(from, to, entry.object_id(), depth + 1)?,
            EntryKind::Commit => {}
            _ if to.has_object(entry.object_id()) => {}
            _ => copy_object(from, to, entry.object_id())?,
        }
    }
    copy_object(from, to, id)
}

fn copy_object(from: &Repository, to: &Repository, id: ObjectId) -> Result<(), GitError> {
    use gix::prelude::Write as _;
    let object = from.find_object(id).map_err(said)?;
    let written = to.objects.write_buf(object.kind, &object.data).map_err(said)?;
    if written == id { Ok(()) } else { Err(GitError::Said(format!("{id} is damaged"))) }
}

#[cfg(test)]
mod tests {
    use super::trailers;

    #[test]
    fn trailers_stand_in_the_last_paragraph() {
        for (message, expected) in [
            ("subject\n\nHalfmoon-Force: yes\n", &["yes"][..]),
            ("subject\n\nbody\n\nReviewed-by: A\nhalfmoon-force:  yes \n\n\n", &["yes"]),
            ("subject\r\n\r\nHalfmoon-Force: no\r\nHalfmoon-Force: yes", &["no", "yes"]),
            ("Halfmoon-Force: yes\n", &[]),
            ("subject\n\nHalfmoon-Force: yes\n\nmore\n", &[]),
            ("subject\n\nHalfmoon-Forced: yes\n", &[]),
            ("", &[]),
        ] {
            assert_eq!(trailers(message, "Halfmoon-Force"), expected, "{message:?}");
        }
    }
}
