//! The log of changes on disk: one JSON object a line, only ever added to.
//!
//! Files are bounded: a full one is renamed and a few old ones are kept. What is written is with the
//! kernel at once, so the end of the process loses nothing; what operators did, and starts, are on the disk
//! before the next event is taken, changes when the kernel sees fit (within half a minute), which a power cut may cost.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use super::{Event, KEPT};

/// The file that is written.
const NAME: &str = "changes.jsonl";
/// A file that is this long is full.
const FULL: u64 = 16 << 20;
/// Full files that are kept.
const OLD: usize = 4;
/// How much of the end of a file is read at the start.
const TAIL: u64 = 4 << 20;
/// Between two complaints about a disk that takes nothing.
const QUIET: Duration = Duration::from_secs(10);

/// Why there can be no journal.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The file cannot be used.
    #[error("the log of changes, {}: {source}", path.display())]
    Unusable {
        /// The file or its folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another process writes to it.
    #[error("the log of changes, {}: another server writes there; give each a folder of its own", path.display())]
    Taken {
        /// The file.
        path: PathBuf,
    },
}

/// The file, open.
#[derive(Debug)]
pub(super) struct Journal {
    folder: PathBuf,
    file: File,
    length: u64,
    full: u64,
    complained: Option<Instant>,
}

impl Journal {
    /// Opens the journal in a folder, which is made if it is not there, and reads what it says last.
    ///
    /// # Errors
    /// It cannot be used.
    pub(super) fn open(folder: &Path) -> Result<(Self, Vec<Event>), JournalError> {
        let path = folder.join(NAME);
        let unusable = |source| JournalError::Unusable { path: path.clone(), source };
        fs::create_dir_all(folder).map_err(unusable)?;
        let mut file = open(&path).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(JournalError::Taken { path }),
            Err(TryLockError::Error(source)) => return Err(unusable(source)),
        }
        let mut events = tail(&mut file).map_err(unusable)?;
        if events.len() < KEPT
            && let Ok(mut before) = File::open(old(folder, 1))
        {
            let mut more = tail(&mut before).map_err(unusable)?;
            more.append(&mut events);
            events = more;
        }
        let length = file.seek(SeekFrom::End(0)).map_err(unusable)?;
        let mut journal =
            Self { folder: folder.to_owned(), file, length, full: FULL, complained: None };
        // A line that was begun when the power went is ended, so that the next one is whole.
        if length > 0 && !journal.ends_with_newline().map_err(unusable)? {
            journal.write(b"\n").map_err(unusable)?;
        }
        Ok((journal, events))
    }

    /// Writes what comes until nothing can come any more.
    pub(super) fn run(mut self, events: &Receiver<Arc<Event>>) {
        while let Ok(first) = events.recv() {
            let batch: Vec<Arc<Event>> = std::iter::once(first).chain(events.try_iter()).collect();
            if let Err(error) = self.append(&batch) {
                self.complain(&error);
            }
        }
    }

    fn append(&mut self, batch: &[Arc<Event>]) -> io::Result<()> {
        let mut lines = Vec::new();
        for event in batch {
            serde_json::to_writer(&mut lines, &**event)?;
            lines.push(b'\n');
        }
        if self.length > 0 && self.length + lines.len() as u64 > self.full {
            self.rotate()?;
        }
        self.write(&lines)?;
        if batch.iter().any(|event| event.what.must_last()) {
            self.file.sync_data()?;
        }
        Ok(())
    }

    fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        self.file.write_all(octets)?;
        self.length += octets.len() as u64;
        Ok(())
    }

    /// Puts the full file aside and begins a new one.
    fn rotate(&mut self) -> io::Result<()> {
        for number in (1..OLD).rev() {
            let from = old(&self.folder, number);
            if from.exists() {
                fs::rename(from, old(&self.folder, number + 1))?;
            }
        }
        let path = self.folder.join(NAME);
        fs::rename(&path, old(&self.folder, 1))?;
        let file = open(&path)?;
        // The lock of the file before goes with it; nobody else can have this one yet.
        let _ = file.try_lock();
        self.file = file;
        self.length = 0;
        Ok(())
    }

    fn ends_with_newline(&self) -> io::Result<bool> {
        let mut last = [0];
        let mut file = &self.file;
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        Ok(last == *b"\n")
    }

    fn complain(&mut self, error: &io::Error) {
        let now = Instant::now();
        if self.complained.is_none_or(|last| now >= last + QUIET) {
            self.complained = Some(now);
            let folder = self.folder.display();
            tracing::error!(%folder, %error, "the log of changes is not written");
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).append(true).create(true).mode(0o640).open(path)
}

fn old(folder: &Path, number: usize) -> PathBuf {
    folder.join(format!("changes.{number}.jsonl"))
}

/// The events at the end of a file. What is no event is passed over: it may be of another version, or
/// half a line.
fn tail(file: &mut File) -> io::Result<Vec<Event>> {
    let length = file.metadata()?.len();
    let from = length.saturating_sub(TAIL);
    file.seek(SeekFrom::Start(from))?;
    let lines = BufReader::new(file).split(b'\n').skip(usize::from(from > 0));
    let mut events = Vec::new();
    for line in lines {
        if let Ok(event) = serde_json::from_slice(&line?) {
            events.push(event);
        }
    }
    Ok(events)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::What;

    fn event(seq: u64) -> Arc<Event> {
        let what = What::Missed { count: seq };
        Arc::new(Event { seq, at: "2026-11-24T10:56:00Z".into(), tenant: None, what })
    }

    fn numbers(events: &[Event]) -> Vec<u64> {
        events.iter().map(|event| event.seq).collect()
    }

    #[test]
    fn what_was_written_is_read_at_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/down");
        let (mut journal, before) = Journal::open(&path).unwrap();
        assert_eq!(before, []);
        journal.append(&[event(1), event(2)]).unwrap();
        assert!(matches!(Journal::open(&path), Err(JournalError::Taken { .. })));
        drop(journal);

        // Half a line, as a power cut leaves it.
        let file = path.join(NAME);
        let text = fs::read_to_string(&file).unwrap();
        fs::write(&file, format!("{text}{{\"seq\":3,\"at\"")).unwrap();
        let (mut journal, before) = Journal::open(&path).unwrap();
        assert_eq!(numbers(&before), [1, 2]);
        journal.append(&[event(4)]).unwrap();
        drop(journal);
        let (_journal, before) = Journal::open(&path).unwrap();
        assert_eq!(numbers(&before), [1, 2, 4]);
    }

    #[test]
    fn files_are_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::open(folder.path()).unwrap();
        journal.full = 1000;
        for seq in 1..=200 {
            journal.append(&[event(seq)]).unwrap();
        }
        let mut names: Vec<String> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let expected =
            ["changes.1.jsonl", "changes.2.jsonl", "changes.3.jsonl", "changes.4.jsonl", NAME];
        assert_eq!(names, expected);
        for name in names {
            let length = fs::metadata(folder.path().join(&name)).unwrap().len();
            assert!(length <= 1000, "{name}: {length}");
        }
        drop(journal);
        let (_journal, before) = Journal::open(folder.path()).unwrap();
        assert_eq!(before.last().unwrap().seq, 200);
        assert!(numbers(&before).is_sorted() && before.len() > 10, "the file before, too");
    }
}
