//! Where keys are kept: a folder with a file a zone, for nobody else to read.

use std::fmt;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use data_encoding::BASE64;
use halfmoon_wire::{Name, NameBuf};
use serde::{Deserialize, Serialize};

use crate::{Algorithm, Key, KeyError, Role, ZoneKeys};

/// Bits of a mode that let others in.
const OTHERS: u32 = 0o077;

/// Why keys cannot be had. Never says anything of a key itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// The folder or a file of it cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// What cannot be read or written.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Others may look into the folder or a file of it.
    #[error(
        "{path}: others may read these keys (mode {mode:04o}); run `chmod go= {path}`",
        path = path.display()
    )]
    Exposed {
        /// What is open.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// A file is not one of ours.
    #[error("{}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// No key could be made.
    #[error("no key could be made for {apex}: {source}")]
    NotMade {
        /// The zone.
        apex: String,
        /// Why not.
        source: KeyError,
    },
}

/// A folder of keys. Several servers may have copies of it, or share it.
#[derive(Clone, Debug)]
pub struct KeyFolder {
    path: PathBuf,
}

/// The file of a zone.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ZoneFile {
    zone: String,
    keys: Vec<KeyEntry>,
}

/// A key of a zone.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyEntry {
    role: String,
    algorithm: u8,
    tag: u16,
    /// Seconds since 1970.
    made: u64,
    /// PKCS #8, in base64.
    private: String,
}

impl KeyFolder {
    /// Opens the folder, or makes it.
    ///
    /// # Errors
    /// It cannot be made or read, or others may look into it.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        let failed = |source| FolderError::Io { path: path.to_owned(), source };
        DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
        private(path, &fs::metadata(path).map_err(failed)?)?;
        Ok(Self { path: path.to_owned() })
    }

    /// The keys of a zone; `None` if it has none yet.
    ///
    /// # Errors
    /// Its file cannot be read, is open to others, or is no such file.
    pub fn load(&self, apex: Name<'_>) -> Result<Option<ZoneKeys>, FolderError> {
        let path = self.file_of(apex);
        let failed = |source| FolderError::Io { path: path.clone(), source };
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        private(&path, &file.metadata().map_err(failed)?)?;
        let text = io::read_to_string(file).map_err(failed)?;
        let malformed = |reason: String| FolderError::Malformed { path: path.clone(), reason };
        // The text of the error could hold a piece of a key: only where it is, is said.
        let zone: ZoneFile = serde_json::from_str(&text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            malformed(format!("not a file of keys, from line {line}, column {column} on"))
        })?;
        let owner: Result<NameBuf, _> = zone.zone.parse();
        if !owner.is_ok_and(|owner| owner == apex.to_buf()) {
            return Err(malformed(format!("holds the keys of {}, not those of {apex}", zone.zone)));
        }
        let mut keys = Vec::with_capacity(zone.keys.len());
        for entry in &zone.keys {
            let key = entry.key().ok_or_else(|| {
                malformed(format!("key {} is not one that can be used", entry.tag))
            })?;
            keys.push(Arc::new(key));
        }
        if !keys.iter().any(|key| key.role().is_entry_point())
            || !keys.iter().any(|key| key.role() != Role::Ksk)
        {
            return Err(malformed(
                "lacks a key that signs keys, or one that signs the rest".into(),
            ));
        }
        Ok(Some(ZoneKeys::new(apex.to_buf(), keys)))
    }

    /// The keys of a zone, made at `now` (seconds since 1970) if it has none yet.
    ///
    /// # Errors
    /// As of [`KeyFolder::load`]; keys could not be made or written.
    pub fn load_or_make(
        &self,
        apex: Name<'_>,
        algorithm: Algorithm,
        split: bool,
        now: u64,
    ) -> Result<ZoneKeys, FolderError> {
        if let Some(keys) = self.load(apex)? {
            return Ok(keys);
        }
        let not_made = |source| FolderError::NotMade { apex: apex.to_string(), source };
        let keys = ZoneKeys::make(apex.to_buf(), algorithm, split).map_err(not_made)?;
        let path = self.file_of(apex);
        let failed = |source| FolderError::Io { path: path.clone(), source };
        let mut entries = Vec::with_capacity(keys.keys().len());
        for key in keys.keys() {
            entries.push(KeyEntry {
                role: key.role().word().to_owned(),
                algorithm: key.algorithm().number(),
                tag: key.tag(),
                made: now,
                private: BASE64.encode(&key.to_pkcs8().map_err(not_made)?),
            });
        }
        let file = ZoneFile { zone: apex.to_string(), keys: entries };
        let text = serde_json::to_string_pretty(&file).map_err(|error| failed(error.into()))?;
        let mut fresh = tempfile::Builder::new()
            .prefix(".new")
            .permissions(Permissions::from_mode(0o600))
            .tempfile_in(&self.path)
            .map_err(failed)?;
        fresh.write_all(text.as_bytes()).map_err(failed)?;
        fresh.as_file().sync_all().map_err(failed)?;
        match fresh.persist_noclobber(&path) {
            Ok(_) => {
                // The name is on disk when the folder is.
                File::open(&self.path).and_then(|folder| folder.sync_all()).map_err(failed)?;
                Ok(keys)
            }
            // Another server was first: its keys are the zone's.
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
                self.load(apex)?.ok_or_else(|| failed(error.error))
            }
            Err(error) => Err(failed(error.error)),
        }
    }

    /// The zones that have keys, in canonical order.
    ///
    /// # Errors
    /// The folder or a file of it cannot be read, or is no such file.
    pub fn zones(&self) -> Result<Vec<NameBuf>, FolderError> {
        let failed = |source| FolderError::Io { path: self.path.clone(), source };
        let mut zones = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let malformed = || FolderError::Malformed {
                path: path.clone(),
                reason: "not a file of keys".to_owned(),
            };
            let text = fs::read_to_string(&path)
                .map_err(|source| FolderError::Io { path: path.clone(), source })?;
            let file: ZoneFile = serde_json::from_str(&text).map_err(|_| malformed())?;
            zones.push(file.zone.parse().map_err(|_| malformed())?);
        }
        zones.sort_by(|a: &NameBuf, b| a.as_name().canonical_cmp(b.as_name()));
        Ok(zones)
    }

    /// Where the keys of a zone are.
    #[must_use]
    pub fn file_of(&self, apex: Name<'_>) -> PathBuf {
        self.path.join(format!("{}.json", FileName(apex)))
    }
}

impl KeyEntry {
    fn key(&self) -> Option<Key> {
        let octets = BASE64.decode(self.private.as_bytes()).ok()?;
        let algorithm = Algorithm::from_number(self.algorithm)?;
        let key = Key::from_pkcs8(&octets, algorithm, Role::from_word(&self.role)?).ok()?;
        (key.tag() == self.tag).then_some(key)
    }
}

/// Refuses what others may look into.
fn private(path: &Path, metadata: &fs::Metadata) -> Result<(), FolderError> {
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & OTHERS != 0 {
        return Err(FolderError::Exposed { path: path.to_owned(), mode });
    }
    Ok(())
}

/// A name as the name of a file: small letters, digits, hyphens, underscores; a point between
/// labels; everything else as `%` and two digits. The root is `%root`.
struct FileName<'n>(Name<'n>);

impl fmt::Display for FileName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_root() {
            return f.write_str("%root");
        }
        for (at, label) in self.0.labels().enumerate() {
            if at > 0 {
                f.write_str(".")?;
            }
            for octet in label.to_ascii_lowercase() {
                match octet {
                    b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => write!(f, "{}", octet as char)?,
                    _ => write!(f, "%{octet:02x}")?,
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> NameBuf {
        text.parse().unwrap()
    }

    #[test]
    fn any_zone_has_a_file_of_its_own() {
        for (apex, expected) in [
            ("Example.Org.", "example.org"),
            (".", "%root"),
            ("root.", "root"),
            ("a\\.b.", "a%2eb"),
            ("\\../x.", "%2e.%2fx"),
            ("\\000\\255.", "%00%ff"),
            ("_x-1.", "_x-1"),
        ] {
            assert_eq!(FileName(name(apex).as_name()).to_string(), expected, "{apex}");
        }
    }

    #[test]
    fn keys_are_made_once_and_stay() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/keys");
        let folder = KeyFolder::open(&path).unwrap();
        let apex = name("example.");
        assert!(folder.load(apex.as_name()).unwrap().is_none());
        for split in [true, false] {
            let apex = name(if split { "split.example." } else { "example." });
            let made = folder.load_or_make(apex.as_name(), Algorithm::Ed25519, split, 7).unwrap();
            let upper = name(&apex.to_string().to_uppercase());
            let again =
                folder.load_or_make(upper.as_name(), Algorithm::default(), false, 8).unwrap();
            assert_eq!(again.stamp(), made.stamp());
            assert_eq!(made.keys().len(), if split { 2 } else { 1 });
            let file = folder.file_of(apex.as_name());
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        let names = fs::read_dir(&path).unwrap().count();
        assert_eq!(names, 2, "nothing else is left behind");
        let zones: Vec<String> = folder.zones().unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(zones, ["example.", "split.example."]);
    }

    #[test]
    fn of_two_servers_the_first_decides() {
        let parent = tempfile::tempdir().unwrap();
        let folder = KeyFolder::open(&parent.path().join("keys")).unwrap();
        let apex = name("example.");
        let stamps: Vec<u64> = std::thread::scope(|scope| {
            let make = || {
                folder.load_or_make(apex.as_name(), Algorithm::default(), false, 0).unwrap().stamp()
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(stamps.iter().all(|stamp| *stamp == stamps[0]), "{stamps:?}");
    }

    #[test]
    fn what_is_open_or_broken_is_refused_without_a_word_of_the_key() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("keys");
        let folder = KeyFolder::open(&path).unwrap();
        let apex = name("example.");
        folder.load_or_make(apex.as_name(), Algorithm::default(), false, 0).unwrap();
        let file = folder.file_of(apex.as_name());
        let good = fs::read_to_string(&file).unwrap();
        let secret = good.lines().find(|line| line.contains("private")).unwrap();
        let secret = secret.split('"').nth(3).unwrap().to_owned();
        let refused = || folder.load(apex.as_name()).unwrap_err().to_string();

        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        assert!(refused().contains("(mode 0640); run `chmod go= "), "{}", refused());
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        for (text, said) in [
            ("{\"zone\": \"example.\", \"keys\": []}".to_owned(), "lacks a key"),
            (good.replace("\"csk\"", "\"zsk\""), "not one that can be used"),
            (good.replace("\"tag\": ", "\"tag\": 1"), "not one that can be used"),
            (good.replace("\"tag\": ", "\"tag\": 0"), "not a file of keys, from line 7"),
            (good.replace("example.", "example.net."), "not those of example."),
            (good.replace(&secret, &secret[4..]), "not one that can be used"),
            (good[..good.len() / 2].to_owned(), "not a file of keys"),
            (String::new(), "not a file of keys"),
        ] {
            fs::write(&file, &text).unwrap();
            let found = refused();
            // A tag with a digit more may not fit at all.
            let other = said == "not one that can be used" && found.contains("not a file of keys");
            assert!(found.contains(said) || other, "{found}");
            assert!(!found.contains(&secret[..12]), "{found}");
        }
        fs::set_permissions(&path, Permissions::from_mode(0o750)).unwrap();
        let error = KeyFolder::open(&path).unwrap_err().to_string();
        assert!(error.contains("(mode 0750); run `chmod go= "), "{error}");
    }
}
