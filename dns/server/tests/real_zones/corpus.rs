//! Where the data is, and a server of some of it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use halfmoon::publish::Compile;
use halfmoon::shared::{Policy, Programs, Shared, Zones};
use halfmoon::worker::Worker;
use halfmoon_geo::Source;
use halfmoon_healthcheck::{Health, TargetPolicy};
use halfmoon_lua::{Dialect, Settings};
use halfmoon_zones::{Loaded, Loader};

/// A file or folder of the shared data, if it is there.
pub(crate) fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(name);
    if path.exists() {
        return Some(path);
    }
    // Not through `eprintln!`, which the test harness keeps to itself when a test passes.
    let shown = path.display();
    let _ = writeln!(io::stderr(), "SKIPPED: {shown} is not there; nothing was tested against it");
    None
}

/// Settings with time enough for a build without optimisation on a machine that is busy.
fn settings(dialect: Dialect) -> Settings {
    Settings { time: Duration::from_secs(10), ..Settings::of(dialect) }
}

/// Loads a folder of zones; nothing is probed, whatever the zones name.
pub(crate) fn load(folder: &Path, dialect: Dialect) -> (Loaded<Programs>, Health) {
    let health = Health::unprobed(TargetPolicy::default());
    let mut loader: Loader<Programs> = Loader::new(folder.to_owned(), false);
    let mut compile = Compile::new(settings(dialect), health.clone());
    (loader.load(&mut compile).expect("a readable folder"), health)
}

/// Serves a catalog.
pub(crate) fn serve(zones: Zones, health: &Health, dialect: Dialect) -> Worker {
    Worker::new(&Shared {
        zones: Arc::new(ArcSwap::from_pointee(zones)),
        health: health.clone(),
        geo: Source::new(Vec::new()),
        policy: Policy { lua: settings(dialect), client_subnet: true },
    })
}
