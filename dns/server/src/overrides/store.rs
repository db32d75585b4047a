//! The overrides on disk: one file, replaced as a whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Override;

/// The file, beside what else is known of endpoints.
const NAME: &str = "overrides.json";

/// What the file says.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    version: u32,
    /// The number of the next override.
    pub(super) next: u64,
    pub(super) overrides: Vec<Override>,
}

/// Why the file is not usable.
#[derive(Debug, thiserror::Error)]
#[error("the overrides in {}: {source}; mend the file, or remove it if no override is to be in force", path.display())]
pub struct StoreError {
    path: PathBuf,
    source: io::Error,
}

impl Kept {
    pub(super) fn new(next: u64, overrides: Vec<Override>) -> Self {
        // A server that knows nothing of tenants must not take what one says for the operator's.
        let has_tenants = overrides.iter().any(|an| an.tenant.is_some());
        Self { version: if has_tenants { 2 } else { 1 }, next, overrides }
    }

    /// Reads the file of a folder; without one there are no overrides. One that cannot be read is an
    /// error: what an operator has taken out must not come back because of a slip.
    ///
    /// # Errors
    /// It cannot be read, or says something else.
    pub(super) fn read(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join(NAME);
        let unusable = |source| StoreError { path: path.clone(), source };
        match fs::read(&path) {
            Ok(octets) => match serde_json::from_slice::<Self>(&octets) {
                Ok(kept) if matches!(kept.version, 1 | 2) => Ok(kept),
                Ok(_) => Err(unusable(io::Error::other("of another version of this server"))),
                Err(error) => Err(unusable(error.into())),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::new(1, Vec::new())),
            Err(error) => Err(unusable(error)),
        }
    }

    /// Replaces the file; it is on the disk when this returns.
    ///
    /// # Errors
    /// What the system says. The file is what it was then.
    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        let (path, beside) = (folder.join(NAME), folder.join(format!("{NAME}.new")));
        fs::create_dir_all(folder)?;
        let mut file =
            OpenOptions::new().write(true).create(true).truncate(true).mode(0o640).open(&beside)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.sync_all()?;
        fs::rename(&beside, &path)?;
        File::open(folder)?.sync_all()
    }
}
