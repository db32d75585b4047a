//! Whether a commit is signed by somebody who may.
//!
//! The judgement is left to `ssh-keygen -Y verify` and `gpgv`, made for that: they know all kinds of keys,
//! hardware keys among them, and the allowed-signers file with its certificates, namespaces and times,
//! of which a library of ours would know a part. What they are given is the commit as Git signs it.
//! The time is now: a key that is no longer allowed signs nothing, whatever date a commit bears.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use halfmoon_git::{CommitId, Copy, Signed};

use super::command::{self, Ended, plain};
use super::refusal::Refusal;

const SSH: &[u8] = b"-----BEGIN SSH SIGNATURE-----";
const OPENPGP: &[u8] = b"-----BEGIN PGP SIGNATURE-----";
/// How long one program may take.
const LIMIT: Duration = Duration::from_secs(10);
/// How many of those that one key stands for are tried.
const MOST_PRINCIPALS: usize = 16;

/// Whose signatures count.
#[derive(Clone, Debug, Default)]
pub(super) struct Signers {
    pub(super) allowed: Option<PathBuf>,
    pub(super) keyring: Option<PathBuf>,
    /// A folder of our own, for what the programs read.
    pub(super) folder: PathBuf,
    /// Whether the server ends.
    pub(super) is_over: Arc<AtomicBool>,
}

/// Why a file of those who may sign is not usable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignersError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Whoever has an account may allow himself to sign.
    #[error("{path}: everybody may change who may sign; run `chmod o-w {path}`", path = path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
    },
    /// There is nobody whose signature would count.
    #[error(
        "verify = \"signed\" needs `allowed_signers`, or `openpgp_keyring`: whose signatures count"
    )]
    Nobody,
}

impl Signers {
    /// Whether anybody may sign.
    pub(super) const fn are_any(&self) -> bool {
        self.allowed.is_some() || self.keyring.is_some()
    }

    /// Says what is wrong with the files.
    pub(super) fn check(&self) -> Result<(), SignersError> {
        for path in self.allowed.iter().chain(&self.keyring) {
            let meta = fs::metadata(path);
            let meta =
                meta.map_err(|source| SignersError::Unreadable { path: path.clone(), source })?;
            if meta.permissions().mode() & 0o002 != 0 {
                return Err(SignersError::Exposed { path: path.clone() });
            }
        }
        Ok(())
    }

    /// Who has signed a commit.
    ///
    /// # Errors
    /// Nobody who may, in words.
    pub(super) fn signer(&self, copy: &Copy, commit: CommitId) -> Result<String, Refusal> {
        let signed = copy.signed(commit)?;
        let Some(signed) = signed else {
            return Err(Refusal::of("it is not signed; sign it with `git commit -S`"));
        };
        self.check().map_err(Refusal::passing)?;
        if signed.signature.starts_with(SSH) {
            let Some(allowed) = &self.allowed else {
                return Err(Refusal::of(
                    "it has an SSH signature, and no `allowed_signers` are set",
                ));
            };
            self.by_ssh(&signed, allowed)
        } else if signed.signature.starts_with(OPENPGP) {
            let Some(keyring) = &self.keyring else {
                return Err(Refusal::of(
                    "it has an OpenPGP signature, and no `openpgp_keyring` is set",
                ));
            };
            self.by_openpgp(&signed, keyring)
        } else {
            Err(Refusal::of("its signature is neither one of SSH nor of OpenPGP"))
        }
    }

    fn by_ssh(&self, signed: &Signed, allowed: &Path) -> Result<String, Refusal> {
        let signature = self.write(&signed.signature)?;
        let keygen = |verb: &str| {
            let mut command = plain("ssh-keygen");
            command.args(["-Y", verb, "-f"]).arg(allowed).arg("-s").arg(&signature);
            command
        };
        let found = self.judge(keygen("find-principals"), Vec::new())?;
        if !found.status.success() {
            return Err(Refusal::of(format!(
                "it is signed by a key that may not sign ({})",
                found.shown()
            )));
        }
        let mut why = String::new();
        for principal in found.out.lines().take(MOST_PRINCIPALS) {
            let mut verify = keygen("verify");
            verify.args(["-n", "git", "-I", principal]);
            let judged = self.judge(verify, signed.payload.clone())?;
            if judged.status.success() {
                return Ok(principal.to_owned());
            }
            why = judged.shown();
        }
        Err(Refusal::of(format!("its signature is not right ({why})")))
    }

    fn by_openpgp(&self, signed: &Signed, keyring: &Path) -> Result<String, Refusal> {
        let signature = self.write(&signed.signature)?;
        // A keyring without a folder would be looked for in that of the user.
        let keyring = fs::canonicalize(keyring).map_err(Refusal::passing)?;
        let mut gpgv = plain("gpgv");
        gpgv.arg("--homedir").arg(&self.folder).args(["--status-fd", "1", "--keyring"]);
        gpgv.arg(keyring).arg(&signature).arg("-");
        let judged = self.judge(gpgv, signed.payload.clone())?;
        let said = |word: &str| {
            let lines = judged.out.lines().filter_map(|line| line.strip_prefix("[GNUPG:] "));
            lines.filter_map(|line| line.strip_prefix(word)?.strip_prefix(' ')).next()
        };
        // Behind the number of the key.
        let name = |who: &'_ str| who.split_once(' ').map_or(who, |(_, name)| name).to_owned();
        match (judged.status.success(), said("GOODSIG"), said("VALIDSIG")) {
            (true, Some(who), Some(_)) => Ok(name(who)),
            // The signature is right each time, and gpgv may say so with status 0.
            (_, None, _) if let Some(who) = said("EXPKEYSIG") => {
                Err(Refusal::of(format!("the key of {} has expired", name(who))))
            }
            (_, None, _) if let Some(who) = said("REVKEYSIG") => {
                Err(Refusal::of(format!("the key of {} was revoked", name(who))))
            }
            (_, None, _) if let Some(who) = said("EXPSIG") => {
                Err(Refusal::of(format!("the signature of {} has expired", name(who))))
            }
            _ => Err(Refusal::of(format!(
                "it is signed by a key that may not sign, or not rightly ({}, {})",
                judged.status,
                judged.err.lines().last().unwrap_or("gpgv says nothing").trim()
            ))),
        }
    }

    fn write(&self, signature: &[u8]) -> Result<PathBuf, Refusal> {
        let path = self.folder.join("signature");
        let write = || {
            fs::create_dir_all(&self.folder)?;
            fs::write(&path, signature)
        };
        write().map_err(|error| Refusal::passing(format!("{}: {error}", path.display())))?;
        Ok(path)
    }

    /// What a program says of a signature.
    ///
    /// # Errors
    /// It does not come to say anything.
    fn judge(&self, command: Command, input: Vec<u8>) -> Result<Ended, Refusal> {
        let name = command.get_program().to_string_lossy().into_owned();
        let ended = command::run(command, input, LIMIT, &self.is_over)?;
        if ended.status.code().is_none() {
            return Err(Refusal::passing(format!("{name} was killed ({})", ended.shown())));
        }
        Ok(ended)
    }
}
