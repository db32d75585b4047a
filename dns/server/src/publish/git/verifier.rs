//! A program of the operator that says whether a commit may be served.
//!
//! It finds the zones that the commit changes in its working folder, as they lie in the repository, with what
//! they include and the settings beside them, and on standard input a line for each:
//! `example.org. zones/example.org.zone`, or `example.org. -` for a zone that would be gone. Nothing of the
//! environment of the server is handed on but `PATH`. If it does not end in time or ends with anything but 0, the
//! commit is refused; if it cannot be run, for the time being.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use halfmoon_git::{CommitId, Copy, MOST_OCTETS};
use halfmoon_zones::Loaded;

use super::command::{self, RunError};
use super::refusal::Refusal;
use crate::shared::Served;

/// The program, and where it finds zones.
#[derive(Clone, Debug)]
pub(super) struct Verifier {
    /// The program and its arguments; empty: there is none.
    pub(super) command: Vec<String>,
    pub(super) limit: Duration,
    /// Made for each commit, and taken away after it.
    pub(super) folder: PathBuf,
    /// Whether the server ends.
    pub(super) is_over: Arc<AtomicBool>,
}

impl Verifier {
    /// Asks the program.
    ///
    /// # Errors
    /// It does not say yes: what it says, or why it cannot be asked.
    pub(super) fn ask(
        &self,
        copy: &Copy,
        (commit, served): (CommitId, Option<CommitId>),
        loaded: &Loaded<Served>,
    ) -> Result<(), Refusal> {
        let Some((program, args)) = self.command.split_first() else {
            return Ok(());
        };
        let asked = self.write(copy, commit, loaded);
        let input = asked.map_err(|error| {
            let folder = self.folder.display();
            Refusal::passing(format!("the verifier could not be asked: {folder}: {error}"))
        });
        let judged = input.and_then(|input| {
            let mut command = command::plain(program);
            command.args(args).current_dir(&self.folder);
            command.env("HALFMOON_COMMIT", commit.to_string());
            command.env("HALFMOON_SERVED", served.map(|id| id.to_string()).unwrap_or_default());
            let ended = command::run(command, input.into(), self.limit, &self.is_over);
            let ended = ended.map_err(|error| {
                let why = format!("the verifier: {error}");
                match error {
                    RunError::Unrunnable { .. } | RunError::Over { .. } => Refusal::passing(why),
                    // It would be as slow again.
                    RunError::Slow { .. } => Refusal::of(why),
                }
            })?;
            if ended.status.success() {
                return Ok(());
            }
            Err(Refusal::of(format!("the verifier says no: {}", ended.shown())))
        });
        let _ = fs::remove_dir_all(&self.folder);
        judged
    }

    /// Writes what is to be looked at; what it is.
    fn write(&self, copy: &Copy, commit: CommitId, loaded: &Loaded<Served>) -> io::Result<String> {
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::create_dir_all(&self.folder)?,
        }
        let files = copy.files(commit);
        let mut list = String::new();
        for report in &loaded.reports {
            for path in report.files.iter() {
                let to = self.folder.join(path);
                if !is_inside(path) || to.exists() {
                    continue;
                }
                let octets = match files.read(path, MOST_OCTETS) {
                    // What was looked for and is not there.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    octets => octets?,
                };
                if let Some(folder) = to.parent() {
                    fs::create_dir_all(folder)?;
                }
                fs::write(to, octets)?;
            }
            list.push_str(&format!("{} {}\n", report.apex, report.path.display()));
        }
        for apex in &loaded.removed {
            list.push_str(&format!("{apex} -\n"));
        }
        Ok(list)
    }
}

fn is_inside(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::Normal(_)))
}
