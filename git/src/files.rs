//! The files of one commit.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use gix::objs::tree::EntryKind;
use gix::{ObjectId, Repository};

use crate::CommitId;
use crate::copy::{GitError, folder_of, said};

/// The largest file that is read whatever somebody wants, in octets.
pub const MOST_OCTETS: u64 = 512 << 20;

/// The files of one commit, read from the object database. Those of one folder are mostly asked for one after the
/// other, and some are not there: what the last folder holds is kept.
pub struct Files {
    repo: Repository,
    commit: CommitId,
    folder: RefCell<Option<Folder>>,
}

/// What a folder holds, by name.
struct Folder {
    path: PathBuf,
    entries: HashMap<Vec<u8>, (EntryKind, ObjectId)>,
}

impl Files {
    pub(crate) const fn new(repo: Repository, commit: CommitId) -> Self {
        Self { repo, commit, folder: RefCell::new(None) }
    }

    /// Reads a file of at most so many octets, whose path starts at the top of the repository. What has more is not
    /// unpacked.
    ///
    /// # Errors
    /// It is not there, no plain file, or too large, as it is or to unpack, which holds for the commit; or, of the
    /// kind `Other`, the copy cannot be read now.
    pub fn read(&self, path: &Path, most: u64) -> io::Result<Vec<u8>> {
        let other = |error: GitError| match error {
            GitError::Large(_) => io::Error::new(io::ErrorKind::FileTooLarge, error.to_string()),
            error => io::Error::other(error.to_string()),
        };
        let absent = || io::Error::from(io::ErrorKind::NotFound);
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(absent());
        };
        let mut folder = self.folder.borrow_mut();
        let folder = match &mut *folder {
            Some(folder) if folder.path == parent => folder,
            last => last.insert(self.open(parent).map_err(other)?),
        };
        let &(kind, id) = folder.entries.get(name.as_encoded_bytes()).ok_or_else(absent)?;
        if !matches!(kind, EntryKind::Blob | EntryKind::BlobExecutable) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no plain file"));
        }
        let size = self.repo.find_header(id).map_err(|error| other(said(error)))?.size();
        let most = most.min(MOST_OCTETS);
        if size > most {
            let why = format!("it has more than {most} octets");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
        }
        let blob = self.repo.find_blob(id).map_err(|error| other(said(error)))?;
        Ok(blob.detach().data)
    }

    /// A folder, empty if it is not there.
    fn open(&self, path: &Path) -> Result<Folder, GitError> {
        let mut entries = HashMap::new();
        if let Some(id) = folder_of(&self.repo, self.commit, path)? {
            let tree = self.repo.find_tree(id).map_err(said)?;
            for entry in tree.iter() {
                let entry = entry.map_err(said)?;
                entries.insert(entry.filename().to_vec(), (entry.kind(), entry.object_id()));
            }
        }
        Ok(Folder { path: path.to_owned(), entries })
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Files").field(&self.commit).finish()
    }
}
