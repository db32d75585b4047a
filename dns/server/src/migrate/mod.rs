//! Taking over from PowerDNS: reads its configuration and writes one of Halfmoon's that serves the
//! same zone files where they lie.
//!
//! Nothing is copied and nothing of PowerDNS is changed. What cannot be carried over is told, a
//! line a setting, and never left out in silence.

use std::fmt;
use std::io;
use std::path::{Component, Path, PathBuf};

mod carry;
mod document;
mod lost;
mod named_conf;
mod settings;

use settings::Settings;

/// Why a configuration cannot be taken over.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MigrateError {
    /// A file or folder cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{}:{line}: {message}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        message: String,
    },
    /// What stands on the command line is no setting of PowerDNS.
    #[error("{0:?} is not a setting; write it as --local-port=5300")]
    Option(String),
    /// The zones are not in files.
    #[error(
        "{at}: the zones are not in zone files (launch={launch}); write them into files, as with \
         `pdnsutil list-zone`, and serve the folder of these"
    )]
    NoFiles {
        /// Where the backends are named.
        at: Place,
        /// The backends.
        launch: String,
    },
    /// There is no zone.
    #[error("{}: there is no zone to serve", path.display())]
    NoZone {
        /// The file that should list them.
        path: PathBuf,
    },
}

/// Where a setting stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A line of a file, from 1.
    Line(PathBuf, usize),
    /// The command line.
    CommandLine,
    /// Nowhere: the file does not set it, and what PowerDNS takes then matters.
    Unset(PathBuf),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(path, line) => write!(f, "{}:{line}", path.display()),
            Self::CommandLine => f.write_str("command line"),
            Self::Unset(path) => write!(f, "{}", path.display()),
        }
    }
}

/// What whoever takes over has to know about one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Where the setting stands.
    pub at: Place,
    /// Its name.
    pub name: String,
    /// What is not as it was, and what to do.
    pub text: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.at, self.name, self.text)
    }
}

/// A configuration that was taken over.
#[derive(Debug)]
pub struct Migration {
    /// The configuration, in TOML.
    pub text: String,
    /// What is not as it was, in the order in which the files say it.
    pub notes: Vec<Note>,
}

/// Reads the configuration of a PowerDNS server. `path` is its folder or its `pdns.conf`;
/// `options` are those of its command line (`--local-port=5300`), which win over the file. Paths
/// become relative to `home` where they lie below it, and absolute elsewhere.
///
/// # Errors
/// It cannot be read, or there are no zone files to serve.
pub fn powerdns(
    path: &Path,
    options: &[String],
    home: Option<&Path>,
) -> Result<Migration, MigrateError> {
    let path = std::path::absolute(path)
        .map_err(|source| MigrateError::Unreadable { path: path.to_owned(), source })?;
    let settings = Settings::read(&tidy(&path), options)?;
    let home = home.map(|home| tidy(&std::path::absolute(home).unwrap_or_else(|_| home.into())));
    let (document, notes) = carry::carry(settings, home.as_deref())?;
    Ok(Migration { text: document.to_string(), notes })
}

/// The path without `.`, and without `..` where what stands before it is known to be a folder and
/// no link.
fn tidy(path: &Path) -> PathBuf {
    let mut tidied = PathBuf::new();
    for part in path.components() {
        let is_plain = matches!(tidied.components().next_back(), Some(Component::Normal(_)))
            && !tidied.is_symlink();
        if part == Component::ParentDir && is_plain {
            tidied.pop();
        } else {
            tidied.push(part);
        }
    }
    tidied
}
