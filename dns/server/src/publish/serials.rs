//! Serials from commits: each zone has the time of the commit that changed it, or one more than it had where that
//! would not be newer (RFC 1982), as after a revert, a rollback, or two commits in a second.
//!
//! They are written down beside the commit that is served, line by line as they come, since a secondary that
//! has heard of one is not to hear of an older one after a restart.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::PathBuf;

use halfmoon_wire::{Name, NameBuf};

/// The serials that zones have.
#[derive(Debug)]
pub(super) struct Serials {
    path: PathBuf,
    /// By name in lower case.
    known: HashMap<NameBuf, u32>,
    /// Those of the commit that is looked at.
    proposed: HashMap<NameBuf, u32>,
    /// What a zone that has changed gets if it is newer than what it has.
    now: u32,
    /// What was served is read again: nothing has changed.
    is_again: bool,
    /// The last lines may be there in part: the file is written anew before more come after them.
    is_torn: bool,
}

impl Serials {
    /// Reads what was written down. A line that a process was killed in the middle of is left out, and told of.
    pub(super) fn open(path: PathBuf) -> io::Result<Self> {
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            text => text?,
        };
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let read = |line: &str| {
            let (name, serial) = line.split_once(' ')?;
            Some((name.parse::<NameBuf>().ok()?, serial.parse().ok()?))
        };
        let (mut known, mut wrong) = (HashMap::new(), 0_usize);
        for line in whole.lines() {
            match read(line) {
                Some((apex, serial)) => drop(known.insert(apex, serial)),
                None => wrong += 1,
            }
        }
        let file = path.display();
        if wrong > 0 {
            tracing::warn!(%file, lines = wrong, "lines without a zone and its serial are left out");
        }
        if !text.is_empty() && !text.ends_with('\n') {
            tracing::warn!(%file, "it ends within a line, as after a crash; that line is left out");
        }
        let (proposed, now) = (HashMap::new(), 0);
        let serials = Self { path, known, proposed, now, is_again: false, is_torn: false };
        if !serials.known.is_empty() || !text.is_empty() {
            serials.write_whole()?;
        }
        Ok(serials)
    }

    /// A commit of this time, in seconds since 1970, is looked at; or that which was served, once more.
    pub(super) fn begin(&mut self, time: i64, is_again: bool) {
        // Modulo 2^32, as serials are.
        self.now = time as u32;
        self.is_again = is_again;
        self.proposed.clear();
    }

    /// The serial of a zone that is read.
    pub(super) fn propose(&mut self, apex: Name<'_>) -> u32 {
        let apex = apex.to_lower();
        let serial = match self.known.get(&apex) {
            Some(known) if self.is_again => *known,
            Some(known) if !is_newer(self.now, *known) => known.wrapping_add(1),
            _ => self.now,
        };
        self.proposed.insert(apex, serial);
        serial
    }

    /// Writes down the serials of the commit that was looked at; on the disk when this returns.
    pub(super) fn accept(&mut self) -> io::Result<()> {
        let new =
            self.proposed.drain().filter(|(apex, serial)| self.known.get(apex) != Some(serial));
        let new: HashMap<NameBuf, u32> = new.collect();
        if new.is_empty() {
            return Ok(());
        }
        // What a full disk leaves of a line would become one with the next.
        if self.is_torn {
            self.write_whole()?;
        }
        self.is_torn = true;
        let mut file = OpenOptions::new().append(true).create(true).open(&self.path)?;
        file.write_all(lines(&new).as_bytes())?;
        file.sync_all()?;
        self.is_torn = false;
        self.known.extend(new);
        Ok(())
    }

    fn write_whole(&self) -> io::Result<()> {
        let beside = self.path.with_extension("new");
        let mut file = File::create(&beside)?;
        file.write_all(lines(&self.known).as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, &self.path)
    }
}

fn lines<'s>(serials: impl IntoIterator<Item = (&'s NameBuf, &'s u32)>) -> String {
    let mut lines = String::new();
    for (apex, serial) in serials {
        // Writing to a string cannot fail.
        let _ = writeln!(lines, "{apex} {serial}");
    }
    lines
}

/// Whether a serial is newer than another (RFC 1982 section 3.2).
const fn is_newer(serial: u32, other: u32) -> bool {
    serial != other && serial.wrapping_sub(other) < 1 << 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_that_changes_has_a_newer_serial_whatever_the_time_of_the_commit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("serials");
        let apex: NameBuf = "Example.test.".parse().unwrap();
        let mut serials = Serials::open(path.clone()).unwrap();
        let mut commit = |time: i64, is_accepted: bool| {
            serials.begin(time, false);
            let serial = serials.propose(apex.as_name());
            if is_accepted {
                serials.accept().unwrap();
            }
            serial
        };
        assert_eq!(commit(1000, true), 1000);
        assert_eq!(commit(1000, false), 1001, "refused, and nothing remembered");
        assert_eq!(commit(1000, true), 1001);
        assert_eq!(commit(500, true), 1002, "history was rewritten");
        assert_eq!(commit(2000, true), 2000);
        assert_eq!(commit(0xffff_fff0, true), 2001, "a clock that is far behind, as serials go");
        drop(serials);
        // Half a line, as of a process that was killed.
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"example.test. 9").unwrap();
        let mut serials = Serials::open(path.clone()).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "example.test. 2001\n");
        serials.begin(3000, true);
        let again = serials.propose(apex.as_name());
        assert_eq!(again, 2001);
        serials.begin(3000, false);
        let changed = serials.propose(apex.as_name());
        assert!(is_newer(changed, again), "{again} {changed}");
    }

    #[test]
    fn a_line_that_was_written_in_part_does_not_become_one_with_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("serials");
        let accept = |serials: &mut Serials, zone: &str, time| {
            serials.begin(time, false);
            serials.propose(zone.parse::<NameBuf>().unwrap().as_name());
            serials.accept()
        };
        let mut serials = Serials::open(path.clone()).unwrap();
        accept(&mut serials, "a.test.", 1000).unwrap();
        // As a full disk leaves it: the commit is not served, and another one later is.
        fs::write(&path, "a.test. 1000\nb.test. 10").unwrap();
        serials.is_torn = true;
        accept(&mut serials, "c.test.", 2000).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text, "a.test. 1000\nc.test. 2000\n");

        // One that cannot be written at all may be torn.
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        accept(&mut serials, "d.test.", 3000).unwrap_err();
        assert!(serials.is_torn);
        fs::remove_dir(&path).unwrap();
        accept(&mut serials, "d.test.", 4000).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, ["a.test. 1000", "c.test. 2000", "d.test. 4000"]);
    }

    #[test]
    fn newer_is_less_than_half_the_circle_ahead() {
        for (serial, other, expected) in [
            (2, 1, true),
            (1, 1, false),
            (1, 2, false),
            (0, u32::MAX, true),
            (u32::MAX, 0, false),
            (1 << 31, 0, false),
        ] {
            assert_eq!(is_newer(serial, other), expected, "{serial} {other}");
        }
    }
}
