//! Where keys are kept: a folder with a file a zone, for nobody else to read.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use halfmoon_wire::{Name, NameBuf};
use tempfile::NamedTempFile;

use crate::roll::{Method, Roll, TooLate, Turn};
use crate::{Algorithm, KeyError, Role, ZoneKeys, file};

/// The file whose lock is held while keys are changed.
const LOCK: &str = ".lock";
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
    /// The zone has no keys.
    #[error("{apex} has no keys; `halfmoon keys make {apex}` makes some")]
    NoKeys {
        /// The zone.
        apex: String,
    },
    /// The zone has keys, which nobody may lose.
    #[error(
        "{apex} has keys already, in {}; if its parent has no DS record for them, move the file away first",
        path.display()
    )]
    HasKeys {
        /// The zone.
        apex: String,
        /// Where its keys are.
        path: PathBuf,
    },
    /// One roll at a time.
    #[error(
        "{apex}: a {role} is being rolled already; `halfmoon keys list {apex}` says what it waits for"
    )]
    Rolling {
        /// The zone.
        apex: String,
        /// The role of the key that is rolled.
        role: &'static str,
    },
    /// Nothing is rolled.
    #[error("{apex}: no key is being rolled")]
    NotRolling {
        /// The zone.
        apex: String,
    },
    /// The zone has no such key.
    #[error("{apex} has no {wanted}; its keys are {there}")]
    NoSuchKey {
        /// The zone.
        apex: String,
        /// What was asked for.
        wanted: String,
        /// The roles or tags of the keys it has.
        there: String,
    },
    /// The method does not fit the key.
    #[error("a {role} cannot be rolled by {method}; take {instead}", method = method.word())]
    Method {
        /// The role of the key.
        role: &'static str,
        /// The method.
        method: Method,
        /// Those that fit.
        instead: &'static str,
    },
    /// The roll cannot be taken back any more.
    #[error("{apex}: {source}")]
    TooLate {
        /// The zone.
        apex: String,
        /// Why not.
        source: TooLate,
    },
}

/// A folder of keys. Several servers may have copies of it, or share it.
#[derive(Clone, Debug)]
pub struct KeyFolder {
    path: PathBuf,
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
        let keys = file::read(&text, apex);
        keys.map(Some).map_err(|reason| FolderError::Malformed { path, reason })
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
        match self.put_first(&keys, now)? {
            true => Ok(keys),
            // Another server was first: its keys are the zone's.
            false => self.load(apex)?.ok_or_else(|| FolderError::NoKeys { apex: apex.to_string() }),
        }
    }

    /// Keeps keys that come from elsewhere, for a zone that has none.
    ///
    /// # Errors
    /// It has some, or they cannot be written.
    pub fn import(&self, keys: &ZoneKeys, now: u64) -> Result<(), FolderError> {
        if self.put_first(keys, now)? {
            return Ok(());
        }
        let apex = keys.apex();
        let path = self.file_of(apex.as_name());
        Err(FolderError::HasKeys { apex: apex.to_string(), path })
    }

    /// Begins to roll the keys of a role.
    ///
    /// # Errors
    /// The zone has no such key, the method does not fit, another roll is under way, or the file
    /// cannot be written.
    pub fn roll(
        &self,
        apex: Name<'_>,
        (role, method): (Option<Role>, Option<Method>),
        now: u64,
    ) -> Result<ZoneKeys, FolderError> {
        let _lock = self.lock()?;
        let keys = self.known(apex)?;
        if let Some(roll) = keys.roll() {
            let (apex, role) = (apex.to_string(), roll.role().word());
            return Err(FolderError::Rolling { apex, role });
        }
        let role = match role {
            Some(role) => role,
            // Where there is one key for all there is no choice.
            None if keys.keys().iter().all(|key| key.role() == Role::Csk) => Role::Csk,
            None => {
                let wanted =
                    "csk, and --key does not say which other key is to be rolled".to_owned();
                return Err(no_such_key(&keys, wanted));
            }
        };
        let (default, fitting): (_, &[Method]) = match role {
            Role::Zsk => (Method::PrePublish, &[Method::PrePublish]),
            _ => (Method::DoubleSignature, &[Method::DoubleSignature, Method::DoubleDs]),
        };
        let method = method.unwrap_or(default);
        if !fitting.contains(&method) {
            let instead =
                if role == Role::Zsk { "pre-publish" } else { "double-signature or double-ds" };
            return Err(FolderError::Method { role: role.word(), method, instead });
        }
        let old: Vec<_> = keys.keys().iter().filter(|key| key.role() == role).collect();
        let Some(first) = old.first() else {
            return Err(no_such_key(&keys, role.word().to_owned()));
        };
        let not_made = |source| FolderError::NotMade { apex: apex.to_string(), source };
        let key = ZoneKeys::another(keys.keys(), first.algorithm(), role).map_err(not_made)?;
        let leaving = old.iter().map(|key| key.tag()).collect();
        let roll = Roll::new(method, role, key.tag(), leaving);
        let all = keys.keys().iter().cloned().chain([Arc::new(key)]).collect();
        let keys = ZoneKeys::new(apex.to_buf(), all, Some(roll));
        self.replace(&keys, now)?;
        Ok(keys)
    }

    /// Looks at the roll of a zone and changes it, unless somebody else ended it meanwhile. What `change`
    /// returns as over takes the leaving keys away.
    ///
    /// # Errors
    /// The keys cannot be read or written, or nothing is rolled.
    pub fn turn(
        &self,
        apex: Name<'_>,
        now: u64,
        change: impl FnOnce(&mut Roll) -> Turn,
    ) -> Result<(ZoneKeys, Turn), FolderError> {
        let _lock = self.lock()?;
        let keys = self.known(apex)?;
        let Some(mut roll) = keys.roll().cloned() else {
            return Err(FolderError::NotRolling { apex: apex.to_string() });
        };
        let turn = change(&mut roll);
        if turn == Turn::Stay && keys.roll() == Some(&roll) {
            return Ok((keys, turn));
        }
        let keys = match turn {
            Turn::Stay | Turn::Next => with_roll(&keys, |_| true, Some(roll)),
            Turn::Over => with_roll(&keys, |tag| !roll.leaving().contains(&tag), None),
        };
        self.replace(&keys, now)?;
        Ok((keys, turn))
    }

    /// Takes a roll back: the new key goes.
    ///
    /// # Errors
    /// Nothing is rolled, or somebody may rely on the new key; the keys cannot be read or written.
    pub fn abandon(&self, apex: Name<'_>, now: u64) -> Result<ZoneKeys, FolderError> {
        let _lock = self.lock()?;
        let keys = self.known(apex)?;
        let Some(roll) = keys.roll() else {
            return Err(FolderError::NotRolling { apex: apex.to_string() });
        };
        let too_late = |source| FolderError::TooLate { apex: apex.to_string(), source };
        roll.may_be_abandoned().map_err(too_late)?;
        let coming = roll.coming();
        let keys = with_roll(&keys, |tag| tag != coming, None);
        self.replace(&keys, now)?;
        Ok(keys)
    }

    fn known(&self, apex: Name<'_>) -> Result<ZoneKeys, FolderError> {
        self.load(apex)?.ok_or_else(|| FolderError::NoKeys { apex: apex.to_string() })
    }

    /// Keeps whoever else changes keys waiting, on this machine or on another that shares the folder.
    fn lock(&self) -> Result<File, FolderError> {
        let path = self.path.join(LOCK);
        let failed = |source| FolderError::Io { path: path.clone(), source };
        let mut options = OpenOptions::new();
        let lock = options.create(true).truncate(false).write(true).mode(0o600).open(&path);
        let lock = lock.map_err(failed)?;
        lock.lock().map_err(failed)?;
        Ok(lock)
    }

    /// Writes the keys of a zone; `false`: it has some.
    fn put_first(&self, keys: &ZoneKeys, now: u64) -> Result<bool, FolderError> {
        let (fresh, path) = self.write(keys, now)?;
        match fresh.persist_noclobber(&path) {
            Ok(_) => self.sync().map(|()| true),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(FolderError::Io { path, source: error.error }),
        }
    }

    /// Writes the keys of a zone over those that are there. The caller has the lock.
    fn replace(&self, keys: &ZoneKeys, now: u64) -> Result<(), FolderError> {
        let (fresh, path) = self.write(keys, now)?;
        match fresh.persist(&path) {
            Ok(_) => self.sync(),
            Err(error) => Err(FolderError::Io { path, source: error.error }),
        }
    }

    fn write(&self, keys: &ZoneKeys, now: u64) -> Result<(NamedTempFile, PathBuf), FolderError> {
        let apex = keys.apex().as_name();
        let path = self.file_of(apex);
        let failed = |source| FolderError::Io { path: path.clone(), source };
        let not_made = |source| FolderError::NotMade { apex: apex.to_string(), source };
        let file = file::of(keys, now).map_err(not_made)?;
        let text = serde_json::to_string_pretty(&file).map_err(|error| failed(error.into()))?;
        let mut fresh = tempfile::Builder::new()
            .prefix(".new")
            .permissions(Permissions::from_mode(0o600))
            .tempfile_in(&self.path)
            .map_err(failed)?;
        fresh.write_all(text.as_bytes()).map_err(failed)?;
        fresh.as_file().sync_all().map_err(failed)?;
        Ok((fresh, path))
    }

    /// The name of a file is on disk when the folder is.
    fn sync(&self) -> Result<(), FolderError> {
        let failed = |source| FolderError::Io { path: self.path.clone(), source };
        File::open(&self.path).and_then(|folder| folder.sync_all()).map_err(failed)
    }

    /// What changes whenever the file of some zone does; `None`: the folder cannot be read.
    #[must_use]
    pub fn changed(&self) -> Option<SystemTime> {
        // Files are never written in place: each change gives the folder another entry.
        fs::metadata(&self.path).and_then(|folder| folder.modified()).ok()
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
            zones.push(file::zone_of(&text).ok_or_else(malformed)?);
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

/// The keys that stay, and a roll of them.
fn with_roll(keys: &ZoneKeys, stays: impl Fn(u16) -> bool, roll: Option<Roll>) -> ZoneKeys {
    let left = keys.keys().iter().filter(|key| stays(key.tag())).cloned().collect();
    ZoneKeys::new(*keys.apex(), left, roll)
}

fn no_such_key(keys: &ZoneKeys, wanted: String) -> FolderError {
    let there: Vec<String> =
        keys.keys().iter().map(|key| format!("{} {}", key.role().word(), key.tag())).collect();
    FolderError::NoSuchKey { apex: keys.apex().to_string(), wanted, there: there.join(", ") }
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
    use halfmoon_wire::Type;

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
    fn a_roll_begins_goes_on_and_ends_in_the_file() {
        use crate::roll::Lifetimes;

        let parent = tempfile::tempdir().unwrap();
        let folder = KeyFolder::open(&parent.path().join("keys")).unwrap();
        let apex = name("example.");
        let apex = apex.as_name();
        let refused = |error: FolderError| error.to_string();
        let none = folder.roll(apex, (None, None), 0).unwrap_err();
        assert!(refused(none).contains("has no keys; `halfmoon keys make"));
        let old = folder.load_or_make(apex, Algorithm::Ed25519, true, 0).unwrap();
        for (role, method, said) in [
            (None, None, "has no csk, and --key does not say which"),
            (Some(Role::Csk), None, "has no csk; its keys are ksk "),
            (
                Some(Role::Zsk),
                Some(Method::DoubleDs),
                "zsk cannot be rolled by double-ds; take pre-publish",
            ),
            (Some(Role::Ksk), Some(Method::PrePublish), "take double-signature or double-ds"),
        ] {
            let error = refused(folder.roll(apex, (role, method), 0).unwrap_err());
            assert!(error.contains(said), "{error}");
        }
        let begun = folder.roll(apex, (Some(Role::Zsk), None), 5).unwrap();
        assert_ne!(begun.stamp(), old.stamp());
        assert_eq!((begun.keys().len(), begun.signing(Type::A).len()), (3, 1));
        let twice = refused(folder.roll(apex, (Some(Role::Ksk), None), 5).unwrap_err());
        assert!(twice.contains("a zsk is being rolled already"), "{twice}");
        // Taken back while nobody relies on it.
        let back = folder.abandon(apex, 6).unwrap();
        assert_eq!((back.stamp(), back.keys().len()), (old.stamp(), 2));
        assert!(refused(folder.abandon(apex, 6).unwrap_err()).contains("no key is being rolled"));

        let begun = folder.roll(apex, (Some(Role::Zsk), None), 7).unwrap();
        let coming = begun.roll().unwrap().coming();
        let lifetimes = Lifetimes { keys: 10, data: 10, propagation: 0 };
        let mut now = 7;
        let mut turns = Vec::new();
        let last = loop {
            let before = folder.changed();
            let (keys, turn) = folder
                .turn(apex, now, |roll| {
                    roll.enter(now, lifetimes);
                    roll.advance(now)
                })
                .unwrap();
            assert!(turn == Turn::Stay || folder.changed() != before);
            turns.push(turn);
            if turn == Turn::Over {
                break keys;
            }
            now += 10;
        };
        assert_eq!(turns, [Turn::Stay, Turn::Next, Turn::Stay, Turn::Over]);
        assert_eq!((last.keys().len(), last.signing(Type::A)[0].tag()), (2, coming));
        assert_eq!(folder.load(apex).unwrap().unwrap().stamp(), last.stamp());
        let late = refused(folder.import(&last, 0).unwrap_err());
        assert!(late.contains("example. has keys already, in "), "{late}");
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
