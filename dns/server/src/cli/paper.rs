//! Where answers are made that nobody has asked for: by a running server, or with files alone.

use std::path::{Path, PathBuf};

use halfmoon_zones::Outcome;

use super::remote::{Remote, ServerArgs};
use crate::config::{Config, Right};
use crate::offline::Offline;

/// By whom it is answered
#[derive(Debug, clap::Args)]
pub(super) struct PaperArgs {
    /// A configuration, a zone file or a folder of them, instead of a running server
    #[arg(long, value_name = "FILE", conflicts_with = "server")]
    config: Option<PathBuf>,
    /// Zone files instead of those that the configuration names, as a working tree of its repository
    #[arg(long, value_name = "PATH", requires = "config")]
    zones: Option<PathBuf>,
    /// The admin interface of the server [default: http://127.0.0.1:8053]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// A file with a token for it
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    token_file: Option<PathBuf>,
}

impl PaperArgs {
    /// The zones of a configuration, a folder or a file, if files are named. All of them have to be
    /// right.
    ///
    /// # Errors
    /// Why they cannot be had.
    pub(super) fn offline(&self) -> Result<Option<Offline>, String> {
        let Some(path) = &self.config else {
            return Ok(None);
        };
        let mut config = Config::default();
        if path.extension().is_some_and(|ending| ending == "toml") {
            config = Config::load(path).map_err(|fault| fault.to_string())?;
        } else {
            config.zones.path = Some(path.clone());
        }
        if let Some(zones) = &self.zones {
            (config.zones.path, config.zones.git) = (Some(zones.clone()), None);
            // They stand for all there are, whoever owns them.
            for tenant in config.tenants.values_mut() {
                (tenant.path, tenant.git) = (None, None);
            }
        }
        load(&config, path).map(Some)
    }

    /// The server.
    ///
    /// # Errors
    /// What it is called by is no URL, or the token cannot be read.
    pub(super) fn remote(&self) -> Result<Remote, String> {
        let server = ServerArgs {
            config: None,
            server: self.server.clone(),
            token_file: self.token_file.clone(),
        };
        Remote::find(&server, Right::Read)
    }
}

fn load(config: &Config, path: &Path) -> Result<Offline, String> {
    let of_tenants = config.tenants.values().filter_map(|tenant| tenant.git.as_ref());
    if config.zones.git.iter().chain(of_tenants).next().is_some() {
        return Err(format!(
            "{}: its zones come from Git; name a working tree with `--zones PATH`, or ask the server",
            path.display()
        ));
    }
    let offline = Offline::unsigned(config).map_err(|error| error.to_string())?;
    let refused = offline.reports.iter().find(|report| report.outcome != Outcome::Loaded);
    match refused {
        Some(report) => Err(format!(
            "{}: zone {} is refused; `halfmoon check {}` says why",
            report.path.display(),
            report.apex,
            path.display()
        )),
        None if offline.reports.is_empty() => {
            Err(format!("{}: no zone files (*.zone) there", path.display()))
        }
        None => Ok(offline),
    }
}
