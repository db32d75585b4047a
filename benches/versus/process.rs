//! Another program: started on chosen processors, its time and memory read, ended with us.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::{Result, check};

/// Where Debian has servers; users often have no `sbin` in their path.
const PLACES: [&str; 4] = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];

/// Where a program is, if it is installed.
pub(crate) fn installed(program: &str) -> Option<PathBuf> {
    PLACES.iter().map(|place| Path::new(place).join(program)).find(|path| path.exists())
}

/// How long a server may take to end by itself.
const GRACE: Duration = Duration::from_secs(5);

/// A server; told to end when dropped, and killed if it does not.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

/// CPU time so far, in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Time {
    pub(crate) user: f64,
    pub(crate) system: f64,
}

impl Process {
    /// Starts a program that stays in the foreground on these processors (as `taskset` lists them).
    pub(crate) fn start(
        program: &Path,
        args: &[&str],
        processors: &str,
        folder: &Path,
    ) -> Result<Self> {
        let log = folder.join("log");
        let out = File::create(&log)?;
        let child = Command::new("taskset")
            .args(["-c", processors])
            .arg(program)
            .args(args)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            .spawn()?;
        Ok(Self { child, log })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// The last of what it said.
    pub(crate) fn said(&self) -> String {
        let said = fs::read(&self.log).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        let skipped = said.lines().count().saturating_sub(20);
        said.lines().skip(skipped).collect::<Vec<_>>().join("\n")
    }

    /// CPU time of the process and those it forked.
    ///
    /// The scheduler's nanoseconds are exact; how they fall to user and system is what the kernel
    /// takes them for.
    pub(crate) fn time(&self) -> Time {
        let mut time = Time::default();
        for id in family(self.id()) {
            let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
            let behind = stat.rsplit(')').next().unwrap_or_default();
            let field = |at: usize| -> f64 {
                behind.split_whitespace().nth(at).and_then(|text| text.parse().ok()).unwrap_or(0.0)
            };
            // utime and stime, fields 14 and 15 of proc(5), behind the name which is the second.
            let (user, system) = (field(11), field(12));
            let ticks = user + system;
            // Of threads that have ended only the ticks are left, a hundredth of a second each.
            let exact = exact(id, |_| true).max(ticks * 1e7);
            if ticks > 0.0 {
                time.user += exact * user / ticks;
                time.system += exact * system / ticks;
            }
        }
        time
    }

    /// CPU time of its threads whose names begin so, in nanoseconds.
    pub(crate) fn time_of(&self, threads: &str) -> f64 {
        let is_named = |task: &Path| {
            let name = fs::read_to_string(task.join("comm")).unwrap_or_default();
            name.starts_with(threads)
        };
        exact(self.id(), is_named)
    }

    /// Sends it a signal, by its name without `SIG`.
    pub(crate) fn signal(&self, signal: &str) -> Result<()> {
        let sent = Command::new("kill").args(["-s", signal, &self.id().to_string()]).status()?;
        if sent.success() { Ok(()) } else { Err(format!("cannot send {signal}").into()) }
    }

    /// Resident memory in KiB, of the process and those it forked; what they share counts once as
    /// far as the kernel divides it (PSS).
    pub(crate) fn memory(&self) -> u64 {
        let one = |id: u32| {
            let text = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap_or_default();
            line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0)
        };
        family(self.id()).into_iter().map(one).sum()
    }
}

impl Time {
    /// Of both kinds.
    pub(crate) fn total(self) -> f64 {
        self.user + self.system
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.has_ended() {
            return;
        }
        // A server that is built to write down what it ran does so at its end.
        let _ = self.signal("TERM").and_then(|()| self.signal("CONT"));
        let end = Instant::now() + GRACE;
        while !self.has_ended() && Instant::now() < end {
            check::pause(Duration::from_millis(10));
        }
        if self.has_ended() {
            return;
        }
        for id in family(self.id()).into_iter().skip(1) {
            let _ = Command::new("kill").args(["-9", &id.to_string()]).status();
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Nanoseconds that those threads of a process have run whose folder in `/proc` is wanted.
fn exact(id: u32, is_wanted: impl Fn(&Path) -> bool) -> f64 {
    let Ok(tasks) = fs::read_dir(format!("/proc/{id}/task")) else {
        return 0.0;
    };
    tasks
        .flatten()
        .filter(|task| is_wanted(&task.path()))
        .filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok())
        .filter_map(|text| text.split_whitespace().next()?.parse::<f64>().ok())
        .sum()
}

/// A process and all that it forked.
fn family(id: u32) -> Vec<u32> {
    let mut all = vec![id];
    let mut at = 0;
    while let Some(&parent) = all.get(at) {
        at += 1;
        let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
        let children = children.unwrap_or_default();
        all.extend(children.split_whitespace().filter_map(|id| id.parse::<u32>().ok()));
    }
    all
}
