//! The file of settings beside a zone file: `example.org.health.toml` beside `example.org.zone`.
//!
//! What it says is not for this crate to know. It is found with the zones, in the same listing of
//! their folder, so that zones without one cost nothing.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::find::ENDING;
use super::{ListedZone, Stamp, folder_of};
use crate::{Fault, FileId, Files, Place};

/// What stands behind the name of the zone file without its ending.
const SUFFIX: &str = ".health.toml";
/// The longest, in octets: whoever writes zones may not be trusted with more.
const LONGEST: u64 = 256 << 10;

/// A file of settings beside a zone file.
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
    pub(super) fn read(path: &Path, files: &mut Files, faults: &mut Vec<Fault>) -> Option<Self> {
        Self::of(path, octets(path), files, faults)
    }

    /// The one that these octets are.
    pub(super) fn of(
        path: &Path,
        octets: std::io::Result<Vec<u8>>,
        files: &mut Files,
        faults: &mut Vec<Fault>,
    ) -> Option<Self> {
        let file = files.add(path);
        let why = match octets {
            Ok(octets) if octets.len() as u64 > LONGEST => {
                format!("has more than {LONGEST} octets")
            }
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

fn octets(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut octets = Vec::new();
    File::open(path)?.take(LONGEST + 1).read_to_end(&mut octets)?;
    Ok(octets)
}

/// The files of settings that there are.
#[derive(Debug, Default)]
pub(super) struct Companions(BTreeSet<PathBuf>);

impl Companions {
    /// Those beside listed zones. Each folder is listed once, however many zones are in it.
    pub(super) fn beside_listed(listed: &[ListedZone]) -> Self {
        let wanted: BTreeSet<PathBuf> =
            listed.iter().map(|zone| companion_of(&zone.path)).collect();
        let mut found = Self::default();
        for folder in wanted.iter().map(|path| folder_of(path)).collect::<BTreeSet<_>>() {
            // A folder that cannot be listed has zones that cannot be read, mostly; it is told there.
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let named =
                    OsStr::as_encoded_bytes(&entry.file_name()).ends_with(SUFFIX.as_bytes());
                // As the zones name it, without a `./` in front.
                let path = wanted.get(&named_in(folder, &entry.file_name()));
                found.0.extend(path.filter(|path| named && path.is_file()).cloned());
            }
        }
        found
    }

    pub(super) fn add(&mut self, path: PathBuf) {
        self.0.insert(path);
    }

    /// Looks for the one of a zone file that is served alone.
    pub(super) fn look_beside(&mut self, zone: &Path) {
        let path = companion_of(zone);
        if path.is_file() {
            self.0.insert(path);
        }
    }

    /// The one of a zone file.
    pub(super) fn beside(&self, zone: &Path) -> Option<PathBuf> {
        if self.0.is_empty() {
            return None;
        }
        Some(companion_of(zone)).filter(|path| self.0.contains(path))
    }

    /// Whether the one of a zone file is as it was.
    pub(super) fn is_still(&self, zone: &Path, was: Option<&Stamp>) -> bool {
        match (self.beside(zone), was) {
            (None, None) => true,
            (Some(path), Some(was)) => Stamp::of(&path).as_ref() == Some(was),
            _ => false,
        }
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

/// Whether a path is that of a file of settings.
pub(super) fn is_companion(path: &Path) -> bool {
    let name = path.file_name().map_or(&[][..], OsStr::as_encoded_bytes);
    name.len() > SUFFIX.len() && name.ends_with(SUFFIX.as_bytes())
}

/// Where the settings of a zone file are.
pub(super) fn companion_of(zone: &Path) -> PathBuf {
    let stem = match zone.extension() == Some(OsStr::new(ENDING)) {
        true => zone.file_stem(),
        false => zone.file_name(),
    };
    let mut name = OsString::from(stem.unwrap_or_default());
    name.push(SUFFIX);
    zone.with_file_name(name)
}

/// The zone file of the folder that a file of settings is for.
pub(super) fn zone_of(companion: &Path) -> Option<PathBuf> {
    let name = companion.file_name()?.to_str()?.strip_suffix(SUFFIX)?;
    Some(companion.with_file_name(format!("{name}.{ENDING}")))
}
