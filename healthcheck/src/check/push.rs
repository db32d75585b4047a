//! What says of itself that it is up: a heartbeat that is called in, and a file.

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use crate::refused::Refused;

/// A heartbeat: whoever has its token has to call in ([`crate::Health::beat`]).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BeatProbe {
    /// Its name, which the settings know.
    pub name: String,
    /// How long a call holds.
    pub push: PushOptions,
}

/// A file that says whether something is up, and until when.
///
/// It holds one line, `up 2026-11-24T12:00:00Z` or `down`, or JSON,
/// `{"state": "up", "until": "2026-11-24T12:00:00Z", "weight": 5, "reason": "…"}`. It is read at each
/// probe.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FileProbe {
    /// Its path within the folder of the settings.
    pub path: PathBuf,
    /// What it means when nobody writes it any more.
    pub push: PushOptions,
}

/// How long what was called in holds, and what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PushOptions {
    /// How long a call holds that does not say so itself.
    pub within: Duration,
    /// What follows when it does not hold any more.
    pub stale: Stale,
}

/// What is held of what was not heard of for too long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Stale {
    /// Silence is a failure.
    #[default]
    Down,
    /// Silence says nothing: the state stays what it was.
    Unknown,
}

impl Default for PushOptions {
    fn default() -> Self {
        Self { within: Duration::from_secs(60), stale: Stale::Down }
    }
}

impl PushOptions {
    /// How long a call can hold at most.
    pub const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

    fn validate(&self) -> Result<(), Refused> {
        if self.within.is_zero() || self.within > Self::LONGEST {
            return Err(Refused::Within { within: self.within });
        }
        Ok(())
    }
}

impl BeatProbe {
    /// Whether a text can be the name of a heartbeat: 1 to 64 letters, digits, `-`, `_` and `.`, as
    /// they stand in a URL without further ado.
    #[must_use]
    pub fn is_name(text: &str) -> bool {
        let may_be = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet);
        (1..=64).contains(&text.len()) && text.bytes().all(may_be)
    }

    pub(super) fn validate(&self) -> Result<(), Refused> {
        self.push.validate()
    }
}

impl FileProbe {
    pub(super) fn validate(&self) -> Result<(), Refused> {
        if !is_within(&self.path) {
            return Err(Refused::Path { path: self.path.clone() });
        }
        self.push.validate()
    }
}

/// Whether a path leads to something in a folder, whatever folder it starts at.
fn is_within(path: &Path) -> bool {
    path.components().next().is_some()
        && path.components().all(|component| matches!(component, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_in_its_folder() {
        for (path, is_within) in [
            ("fra", true),
            ("eu/fra.state", true),
            ("", false),
            (".", false),
            ("/etc/passwd", false),
            ("../fra", false),
            ("eu/../../fra", false),
        ] {
            assert_eq!(super::is_within(Path::new(path)), is_within, "{path}");
        }
    }

    #[test]
    fn the_name_of_a_heartbeat_stands_in_a_url() {
        for (name, is_one) in [
            ("fra-1", true),
            ("a.b_c", true),
            ("", false),
            ("a/b", false),
            ("ä", false),
            ("a b", false),
        ] {
            assert_eq!(BeatProbe::is_name(name), is_one, "{name}");
        }
    }
}
