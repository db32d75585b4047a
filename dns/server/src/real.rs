//! Where paths lead, links and all, asked of places that may not answer: a folder on a mount that hangs keeps whoever
//! looks at it for ever.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

/// How long a path may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// Once so many have taken longer, no more are asked.
const MOST_SILENT: usize = 3;

/// Finds out where paths lead.
#[derive(Debug)]
pub(crate) struct Real {
    /// Who asks, as long as he answers.
    asker: Option<(Sender<PathBuf>, Receiver<PathBuf>)>,
    ask: fn(&Path) -> io::Result<PathBuf>,
    patience: Duration,
    silent: usize,
}

impl Default for Real {
    fn default() -> Self {
        let ask = |path: &Path| fs::canonicalize(path);
        Self { asker: None, ask, patience: PATIENCE, silent: 0 }
    }
}

impl Real {
    /// The path without links, from the root on; as it is written if it leads nowhere, or does not answer soon.
    pub(crate) fn path(&mut self, path: &Path) -> PathBuf {
        let as_written = || std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        if self.silent >= MOST_SILENT {
            return as_written();
        }
        if let Some(real) = self.asked(path) {
            return real;
        }
        // Whoever was sent there stays there.
        self.asker = None;
        self.silent += 1;
        tracing::warn!(path = %path.display(), "it does not answer; links on the way there are not seen");
        as_written()
    }

    fn asked(&mut self, path: &Path) -> Option<PathBuf> {
        if self.asker.is_none() {
            self.asker = start(self.ask).ok();
        }
        let (wishes, answers) = self.asker.as_ref()?;
        wishes.send(path.to_owned()).ok()?;
        answers.recv_timeout(self.patience).ok()
    }
}

fn start(
    ask: fn(&Path) -> io::Result<PathBuf>,
) -> io::Result<(Sender<PathBuf>, Receiver<PathBuf>)> {
    let (wishes, wanted) = channel::<PathBuf>();
    let (tell, answers) = channel();
    let work = move || {
        for path in wanted {
            let real = ask(&path).or_else(|_| std::path::absolute(&path));
            if tell.send(real.unwrap_or(path)).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().name("paths".to_owned()).spawn(work)?;
    Ok((wishes, answers))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::time::Instant;

    use super::*;

    #[test]
    fn links_are_followed_where_they_lead_somewhere() {
        let folder = tempfile::tempdir().unwrap();
        let top = fs::canonicalize(folder.path()).unwrap();
        fs::create_dir(top.join("a")).unwrap();
        symlink("a", top.join("link")).unwrap();
        let mut real = Real::default();
        for (path, expected) in [("a", "a"), ("link", "a"), ("link/../a", "a"), ("none", "none")] {
            assert_eq!(real.path(&top.join(path)), top.join(expected), "{path}");
        }
    }

    #[test]
    fn what_does_not_answer_is_left_after_a_while() {
        let ask = |path: &Path| {
            if path.ends_with("hangs") {
                thread::park_timeout(Duration::from_secs(600));
            }
            Ok(Path::new("/real").join(path))
        };
        let patience = Duration::from_millis(200);
        let mut real = Real { asker: None, ask, patience, silent: 0 };
        let began = Instant::now();
        for (path, expected) in [
            ("/a", "/a"),
            ("/1/hangs", "/1/hangs"),
            ("b", "/real/b"),
            ("/2/hangs", "/2/hangs"),
            ("/3/hangs", "/3/hangs"),
            ("/4/hangs", "/4/hangs"),
            // By then nobody is asked any more.
            ("/b", "/b"),
        ] {
            assert_eq!(real.path(Path::new(path)), Path::new(expected));
        }
        assert!(began.elapsed() < Duration::from_secs(60), "{:?}", began.elapsed());
        assert_eq!(real.silent, MOST_SILENT);
    }
}
