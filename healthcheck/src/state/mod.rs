//! What is known of targets, in files: read once at the start, written whenever it has changed.
//!
//! A file is replaced as a whole, so that whoever reads it finds the old one or the new one. What
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

mod beats;
mod lines;
mod v1;

/// The file of what checks and pools are.
const HEALTH: &str = "health";
/// The file of what was called in.
const BEATS: &str = "beats";
/// From a change to its writing begins, at least, so that many are written at once.
const DELAY: Duration = Duration::from_millis(100);
/// The same for what is called in, which changes with each call.
const DELAY_OF_BEATS: Duration = Duration::from_secs(1);
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
        drop(draft(&folder, HEALTH)?);
        recall(&folder, &shared);
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

/// Takes up what the last process knew. A file that cannot be read takes nothing from the other.
fn recall(folder: &Path, shared: &Shared) {
    match read(folder, HEALTH, Known::read) {
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
            path = %folder.join(HEALTH).display(), %error,
            "what was known of targets cannot be read; all of them are unknown"
        ),
    }
    match read(folder, BEATS, beats::read) {
        Ok(Some(last)) => {
            let count = shared.beats.recall(last);
            tracing::info!(count, "what was called in last is taken up again");
        }
        Ok(None) => {}
        Err(error) => tracing::error!(
            path = %folder.join(BEATS).display(), %error,
            "what was called in last cannot be read; heartbeats count as not called in yet"
        ),
    }
}

/// Writes until the end comes.
fn keep(folder: &Path, shared: &Shared, end: &(Mutex<bool>, Condvar)) {
    let started = Clock::now();
    let mut has_forgotten = false;
    let mut health = Page::new(HEALTH, DELAY, 0);
    // What was called in before this thread ran is not written yet either.
    let mut beats = Page::new(BEATS, DELAY_OF_BEATS, 0);
    loop {
        let now = Instant::now();
        let pause = health.next.min(beats.next).saturating_duration_since(now);
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
        let now = Instant::now();
        if is_last || health.next <= now {
            let look = |written| {
                let revision = shared.lock().revision;
                (revision != written).then(|| (revision, Known::of(shared)))
            };
            health.keep(folder, look, |known, out| known.write(out));
        }
        if is_last || beats.next <= now {
            let look =
                |written| (shared.beats.revision() != written).then(|| shared.beats.memories());
            beats.keep(folder, look, |last, out| beats::write(last, out));
        }
        if is_last {
            return;
        }
    }
}

/// A file that is written again and again.
struct Page {
    name: &'static str,
    delay: Duration,
    /// The revision of what is in it.
    written: u64,
    /// When it is looked at again whether it has to be written.
    next: Instant,
    /// It was said that it cannot be written.
    is_told: bool,
}

impl Page {
    fn new(name: &'static str, delay: Duration, written: u64) -> Self {
        Self { name, delay, written, next: Instant::now() + delay, is_told: false }
    }

    /// Writes what `look` finds, which knows what revision is written and finds what there is of a
    /// newer one.
    fn keep<T>(
        &mut self,
        folder: &Path,
        look: impl FnOnce(u64) -> Option<(u64, T)>,
        write: impl FnOnce(&T, &mut BufWriter<File>) -> io::Result<()>,
    ) {
        let began = Instant::now();
        if let Some((revision, found)) = look(self.written) {
            match replace(folder, self.name, |out| write(&found, out)) {
                Ok(()) => {
                    self.written = revision;
                    self.is_told = false;
                }
                Err(error) => {
                    // Tried again a little later.
                    if !std::mem::replace(&mut self.is_told, true) {
                        let path = folder.join(self.name);
                        tracing::error!(path = %path.display(), %error, "cannot write down what is known of targets");
                    }
                }
            }
        }
        self.next = Instant::now() + self.delay.max(began.elapsed() * PART);
    }
}

fn draft(folder: &Path, name: &str) -> io::Result<File> {
    let path = folder.join(format!("{name}.new"));
    File::options().create(true).write(true).truncate(true).mode(0o600).open(path)
}

fn replace(
    folder: &Path,
    name: &str,
    write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> io::Result<()> {
    let mut out = BufWriter::new(draft(folder, name)?);
    write(&mut out)?;
    out.flush()?;
    out.get_ref().sync_data()?;
    fs::rename(folder.join(format!("{name}.new")), folder.join(name))
}

fn read<T>(
    folder: &Path,
    name: &str,
    read: impl FnOnce(BufReader<File>) -> io::Result<T>,
) -> io::Result<Option<T>> {
    match File::open(folder.join(name)) {
        Ok(file) => read(BufReader::new(file)).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

pub(crate) use v1::{Check, Known, Pool, Recalled};

#[cfg(test)]
mod tests;
