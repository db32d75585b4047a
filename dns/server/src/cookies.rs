//! Where the secrets of cookies come from: files that are looked at again now and then, or chance.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, Cache};
use data_encoding::HEXLOWER_PERMISSIVE;

use crate::answer::Secrets;
use crate::secret::{self, SecretError};

/// The secrets in force.
#[derive(Debug)]
pub struct Cookies {
    files: Vec<PathBuf>,
    current: Arc<ArcSwap<Secrets>>,
    /// What was wrong with the files when they were last read.
    fault: Mutex<Option<String>>,
}

/// One thread's view of the secrets in force.
pub type Reader = Cache<Arc<ArcSwap<Secrets>>, Arc<Secrets>>;

impl Cookies {
    fn of(files: Vec<PathBuf>, secrets: Secrets) -> Self {
        let current = Arc::new(ArcSwap::from_pointee(secrets));
        Self { files, current, fault: Mutex::default() }
    }

    /// Cookies are not used.
    #[must_use]
    pub fn unused() -> Self {
        Self::of(Vec::new(), Secrets::default())
    }

    /// A secret of this process, which nobody else has. Cookies are not used should the system
    /// have no randomness.
    #[must_use]
    pub fn random() -> Self {
        let mut secret = [0; 16];
        match aws_lc_rs::rand::fill(&mut secret) {
            Ok(()) => Self::of(Vec::new(), Secrets::new([secret])),
            Err(_) => Self::unused(),
        }
    }

    /// Secrets from files, each with 32 hexadecimal digits. The first makes cookies, all verify.
    ///
    /// # Errors
    /// The first file that is not usable.
    pub fn open(files: Vec<PathBuf>) -> Result<Self, SecretError> {
        let secrets = load(&files)?;
        Ok(Self::of(files, secrets))
    }

    /// Reads the files again and publishes the secrets if all of them are right. Says whether
    /// they are others than before.
    ///
    /// # Errors
    /// A file that is not usable; what was in force stays. Said once for as long as the reason is
    /// the same.
    pub fn reload(&self) -> Result<bool, SecretError> {
        if self.files.is_empty() {
            return Ok(false);
        }
        let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        match load(&self.files) {
            Ok(secrets) => {
                *fault = None;
                let are_others = secrets != **self.current.load();
                if are_others {
                    self.current.store(Arc::new(secrets));
                }
                Ok(are_others)
            }
            Err(error) => {
                let text = error.to_string();
                if fault.as_ref() == Some(&text) {
                    return Ok(false);
                }
                *fault = Some(text);
                Err(error)
            }
        }
    }

    /// A view of the secrets in force for one thread.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Cache::new(Arc::clone(&self.current))
    }
}

fn load(files: &[PathBuf]) -> Result<Secrets, SecretError> {
    let secrets = files.iter().map(|path| {
        let octets = HEXLOWER_PERMISSIVE.decode(secret::read(path)?.as_bytes()).ok();
        octets.and_then(|octets| octets.try_into().ok()).ok_or_else(|| SecretError::Wrong {
            path: path.clone(),
            reason: "not a secret for cookies; write 32 hexadecimal digits, \
                     as `openssl rand -hex 16` makes them",
        })
    });
    Ok(Secrets::new(secrets.collect::<Result<Vec<_>, _>>()?))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    use super::*;

    fn write(path: &Path, text: &str) {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, Permissions::from_mode(0o600)).unwrap();
    }

    #[test]
    fn secrets_follow_their_files() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["new", "old"].map(|name| folder.path().join(name));
        let (a, b) = ("00112233445566778899aabbccddeeff", "FFEEDDCCBBAA99887766554433221100");
        write(&paths[0], a);
        write(&paths[1], &format!("{b}\n"));
        let cookies = Cookies::open(paths.to_vec()).unwrap();
        let mut reader = cookies.reader();
        let secrets = |texts: [&str; 2]| {
            let octets = |text: &str| HEXLOWER_PERMISSIVE.decode(text.as_bytes()).unwrap();
            Secrets::new(texts.map(|text| octets(text).try_into().unwrap()))
        };
        assert_eq!(**reader.load(), secrets([a, b]));
        assert!(!cookies.reload().unwrap(), "nothing has changed");

        write(&paths[0], b);
        write(&paths[1], a);
        assert!(cookies.reload().unwrap());
        assert_eq!(**reader.load(), secrets([b, a]));

        // What is wrong is said once, and leaves the secrets in force.
        write(&paths[1], "00112233");
        let error = cookies.reload().unwrap_err().to_string();
        assert!(error.contains("old: not a secret for cookies; write 32"), "{error}");
        assert!(!error.contains("00112233"));
        assert!(!cookies.reload().unwrap());
        assert_eq!(**reader.load(), secrets([b, a]));
        fs::remove_file(&paths[1]).unwrap();
        assert!(cookies.reload().is_err(), "another reason");
        write(&paths[1], a);
        assert!(!cookies.reload().unwrap());
        assert_eq!(*cookies.fault.lock().unwrap(), None);
    }

    #[test]
    fn chance_is_not_twice_the_same() {
        let (one, two) = (Cookies::random(), Cookies::random());
        assert_ne!(**one.current.load(), **two.current.load());
        assert!(one.current.load().are_used());
        assert!(!Cookies::unused().current.load().are_used());
    }
}
