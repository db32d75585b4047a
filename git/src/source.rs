//! Where a repository is fetched from.

use std::path::PathBuf;

/// A branch of a repository somewhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Source {
    pub(crate) place: Place,
    pub(crate) branch: String,
    pub(crate) account: Option<(String, String)>,
}

/// Where a repository is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// On this machine; objects are copied without any program.
    Local(PathBuf),
    /// Behind a URL of `https`, `ssh`, or `http`.
    Remote(String),
}

/// Why a place is none.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// Its scheme is not spoken.
    #[error(
        "{0:?} is no repository that can be fetched; write https://HOST/PATH, ssh://USER@HOST/PATH, \
         USER@HOST:PATH, or the path of a repository on this machine"
    )]
    Scheme(String),
    /// Everybody on the way could change the zones.
    #[error(
        "{0:?} is not encrypted; write https:// or ssh://, or http:// to 127.0.0.1 or [::1] alone"
    )]
    Open(String),
    /// Passwords belong into a file.
    #[error(
        "the URL holds a password; put USER:PASSWORD into a file and name it in `credentials_file`"
    )]
    Password,
    /// The name is none of a branch.
    #[error("{0:?} is no name of a branch")]
    Branch(String),
    /// The file holds no account.
    #[error("`credentials_file` holds no account; write USER:PASSWORD or USER:TOKEN in one line")]
    Account,
}

impl Source {
    /// A branch of the repository at a URL or path.
    ///
    /// # Errors
    /// It cannot be one.
    pub fn new(url: &str, branch: &str) -> Result<Self, SourceError> {
        let name = format!("refs/heads/{branch}");
        if gix::validate::reference::name(name.as_str().into()).is_err() {
            return Err(SourceError::Branch(branch.to_owned()));
        }
        Ok(Self { place: place(url)?, branch: branch.to_owned(), account: None })
    }

    /// The same with an account, as `USER:PASSWORD`, for servers that ask for one over HTTP.
    ///
    /// # Errors
    /// It is none.
    pub fn with_account(mut self, account: &str) -> Result<Self, SourceError> {
        let account = account.trim().split_once(':').filter(|(user, secret)| {
            !user.is_empty() && !secret.is_empty() && !secret.contains('\n')
        });
        let (user, secret) = account.ok_or(SourceError::Account)?;
        self.account = Some((user.to_owned(), secret.to_owned()));
        Ok(self)
    }
}

/// Without the secret.
impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { place, branch, account } = self;
        let user = account.as_ref().map(|(user, _)| user);
        f.debug_struct("Source")
            .field("place", place)
            .field("branch", branch)
            .field("user", &user)
            .finish()
    }
}

fn place(url: &str) -> Result<Place, SourceError> {
    let Some((scheme, rest)) = url.split_once("://") else {
        let before = url.split_once(':').map(|(before, _)| before);
        // `git@host:path`, as ssh has it; a `/` before the colon makes it a path.
        return match before {
            Some(host) if !host.contains('/') && host.contains('@') && !url.starts_with('-') => {
                Ok(Place::Remote(url.to_owned()))
            }
            _ if url.is_empty() => Err(SourceError::Scheme(url.to_owned())),
            _ => Ok(Place::Local(url.into())),
        };
    };
    let authority = rest.split('/').next().unwrap_or_default();
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    if user.contains(':') {
        return Err(SourceError::Password);
    }
    match scheme {
        "file" => Ok(Place::Local(rest.into())),
        // A host that begins with `-` would be an option of the program.
        "https" | "ssh" if !host.is_empty() && !host.starts_with('-') && !user.starts_with('-') => {
            Ok(Place::Remote(url.to_owned()))
        }
        "http" => {
            let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
            if matches!(name, "127.0.0.1" | "[::1]" | "localhost") {
                Ok(Place::Remote(url.to_owned()))
            } else {
                Err(SourceError::Open(url.to_owned()))
            }
        }
        _ => Err(SourceError::Scheme(url.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encrypted_or_near_can_be_fetched() {
        for (url, expected) in [
            ("https://git.example/zones.git", "remote"),
            ("https://user@git.example/zones.git", "remote"),
            ("ssh://git@git.example/zones.git", "remote"),
            ("git@git.example:zones.git", "remote"),
            ("http://127.0.0.1:8080/zones.git", "remote"),
            ("http://[::1]:8080/zones.git", "remote"),
            ("/srv/zones.git", "local"),
            ("zones", "local"),
            ("file:///srv/zones.git", "local"),
            ("http://git.example/zones.git", "not encrypted"),
            ("http://127.0.0.1.example/zones.git", "not encrypted"),
            ("git://git.example/zones.git", "no repository"),
            ("https://user:secret@git.example/zones.git", "password"),
            ("ssh://-oProxyCommand=x/zones.git", "no repository"),
            ("", "no repository"),
        ] {
            match Source::new(url, "main") {
                Ok(Source { place: Place::Local(_), .. }) => assert_eq!(expected, "local", "{url}"),
                Ok(_) => assert_eq!(expected, "remote", "{url}"),
                Err(error) => assert!(error.to_string().contains(expected), "{url}: {error}"),
            }
        }
    }

    #[test]
    fn an_account_is_a_name_and_a_secret_that_is_not_shown() {
        let source = Source::new("https://git.example/zones.git", "main").unwrap();
        for wrong in ["", "token", ":secret", "user:", "user:a\nb"] {
            assert!(source.clone().with_account(wrong).is_err(), "{wrong:?}");
        }
        let with = source.with_account("user:secret\n").unwrap();
        assert_eq!(with.account, Some(("user".into(), "secret".into())));
        assert!(!format!("{with:?}").contains("secret"));
    }

    #[test]
    fn a_branch_has_a_name_that_git_allows() {
        for (branch, good) in [("main", true), ("a/b", true), ("", false), ("a..b", false)] {
            assert_eq!(Source::new("zones", branch).is_ok(), good, "{branch:?}");
        }
    }
}
