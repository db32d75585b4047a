//! The notification of changes in the folders that zones come from.
//!
//! It says only where something may have changed; what has is for the loader to find out.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::time::SystemTime;

use notify::RecursiveMode;

use super::Order;
use super::notifier::{Notifier, Watching};

/// The notification of changes, as long as it works.
pub(super) struct Watch {
    /// The zone folder, watched with all below it.
    folder: Option<PathBuf>,
    /// The folders of listed zones, each watched alone.
    flat: BTreeSet<PathBuf>,
    /// What the paths led to when they were last looked at; `None` where to nothing.
    found: Vec<Option<Identity>>,
    notifier: Notifier,
    watching: Option<Watching>,
    /// Why something is not watched, as it was told.
    told: Option<String>,
    orders: Sender<Order>,
}

impl Watch {
    pub(super) fn new(folder: Option<PathBuf>, notifier: Notifier, orders: Sender<Order>) -> Self {
        let (flat, found) = (BTreeSet::new(), Vec::new());
        Self { folder, flat, found, notifier, watching: None, told: None, orders }
    }

    /// Says which folders matter beside the zone folder, and whether they are others than before.
    /// They are watched from the next [`Self::renew`] on.
    pub(super) fn cover(&mut self, mut folders: BTreeSet<PathBuf>) -> bool {
        if let Some(folder) = &self.folder {
            folders.retain(|path| !path.starts_with(folder));
        }
        let are_others = folders != self.flat;
        if are_others {
            self.flat = folders;
            // The places have moved in the list of what was found.
            self.found.clear();
        }
        are_others
    }

    /// Looks where the paths lead, and watches what is there unless it does so already. Says
    /// whether there is something that may have changed unseen.
    ///
    /// What is watched is a folder, not its name: when another one is put in its place, or a link
    /// on the way is switched, nobody tells.
    pub(super) fn renew(&mut self) -> bool {
        let found: Vec<_> = self.paths().map(|(path, _)| Identity::of(path)).collect();
        let is_another = found != self.found;
        if is_another {
            self.found = found;
            self.watching = None;
        }
        if self.watching.is_some() || self.found.iter().all(Option::is_none) {
            return is_another;
        }
        let mut notifier = match self.notifier.again(&self.orders) {
            Ok(notifier) => notifier,
            Err(error) => {
                self.tell(&error.to_string());
                return is_another;
            }
        };
        let mut watched = 0;
        let mut why = None;
        for ((path, mode), found) in self.paths().zip(&self.found) {
            if found.is_none() {
                continue;
            }
            match notifier.watch(path, mode) {
                Ok(()) => watched += 1,
                Err(error) => why = Some(format!("{}: {error}", path.display())),
            }
        }
        match why {
            Some(why) => self.tell(&why),
            None => self.told = None,
        }
        if watched == 0 {
            return is_another;
        }
        self.watching = Some(notifier);
        true
    }

    fn paths(&self) -> impl Iterator<Item = (&Path, RecursiveMode)> {
        let folder = self.folder.iter().map(|path| (path.as_path(), RecursiveMode::Recursive));
        let flat = self.flat.iter().map(|path| (path.as_path(), RecursiveMode::NonRecursive));
        folder.chain(flat)
    }

    /// Says once that something is not watched: it is tried again every few seconds.
    fn tell(&mut self, why: &str) {
        if self.told.as_deref() != Some(why) {
            tracing::warn!(
                error = why,
                "cannot watch the zones for changes; send SIGHUP after a change"
            );
            self.told = Some(why.to_owned());
        }
    }
}

/// Which folder it is, whatever its name is. Numbers are used again, so the birth counts too, where
/// the file system knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    born: Option<SystemTime>,
}

impl Identity {
    fn of(path: &Path) -> Option<Self> {
        let meta = fs::metadata(path).ok()?;
        Some(Self { device: meta.dev(), inode: meta.ino(), born: meta.created().ok() })
    }
}
