//! What is known of targets, in a file: read once at the start, written whenever it has changed.
//!
//! The file is replaced as a whole, so that whoever reads it finds the old one or the new one. What
//! cannot be read is told, set aside by the next writing, and no reason not to start.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::shared::Shared;

mod v1;

/// The file in the folder.
const NAME: &str = "health";
/// The same while it is written.
const DRAFT: &str = "health.new";
/// From a change to its writing begins, at least, so that many are written at once.
const DELAY: Duration = Duration::from_millis(100);
/// Writing takes at most so small a part of the time.
const PART: u32 = 20;
/// After so long what pools and checks were before is forgotten that nobody has asked for again.
const FORGET: Duration = Duration::from_secs(3600);

/// Writes the state down as long as it lives, and once more when it ends.
#[derive(Debug)]
pub(crate) struct Keeper {
    end: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Reads what there is, makes the folder if there is none, and starts to write.
    pub(crate) fn start(folder: PathBuf, shared: Arc<Shared>) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        // Whether it can be written is known now, and not after the first failure.
        drop(draft(&folder)?);
        match read(&folder) {
            Ok(Some(known)) => {
                tracing::info!(
                    checks = known.checks.len(),
                    pools = known.pools.len(),
                    "what was known of targets is taken up again"
                );
                shared.lock().recall(known);
            }
            Ok(None) => {}
            Err(error) => tracing::error!(
                path = %folder.join(NAME).display(), %error,
                "what was known of targets cannot be read; all of them are unknown"
            ),
        }
        let end = Arc::new((Mutex::new(false), Condvar::new()));
        let signal = Arc::clone(&end);
        let thread = std::thread::Builder::new()
            .name("health-state".into())
            .spawn(move || keep(&folder, &shared, &signal))?;
        Ok(Self { end, thread: Some(thread) })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        *self.end.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.end.1.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Writes until the end comes.
fn keep(folder: &Path, shared: &Shared, end: &(Mutex<bool>, Condvar)) {
    let started = Clock::now();
    let mut written = 0;
    let mut is_told = false;
    let mut has_forgotten = false;
    let mut pause = DELAY;
    loop {
        let ended = end.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (ended, _) = end
            .1
            .wait_timeout_while(ended, pause, |ended| !*ended)
            .unwrap_or_else(PoisonError::into_inner);
        let is_last = *ended;
        drop(ended);
        if !has_forgotten && started.elapsed() > FORGET {
            has_forgotten = true;
            shared.lock().forget();
        }
        let began = Instant::now();
        let known = {
            let registry = shared.lock();
            (registry.revision != written).then(|| {
                written = registry.revision;
                Known::of(&registry)
            })
        };
        if let Some(known) = known {
            match write(folder, &known) {
                Ok(()) => is_told = false,
                Err(error) => {
                    // Tried again with the next change, or a little later.
                    written = u64::MAX;
                    if !std::mem::replace(&mut is_told, true) {
                        let path = folder.join(NAME);
                        tracing::error!(path = %path.display(), %error, "cannot write down what is known of targets");
                    }
                }
            }
        }
        if is_last {
            return;
        }
        pause = DELAY.max(began.elapsed() * PART);
    }
}

fn draft(folder: &Path) -> io::Result<File> {
    File::options().create(true).write(true).truncate(true).mode(0o600).open(folder.join(DRAFT))
}

fn write(folder: &Path, known: &Known) -> io::Result<()> {
    let mut out = BufWriter::new(draft(folder)?);
    known.write(&mut out)?;
    out.flush()?;
    out.get_ref().sync_data()?;
    fs::rename(folder.join(DRAFT), folder.join(NAME))
}

fn read(folder: &Path) -> io::Result<Option<Known>> {
    match File::open(folder.join(NAME)) {
        Ok(file) => Known::read(BufReader::new(file)).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

pub(crate) use v1::{Check, Known, Pool};

#[cfg(test)]
mod tests;
