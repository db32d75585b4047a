//! The notification of changes in the folders that zones come from.
//!
//! It says only where something may have changed; what has is for the loader to find out.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant, SystemTime};

use notify::RecursiveMode;

use super::Order;
use super::notifier::{Notifier, Watching};

/// So many folders of a tenant are watched. The system watches a number of them for all together.
pub(super) const MOST_WATCHED: usize = 1000;
/// How often folders are looked at that are not watched.
const POLL: Duration = Duration::from_secs(10);

/// The notification of changes, as long as it works, and looks at what it does not tell of.
pub(super) struct Watch {
    /// The zone folder, watched with all below it.
    folder: Option<PathBuf>,
    /// With more folders than these, the zone folder is watched alone; `None`: whatever is below it.
    most: Option<usize>,
    /// The folders of listed zones, each watched alone.
    flat: BTreeSet<PathBuf>,
    /// What the paths led to when they were last looked at; `None` where to nothing.
    found: Vec<Option<Identity>>,
    notifier: Notifier,
    watching: Option<Watching>,
    /// Something is not watched, or was not told.
    is_partial: bool,
    /// When that is looked at next.
    next: Option<Instant>,
    poll: Duration,
    /// Why something is not watched, as it was told.
    told: Option<String>,
    orders: Sender<Order>,
}

impl Watch {
    /// Of a zone folder, if there is one, with at most so many folders in it, itself among them.
    pub(super) fn new(
        folder: Option<PathBuf>,
        most: Option<usize>,
        notifier: Notifier,
        orders: Sender<Order>,
    ) -> Self {
        Self {
            folder,
            most,
            flat: BTreeSet::new(),
            found: Vec::new(),
            notifier,
            watching: None,
            is_partial: false,
            next: None,
            poll: POLL,
            told: None,
            orders,
        }
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

    /// Something may have changed that was not told.
    pub(super) const fn has_missed(&mut self) {
        self.is_partial = true;
    }

    /// Looks whether there are too many folders now, as these paths have changed; `None`: any.
    pub(super) fn look_at(&mut self, changed: Option<&BTreeSet<PathBuf>>) {
        let may_be_new = || changed.is_none_or(|paths| paths.iter().any(|path| path.is_dir()));
        if self.most.is_some() && !self.is_partial && may_be_new() && self.are_too_many() {
            self.watching = None;
        }
    }

    /// Looks where the paths lead, and watches what is there unless it does so already. Says
    /// whether there is something that may have changed unseen.
    ///
    /// What is watched is a folder, not its name: when another one is put in its place, or a link
    /// on the way is switched, nobody tells.
    pub(super) fn renew(&mut self) -> bool {
        let found: Vec<_> = self.paths().map(|(path, _)| Identity::of(path)).collect();
        let is_another = found != self.found;
        let now = Instant::now();
        let is_due = self.is_partial && self.next.is_none_or(|next| next <= now);
        if is_another || is_due {
            self.found = found;
            self.watching = None;
        }
        // What cannot be watched is tried again when it is time, however often somebody looks.
        let is_early = self.is_partial && !is_due && !is_another;
        if is_early || self.watching.is_some() || self.found.iter().all(Option::is_none) {
            return is_another;
        }
        let mut notifier = match self.notifier.again(&self.orders) {
            Ok(notifier) => notifier,
            Err(error) => {
                (self.is_partial, self.next) = (true, Some(now + self.poll));
                self.tell(&error.to_string());
                return is_another || is_due;
            }
        };
        let are_too_many = self.are_too_many();
        let mut watched = 0;
        let mut why = None;
        for ((path, mode), found) in self.paths().zip(&self.found) {
            if found.is_none() {
                continue;
            }
            let is_recursive = mode == RecursiveMode::Recursive;
            let mode = if are_too_many { RecursiveMode::NonRecursive } else { mode };
            match notifier.watch(path, mode) {
                Ok(()) => watched += 1,
                Err(error) => why = Some(format!("{}: {error}", path.display())),
            }
            if let Some(most) = self.most.filter(|_| is_recursive && are_too_many) {
                why = Some(format!("{}: more than {most} folders", path.display()));
            }
        }
        self.is_partial = why.is_some();
        if is_due || self.is_partial {
            self.next = Some(now + self.poll);
        }
        match why {
            Some(why) => self.tell(&why),
            None => self.told = None,
        }
        if watched == 0 {
            return is_another || is_due;
        }
        self.watching = Some(notifier);
        true
    }

    /// Whether the zone folder has more folders in it than are watched.
    fn are_too_many(&self) -> bool {
        let Some((most, folder)) = self.most.zip(self.folder.as_ref()) else {
            return false;
        };
        let (mut left, mut count) = (vec![folder.clone()], 0);
        while let Some(folder) = left.pop() {
            count += 1;
            if count + left.len() > most {
                return true;
            }
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
            left.extend(folders.map(|entry| entry.path()).take(most));
        }
        false
    }

    fn paths(&self) -> impl Iterator<Item = (&Path, RecursiveMode)> {
        let folder = self.folder.iter().map(|path| (path.as_path(), RecursiveMode::Recursive));
        let flat = self.flat.iter().map(|path| (path.as_path(), RecursiveMode::NonRecursive));
        folder.chain(flat)
    }

    /// Says once that something is not watched.
    fn tell(&mut self, why: &str) {
        if self.told.as_deref() != Some(why) {
            tracing::warn!(
                error = why,
                "not all zones are watched for changes; they are looked at every {:?}",
                self.poll
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

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{self, Receiver};

    use super::*;

    /// Waits until somebody tells of a change of a file.
    fn hears(heard: &Receiver<Order>, path: &Path) {
        loop {
            if let Order::Changed(paths) = heard.recv_timeout(Duration::from_secs(30)).unwrap()
                && paths.iter().any(|other| other == path)
            {
                return;
            }
        }
    }

    #[test]
    fn what_cannot_be_watched_is_looked_at_when_it_is_time_however_often_somebody_asks() {
        let folder = tempfile::tempdir().unwrap();
        let (orders, _heard) = mpsc::channel();
        let root = Some(folder.path().to_owned());
        let mut watch = Watch::new(root, None, Notifier::broken(), orders);
        watch.poll = Duration::from_secs(3600);
        assert!(watch.renew() && watch.is_partial);
        let next = watch.next.unwrap();
        assert!(!watch.renew(), "not yet");
        assert_eq!(watch.next, Some(next), "asking puts nothing off");
        watch.next = None;
        assert!(watch.renew());
        assert!(watch.next > Some(next) && !watch.renew());
    }

    #[test]
    fn more_folders_than_are_watched_are_looked_at_now_and_then() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("zones");
        let below = |number: u32| root.join(number.to_string());
        let (orders, heard) = mpsc::channel();
        fs::create_dir_all(below(0)).unwrap();
        let mut watch = Watch::new(Some(root.clone()), Some(3), Notifier::shared(), orders);
        watch.poll = Duration::from_secs(3600);
        assert!(watch.renew() && !watch.is_partial);
        assert!(!watch.renew(), "nothing is other");
        fs::write(below(0).join("a"), "").unwrap();
        hears(&heard, &below(0).join("a"));

        // A link is no folder, however many there are behind it.
        std::os::unix::fs::symlink("/", root.join("link")).unwrap();
        for number in 1..4 {
            fs::create_dir(below(number)).unwrap();
            watch.look_at(Some(&BTreeSet::from([below(number)])));
            let are_too_many = number > 1;
            assert_eq!(watch.renew(), number == 2, "{number}: what came unseen is looked for once");
            assert_eq!(watch.is_partial, are_too_many, "{number}");
            assert!(!watch.renew(), "{number}: no more before it is time");
        }
        fs::write(root.join("b"), "").unwrap();
        hears(&heard, &root.join("b"));

        // Few enough again.
        for number in 2..4 {
            fs::remove_dir(below(number)).unwrap();
        }
        assert!(!watch.renew(), "not yet");
        watch.next = None;
        assert!(watch.renew() && !watch.is_partial);
        fs::write(below(0).join("c"), "").unwrap();
        hears(&heard, &below(0).join("c"));

        // What was not told is looked for at once, and then not before it is time again.
        watch.next = None;
        for is_due in [true, false] {
            watch.has_missed();
            assert_eq!(watch.renew(), is_due);
        }
        watch.next = None;
        assert!(watch.renew() && !watch.is_partial);
    }
}
