//! Where the secrets of cookies come from: files that are looked at again now and then, or chance.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::{ArcSwap, Cache};
use data_encoding::HEXLOWER_PERMISSIVE;

use crate::answer::Secrets;
use crate::secret::{self, Reloaded, Secret, SecretError, Watched};

/// The secrets in force.
#[derive(Debug)]
pub struct Cookies {
    files: Watched<FromFile>,
    /// Those of the files, or the one of this process.
    current: Arc<ArcSwap<Secrets>>,
}

/// One thread's view of the secrets in force.
pub type Reader = Cache<Arc<ArcSwap<Secrets>>, Arc<Secrets>>;

/// A secret from a file. It is not shown.
struct FromFile([u8; 16]);

impl Cookies {
    fn of(files: Watched<FromFile>, secrets: Secrets) -> Self {
        Self { files, current: Arc::new(ArcSwap::from_pointee(secrets)) }
    }

    /// Cookies are not used.
    #[must_use]
    pub fn unused() -> Self {
        Self::of(Watched::default(), Secrets::default())
    }

    /// A secret of this process, which nobody else has. Cookies are not used should the system
    /// have no randomness.
    #[must_use]
    pub fn random() -> Self {
        let mut secret = [0; 16];
        match aws_lc_rs::rand::fill(&mut secret) {
            Ok(()) => Self::of(Watched::default(), Secrets::new([secret])),
            Err(_) => Self::unused(),
        }
    }

    /// Secrets from files, each with 32 hexadecimal digits. The first makes cookies, all verify.
    ///
    /// # Errors
    /// The first file that is not usable.
    pub fn open(files: Vec<PathBuf>) -> Result<Self, SecretError> {
        let files = Watched::open(files)?;
        let secrets = all(&files);
        Ok(Self::of(files, secrets))
    }

    /// Reads the files again, and publishes what of it is right. A file that is not usable stays what it
    /// was.
    pub(crate) fn reload(&self) -> Reloaded {
        let reloaded = self.files.reload();
        if reloaded.changed > 0 {
            self.current.store(Arc::new(all(&self.files)));
        }
        reloaded
    }

    /// What is wrong with files whose secrets are those of before.
    pub(crate) fn faults(&self) -> Vec<String> {
        self.files.faults()
    }

    /// A view of the secrets in force for one thread.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Cache::new(Arc::clone(&self.current))
    }
}

fn all(files: &Watched<FromFile>) -> Secrets {
    Secrets::new(files.current().load().iter().map(|secret| secret.0))
}

impl Secret for FromFile {
    type Config = PathBuf;

    // While they are replaced one after the other, two files hold the same for a while.
    const ALONE: Option<&'static str> = None;

    fn load(path: &PathBuf) -> Result<Self, SecretError> {
        let octets = HEXLOWER_PERMISSIVE.decode(secret::read(path)?.as_bytes()).ok();
        let secret = octets.and_then(|octets| octets.try_into().ok());
        secret.map(Self).ok_or_else(|| SecretError::Wrong {
            path: path.clone(),
            reason: "not a secret for cookies; write 32 hexadecimal digits, \
                     as `openssl rand -hex 16` makes them",
        })
    }

    fn path(path: &PathBuf) -> &Path {
        path
    }

    fn octets(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for FromFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FromFile")
    }
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
        assert_eq!(cookies.reload().changed, 0, "nothing has changed");

        write(&paths[0], b);
        write(&paths[1], a);
        assert_eq!(cookies.reload().changed, 2);
        assert_eq!(**reader.load(), secrets([b, a]));

        // What is wrong is said once, and keeps no other file from being taken.
        let c = "0123456789abcdef0123456789abcdef";
        write(&paths[0], c);
        write(&paths[1], "00112233");
        let error = cookies.reload().faults[0].to_string();
        assert!(error.contains("old: not a secret for cookies; write 32"), "{error}");
        assert!(!error.contains("00112233"));
        assert_eq!(cookies.faults(), [error]);
        assert!(cookies.reload().faults.is_empty());
        assert_eq!(**reader.load(), secrets([c, a]));
        write(&paths[1], a);
        assert_eq!(cookies.reload().changed, 0);
        assert!(cookies.faults().is_empty());
    }

    #[test]
    fn chance_is_not_twice_the_same() {
        let (one, two) = (Cookies::random(), Cookies::random());
        assert_ne!(**one.current.load(), **two.current.load());
        assert!(one.current.load().are_used());
        assert!(!Cookies::unused().current.load().are_used());
    }
}
