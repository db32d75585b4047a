//! What is known of a target: its state, its weight, and since when.

use std::fmt;
use std::time::SystemTime;

use crate::damping::Hold;

/// What is held of a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum State {
    /// No verdict yet: never probed, or not often enough to call it down.
    #[default]
    Unknown,
    /// It answers as it should.
    Up,
    /// It failed `fall` times in a row.
    Down,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Down => "down",
        })
    }
}

/// The published state of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Up, down, or not known.
    pub state: State,
    /// The number at the start of the body of the last good answer, if it is positive, while the
    /// target is up; else 0.
    pub weight: u32,
    /// When the state began; `None` while it is unknown.
    pub since: Option<SystemTime>,
    /// What it gets of its share of clients after it came back, in parts of [`Verdict::WHOLE`].
    pub share: u16,
    /// It is down although it answers, because of this.
    pub hold: Option<Hold>,
    /// No change is near and none is fresh.
    pub is_settled: bool,
}

impl Verdict {
    /// The whole share.
    pub const WHOLE: u16 = 256;
}

impl Default for Verdict {
    fn default() -> Self {
        Self {
            state: State::Unknown,
            weight: 0,
            since: None,
            share: Self::WHOLE,
            hold: None,
            is_settled: true,
        }
    }
}

/// A check's place on the board, valid while somebody holds the check.
///
/// A place is used again after its check was released, under another epoch, so that an identifier
/// kept too long reads [`State::Unknown`] and never the verdict of a stranger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CheckId {
    slot: u32,
    epoch: u32,
}

impl CheckId {
    pub(crate) fn new(slot: u32, epoch: u32) -> Self {
        Self { slot, epoch }
    }

    /// The dense number of the place; unique among the checks that are held at one time.
    #[must_use]
    pub fn slot(self) -> usize {
        self.slot as usize
    }

    pub(crate) fn epoch(self) -> u32 {
        self.epoch
    }
}
