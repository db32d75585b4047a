//! `[zones] git` and `[zones] guards`: zones from a repository, and what nothing may take away unseen.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de::Error};

use super::value;

/// `[zones] git`: the repository that zones come from.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GitConfig {
    /// Where it is: `https://HOST/PATH`, `ssh://USER@HOST/PATH`, `USER@HOST:PATH`, or the path of a
    /// repository on this machine, relative to the folder of the configuration file.
    pub url: String,
    /// The branch that is served.
    #[serde(default = "main")]
    pub branch: String,
    /// The folder of the zones in the repository; empty: all of it.
    #[serde(default, deserialize_with = "inside")]
    pub path: PathBuf,
    /// How often it is looked for new commits.
    #[serde(default = "half_a_minute", deserialize_with = "value::positive_duration")]
    pub interval: Duration,
    /// A file with `USER:PASSWORD` for servers that ask for it over HTTPS. Relative to the folder of
    /// the configuration file.
    pub credentials_file: Option<PathBuf>,
    /// How long a fetch may take.
    #[serde(default = "two_minutes", deserialize_with = "value::positive_duration")]
    pub timeout: Duration,
    /// What a commit has to have.
    pub verify: Option<Verify>,
    /// Whose SSH signatures count, as `ssh-keygen` has it (ALLOWED SIGNERS in its manual). Relative to the
    /// folder of the configuration file.
    pub allowed_signers: Option<PathBuf>,
    /// The public keys whose OpenPGP signatures count: a keyring for `gpgv`. Relative to the folder of the
    /// configuration file.
    pub openpgp_keyring: Option<PathBuf>,
    /// Where the serials of zones come from.
    #[serde(default)]
    pub serial: SerialOf,
    /// A program, with its arguments, that is asked before a commit is served.
    #[serde(default)]
    pub verifier: Vec<String>,
    /// How long it may take.
    #[serde(default = "half_a_minute", deserialize_with = "value::positive_duration")]
    pub verifier_timeout: Duration,
    /// The folder of the copy; `git` in `health.state` if not set. Relative to the folder of the
    /// configuration file.
    pub state: Option<PathBuf>,
}

impl GitConfig {
    /// Makes its relative paths relative to the folder of the configuration file.
    pub(super) fn anchor(&mut self, anchored: impl Fn(&mut PathBuf)) {
        let Self { credentials_file, state, allowed_signers, openpgp_keyring, .. } = self;
        let files = [credentials_file, state, allowed_signers, openpgp_keyring];
        files.into_iter().flatten().for_each(&anchored);
        // A word alone is looked up in the path, as a shell does.
        if let Some(program) = self.verifier.first_mut().filter(|word| word.contains('/')) {
            let mut path = PathBuf::from(&*program);
            anchored(&mut path);
            // It is run in another folder than that of the server.
            let path = std::path::absolute(&path).unwrap_or(path);
            *program = path.display().to_string();
        }
        // A colon makes it something else than a path of this machine.
        if !self.url.contains(':') {
            let mut path = PathBuf::from(&self.url);
            anchored(&mut path);
            self.url = path.display().to_string();
        }
    }
}

/// Where the serial of a zone comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SerialOf {
    /// From its file.
    #[default]
    File,
    /// From the time of the commit that changed it.
    Commit,
}

/// What a commit has to have to be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verify {
    /// A signature of somebody who may sign.
    Signed,
}

/// `[zones] guards`: what holds a commit, or a change of a folder, until an operator says that it is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GuardsConfig {
    /// More than so many percent of the records of a zone gone; 100: any number may go.
    #[serde(deserialize_with = "percent")]
    pub records_lost: u8,
    /// A zone gone.
    pub zone_gone: bool,
    /// The NS or DS records of a name gone, with the name or without it.
    pub ns_or_ds_lost: bool,
}

impl Default for GuardsConfig {
    fn default() -> Self {
        Self { records_lost: 50, zone_gone: true, ns_or_ds_lost: true }
    }
}

fn main() -> String {
    "main".to_owned()
}

const fn half_a_minute() -> Duration {
    Duration::from_secs(30)
}

const fn two_minutes() -> Duration {
    Duration::from_secs(120)
}

fn percent<'de, D: Deserializer<'de>>(from: D) -> Result<u8, D::Error> {
    let number = i64::deserialize(from)?;
    u8::try_from(number).ok().filter(|part| *part <= 100).ok_or_else(|| {
        D::Error::custom(format_args!("{number} is no percentage; write a number from 0 to 100"))
    })
}

/// A path that stays in the repository, without `.` in it.
fn inside<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
    use std::path::Component;
    let path = PathBuf::deserialize(from)?;
    let parts = path.components().filter(|part| *part != Component::CurDir);
    let parts: Vec<Component<'_>> = parts.collect();
    if parts.iter().all(|part| matches!(part, Component::Normal(_))) {
        return Ok(parts.into_iter().collect());
    }
    let message =
        format!("{} leaves the repository; write a folder in it, as zones", path.display());
    Err(D::Error::custom(message))
}
