//! What can be wrong with a database file.

use std::io;
use std::path::PathBuf;

/// Why a database file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GeoError {
    /// The file is missing, or the system does not let it be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A directory, a pipe, a device.
    #[error("{}: not a regular file; name an mmdb file", path.display())]
    NotAFile {
        /// What was named as a file.
        path: PathBuf,
    },
    /// No octets at all.
    #[error("{}: the file is empty", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Larger than an mmdb file can sensibly be.
    #[error("{}: {octets} octets; an mmdb file has at most {limit}", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size.
        octets: u64,
        /// The largest size that is read.
        limit: u64,
    },
    /// A gzip or zip file, as vendors hand databases out.
    #[error("{}: the file is compressed; unpack the .mmdb file in it", path.display())]
    Compressed {
        /// The file.
        path: PathBuf,
    },
    /// Shorter or longer than it was when it was opened.
    #[error("{}: the file changed while it was read; replace it by renaming a complete one", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// The octets are no mmdb database, or a damaged one.
    #[error("{}: not a usable mmdb database: {reason}", path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// What is odd about a database that is used all the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Warning {
    /// Some records cannot be decoded; the addresses they hold for are unknown.
    #[error("{}: a record is damaged and counts as unknown: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with the first such record found.
        reason: String,
    },
    /// None of the records looked at has anything that can be asked for.
    #[error(
        "{}: a database of type {kind:?} without country, continent, region, city, coordinates or network operator",
        path.display()
    )]
    Useless {
        /// The file.
        path: PathBuf,
        /// What the database calls itself.
        kind: String,
    },
}
