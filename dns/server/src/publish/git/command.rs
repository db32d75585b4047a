//! Other programs, which say yes or no: they have so much time, and what they say is kept short.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::{Duration, Instant};

use crate::transport::end_group;

/// How much of what a program says is kept.
const MOST_OCTETS: usize = 4096;
/// How often it is looked whether a program has ended.
const STEP: Duration = Duration::from_millis(10);
/// How long the last words of a program that has ended are waited for: somebody it has started, and who has left its
/// group, may hold on to its output.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Why a program says neither yes nor no.
#[derive(Debug, thiserror::Error)]
pub(super) enum RunError {
    /// It is not there, or there is no process or no thread to be had.
    #[error("{name} cannot be run: {source}")]
    Unrunnable { name: String, source: io::Error },
    /// It takes too long.
    #[error("{name} took longer than {limit:?} and was ended")]
    Slow { name: String, limit: Duration },
    /// Nobody waits for its answer any more.
    #[error("{name} was ended, as the server ends")]
    Over { name: String },
}

/// What a program said, and how it ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    /// The beginning of what it wrote to standard output.
    pub(super) out: String,
    /// The same of standard error.
    pub(super) err: String,
}

impl Ended {
    /// How it ended, for people, with what it said last.
    pub(super) fn shown(&self) -> String {
        let said = [self.out.trim(), self.err.trim()];
        let said: Vec<&str> = said.into_iter().filter(|text| !text.is_empty()).collect();
        let said = said.join("; ").lines().collect::<Vec<_>>().join("; ");
        if said.is_empty() { self.status.to_string() } else { format!("{}: {said}", self.status) }
    }
}

/// A program with all that it has started, which is ended when this is dropped.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        end_group(self.0.id());
        // It may have left the group.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A program in an environment that has nothing of ours but where programs are.
pub(super) fn plain(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("LC_ALL", "C");
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command
}

/// Runs a program that reads `input`. What it has started is ended when it ends, and both after `limit` or when
/// all `is_over`.
///
/// # Errors
/// It cannot be run, or takes too long.
pub(super) fn run(
    mut command: Command,
    input: Vec<u8>,
    limit: Duration,
    is_over: &AtomicBool,
) -> Result<Ended, RunError> {
    let name = command.get_program().to_string_lossy().into_owned();
    let failed = |source: io::Error| RunError::Unrunnable { name: name.clone(), source };
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // A group of its own, which can be ended as a whole.
    let mut group = Group(command.process_group(0).spawn().map_err(failed)?);
    let child = &mut group.0;
    let deadline = Instant::now() + limit;
    let helper = || thread::Builder::new().name("program".into());
    if let Some(mut stdin) = child.stdin.take() {
        // Who does not read it has his reasons.
        helper().spawn(move || drop(stdin.write_all(&input))).map_err(failed)?;
    }
    let (said, heard) = mpsc::channel();
    let out = child.stdout.take().map(std::os::fd::OwnedFd::from);
    let err = child.stderr.take().map(std::os::fd::OwnedFd::from);
    for (is_error, from) in [(false, out), (true, err)] {
        let said = said.clone();
        let listen = move || from.map(|from| listen(File::from(from), is_error, &said));
        helper().spawn(listen).map_err(failed)?;
    }
    drop(said);
    let status = loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            break status;
        }
        if Instant::now() >= deadline {
            return Err(RunError::Slow { name, limit });
        }
        if is_over.load(Ordering::Relaxed) {
            return Err(RunError::Over { name });
        }
        thread::sleep(STEP);
    };
    drop(group);
    let mut texts = [Vec::new(), Vec::new()];
    let patience = Instant::now() + LAST_WORDS;
    while let Ok((is_error, octets)) =
        heard.recv_timeout(patience.saturating_duration_since(Instant::now()))
    {
        let text: &mut Vec<u8> = &mut texts[usize::from(is_error)];
        text.extend(octets);
        text.truncate(MOST_OCTETS);
    }
    let [out, err] = texts.map(|octets| String::from_utf8_lossy(&octets).into_owned());
    Ok(Ended { status, out, err })
}

/// Hands on the beginning of what is written; the rest is read, so that nobody waits, and dropped.
fn listen(mut from: File, is_error: bool, to: &Sender<(bool, Vec<u8>)>) {
    let mut piece = [0; MOST_OCTETS];
    let mut left = MOST_OCTETS;
    loop {
        match from.read(&mut piece) {
            Ok(0) => return,
            Ok(count) => {
                let taken = count.min(left);
                left -= taken;
                if taken > 0 && to.send((is_error, piece[..taken].to_vec())).is_err() {
                    return;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, input: &str, limit: Duration) -> Result<Ended, String> {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        run(command, input.into(), limit, &AtomicBool::new(false))
            .map_err(|error| error.to_string())
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn what_a_program_says_is_kept_and_how_it_ends() {
        let ended = sh("cat; echo no >&2; exit 3", "yes\n", LONG).unwrap();
        assert_eq!((ended.status.code(), &*ended.out, &*ended.err), (Some(3), "yes\n", "no\n"));
        assert_eq!(ended.shown(), "exit status: 3: yes; no");
        // It does not read, and says much.
        let ended = sh("head -c 1000000 /dev/zero | tr '\\\\0' x", &"y".repeat(1 << 20), LONG);
        let ended = ended.unwrap();
        assert!(ended.status.success());
        assert_eq!(ended.out.len(), MOST_OCTETS);
    }

    #[test]
    fn however_it_ends_all_that_it_started_ends() {
        for (then, limit, expected) in [
            ("wait", Duration::from_secs(1), Err("took longer than 1s")),
            ("exit 0", LONG, Ok(Some(0))),
            ("exit 3", LONG, Ok(Some(3))),
            ("kill -9 $$", LONG, Ok(None)),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("pid");
            let ended = sh(&format!("sleep 600 & echo $! > {}; {then}", file.display()), "", limit);
            match (ended, expected) {
                (Ok(ended), Ok(code)) => assert_eq!(ended.status.code(), code, "{then}"),
                (Err(why), Err(expected)) => assert!(why.contains(expected), "{then}: {why}"),
                (ended, _) => panic!("{then}: {ended:?}"),
            }
            wait_for_end(&std::fs::read_to_string(&file).unwrap());
        }
    }

    fn wait_for_end(pid: &str) {
        let deadline = Instant::now() + LONG;
        // A process that has ended and was not waited for is still listed, with nothing in its memory.
        let is_there = || {
            let status = std::fs::read_to_string(format!("/proc/{}/status", pid.trim()));
            status.is_ok_and(|status| !status.contains("State:\tZ"))
        };
        while is_there() {
            assert!(Instant::now() < deadline, "{pid} goes on");
            thread::sleep(STEP);
        }
    }

    #[test]
    fn one_whose_children_hold_its_output_does_not_hold_us() {
        // Out of its group, where it is not ended.
        let begun = Instant::now();
        let ended = sh("echo yes; setsid sleep 60 & exit 0", "", LONG).unwrap();
        assert!(begun.elapsed() < LONG / 2, "{:?}", begun.elapsed());
        assert!(ended.status.success());
        assert_eq!(ended.out, "yes\n");
        let none = run(Command::new("/nowhere/at-all"), Vec::new(), LONG, &AtomicBool::new(false));
        let none = none.unwrap_err().to_string();
        assert!(none.contains("/nowhere/at-all cannot be run"), "{none}");
    }
}
