//! `[cookies]`: DNS cookies (RFC 7873).

use std::path::PathBuf;

use serde::Deserialize;

/// `[cookies]`: whether clients get cookies, and by which secrets.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CookiesConfig {
    /// Whether cookies are answered and looked at.
    pub enabled: bool,
    /// Files with a secret each; the first makes cookies, all verify. None: a secret of the
    /// process. Relative to the folder of the configuration file.
    pub secrets: Vec<PathBuf>,
}

impl Default for CookiesConfig {
    fn default() -> Self {
        Self { enabled: true, secrets: Vec::new() }
    }
}
