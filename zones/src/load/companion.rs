//! The files beside a zone file: settings, `example.org.health.toml`, and tests, `example.org.test.toml`,
//! beside `example.org.zone`.
//!
//! What they say is not for this crate to know. They are found with the zones, in the same listing of
//! their folder, so that zones without any cost nothing.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use super::find::ENDING;
use super::{ListedZone, Stamp, folder_of};
use crate::{Fault, FileId, Files, Place, open};

/// What stands behind the name of the zone file without its ending.
const SUFFIXES: Beside<&str> = Beside { settings: ".health.toml", tests: ".test.toml" };
/// The longest, in octets: whoever writes zones may not be trusted with more.
pub(super) const LONGEST: u64 = 256 << 10;

/// One of each kind of file that may stand beside a zone file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Beside<T> {
    /// The settings.
    pub settings: T,
    /// The tests.
    pub tests: T,
}

impl<T> Beside<T> {
    /// The same kinds of something else.
    pub fn map<U>(self, mut make: impl FnMut(T) -> U) -> Beside<U> {
        Beside { settings: make(self.settings), tests: make(self.tests) }
    }

    /// The same kinds of something else, if there are both.
    pub(super) fn try_map<U>(self, mut make: impl FnMut(T) -> Option<U>) -> Option<Beside<U>> {
        Some(Beside { settings: make(self.settings)?, tests: make(self.tests)? })
    }

    /// The two, one after the other.
    pub(super) fn into_iter(self) -> impl Iterator<Item = T> {
        [self.settings, self.tests].into_iter()
    }
}

/// A file beside a zone file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Companion {
    /// The file, for the places of faults.
    pub file: FileId,
    /// Its path.
    pub path: PathBuf,
    /// What it says.
    pub text: String,
}

impl Companion {
    /// Reads one. `None`: it cannot be read, which is among the faults then.
    pub(super) fn read(
        path: &Path,
        within: Option<&Path>,
        files: &mut Files,
        faults: &mut Vec<Fault>,
    ) -> Option<Self> {
        Self::of(path, open::read(within, path, LONGEST), files, faults)
    }

    /// The one that these octets are.
    pub(super) fn of(
        path: &Path,
        octets: std::io::Result<Vec<u8>>,
        files: &mut Files,
        faults: &mut Vec<Fault>,
    ) -> Option<Self> {
        let file = files.add(path);
        let octets = octets.and_then(|octets| match octets.len() as u64 > LONGEST {
            true => Err(open::too_large(LONGEST)),
            false => Ok(octets),
        });
        let why = match octets {
            Ok(octets) => match String::from_utf8(octets) {
                Ok(text) => return Some(Self { file, path: path.to_owned(), text }),
                Err(_) => "is not UTF-8".to_owned(),
            },
            Err(error) => format!("cannot be read: {error}"),
        };
        let place = Place { file, line: 1, column: 1 };
        faults.push(Fault::error("unreadable-file", place, format!("the file {why}")));
        None
    }
}

/// The files beside zone files that there are.
#[derive(Debug, Default)]
pub(super) struct Companions(BTreeSet<PathBuf>);

impl Companions {
    /// Those beside listed zones. Each folder is listed once, however many zones are in it.
    pub(super) fn beside_listed(listed: &[ListedZone]) -> Self {
        let wanted: BTreeSet<PathBuf> =
            listed.iter().flat_map(|zone| companions_of(&zone.path).into_iter()).collect();
        let mut found = Self::default();
        for folder in wanted.iter().map(|path| folder_of(path)).collect::<BTreeSet<_>>() {
            // A folder that cannot be listed has zones that cannot be read, mostly; it is told there.
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let name = entry.file_name();
                // As the zones name it, without a `./` in front.
                let path = wanted.get(&named_in(folder, &name));
                let is_one = is_companion(Path::new(&name));
                found.0.extend(path.filter(|path| is_one && path.is_file()).cloned());
            }
        }
        found
    }

    pub(super) fn add(&mut self, path: PathBuf) {
        self.0.insert(path);
    }

    /// Looks for those of a zone file that is served alone.
    pub(super) fn look_beside(&mut self, zone: &Path) {
        self.0.extend(companions_of(zone).into_iter().filter(|path| path.is_file()));
    }

    /// Those of a zone file.
    pub(super) fn beside(&self, zone: &Path) -> Beside<Option<PathBuf>> {
        if self.0.is_empty() {
            return Beside::default();
        }
        companions_of(zone).map(|path| Some(path).filter(|path| self.0.contains(path)))
    }

    /// Whether those of a zone file are as they were.
    pub(super) fn are_still(&self, zone: &Path, were: &Beside<Option<Stamp>>) -> bool {
        stamps_of(&self.beside(zone)) == *were
    }

    pub(super) fn into_found(self) -> BTreeSet<PathBuf> {
        self.0
    }
}

fn named_in(folder: &Path, name: &OsStr) -> PathBuf {
    match folder == Path::new(".") {
        true => PathBuf::from(name),
        false => folder.join(name),
    }
}

/// What tells whether the files beside a zone file have changed.
pub(super) fn stamps_of(beside: &Beside<Option<PathBuf>>) -> Beside<Option<Stamp>> {
    let Beside { settings, tests } = beside;
    Beside { settings, tests }.map(|path| path.as_deref().and_then(Stamp::of))
}

/// Whether a path is that of a file beside a zone file.
pub(super) fn is_companion(path: &Path) -> bool {
    let name = path.file_name().map_or(&[][..], OsStr::as_encoded_bytes);
    let mut suffixes = SUFFIXES.into_iter().map(str::as_bytes);
    suffixes.any(|suffix| name.len() > suffix.len() && name.ends_with(suffix))
}

/// Where the files beside a zone file are.
pub(super) fn companions_of(zone: &Path) -> Beside<PathBuf> {
    let stem = match zone.extension() == Some(OsStr::new(ENDING)) {
        true => zone.file_stem(),
        false => zone.file_name(),
    };
    SUFFIXES.map(|suffix| {
        let mut name = OsString::from(stem.unwrap_or_default());
        name.push(suffix);
        zone.with_file_name(name)
    })
}

/// The zone file of the folder that a file is beside.
pub(super) fn zone_of(companion: &Path) -> Option<PathBuf> {
    let name = companion.file_name()?.to_str()?;
    let name = SUFFIXES.into_iter().find_map(|suffix| name.strip_suffix(suffix))?;
    Some(companion.with_file_name(format!("{name}.{ENDING}")))
}
