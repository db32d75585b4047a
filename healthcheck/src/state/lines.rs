//! How the files are laid out: a line that says what it is, then a JSON object a line.
//!
//! A line that is not understood is an error, and so is a version that is not the expected one. Times
//! are milliseconds since 1970.

use std::io::{self, BufRead, Write};
use std::time::{Duration, SystemTime};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Octets of one line, at most.
const LONGEST: u64 = 256 * 1024;

/// What a file is.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head<'t> {
    pub(super) format: &'t str,
    pub(super) version: u32,
}

pub(super) fn write_line(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

/// Hands on what the lines after the first say. An empty file has none.
pub(super) fn read_lines<L: DeserializeOwned>(
    mut from: impl BufRead,
    expected: &Head<'_>,
    mut take: impl FnMut(L),
) -> io::Result<()> {
    let mut text = String::new();
    for number in 1usize.. {
        text.clear();
        if io::Read::take(&mut from, LONGEST).read_line(&mut text)? == 0 {
            break;
        }
        let wrong = |why: serde_json::Error| {
            io::Error::new(io::ErrorKind::InvalidData, format!("line {number}: {why}"))
        };
        if number > 1 {
            take(serde_json::from_str(&text).map_err(wrong)?);
            continue;
        }
        let head: Head<'_> = serde_json::from_str(&text).map_err(wrong)?;
        if head != *expected {
            let message = format!("it is {} {}", head.format, head.version);
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
    }
    Ok(())
}

pub(super) fn millis(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

pub(super) fn date(millis: u64) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(millis))
}
