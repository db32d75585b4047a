//! How far a check of many zones has come, for whoever waits at a terminal.

use std::io::{self, IsTerminal as _, Stderr, Write};
use std::time::{Duration, Instant};

use halfmoon_wire::{Name, NameBuf};
use halfmoon_zones::{
    Addition, Attach, Candidate, Draft, Fault, Fresh, Hosted, MostRecords, ProgramSource, Zone,
};

use crate::counted::counted;
use crate::publish::Compile;
use crate::shared::Served;

/// What takes less is not worth a word.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often it is told.
const STEP: Duration = Duration::from_millis(200);

/// Tells how many zones were read, if it takes a while.
#[derive(Debug)]
pub(super) struct Progress<W: Write> {
    /// `None`: nobody looks.
    out: Option<W>,
    read: usize,
    due: Instant,
    is_shown: bool,
}

impl Progress<Stderr> {
    /// On standard error, if that is a terminal.
    pub(super) fn new() -> Self {
        let out = io::stderr();
        Self::to(out.is_terminal().then_some(out), Instant::now())
    }
}

impl<W: Write> Progress<W> {
    fn to(out: Option<W>, now: Instant) -> Self {
        Self { out, read: 0, due: now + PATIENCE, is_shown: false }
    }

    /// One more zone was read; so many tests were run before it.
    fn note(&mut self, tests: usize, now: Instant) {
        self.read += 1;
        if now < self.due {
            return;
        }
        self.due = now + STEP;
        if let Some(out) = &mut self.out {
            // A terminal that is gone has nobody before it.
            let _ = write!(out, "\r{} read", counted(self.read, "zone"));
            if tests > 0 {
                let _ = write!(out, ", {} run", counted(tests, "test"));
            }
            let _ = out.flush();
            self.is_shown = true;
        }
    }

    /// Takes away what was shown.
    pub(super) fn end(&mut self) {
        if let Some(out) = self.out.as_mut().filter(|_| self.is_shown) {
            let _ = write!(out, "\r\x1b[K");
            let _ = out.flush();
        }
        self.is_shown = false;
    }
}

/// Compiles zones, and counts them.
pub(super) struct Counted<'a, W: Write> {
    pub(super) compile: &'a mut Compile,
    pub(super) progress: &'a mut Progress<W>,
}

impl<W: Write + Sync> Attach<Served> for Counted<'_, W> {
    fn stamp(&self, apex: Name<'_>) -> u64 {
        self.compile.stamp(apex)
    }

    fn may_add(&self, apex: Name<'_>) -> bool {
        self.compile.may_add(apex)
    }

    fn additions(&mut self, draft: &Draft<'_>) -> Vec<Addition> {
        self.compile.additions(draft)
    }

    fn attach(&mut self, fresh: &Fresh<'_, Served>, faults: &mut Vec<Fault>) -> Served {
        self.progress.note(self.compile.tests_run(), Instant::now());
        self.compile.attach(fresh, faults)
    }

    fn start(
        &mut self,
        stay: &mut dyn Iterator<Item = &Hosted<Served>>,
        before: &mut dyn Iterator<Item = &Hosted<Served>>,
    ) {
        self.compile.start(stay, before);
    }

    fn most_records(&self, apex: Name<'_>) -> Option<MostRecords> {
        self.compile.most_records(apex)
    }

    fn most_octets(&self) -> u64 {
        self.compile.most_octets()
    }

    fn depends_on_others(&self, fault: &Fault) -> bool {
        self.compile.depends_on_others(fault)
    }

    fn has_read(&mut self, zone: &Zone, programs: &[(NameBuf, ProgramSource)]) {
        self.compile.has_read(zone, programs);
    }

    fn holds(&mut self, zone: &Zone, programs: &[(NameBuf, ProgramSource)]) {
        self.compile.holds(zone, programs);
    }

    fn judge(&mut self, candidates: &mut [Candidate<Served>]) {
        self.compile.judge(candidates);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quick_says_nothing_and_what_is_slow_cleans_up() {
        let start = Instant::now();
        let mut progress = Progress::to(Some(Vec::new()), start);
        for millis in [0, 500, 999] {
            progress.note(0, start + Duration::from_millis(millis));
        }
        progress.end();
        assert_eq!(progress.out.as_deref(), Some(&b""[..]));
        for millis in [1000, 1100, 1199, 1200] {
            progress.note(millis as usize - 1000, start + Duration::from_millis(millis));
        }
        progress.end();
        let shown = String::from_utf8(progress.out.unwrap()).unwrap();
        assert_eq!(shown, "\r4 zones read\r7 zones read, 200 tests run\r\x1b[K");
    }

    #[test]
    fn without_a_terminal_nothing_is_said() {
        let start = Instant::now();
        let mut progress = Progress::<Vec<u8>>::to(None, start);
        progress.note(0, start + Duration::from_secs(9));
        progress.end();
        assert_eq!(progress.read, 1);
    }
}
