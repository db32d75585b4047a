//! A repository that zones come from, as the configuration has it.

use std::path::{Path, PathBuf};

use halfmoon_git::MOST_OCTETS;

use super::super::SourceError;
use super::signature::SignersError;
use super::{FollowError, signers, source};
use crate::config::{Config, GitConfig, GuardsConfig, TenantConfig, Verify};

/// A repository that zones come from.
#[derive(Clone, Debug)]
pub struct Repository {
    pub(super) git: GitConfig,
    pub(super) guards: GuardsConfig,
    /// Where its copy is, and what is written down of it.
    pub(super) folder: PathBuf,
    /// How many octets one of its zones may have in all its files.
    pub(super) most_octets: u64,
    pub(super) insert_whitespace: bool,
    /// The section of the configuration: `zones`, or `tenants.NAME`.
    pub(super) key: String,
}

impl Repository {
    /// As the configuration has it for the operator, or for a tenant. Nobody is asked yet. Files that a tenant's
    /// names are looked at when they are needed: one that is not usable keeps its own commits from being served, and
    /// nobody else's.
    ///
    /// # Errors
    /// What is wrong with the settings.
    pub(in crate::publish) fn of(
        config: &Config,
        git: &GitConfig,
        tenant: Option<(&String, &TenantConfig)>,
    ) -> Result<Self, FollowError> {
        if tenant.is_none() && (config.zones.path.is_some() || !config.zones.zone.is_empty()) {
            return Err(FollowError::Both);
        }
        source(&git.url, &git.branch, None)?;
        if git.verify == Some(Verify::Signed) && !signers(git, Path::new("")).are_any() {
            return Err(SignersError::Nobody.into());
        }
        if tenant.is_none() {
            usable(git)?;
        }
        let by_default = || {
            let all = config.health.state.as_ref()?.join("git");
            Some(match tenant {
                Some((name, _)) => all.join("tenants").join(name),
                None => all,
            })
        };
        let folder = git.state.clone().or_else(by_default).ok_or(FollowError::NoState)?;
        let guards = tenant.and_then(|(_, tenant)| tenant.guards);
        Ok(Self {
            git: git.clone(),
            guards: guards.or(config.zones.guards).unwrap_or_default(),
            folder,
            most_octets: tenant
                .and_then(|(_, tenant)| tenant.memory)
                .map_or(MOST_OCTETS, |most| most as u64),
            insert_whitespace: config.lua.insert_whitespace,
            key: tenant.map_or_else(|| "zones".to_owned(), |(name, _)| format!("tenants.{name}")),
        })
    }

    /// Says what is wrong with the files that it names besides.
    ///
    /// # Errors
    /// What is wrong.
    pub(crate) fn check(&self) -> Result<(), SourceError> {
        usable(&self.git).map_err(|source| SourceError::Git { key: self.key.clone(), source })
    }

    /// Where its copy is; nobody else may have this folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where it is, and which branch of it is served.
    pub(in crate::publish) fn place(&self) -> (String, String) {
        (self.git.url.clone(), self.git.branch.clone())
    }
}

/// Whether the secret, and the files of those who may sign, can be used.
fn usable(git: &GitConfig) -> Result<(), FollowError> {
    source(&git.url, &git.branch, git.credentials_file.as_deref())?;
    Ok(signers(git, Path::new("")).check()?)
}
