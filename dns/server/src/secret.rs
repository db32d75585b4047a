//! Secrets from files: small, and nobody else's to read.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

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
/// It cannot be read, is open to everybody, is longer than 4096 octets, or is no text.
pub fn read(path: &Path) -> Result<String, SecretError> {
    let unreadable = |source| SecretError::Unreadable { path: path.to_owned(), source };
    let wrong = |reason| SecretError::Wrong { path: path.to_owned(), reason };
    let file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o7777;
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

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};

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
        for (octets, reason) in [(vec![b'a'; 4097], "too long"), (vec![0xff], "not a text")] {
            fs::write(&path, octets).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            assert!(refused().contains(reason));
        }
    }
}
