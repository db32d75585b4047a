//! A shell that somebody types into: what runs in its background and what it has set stays.

use std::env;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use tempfile::TempDir;

use crate::support::PATIENCE;

/// What a block said, and with what the last command in it ended that failed.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) text: String,
    pub(crate) status: i32,
}

/// The shell. It ends when this is dropped, and all it has started.
#[derive(Debug)]
pub(crate) struct Shell {
    child: Child,
    input: ChildStdin,
    /// A line for each block that is over: its status.
    over: Receiver<String>,
    /// Where blocks and their output are; beside the folder, which is as the reader sees it.
    scratch: TempDir,
    folder: PathBuf,
}

impl Shell {
    /// In this folder, with the real binary first in the path, and a home in which nobody ever was.
    pub(crate) fn start(folder: &Path) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let built = Path::new(env!("CARGO_BIN_EXE_halfmoon")).parent().unwrap().to_owned();
        let others = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths([built].into_iter().chain(env::split_paths(&others))).unwrap();
        let mut child = Command::new("bash")
            .args(["--noprofile", "--norc"])
            .env_clear()
            .envs([("LC_ALL", "C.UTF-8"), ("USER", "ada"), ("GIT_CONFIG_NOSYSTEM", "1")])
            .env("PATH", path)
            .env("HOME", scratch.path())
            .current_dir(folder)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (lines, over) = mpsc::channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = lines.send(line);
            }
        });
        let mut input = child.stdin.take().unwrap();
        writeln!(input, "trap 'failed=$?' ERR").unwrap();
        Self { child, input, over, scratch, folder: folder.to_owned() }
    }

    /// Types commands and waits until they are done; what is in the background goes on.
    #[track_caller]
    pub(crate) fn run(&mut self, commands: &str) -> Said {
        let (block, out) = (self.scratch.path().join("block"), self.scratch.path().join("out"));
        // What runs in the background from before may still write to the file of its own block.
        let _ = fs::remove_file(&out);
        fs::write(&block, commands).unwrap();
        let (typed, said) = (block.display(), out.display());
        let order = format!("failed=0; . '{typed}' >'{said}' 2>&1 </dev/null; echo \"$failed\"");
        writeln!(self.input, "{order}").unwrap();
        let over = self.over.recv_timeout(PATIENCE);
        let text = String::from_utf8_lossy(&fs::read(&out).unwrap_or_default()).into_owned();
        let Ok(status) = over else {
            panic!("not done in {PATIENCE:?}:\n{commands}\n{text}\n{}", self.logs());
        };
        Said { text, status: status.parse().unwrap() }
    }

    /// What servers have logged into files of the folder: the end of each.
    pub(crate) fn logs(&self) -> String {
        let mut logs = String::new();
        let files = fs::read_dir(&self.folder).unwrap().map(|file| file.unwrap().path());
        for path in files.filter(|path| path.extension().is_some_and(|end| end == "log")) {
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            let lines: Vec<&str> = text.lines().collect();
            let last = lines[lines.len().saturating_sub(20)..].join("\n");
            logs.push_str(&format!("\n{}:\n{last}\n", path.display()));
        }
        logs
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // All of its group: servers in its background would outlive it.
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
        let _ = self.child.wait();
    }
}
