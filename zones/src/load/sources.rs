//! Where zones are found, and in which order.

use std::cmp::Ordering;
use std::fs;
use std::path::{Path, PathBuf};

use halfmoon_wire::NameBuf;

/// Where zones are found.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// A folder whose zone files, and those in the folders below it, are zones; or one zone file.
    pub folder: Option<PathBuf>,
    /// Zones that are named one by one. Where the folder holds the same file, the list counts.
    pub listed: Vec<ListedZone>,
    /// Where relative paths of `$INCLUDE` start in listed files, as with `directory` in a
    /// `named.conf`, and the folder that they cannot leave. `None`: the folder of each file.
    pub include_root: Option<PathBuf>,
}

/// A zone that is named, with its file, whatever that is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedZone {
    /// The name of the zone: its apex, and the origin that its file begins with.
    pub name: NameBuf,
    /// Its file. Several zones may share one that says nothing of its own name.
    pub path: PathBuf,
}

/// One zone to load. Those that are listed come first: they win over others of the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// A listed zone: its file, and its name in lower case.
    Listed(PathBuf, String),
    /// A file in the folder.
    Found(PathBuf),
}

impl Source {
    pub(super) fn path(&self) -> &Path {
        match self {
            Self::Listed(path, _) | Self::Found(path) => path,
        }
    }
}

impl Ord for Source {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Listed(a, name), Self::Listed(b, other)) => {
                compare(a, b).then_with(|| name.cmp(other))
            }
            (Self::Listed(..), Self::Found(_)) => Ordering::Less,
            (Self::Found(_), Self::Listed(..)) => Ordering::Greater,
            (Self::Found(a), Self::Found(b)) => compare(a, b),
        }
    }
}

impl PartialOrd for Source {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// The order of paths, part by part, as that of [`Path`] but many times as quick: paths of many
/// zones begin alike, and are compared often.
pub(super) fn compare(a: &Path, b: &Path) -> Ordering {
    let (a, b) = (a.as_os_str().as_encoded_bytes(), b.as_os_str().as_encoded_bytes());
    match a.iter().zip(b).find(|(a, b)| a != b) {
        Some((b'/', _)) => Ordering::Less,
        Some((_, b'/')) => Ordering::Greater,
        Some((a, b)) => a.cmp(b),
        None => a.len().cmp(&b.len()),
    }
}

/// The folder that a file lies in.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| *folder != Path::new("")).unwrap_or_else(|| Path::new("."))
}

/// The path without links, as far as it exists.
pub(super) fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}
