//! The tokens that clients show, from files that are looked at again now and then.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{Digest, SHA256, digest};

use crate::config::{Right, TokenConfig};
use crate::secret::{self, Reloaded, Secret, SecretError, Watched};
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
pub(super) struct Tokens(Watched<Token>);

impl Tokens {
    /// Reads the files.
    ///
    /// # Errors
    /// The first file that is not usable, of those that are not a tenant's.
    pub(super) fn open(config: Vec<Named>) -> Result<Self, SecretError> {
        Watched::open(config).map(Self)
    }

    /// Reads the files again. A token whose file is not usable stays what it is.
    pub(super) fn reload(&self) -> Reloaded {
        self.0.reload()
    }

    /// What is wrong with files whose tokens are those of before.
    pub(super) fn faults(&self) -> Vec<String> {
        self.0.faults()
    }

    /// What is wrong with files of tenants that no token is in force of.
    pub(super) fn lacking(&self) -> Vec<String> {
        self.0.lacking()
    }

    /// The token with this secret.
    pub(super) fn find(&self, secret: &str) -> Option<Token> {
        let shown = digest(&SHA256, secret.as_bytes());
        let is_it = |token: &&Arc<Token>| {
            verify_slices_are_equal(token.digest.as_ref(), shown.as_ref()).is_ok()
        };
        self.0.current().load().iter().find(is_it).map(|token| Token::clone(token))
    }
}

impl Secret for Token {
    type Config = Named;

    // Which of the two its holder is would depend on their order.
    const ALONE: Option<&'static str> =
        Some("the secret of another token, too; give each token its own");

    fn load((token, tenant): &Named) -> Result<Self, SecretError> {
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
        Ok(Self { name: token.name.clone(), may: token.may, beats, tenant: *tenant, digest })
    }

    fn path((token, _): &Named) -> &Path {
        &token.secret_file
    }

    fn octets(&self) -> &[u8] {
        self.digest.as_ref()
    }

    fn may_lack((_, tenant): &Named) -> bool {
        tenant.is_some()
    }
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
