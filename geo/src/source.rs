//! Publishes a set of databases, and reads it again when the files change.

use std::fs::Metadata;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use arc_swap::{ArcSwap, Cache};

use crate::database::Database;
use crate::error::GeoError;
use crate::set::Geo;

/// What a file looks like from outside. A file that is replaced or written to looks
/// different afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    modified: Option<SystemTime>,
    octets: u64,
    /// Device and inode, where there are such things.
    identity: (u64, u64),
}

impl Stamp {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        let identity = {
            use std::os::unix::fs::MetadataExt;
            (metadata.dev(), metadata.ino())
        };
        #[cfg(not(unix))]
        let identity = (0, 0);
        Self { modified: metadata.modified().ok(), octets: metadata.len(), identity }
    }
}

/// Database files, and the set last read from them.
#[derive(Debug)]
pub struct Source {
    paths: Vec<PathBuf>,
    current: Arc<ArcSwap<Geo>>,
    attempt: Mutex<Attempt>,
}

/// The last time the files were read.
#[derive(Debug)]
struct Attempt {
    /// What they looked like, by path; `None` for a file that is not there.
    stamps: Vec<Option<Stamp>>,
    databases: Vec<Arc<Database>>,
    fault: Option<String>,
}

impl Source {
    /// Names files without reading them: the set is empty until [`Source::reload`]. For a
    /// server that starts without its databases rather than not at all.
    #[must_use]
    pub fn new(paths: Vec<PathBuf>) -> Self {
        Self {
            current: Arc::new(ArcSwap::from_pointee(Geo::empty())),
            attempt: Mutex::new(Attempt {
                // What no file looks like, so that the first reload reads them all.
                stamps: Vec::new(),
                databases: Vec::new(),
                fault: None,
            }),
            paths,
        }
    }

    /// Reads files, to be asked in the order given.
    ///
    /// # Errors
    /// The first file that is missing, unreadable or no mmdb database.
    pub fn open(paths: Vec<PathBuf>) -> Result<Self, GeoError> {
        let source = Self::new(paths);
        source.reload()?;
        Ok(source)
    }

    /// Another that gives what this one gives, and reads no files itself.
    #[must_use]
    pub fn same(&self) -> Self {
        Self { current: Arc::clone(&self.current), ..Self::new(Vec::new()) }
    }

    /// The files, in the order they are asked.
    #[must_use]
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// Reads those files again that look different from the last time, and publishes the new
    /// set if all of them are right. Says whether there is a new set. Costs one `stat` a file
    /// when nothing changed.
    ///
    /// # Errors
    /// A changed file that cannot be used; the set in force stays. It is reported once: while
    /// the files stay as they are, further calls give `Ok(false)`, and [`Source::fault`] says
    /// what is wrong.
    pub fn reload(&self) -> Result<bool, GeoError> {
        let mut attempt = self.attempt.lock().unwrap_or_else(PoisonError::into_inner);
        let stamps: Vec<_> = self
            .paths
            .iter()
            .map(|path| std::fs::metadata(path).ok().map(|metadata| Stamp::of(&metadata)))
            .collect();
        if stamps == attempt.stamps {
            return Ok(false);
        }
        let databases = self.paths.iter().zip(&stamps).map(|(path, stamp)| {
            let same = |database: &&Arc<Database>| {
                database.path() == path && stamp.is_some() && database.stamp() == *stamp
            };
            match attempt.databases.iter().find(same) {
                Some(database) => Ok(Arc::clone(database)),
                None => Database::open(path).map(Arc::new),
            }
        });
        match databases.collect::<Result<Vec<_>, _>>() {
            Ok(databases) => {
                // What was read counts, which may be newer than what was looked at before.
                let stamps = databases.iter().map(|database| database.stamp()).collect();
                self.current.store(Arc::new(Geo::new(databases.clone())));
                *attempt = Attempt { stamps, databases, fault: None };
                Ok(true)
            }
            Err(error) => {
                attempt.stamps = stamps;
                attempt.fault = Some(error.to_string());
                Err(error)
            }
        }
    }

    /// What is wrong with the files as they are now, if that is why an older set is in force.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        self.attempt.lock().unwrap_or_else(PoisonError::into_inner).fault.clone()
    }

    /// The set in force.
    #[must_use]
    pub fn current(&self) -> Arc<Geo> {
        self.current.load_full()
    }

    /// A view of the set in force for one thread.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader(Cache::new(Arc::clone(&self.current)))
    }
}

/// One thread's view of the set in force.
#[derive(Clone, Debug)]
pub struct Reader(Cache<Arc<ArcSwap<Geo>>, Arc<Geo>>);

impl Reader {
    /// The set in force. Costs one atomic read when it has not changed.
    pub fn load(&mut self) -> &Arc<Geo> {
        self.0.load()
    }
}
