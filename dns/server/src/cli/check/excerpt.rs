//! The line that a fault is in, with a mark under the place.

use std::fs;
use std::path::{Path, PathBuf};

/// Longer lines are shown around the place.
const WIDTH: usize = 100;
/// What stands before the place in a line that is cut.
const BEFORE: usize = 40;

/// The lines of the file that was asked for last: faults come file by file.
#[derive(Debug, Default)]
pub(super) struct Excerpts {
    path: PathBuf,
    text: Vec<u8>,
    /// Where each line begins.
    starts: Vec<usize>,
}

impl Excerpts {
    /// Two lines: that of the file, and the mark. `None` where there is no such line.
    pub(super) fn of(&mut self, path: &Path, line: u32, column: u32) -> Option<String> {
        let (before, after) = self.split(path, line, column)?;
        let before = printable(before);
        let after = printable(after);
        let skip = match before.chars().count() {
            count if count + after.chars().count() > WIDTH => count.saturating_sub(BEFORE),
            _ => 0,
        };
        let before: String = before.chars().skip(skip).collect();
        let after: String =
            after.chars().take(WIDTH - before.chars().count().min(BEFORE)).collect();
        if before.trim().is_empty() && after.trim().is_empty() {
            return None;
        }
        let number = line.to_string();
        let mark = " ".repeat(before.chars().count());
        let edge = " ".repeat(number.len());
        Some(format!("  {number} | {before}{after}\n  {edge} | {mark}^"))
    }

    /// The column in letters (code points) of one in octets.
    pub(super) fn letters(&mut self, path: &Path, line: u32, column: u32) -> u32 {
        let Some((before, _)) = self.split(path, line, column) else {
            return column;
        };
        String::from_utf8_lossy(before).chars().count() as u32 + 1
    }

    /// What of a line stands before a column, and what from there on.
    fn split(&mut self, path: &Path, line: u32, column: u32) -> Option<(&[u8], &[u8])> {
        if self.path != path {
            self.read(path);
        }
        let number = line.checked_sub(1)? as usize;
        let start = *self.starts.get(number)?;
        let end = self.starts.get(number + 1).map_or(self.text.len(), |next| next - 1);
        let line = self.text.get(start..end)?;
        let at = (column.checked_sub(1)? as usize).min(line.len());
        Some(line.split_at(at))
    }

    fn read(&mut self, path: &Path) {
        path.clone_into(&mut self.path);
        // A file that cannot be read has no lines; that is among the faults.
        self.text = fs::read(path).unwrap_or_default();
        let ends = self.text.iter().enumerate().filter(|(_, octet)| **octet == b'\n');
        self.starts = std::iter::once(0).chain(ends.map(|(at, _)| at + 1)).collect();
    }
}

/// Text without what a terminal would obey.
fn printable(text: &[u8]) -> String {
    let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
    String::from_utf8_lossy(text).chars().map(plain).collect()
}
