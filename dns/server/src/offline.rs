//! A server without sockets, watching and probing: a folder is loaded once, and a worker answers.
//!
//! What the real one does with a query is done here as well, by the same code.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use halfmoon_geo::Source;
use halfmoon_healthcheck::{Health, TargetPolicy};
use halfmoon_lua::Settings;
use halfmoon_zones::{FileReport, Loader};

use crate::config::Config;
use crate::cookies::Cookies;
use crate::events::Events;
use crate::meter::Meters;
use crate::overrides::Overrides;
use crate::publish::{self, Compile, Loads, Place, SourceError};
use crate::serve::{self, StartError};
use crate::shared::{Policy, Shared, Zones};
use crate::signing::Signing;
use crate::tenants::Tenants;
use crate::tsig::Keys;
use crate::worker::Worker;

/// Zones that were loaded once.
#[derive(Debug)]
pub struct Offline {
    /// What the workers of a server share. Verdicts are what [`Health::report`] is told.
    pub shared: Shared,
    /// What became of each file.
    pub reports: Vec<FileReport>,
}

impl Offline {
    /// Loads the zone files in a folder. Nothing is probed, whatever they name.
    ///
    /// # Errors
    /// The folder cannot be read. What is wrong with its files is in [`Offline::reports`].
    pub fn load(folder: PathBuf, lua: Settings) -> io::Result<Self> {
        let health = Health::unprobed(TargetPolicy::default());
        let mut compile = Compile::new(lua.clone(), health.clone());
        let loaded =
            publish::load(&mut Loader::new(folder, false), &mut compile, &Zones::default())?;
        let reports = loaded.reports;
        let shared = Shared {
            zones: Arc::new(ArcSwap::from_pointee(loaded.catalog)),
            geo: Source::new(Vec::new()),
            cookies: Cookies::random(),
            keys: Keys::none(),
            policy: Policy::new(lua),
            meters: Meters::default(),
            loads: Loads::default(),
            publishing: publish::Publishing::default(),
            overrides: Overrides::none(&health),
            events: Arc::new(Events::in_memory()),
            tenants: Arc::default(),
            health,
        };
        Ok(Self { shared, reports })
    }

    /// Does as a configuration says, but for sockets and probes: its zones, signed where it wants
    /// that, its limits, its secrets. Zones that come from Git are not there.
    ///
    /// # Errors
    /// What keeps a server from starting, too.
    pub fn configured(config: &Config) -> Result<Self, StartError> {
        Self::assemble(config, Signing::new(config)?)
    }

    /// The same, but no zone is signed here, so that nothing is written and no key is needed.
    ///
    /// # Errors
    /// What keeps a server from starting, too.
    pub fn unsigned(config: &Config) -> Result<Self, StartError> {
        Self::assemble(config, None)
    }

    fn assemble(config: &Config, signing: Option<Signing>) -> Result<Self, StartError> {
        let health = Health::unprobed(serve::targets(config));
        let geo = Source::open(config.geo.databases.clone())?;
        let lua = serve::lua_settings(config, &geo);
        let tenants = Arc::new(Tenants::new(&config.tenants));
        let mut zones = Vec::new();
        let mut reports = Vec::new();
        for (number, unit) in publish::units(config, &tenants)?.into_iter().enumerate() {
            let Place::Folder(mut loader) = unit.place else {
                continue;
            };
            let signing = signing.as_ref().map(|signing| signing.of_source(number));
            let mut compile = Compile::new(lua.clone(), health.clone())
                .tenants(Arc::clone(&tenants), unit.tenant)
                .signing(signing);
            let path = loader.sources().folder.clone().unwrap_or_default();
            let loaded = publish::load(&mut loader, &mut compile, &Zones::default());
            let loaded = loaded.map_err(|source| SourceError::Unreadable { path, source })?;
            zones.extend(loaded.catalog.zones().iter().cloned());
            reports.extend(loaded.reports);
        }
        let zones = Arc::new(ArcSwap::from_pointee(Zones::new(zones)));
        let shared = Shared {
            zones,
            geo,
            cookies: serve::cookies(config)?,
            keys: Keys::open(config, &tenants)?,
            policy: serve::policy(config, lua),
            meters: Meters::default(),
            loads: Loads::default(),
            publishing: publish::Publishing::default(),
            overrides: Overrides::none(&health),
            events: Arc::new(Events::in_memory()),
            tenants,
            health,
        };
        Ok(Self { shared, reports })
    }

    /// Someone to answer.
    #[must_use]
    pub fn worker(&self) -> Worker {
        Worker::new(&self.shared)
    }
}
