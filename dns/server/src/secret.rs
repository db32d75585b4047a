//! Secrets from files: small, and nobody else's to read.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;

/// The longest file that is read as a secret, in octets.
const MOST: u64 = 4096;

/// Why a file is not usable as a secret. What it holds is never said.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Whoever has an account may read or change the file.
    #[error(
        "{path}: everybody may read or change this secret (mode {mode:04o}); run `chmod o= {path}`",
        path = path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The file holds something else.
    #[error("{}: {reason}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        reason: &'static str,
    },
}

/// Reads a file that holds a secret, without the space around it. The permissions of the file
/// that is open are judged, not those of whatever has its name a moment later.
///
/// # Errors
/// It cannot be read, is no regular file, is open to everybody, is longer than 4096 octets, or is no text.
pub fn read(path: &Path) -> Result<String, SecretError> {
    let unreadable = |source| SecretError::Unreadable { path: path.to_owned(), source };
    let wrong = |reason| SecretError::Wrong { path: path.to_owned(), reason };
    // A pipe that nobody writes to would keep all others waiting that are looked at again after it.
    let how = libc::O_NONBLOCK | libc::O_NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(how).open(path).map_err(unreadable)?;
    let meta = file.metadata().map_err(unreadable)?;
    if !meta.is_file() {
        return Err(wrong("a folder, pipe or device; write the secret to a regular file"));
    }
    let mode = meta.permissions().mode() & 0o7777;
    if mode & 0o007 != 0 {
        return Err(SecretError::Exposed { path: path.to_owned(), mode });
    }
    let mut octets = Vec::new();
    file.take(MOST + 1).read_to_end(&mut octets).map_err(unreadable)?;
    if octets.len() as u64 > MOST {
        return Err(wrong("too long for a secret"));
    }
    let text = String::from_utf8(octets).map_err(|_| wrong("not a text"))?;
    Ok(text.trim().to_owned())
}

/// What is made of a file with a secret.
pub(crate) trait Secret: Sized {
    /// What the configuration says of it.
    type Config;

    /// Where two may not be the same, what is wrong with that.
    const ALONE: Option<&'static str>;

    /// Makes it.
    ///
    /// # Errors
    /// The file is not usable.
    fn load(config: &Self::Config) -> Result<Self, SecretError>;

    /// The file.
    fn path(config: &Self::Config) -> &Path;

    /// What tells it from others.
    fn octets(&self) -> &[u8];

    /// Whether there may be none until its file is usable: it is a tenant's, who is not to keep others from being
    /// served. Else nothing is begun without it.
    fn may_lack(_config: &Self::Config) -> bool {
        false
    }
}

/// Secrets in force, from files that are looked at again now and then. Each is taken for itself: who has
/// spoilt his own file keeps nobody's new secret from being in force.
#[derive(Debug)]
pub(crate) struct Watched<S: Secret> {
    config: Vec<S::Config>,
    current: Published<S>,
    /// What is known of each file.
    known: Mutex<Vec<Known<S>>>,
}

/// What is known of a file with a secret.
#[derive(Debug)]
struct Known<S> {
    /// The secret in force.
    secret: Option<Arc<S>>,
    /// What was wrong with the file when it was last read.
    fault: Option<String>,
}

/// Secrets in force, where they are published, in the order of the configuration.
pub(crate) type Published<S> = Arc<ArcSwap<Vec<Arc<S>>>>;

/// What became of secrets when their files were looked at again.
#[derive(Debug)]
pub(crate) struct Reloaded {
    /// How many are others than before.
    pub(crate) changed: usize,
    /// What is wrong with files, each said once for as long as it is the same. What they held before stays
    /// in force.
    pub(crate) faults: Vec<SecretError>,
    /// The same of files of which nothing is in force.
    pub(crate) lacking: Vec<SecretError>,
}

/// None.
impl<S: Secret> Default for Watched<S> {
    fn default() -> Self {
        Self { config: Vec::new(), current: Arc::default(), known: Mutex::default() }
    }
}

impl<S: Secret> Watched<S> {
    /// Reads the files.
    ///
    /// # Errors
    /// The first file that is not usable and has to be.
    pub(crate) fn open(config: Vec<S::Config>) -> Result<Self, SecretError> {
        let known = config.iter().map(|_| Known { secret: None, fault: None }).collect();
        let watched = Self { config, current: Arc::default(), known: Mutex::new(known) };
        let mut wrong = watched.read(&mut watched.lock()).into_iter().zip(&watched.config);
        let refused = wrong.find_map(|(wrong, config)| wrong.filter(|_| !S::may_lack(config)));
        drop(wrong);
        refused.map_or(Ok(watched), Err)
    }

    /// Where they are published.
    pub(crate) const fn current(&self) -> &Published<S> {
        &self.current
    }

    /// What is wrong with files whose secrets are those of before, each with its path.
    pub(crate) fn faults(&self) -> Vec<String> {
        let known = self.lock();
        let old = known.iter().filter(|known| known.secret.is_some());
        old.filter_map(|known| known.fault.clone()).collect()
    }

    /// What is wrong with files of which nothing is in force, each with its path.
    pub(crate) fn lacking(&self) -> Vec<String> {
        let known = self.lock();
        let none = known.iter().filter(|known| known.secret.is_none());
        none.filter_map(|known| known.fault.clone()).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Known<S>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the files again, and publishes what of it is right.
    pub(crate) fn reload(&self) -> Reloaded {
        let mut known = self.lock();
        let before = self.current.load_full();
        let told: Vec<_> = known.iter().map(|known| known.fault.clone()).collect();
        let wrong = self.read(&mut known);
        let is_before = |secret: &Arc<S>| before.iter().any(|old| Arc::ptr_eq(old, secret));
        let in_force = known.iter().filter_map(|known| known.secret.as_ref());
        let changed = in_force.filter(|secret| !is_before(secret)).count();
        let (mut faults, mut lacking) = (Vec::new(), Vec::new());
        for ((known, told), wrong) in known.iter().zip(told).zip(wrong) {
            if known.fault != told {
                let of = if known.secret.is_some() { &mut faults } else { &mut lacking };
                of.extend(wrong);
            }
        }
        Reloaded { changed, faults, lacking }
    }

    /// Reads the files, and publishes what of it is right; what is wrong with each.
    fn read(&self, known: &mut [Known<S>]) -> Vec<Option<SecretError>> {
        let mut wrong: Vec<Option<SecretError>> = known.iter().map(|_| None).collect();
        let mut secrets: Vec<_> = known.iter().map(|known| known.secret.clone()).collect();
        for (at, config) in self.config.iter().enumerate() {
            match (S::load(config), &secrets[at]) {
                (Ok(new), Some(old)) if new.octets() == old.octets() => {}
                (Ok(new), _) => secrets[at] = Some(Arc::new(new)),
                (Err(error), _) => wrong[at] = Some(error),
            }
        }
        let is_new = |secrets: &[Option<Arc<S>>], at: usize| match (&secrets[at], &known[at].secret)
        {
            (Some(new), Some(old)) => !Arc::ptr_eq(new, old),
            (new, _) => new.is_some(),
        };
        // Those before were no two the same: each round takes back what is new.
        while let Some(reason) = S::ALONE {
            let mut back = Vec::new();
            for group in same(&secrets) {
                let has_had_it = group.iter().find(|at| !is_new(&secrets, **at));
                // Else nobody knows whose it is, and who has it would be taken for any of them.
                let has_to = || group.iter().find(|at| !S::may_lack(&self.config[**at]));
                let keeps = has_had_it.or_else(has_to).copied();
                let others = group.iter().copied().filter(|at| Some(*at) != keeps);
                back.extend(others.filter(|at| is_new(&secrets, *at)));
            }
            if back.is_empty() {
                break;
            }
            for at in back {
                secrets[at] = known[at].secret.clone();
                let path = S::path(&self.config[at]).to_owned();
                wrong[at] = Some(SecretError::Wrong { path, reason });
            }
        }
        let is_any_new = (0..secrets.len()).any(|at| is_new(&secrets, at));
        for ((known, secret), wrong) in known.iter_mut().zip(secrets).zip(&wrong) {
            *known = Known { secret, fault: wrong.as_ref().map(ToString::to_string) };
        }
        if is_any_new {
            let in_force = known.iter().filter_map(|known| known.secret.clone());
            self.current.store(Arc::new(in_force.collect()));
        }
        wrong
    }
}

/// Logs that nothing is in force of some files, as [`Watched::lacking`] has them; `whose` they are, as in `keys`.
pub(crate) fn log_lacking(lacking: &[String], whose: &str) {
    for error in lacking {
        tracing::error!(
            %error,
            "a secret of {whose} of a tenant is not usable; there is none until its file is right"
        );
    }
}

impl Reloaded {
    /// Logs it; `whose` they are, as in `keys`.
    pub(crate) fn log(&self, whose: &str) {
        if self.changed > 0 {
            tracing::info!(changed = self.changed, "secrets of {whose} reloaded");
        }
        for error in &self.faults {
            tracing::error!(%error, "a secret of {whose} not reloaded; the one before stays in force");
        }
        let lacking: Vec<String> = self.lacking.iter().map(SecretError::to_string).collect();
        log_lacking(&lacking, whose);
    }
}

/// The places of those that are the same, for each that there is more than once.
fn same<S: Secret>(secrets: &[Option<Arc<S>>]) -> Vec<Vec<usize>> {
    let mut places: HashMap<&[u8], Vec<usize>> = HashMap::with_capacity(secrets.len());
    for (at, secret) in secrets.iter().enumerate() {
        if let Some(secret) = secret {
            places.entry(secret.octets()).or_default().push(at);
        }
    }
    places.into_values().filter(|group| group.len() > 1).collect()
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::process::Command;

    use super::*;

    #[test]
    fn only_what_is_kept_to_oneself_is_a_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, " abc\n").unwrap();
        for (mode, good) in [(0o600, true), (0o640, true), (0o644, false), (0o602, false)] {
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            let secret = read(&path);
            assert_eq!(secret.is_ok(), good, "{mode:o}");
            match secret {
                Ok(text) => assert_eq!(text, "abc"),
                Err(error) => {
                    let text = error.to_string();
                    assert!(text.contains(&format!("{mode:04o}")) && text.contains("chmod o="));
                    assert!(!text.contains("abc"));
                }
            }
        }
    }

    #[test]
    fn what_cannot_be_a_secret_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        let refused = || read(&path).unwrap_err().to_string();
        assert!(refused().contains("cannot be read"));
        fs::create_dir(&path).unwrap();
        assert!(
            refused()
                .ends_with("/secret: a folder, pipe or device; write the secret to a regular file")
        );
        fs::remove_dir(&path).unwrap();
        for (octets, reason) in [(vec![b'a'; 4097], "too long"), (vec![0xff], "not a text")] {
            fs::write(&path, octets).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            assert!(refused().contains(reason));
        }
    }

    /// A text of at least three letters. There need not be one in files whose names begin with `t`.
    #[derive(Debug)]
    struct Word(String);

    impl Secret for Word {
        type Config = PathBuf;

        const ALONE: Option<&'static str> = Some("there already");

        fn load(path: &PathBuf) -> Result<Self, SecretError> {
            match read(path)? {
                text if text.len() < 3 => {
                    Err(SecretError::Wrong { path: path.clone(), reason: "too short" })
                }
                text => Ok(Self(text)),
            }
        }

        fn path(path: &PathBuf) -> &Path {
            path
        }

        fn octets(&self) -> &[u8] {
            self.0.as_bytes()
        }

        fn may_lack(path: &PathBuf) -> bool {
            path.file_name().unwrap().as_encoded_bytes().starts_with(b"t")
        }
    }

    #[test]
    fn what_a_tenant_has_spoilt_is_missing_until_it_is_right() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["own", "t1", "t2", "t3", "t4", "t5"].map(|name| folder.path().join(name));
        let write = |texts: &str| {
            for (path, text) in paths.iter().zip(texts.split(' ')) {
                let _ = fs::remove_file(path);
                if text != "-" {
                    fs::write(path, text).unwrap();
                    fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
                }
            }
        };
        for (first, begins, then, follows) in [
            ("one - two", "one two", "one - six", "one six"),
            ("one - x", "one", "one six two", "one six two"),
            // Of one secret in two files, nobody knows whose it is; but the operator is not to be without his.
            ("one two two", "one", "one two six", "one two six"),
            ("one two two", "one", "one two two", "one"),
            ("one one two", "one two", "six one two", "six one two"),
            ("one one one", "one", "one two one", "one two"),
            ("- one two", "", "one one two", ""),
            ("x one two", "", "one one two", ""),
            // Who has it, has it.
            ("one two six", "one two six", "one two two", "one two six"),
            ("one two six", "one two six", "one new new", "one two six"),
            ("one - six", "one six", "one new new", "one six"),
            // However many have it.
            ("one two two two", "one", "one two two two", "one"),
            ("one two two two", "one", "one six two two", "one six"),
            ("one two two two", "one", "one six ten two", "one six ten two"),
            ("one two two two two two", "one", "two two two two two two", "two"),
            ("one one one one", "one", "six one one one", "six"),
            ("one two two six six six", "one", "one two two two six six", "one"),
            ("one two six ten", "one two six ten", "one new new new", "one two six ten"),
            ("one two six ten", "one two six ten", "new new new new", "new two six ten"),
            ("one two - - - -", "one two", "one two two two two two", "one two"),
            ("one - - - - -", "one", "one two two two two two", "one"),
            // The third falls back on what the others want.
            ("one two six ten", "one two six ten", "one ten ten one", "one two six ten"),
        ] {
            let count = first.split(' ').count();
            // Who has something else in his file than what is in force is told of it.
            let check_told = |watched: &Watched<Word>, texts: &str| {
                let known = watched.lock();
                let is_other = |(known, text): &(&Known<Word>, &str)| {
                    known.secret.as_ref().is_none_or(|word| word.0 != *text)
                };
                let others = known.iter().zip(texts.split(' ')).filter(is_other).count();
                drop(known);
                let (faults, lacking) = (watched.faults(), watched.lacking());
                assert_eq!(faults.len() + lacking.len(), others, "{texts}: {faults:?} {lacking:?}");
            };
            write(first);
            let watched = match Watched::<Word>::open(paths[..count].to_vec()) {
                Ok(watched) => watched,
                Err(error) => {
                    assert_eq!(begins, "", "{first}: {error}");
                    assert!(error.to_string().contains("/own: "), "{first}: {error}");
                    continue;
                }
            };
            let in_force = || {
                let current = watched.current().load();
                current.iter().map(|word| &*word.0).collect::<Vec<_>>().join(" ")
            };
            assert_eq!(in_force(), begins, "{first}");
            let lacking = watched.lacking();
            assert_eq!(lacking.len() + begins.split(' ').count(), count, "{first}: {lacking:?}");
            check_told(&watched, first);
            assert_eq!(watched.faults(), [""; 0], "{first}");
            write(then);
            let reloaded = watched.reload();
            assert_eq!(in_force(), follows, "{first}, then {then}");
            let lacking = watched.lacking();
            assert_eq!(lacking.len() + follows.split(' ').count(), count, "{then}: {lacking:?}");
            check_told(&watched, then);
            for said in reloaded.lacking {
                assert!(lacking.contains(&said.to_string()), "{then}: {said}");
            }
        }
    }

    #[test]
    fn each_file_is_taken_for_itself() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["a", "b", "c"].map(|name| folder.path().join(name));
        let write = |texts: &str| {
            for (path, text) in paths.iter().zip(texts.split(' ')) {
                let _ = fs::remove_file(path);
                if text == "-" {
                    continue;
                }
                if text == "|" {
                    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
                } else {
                    fs::write(path, text).unwrap();
                }
                fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
            }
        };
        write("one two one");
        let error = Watched::<Word>::open(paths.to_vec()).unwrap_err().to_string();
        assert!(error.ends_with("/c: there already"), "{error}");
        write("one two six");
        let watched = Watched::<Word>::open(paths.to_vec()).unwrap();
        for (files, in_force, changed, faults) in [
            ("one two six", "one two six", 0, ""),
            // What is wrong with one keeps none of the others, and is said once.
            ("new x ten", "new two ten", 2, "b: too short"),
            ("new x ten", "new two ten", 0, ""),
            ("new - one", "new two one", 1, "b: cannot be read"),
            ("new - x", "new two one", 0, "c: too short"),
            ("new two one", "new two one", 0, ""),
            // A pipe keeps nobody waiting.
            ("one | new", "one two new", 2, "b: a folder"),
            ("new two one", "new two one", 2, ""),
            ("new x one", "new two one", 0, "b: too short"),
            // Who takes what another one has keeps his own, whatever comes of the other's.
            ("one new six", "one new six", 3, ""),
            ("one new one", "one new six", 0, "c: there already"),
            ("new new six", "one new six", 0, "a: there already"),
            ("six x ten", "six new ten", 2, "b: too short"),
            // One after the other: the second falls back on what the first wanted.
            ("ten ten new", "six new ten", 0, "a: there already,b: there already,c: there already"),
        ] {
            write(files);
            let Reloaded { changed: count, faults: said, .. } = watched.reload();
            let current = watched.current().load();
            let texts: Vec<&str> = current.iter().map(|word| &*word.0).collect();
            assert_eq!((texts.join(" ").as_str(), count), (in_force, changed), "{files}");
            let said: Vec<String> = said.iter().map(ToString::to_string).collect();
            let faults: Vec<&str> = faults.split(',').filter(|fault| !fault.is_empty()).collect();
            assert_eq!(said.len(), faults.len(), "{files}: {said:?}");
            for (said, fault) in said.iter().zip(faults) {
                assert!(said.contains(&format!("/{fault}")), "{files}: {said}");
            }
            let known = watched.faults();
            assert!(said.iter().all(|said| known.contains(said)), "{files}: {known:?}");
        }
        write("abc x -");
        watched.reload();
        let [b, c] = &watched.faults()[..] else { panic!("{:?}", watched.faults()) };
        assert!(b.ends_with("/b: too short") && c.contains("/c: cannot be read"), "{b} {c}");
        write("abc two six");
        watched.reload();
        assert_eq!(watched.faults(), [""; 0]);
    }
}
