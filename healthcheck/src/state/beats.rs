//! What was called in last, in a file of its own: it changes with each call, and what checks came to
//! does not.
//!
//! ```text
//! {"format":"halfmoon-beats","version":1}
//! {"beat":"fra","at":1764000000000,"state":"up","ttl":30,"weight":5}
//! ```

use std::io::{self, BufRead, Write};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::lines::{Head, date, millis, read_lines, write_line};
use crate::beats::Last;
use crate::check::PushOptions;
use crate::said::{Holds, Said};

const HEAD: Head<'_> = Head { format: "halfmoon-beats", version: 1 };
/// Lines, at most; of more the first count.
const MOST: usize = 100_000;

/// What was last called in by one name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Beat {
    beat: Box<str>,
    at: u64,
    state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<u64>,
    #[serde(default)]
    weight: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Up,
    Down,
}

pub(super) fn write(last: &[Last], out: &mut impl Write) -> io::Result<()> {
    write_line(out, &HEAD)?;
    last.iter().take(MOST).try_for_each(|last| write_line(out, &Beat::of(last)))
}

pub(super) fn read(from: impl BufRead) -> io::Result<Vec<Last>> {
    let mut all = Vec::new();
    read_lines(from, &HEAD, |beat: Beat| {
        if all.len() < MOST {
            all.extend(beat.recall());
        }
    })?;
    Ok(all)
}

impl Beat {
    fn of(Last { name, said, at }: &Last) -> Self {
        Self {
            beat: name.clone(),
            at: millis(*at),
            state: if said.is_up { State::Up } else { State::Down },
            ttl: match said.holds {
                Holds::For(ttl) => Some(ttl.as_secs()),
                Holds::AsChecked | Holds::Until(_) => None,
            },
            until: match said.holds {
                Holds::Until(until) => Some(millis(until)),
                Holds::AsChecked | Holds::For(_) => None,
            },
            weight: said.weight,
            reason: said.reason.clone(),
        }
    }

    /// `None`: its time is beyond all times.
    fn recall(self) -> Option<Last> {
        let holds = match (self.until, self.ttl) {
            (Some(until), _) => Holds::Until(date(until)?),
            (None, Some(ttl)) => Holds::For(Duration::from_secs(ttl).min(PushOptions::LONGEST)),
            (None, None) => Holds::AsChecked,
        };
        let is_up = self.state == State::Up;
        let said = Said { is_up, holds, weight: self.weight, reason: self.reason };
        Some(Last { name: self.beat, said, at: date(self.at)? })
    }
}
