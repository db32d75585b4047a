//! Notices which zones' keys were changed by somebody else: another server of the folder, or a person.

use std::collections::HashMap;
use std::fs;
use std::time::SystemTime;

use halfmoon_wire::NameBuf;

use crate::KeyFolder;

/// What tells one state of a file from another: when it was written, and how long it is.
type Stamp = Option<(SystemTime, u64)>;

/// A look at a key folder that remembers the last one.
#[derive(Debug)]
pub struct FolderWatch {
    folder: KeyFolder,
    changed: Option<SystemTime>,
    known: HashMap<NameBuf, Stamp>,
}

impl FolderWatch {
    /// Has seen nothing yet.
    #[must_use]
    pub fn new(folder: KeyFolder) -> Self {
        Self { folder, changed: None, known: HashMap::new() }
    }

    /// The zones of these whose files are not what they were at the last look, or were not looked at
    /// before. Where nothing in the folder changed, and the zones are as many, that is one look at the folder.
    pub fn look<'z>(&mut self, zones: impl ExactSizeIterator<Item = &'z NameBuf>) -> Vec<NameBuf> {
        let changed = self.folder.changed();
        if changed.is_some() && changed == self.changed && zones.len() == self.known.len() {
            return Vec::new();
        }
        let mut known = HashMap::with_capacity(zones.len());
        let mut others = Vec::new();
        for zone in zones {
            let path = self.folder.file_of(zone.as_name());
            let stamp = fs::metadata(path).and_then(|file| Ok((file.modified()?, file.len()))).ok();
            if self.known.get(zone) != Some(&stamp) {
                others.push(*zone);
            }
            known.insert(*zone, stamp);
        }
        self.known = known;
        // From before the files were looked at: what changes meanwhile is seen the next time.
        self.changed = changed;
        others
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Algorithm, Role};

    #[test]
    fn what_somebody_else_changed_is_noticed() {
        let parent = tempfile::tempdir().unwrap();
        let folder = KeyFolder::open(&parent.path().join("keys")).unwrap();
        let zones: Vec<NameBuf> = ["a.", "b."].map(|zone| zone.parse().unwrap()).to_vec();
        for zone in &zones {
            folder.load_or_make(zone.as_name(), Algorithm::Ed25519, false, 0).unwrap();
        }
        let mut watch = FolderWatch::new(folder.clone());
        assert_eq!(watch.look(zones.iter()), zones);
        assert_eq!(watch.look(zones.iter()), []);
        folder.roll(zones[1].as_name(), (Some(Role::Csk), None), 0).unwrap();
        assert_eq!(watch.look(zones.iter()), [zones[1]]);
        assert_eq!(watch.look(zones[..1].iter()), []);
        assert_eq!(watch.look(zones.iter()), [zones[1]], "not known any more");
        fs::remove_file(folder.file_of(zones[0].as_name())).unwrap();
        assert_eq!(watch.look(zones.iter()), [zones[0]]);
    }
}
