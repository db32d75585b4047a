//! What is logged of a load.

use std::path::Path;
use std::time::Duration;

use halfmoon_zones::{Fault, FileReport, Files, Level, Loaded, Outcome, Place};

use crate::shared::Served;

/// How many faults of one load are logged; the rest are counted.
pub(super) const MOST_LOGGED: usize = 100;

/// Logs what a load found: each fault, and a summary.
pub fn report(loaded: &Loaded<Served>, took: Duration) {
    let mut logged = 0;
    for file in &loaded.reports {
        report_file(file, &mut logged);
    }
    if logged > MOST_LOGGED {
        tracing::warn!("{} more faults; `halfmoon check` lists all", logged - MOST_LOGGED);
    }
    report_strays(loaded);
    for apex in &loaded.removed {
        tracing::info!(zone = %apex, "zone removed: its file is gone");
    }
    let count = |outcome| loaded.reports.iter().filter(|file| file.outcome == outcome).count();
    let records = loaded.catalog.record_count();
    tracing::info!(
        read = count(Outcome::Loaded),
        refused = count(Outcome::Kept) + count(Outcome::Refused),
        removed = loaded.removed.len(),
        serving = loaded.catalog.zones().len(),
        records,
        took = ?took,
        "zones loaded"
    );
}

pub(super) fn report_strays(loaded: &Loaded<Served>) {
    for path in &loaded.strays {
        let (fault, files) = stray(path);
        tracing::warn!("{}", fault.display_without_level(&files));
    }
}

/// What is said of settings or tests without a zone.
#[must_use]
pub fn stray(path: &Path) -> (Fault, Files) {
    let mut files = Files::default();
    let place = Place { file: files.add(path), line: 1, column: 1 };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let (stem, what) = match name.strip_suffix("test.toml") {
        Some(stem) => (stem, "tests"),
        None => (name.trim_end_matches("health.toml"), "settings"),
    };
    let message = format!("no zone file {stem}zone is beside these {what}: they count for nothing");
    let help = "name them after the file of their zone";
    (Fault::warning("stray-settings", place, message).help(help), files)
}

pub(super) fn report_file(file: &FileReport, logged: &mut usize) {
    for fault in &file.faults {
        *logged += 1;
        if *logged <= MOST_LOGGED {
            match fault.level {
                Level::Error => tracing::error!("{}", fault.display_without_level(&file.files)),
                Level::Warning => tracing::warn!("{}", fault.display_without_level(&file.files)),
            }
        }
    }
    match file.outcome {
        Outcome::Loaded => {}
        Outcome::Kept => tracing::error!(
            zone = %file.apex, file = %file.path.display(),
            "new version refused; the old one is still served"
        ),
        Outcome::Refused => tracing::error!(
            zone = %file.apex, file = %file.path.display(), "zone refused; it is not served"
        ),
    }
}
