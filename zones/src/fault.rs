//! What is wrong with a zone, where, and what to write instead.

use std::fmt;
use std::path::{Path, PathBuf};

/// A file of one load: an index into [`Files`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u32);

/// The files that were read for one zone: its own, and those it includes.
#[derive(Clone, Debug, Default)]
pub struct Files(Vec<PathBuf>);

impl Files {
    /// Adds a file, or finds it if it was read before.
    pub fn add(&mut self, path: &Path) -> FileId {
        let at = self.0.iter().position(|known| known == path).unwrap_or_else(|| {
            self.0.push(path.to_owned());
            self.0.len() - 1
        });
        FileId(at as u32)
    }

    /// The path of a file as it was named at the load.
    #[must_use]
    pub fn path(&self, file: FileId) -> &Path {
        self.0.get(file.0 as usize).map_or_else(|| Path::new("?"), PathBuf::as_path)
    }

    /// All files, in the order they were first read.
    pub fn iter(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().map(PathBuf::as_path)
    }
}

/// A place in a file. Lines and columns count from 1; columns count octets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Which file.
    pub file: FileId,
    /// The line, from 1.
    pub line: u32,
    /// The column in octets, from 1.
    pub column: u32,
}

/// Whether a fault keeps a zone from being served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// The zone is served; it looks wrong.
    Warning,
    /// The zone's new version is refused.
    Error,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// One thing that is wrong, for the person who wrote the zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Whether the zone can be served all the same.
    pub level: Level,
    /// A short name of the rule in kebab case, for machines: `cname-and-other-data`.
    pub rule: &'static str,
    /// Where.
    pub place: Place,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// What to write instead, where that can be said.
    pub help: Option<String>,
}

impl Fault {
    /// A fault that refuses the zone.
    #[must_use]
    pub fn error(rule: &'static str, place: Place, message: impl Into<String>) -> Self {
        Self { level: Level::Error, rule, place, message: message.into(), help: None }
    }

    /// A fault that is reported only.
    #[must_use]
    pub fn warning(rule: &'static str, place: Place, message: impl Into<String>) -> Self {
        Self { level: Level::Warning, rule, place, message: message.into(), help: None }
    }

    /// The same with what to write instead.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// `file:line:column: level: message; help`, the one-line form of the command line.
    #[must_use]
    pub fn display<'a>(&'a self, files: &'a Files) -> impl fmt::Display + 'a {
        Line { fault: self, files, level: true }
    }

    /// The same without the level, for those who say it in their own way.
    #[must_use]
    pub fn display_without_level<'a>(&'a self, files: &'a Files) -> impl fmt::Display + 'a {
        Line { fault: self, files, level: false }
    }
}

struct Line<'a> {
    fault: &'a Fault,
    files: &'a Files,
    level: bool,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Fault { level, place, message, help, .. } = self.fault;
        let path = self.files.path(place.file).display();
        write!(f, "{path}:{}:{}: ", place.line, place.column)?;
        if self.level {
            write!(f, "{level}: ")?;
        }
        f.write_str(message)?;
        if let Some(help) = help {
            write!(f, "; {help}")?;
        }
        Ok(())
    }
}
