//! Where the data is, and a server of some of it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use halfmoon::offline::Offline;
use halfmoon_lua::{Dialect, Settings};

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

/// Loads a folder of zones; nothing is probed, whatever the zones name. Programs have time enough
/// for a build without optimisation on a machine that is busy.
pub(crate) fn load(folder: &Path, dialect: Dialect) -> Offline {
    let lua = Settings { time: Duration::from_secs(10), ..Settings::of(dialect) };
    Offline::load(folder.to_owned(), lua).expect("a readable folder")
}
