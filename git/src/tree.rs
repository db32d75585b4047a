//! What changed between two trees.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gix::ObjectId;
use gix::objs::tree::EntryKind;

use crate::copy::{GitError, said};

/// How deep folders may lie in folders.
const MAX_DEPTH: usize = 32;

/// A file that is another one than before, or is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its path, from the folder that is looked at.
    pub path: PathBuf,
    /// Whether it is there now.
    pub is_there: bool,
}

/// What a name in a folder stands for. Links and submodules are passed over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Entry {
    File(ObjectId),
    Folder(ObjectId),
}

/// The files in which two folders differ. Folders that are the same are not looked into, so it costs
/// what the folders on the way to what has changed cost. The names there may take `most` octets: a folder
/// that is in another one many times, and so on, has more files than a disk.
pub(crate) fn compare(
    repo: &gix::Repository,
    (before, after): (Option<ObjectId>, Option<ObjectId>),
    most: u64,
) -> Result<Vec<Change>, GitError> {
    let mut comparison = Comparison { repo, found: Vec::new(), left: most };
    comparison.descend((before, after), Path::new(""), 0)?;
    Ok(comparison.found)
}

struct Comparison<'r> {
    repo: &'r gix::Repository,
    found: Vec<Change>,
    /// What paths that are looked at may still take, in octets.
    left: u64,
}

impl Comparison<'_> {
    fn descend(
        &mut self,
        (before, after): (Option<ObjectId>, Option<ObjectId>),
        at: &Path,
        depth: usize,
    ) -> Result<(), GitError> {
        if before == after {
            return Ok(());
        }
        if depth > MAX_DEPTH {
            return Err(GitError::Deep);
        }
        let (mut old, new) = (self.entries(before, at)?, self.entries(after, at)?);
        for (name, entry) in new {
            let was = old.remove(&name);
            if was == Some(entry) {
                continue;
            }
            let path = at.join(&name);
            let (mut from, mut to) = (None, None);
            match was {
                Some(Entry::Folder(id)) => from = Some(id),
                Some(Entry::File(_)) if matches!(entry, Entry::Folder(_)) => {
                    self.found.push(Change { path: path.clone(), is_there: false });
                }
                _ => {}
            }
            match entry {
                Entry::Folder(id) => to = Some(id),
                Entry::File(_) => self.found.push(Change { path: path.clone(), is_there: true }),
            }
            self.descend((from, to), &path, depth + 1)?;
        }
        for (name, entry) in old {
            let path = at.join(&name);
            match entry {
                Entry::File(_) => self.found.push(Change { path, is_there: false }),
                Entry::Folder(id) => self.descend((Some(id), None), &path, depth + 1)?,
            }
        }
        Ok(())
    }

    /// What is in a folder that lies there.
    fn entries(
        &mut self,
        tree: Option<ObjectId>,
        at: &Path,
    ) -> Result<BTreeMap<String, Entry>, GitError> {
        let Some(id) = tree else {
            return Ok(BTreeMap::new());
        };
        let tree = self.repo.find_tree(id).map_err(said)?;
        let mut entries = BTreeMap::new();
        for entry in tree.iter() {
            let entry = entry.map_err(said)?;
            let name = entry.filename().to_string();
            let takes = size_of::<Change>() + at.as_os_str().len() + name.len();
            self.left = self.left.checked_sub(takes as u64).ok_or(GitError::Many)?;
            // As in folders of the disk: what begins with a dot is not meant.
            if name.starts_with('.') {
                continue;
            }
            let what = match entry.mode().kind() {
                EntryKind::Blob | EntryKind::BlobExecutable => Entry::File(entry.object_id()),
                EntryKind::Tree => Entry::Folder(entry.object_id()),
                EntryKind::Link | EntryKind::Commit => continue,
            };
            entries.insert(name, what);
        }
        Ok(entries)
    }
}
