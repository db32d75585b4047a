//! The tokens that clients show, from files that are looked at again now and then.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Digest, SHA256, digest};

use crate::config::{Right, TokenConfig};
use crate::secret::{self, SecretError};
use crate::tenants::TenantId;

/// The shortest secret that is taken, in octets.
const SHORTEST: usize = 16;

/// One token. Its secret is kept as a digest, so that comparing takes the same time whatever is shown.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) name: String,
    pub(super) may: Right,
    /// The heartbeats that its holder may call in.
    pub(super) beats: Arc<[String]>,
    /// Whose it is; `None`: the operator's.
    pub(super) tenant: Option<TenantId>,
    digest: Digest,
}

/// A token as it is configured, and whose it is.
pub(super) type Named = (TokenConfig, Option<TenantId>);

/// The tokens in force.
#[derive(Debug)]
pub(super) struct Tokens {
    config: Vec<Named>,
    current: ArcSwap<Vec<Token>>,
    fault: Mutex<Option<String>>,
}

impl Tokens {
    /// Reads the files.
    ///
    /// # Errors
    /// The first file that is not usable.
    pub(super) fn open(config: Vec<Named>) -> Result<Self, SecretError> {
        let tokens = load(&config)?;
        Ok(Self { config, current: ArcSwap::from_pointee(tokens), fault: Mutex::default() })
    }

    /// Reads the files again; whether a token is another than before.
    ///
    /// # Errors
    /// A file that is not usable; the tokens in force stay. Said once for as long as the reason is
    /// the same.
    pub(super) fn reload(&self) -> Result<bool, SecretError> {
        let mut fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        match load(&self.config) {
            Ok(tokens) => {
                *fault = None;
                let digests = |tokens: &[Token]| -> Vec<Vec<u8>> {
                    tokens.iter().map(|token| token.digest.as_ref().to_vec()).collect()
                };
                let are_others = digests(&tokens) != digests(&self.current.load());
                if are_others {
                    self.current.store(Arc::new(tokens));
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

    /// The token with this secret.
    pub(super) fn find(&self, secret: &str) -> Option<Token> {
        let shown = digest(&SHA256, secret.as_bytes());
        let is_it =
            |token: &&Token| verify_slices_are_equal(token.digest.as_ref(), shown.as_ref()).is_ok();
        self.current.load().iter().find(is_it).cloned()
    }
}

fn load(config: &[Named]) -> Result<Vec<Token>, SecretError> {
    let load_one = |(token, tenant): &Named| {
        let wrong = |reason| SecretError::Wrong { path: token.secret_file.clone(), reason };
        let secret = secret::read(&token.secret_file)?;
        if secret.len() < SHORTEST {
            return Err(wrong(
                "too short for a token; write 16 octets or more, as `openssl rand -hex 32` makes them",
            ));
        }
        if !secret.bytes().all(|octet| octet.is_ascii_graphic()) {
            return Err(wrong(
                "not a token; write letters and digits, as `openssl rand -hex 32` makes them",
            ));
        }
        let digest = digest(&SHA256, secret.as_bytes());
        let beats = token.beats.as_slice().into();
        Ok(Token { name: token.name.clone(), may: token.may, beats, tenant: *tenant, digest })
    };
    let tokens: Vec<Token> = config.iter().map(load_one).collect::<Result<_, _>>()?;
    for (at, token) in tokens.iter().enumerate() {
        // Which of the two its holder is would depend on their order.
        if tokens[..at].iter().any(|other| other.digest.as_ref() == token.digest.as_ref()) {
            return Err(SecretError::Wrong {
                path: config[at].0.secret_file.clone(),
                reason: "the secret of another token, too; give each token its own",
            });
        }
    }
    Ok(tokens)
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}, {:?})", self.name, self.may)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn no_secret_is_that_of_two_tokens() {
        let folder = tempfile::tempdir().unwrap();
        let token = |name: &str, secret: &str| {
            let path = folder.path().join(name);
            fs::write(&path, secret).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            let beats = Vec::new();
            (TokenConfig { name: name.into(), secret_file: path, may: Right::Read, beats }, None)
        };
        let (a, b) = ("0123456789abcdef", "fedcba9876543210");
        assert!(Tokens::open(vec![token("a", a), token("b", b)]).is_ok());
        let error = Tokens::open(vec![token("a", a), token("b", b), token("c", a)]).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("/c: the secret of another token"), "{text}");
    }
}
