//! Where zones come from, as the configuration has it: one source for the operator, and one for each tenant
//! that has one of its own.

use std::io;
use std::path::{Path, PathBuf};

use halfmoon_zones::{ListedZone, Loader, Sources};

use super::git::{FollowError, Repository};
use super::publishing::{FolderView, GitView, Source};
use crate::config::{Config, GuardsConfig};
use crate::real::Real;
use crate::shared::Served;
use crate::tenants::{TenantId, Tenants};

/// One source of zones.
#[derive(Debug)]
pub struct Unit {
    /// Whose zones they are; `None`: the operator's.
    pub tenant: Option<TenantId>,
    /// Where they come from.
    pub place: Place,
    /// What holds changes of a folder; `None`: nothing. A repository knows its own.
    pub guards: Option<GuardsConfig>,
}

/// Where zones come from.
#[derive(Debug)]
pub enum Place {
    /// A folder, or a list of files.
    Folder(Box<Loader<Served>>),
    /// A repository.
    Repository(Box<Repository>),
}

impl Place {
    /// What is known of it before anything is read.
    pub(super) fn view(&self) -> Source {
        match self {
            Self::Folder(loader) => {
                let path = loader.sources().folder.as_deref().unwrap_or_else(|| Path::new(""));
                Source::Folder(FolderView {
                    path: path.display().to_string(),
                    ..FolderView::default()
                })
            }
            Self::Repository(repository) => {
                let (url, branch) = repository.place();
                Source::Git(Box::new(GitView { url, branch, ..GitView::default() }))
            }
        }
    }
}

/// Why a source cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The configuration does not say where any zones are.
    #[error(
        "no zones are configured; set `zones.path` to a folder of zone files, or list `zones.zone`"
    )]
    Nowhere,
    /// There is no zone to serve.
    #[error("{path}: no zone to serve; put zone files that end in `.zone` there", path = path.display())]
    NoZone {
        /// Where zones were looked for.
        path: PathBuf,
    },
    /// There are zones, but none that can be served.
    #[error(
        "{path}: no zone there can be served, of {count}; `halfmoon check {path}` says why",
        path = path.display()
    )]
    NoGoodZone {
        /// Where zones were looked for.
        path: PathBuf,
        /// How many there are.
        count: usize,
    },
    /// Zones are listed, but none of them can be served.
    #[error("no zone of the configuration can be served, of {count}; `halfmoon check` says why")]
    NoGoodListed {
        /// How many there are.
        count: usize,
    },
    /// The zones cannot be read at all.
    #[error("{path}: {source}", path = path.display())]
    Unreadable {
        /// Where zones were looked for.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Zones cannot come from a repository.
    #[error("{key}.git: {source}")]
    Git {
        /// The section of the configuration: `zones`, or `tenants.NAME`.
        key: String,
        /// Why not.
        source: FollowError,
    },
    /// Two sources would have the same files.
    #[error("{key}: {path} is or lies in {other} ({of}); give each a folder of its own", path = path.display(), other = other.display())]
    Shared {
        /// The key of one of them.
        key: String,
        /// What it says.
        path: PathBuf,
        /// What the other one says.
        other: PathBuf,
        /// The key of the other one.
        of: String,
    },
}

/// The sources that a configuration names, the operator's first.
///
/// # Errors
/// It names none, or what cannot be one. Whether something is there is not asked yet.
pub fn units(config: &Config, tenants: &Tenants) -> Result<Vec<Unit>, SourceError> {
    let mut units = Vec::new();
    let zones = &config.zones;
    let (mut folders, mut states, mut real) =
        (Folders::default(), Folders::default(), Real::default());
    if let Some(git) = &zones.git {
        let repository = Repository::of(config, git, None);
        let repository =
            repository.map_err(|source| SourceError::Git { key: "zones".to_owned(), source })?;
        // Those of tenants lie below it, beside its copy, unless something else is said.
        let folder = match git.state {
            Some(_) => repository.folder().to_owned(),
            None => repository.folder().join("repository"),
        };
        states.add("zones.git.state", &folder, &mut real)?;
        let place = Place::Repository(Box::new(repository));
        units.push(Unit { tenant: None, place, guards: None });
    } else if zones.path.is_some() || !zones.zone.is_empty() {
        if let Some(path) = &zones.path {
            folders.add("zones.path", path, &mut real)?;
        }
        let listed = zones.zone.iter();
        let sources = Sources {
            folder: zones.path.clone(),
            listed: listed
                .map(|zone| ListedZone { name: zone.name, path: zone.file.clone() })
                .collect(),
            include_root: zones.include_root.clone(),
        };
        let place = folder(sources, config);
        units.push(Unit { tenant: None, place, guards: zones.guards });
    }
    for (name, tenant) in &config.tenants {
        let key = format!("tenants.{name}");
        let place = if let Some(git) = &tenant.git {
            let repository = Repository::of(config, git, Some((name, tenant)));
            let repository =
                repository.map_err(|source| SourceError::Git { key: key.clone(), source })?;
            states.add(&format!("{key}.git.state"), repository.folder(), &mut real)?;
            Place::Repository(Box::new(repository))
        } else if let Some(path) = &tenant.path {
            folders.add(&format!("{key}.path"), path, &mut real)?;
            folder(Sources { folder: Some(path.clone()), ..Sources::default() }, config)
        } else {
            continue;
        };
        let guards = match &place {
            Place::Folder(_) => tenant.guards.or(zones.guards),
            Place::Repository(_) => None,
        };
        units.push(Unit { tenant: tenants.id(name), place, guards });
    }
    if units.is_empty() { Err(SourceError::Nowhere) } else { Ok(units) }
}

fn folder(sources: Sources, config: &Config) -> Place {
    Place::Folder(Box::new(Loader::of(sources, config.lua.insert_whitespace)))
}

/// Folders that have to be apart from each other.
#[derive(Default)]
struct Folders(Vec<(String, PathBuf, PathBuf)>);

impl Folders {
    fn add(&mut self, key: &str, path: &Path, real: &mut Real) -> Result<(), SourceError> {
        // With links and all, as far as it exists.
        let real = real.path(path);
        for (of, other, theirs) in &self.0 {
            let (inner, outer) = if real.starts_with(theirs) {
                ((key, path), (of.as_str(), other.as_path()))
            } else if theirs.starts_with(&real) {
                ((of.as_str(), other.as_path()), (key, path))
            } else {
                continue;
            };
            return Err(SourceError::Shared {
                key: inner.0.to_owned(),
                path: inner.1.to_owned(),
                other: outer.1.to_owned(),
                of: outer.0.to_owned(),
            });
        }
        self.0.push((key.to_owned(), path.to_owned(), real));
        Ok(())
    }
}
