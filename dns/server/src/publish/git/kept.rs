//! What is written down of the commits that are served.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// What is written down, so that a restart serves what was served.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) version: u32,
    /// The commit that is served.
    pub(super) commit: Option<String>,
    /// The one that was served before it.
    pub(super) before: Option<String>,
    /// The newest commit of the branch when an operator went back: it is not served, newer ones are.
    pub(super) passed_over: Option<String>,
    /// All that was served lies before one of these, or is one of them; since an operator forced a commit, if one did.
    #[serde(default)]
    pub(super) tops: Vec<String>,
}

impl Kept {
    pub(super) fn read(path: &Path) -> io::Result<Self> {
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

    /// Writes it beside the file, onto the disk. Nothing has changed yet, but there is a place for it.
    pub(super) fn write_beside(&self, path: &Path) -> io::Result<()> {
        let beside = beside(path);
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&beside)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.sync_all()
    }

    /// Puts what was written beside the file in its place; it is on the disk when this returns.
    pub(super) fn replace(path: &Path) -> io::Result<()> {
        fs::rename(beside(path), path)?;
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    }
}

fn beside(path: &Path) -> PathBuf {
    path.with_extension("json.new")
}
