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

use crate::cookies::Cookies;
use crate::meter::Meters;
use crate::publish::{Compile, Loads};
use crate::shared::{Policy, Shared};
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
        let loaded = Loader::new(folder, false).load(&mut compile)?;
        let shared = Shared {
            zones: Arc::new(ArcSwap::from_pointee(loaded.catalog)),
            health,
            geo: Source::new(Vec::new()),
            cookies: Cookies::random(),
            keys: Keys::none(),
            policy: Policy::new(lua),
            meters: Meters::default(),
            loads: Loads::default(),
        };
        Ok(Self { shared, reports: loaded.reports })
    }

    /// Someone to answer.
    #[must_use]
    pub fn worker(&self) -> Worker {
        Worker::new(&self.shared)
    }
}
