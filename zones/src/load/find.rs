//! Which files of a folder are zones, and which stand beside them.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use halfmoon_wire::{Name, NameBuf};
use rustix::fs::FileType;

use super::companion::{Companions, is_companion};
use super::{compare, real};
use crate::open;

/// The ending of zone files in a folder.
pub(super) const ENDING: &str = "zone";

/// The zone that a file is taken to be as long as it has no SOA: its name without the ending.
pub(super) fn origin_of(path: &Path) -> NameBuf {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or("");
    let name =
        name.strip_suffix(ENDING).map_or(name, |name| name.strip_suffix('.').unwrap_or(name));
    NameBuf::from_text(name.as_bytes(), Some(Name::ROOT)).unwrap_or(NameBuf::root())
}

/// The zone files in a folder and the folders below it, in order of path; `root` alone if it is a
/// file. What begins with a dot is passed over, and so are links to folders, which may go round.
pub(super) fn zone_files(root: &Path, companions: &mut Companions) -> io::Result<Vec<PathBuf>> {
    if fs::metadata(root)?.is_file() {
        companions.look_beside(root);
        return Ok(vec![root.to_owned()]);
    }
    let inside = fs::canonicalize(root)?;
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for (name, kind) in open::list(root, &folder)?.into_iter().flatten() {
            if name.as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let path = folder.join(name);
            if kind == FileType::Directory {
                folders.push(path);
                continue;
            }
            // Only a link can lead out of the folder: where it leads is looked up, which takes longer
            // than all the rest. Reading looks at it once more.
            let is_inside = || {
                kind == FileType::RegularFile || path.is_file() && real(&path).starts_with(&inside)
            };
            if path.extension() == Some(OsStr::new(ENDING)) {
                if is_inside() {
                    found.push(path);
                }
            } else if is_companion(&path) && is_inside() {
                companions.add(path);
            }
        }
    }
    found.sort_unstable_by(|a, b| compare(a, b));
    Ok(found)
}
