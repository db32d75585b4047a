//! Version 1 of the file: a line that says what it is, then a JSON object a line.
//!
//! ```text
//! {"format":"halfmoon-health","version":1}
//! {"check":"tcp 192.0.2.1:443","key":"91c3a0…","state":"up","since":1764000000000,…}
//! {"zone":"example.org.","owner":"www.example.org.","type":"A","in":["192.0.2.1"],…}
//! ```

use std::io::{self, BufRead, Write};
use std::net::IpAddr;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::lines::{Head, date, millis, read_lines, write_line};
use crate::account::Account;
use crate::judge::Memory;
use crate::pool::PoolName;
use crate::pools::PoolMemory;
use crate::registry::Registry;
use crate::shared::Shared;
use crate::verdict::State;

const HEAD: Head<'_> = Head { format: "halfmoon-health", version: 1 };
/// Lines of each kind, at most; of more the first count.
const MOST: usize = 500_000;
/// Octets of one text in it.
const TEXT: usize = 1024;

/// What is known of targets.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) checks: Vec<Check>,
    pub(crate) pools: Vec<Pool>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Line {
    Check(Check),
    Pool(Pool),
}

/// What was known of a check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Check {
    check: String,
    key: String,
    /// Where the limits of the account are set whose own it is, if it is not everybody's.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    account: String,
    state: Name,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<u64>,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    weight: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    held: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ramp: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fell: Option<u64>,
    #[serde(default)]
    penalty: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    penalty_at: Option<u64>,
    #[serde(default)]
    suppressed: bool,
    /// How the last probes ended, as bits.
    #[serde(default)]
    recent: u32,
    #[serde(default)]
    wavering: bool,
}

/// What was known of a check, as it is taken up again.
#[derive(Debug)]
pub(crate) struct Recalled {
    /// Whose own it is; empty: everybody's.
    pub(crate) account: Box<str>,
    pub(crate) key: Box<str>,
    pub(crate) target: Box<str>,
    pub(crate) memory: Memory,
    /// The reason of its state.
    pub(crate) reason: Box<str>,
}

/// What was known of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pool {
    zone: String,
    owner: String,
    r#type: String,
    /// Left out where it is the first, as it was when there was none.
    #[serde(default, skip_serializing_if = "is_first")]
    program: u32,
    #[serde(default)]
    number: u32,
    r#in: Vec<IpAddr>,
    last: Vec<IpAddr>,
    #[serde(default)]
    left: Vec<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Name {
    Unknown,
    Up,
    Down,
}

impl Known {
    /// What is known now. What nothing is known of is left out.
    ///
    /// Some at a time, so that no result of a probe waits for it: what changes meanwhile may be among it or
    /// not, and is written down the next time.
    pub(super) fn of(shared: &Shared) -> Self {
        let mut known = Self::default();
        shared.in_parts(Registry::places, |registry, places| known.add_checks(registry, places));
        let places = |registry: &Registry| registry.pools.places();
        shared.in_parts(places, |registry, places| known.add_pools(registry, places));
        known
    }

    /// The same of a registry that nobody waits for.
    #[cfg(test)]
    pub(crate) fn of_all(registry: &Registry) -> Self {
        let mut known = Self::default();
        known.add_checks(registry, 0..registry.places());
        known.add_pools(registry, 0..registry.pools.places());
        known
    }

    fn add_checks(&mut self, registry: &Registry, places: Range<usize>) {
        let known = registry.part(places).filter(|(_, one)| one.judge.state() != State::Unknown);
        let room = MOST.saturating_sub(self.checks.len());
        self.checks.extend(known.take(room).map(|(_, occupant)| {
            let memory = occupant.judge.memory();
            Check {
                check: occupant.check.to_string(),
                key: occupant.check.key().into(),
                account: occupant.owner().map_or("", Account::settings).to_owned(),
                state: match memory.state {
                    State::Unknown => Name::Unknown,
                    State::Up => Name::Up,
                    State::Down => Name::Down,
                },
                since: memory.since.map(millis),
                reason: cut(&occupant.reason),
                weight: memory.weight,
                held: memory.held.map(millis),
                ramp: memory.ramp.map(millis),
                fell: memory.fell.map(millis),
                penalty: memory.penalty,
                penalty_at: memory.penalty_at.map(millis),
                suppressed: memory.is_suppressed,
                recent: memory.recent,
                wavering: memory.is_wavering,
            }
        }));
    }

    fn add_pools(&mut self, registry: &Registry, places: Range<usize>) {
        let known = registry.pools.memories(places);
        let room = MOST.saturating_sub(self.pools.len());
        self.pools.extend(known.take(room).map(|(name, memory)| Pool {
            zone: name.zone.to_string(),
            owner: name.owner.to_string(),
            r#type: name.rtype.to_string(),
            program: name.program,
            number: name.number,
            r#in: memory.members_in,
            last: memory.last,
            left: memory.departures.iter().copied().map(millis).collect(),
        }));
    }

    pub(super) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        write_line(out, &HEAD)?;
        self.checks.iter().try_for_each(|check| write_line(out, check))?;
        self.pools.iter().try_for_each(|pool| write_line(out, pool))
    }

    pub(super) fn read(from: impl BufRead) -> io::Result<Self> {
        let mut known = Self::default();
        read_lines(from, &HEAD, |line| match line {
            Line::Check(check) if known.checks.len() < MOST => known.checks.push(check),
            Line::Pool(pool) if known.pools.len() < MOST => known.pools.push(pool),
            Line::Check(_) | Line::Pool(_) => {}
        })?;
        Ok(known)
    }
}

impl Check {
    pub(crate) fn recall(self) -> Recalled {
        let memory = Memory {
            state: match self.state {
                Name::Unknown => State::Unknown,
                Name::Up => State::Up,
                Name::Down => State::Down,
            },
            since: self.since.and_then(date),
            weight: self.weight,
            held: self.held.and_then(date),
            ramp: self.ramp.and_then(date),
            fell: self.fell.and_then(date),
            // A number that is none would never decay.
            penalty: if self.penalty.is_finite() { self.penalty.clamp(0.0, 1e9) } else { 0.0 },
            penalty_at: self.penalty_at.and_then(date),
            is_suppressed: self.suppressed,
            recent: self.recent,
            is_wavering: self.wavering,
        };
        Recalled {
            account: self.account.into(),
            key: self.key.into(),
            target: self.check.into(),
            memory,
            reason: self.reason.into(),
        }
    }
}

impl Pool {
    pub(crate) fn recall(self) -> (PoolName, PoolMemory) {
        let name = PoolName {
            zone: self.zone.into(),
            owner: self.owner.into(),
            rtype: self.r#type.into(),
            program: self.program,
            number: self.number,
        };
        let departures = self.left.into_iter().filter_map(date).collect();
        (name, PoolMemory { members_in: self.r#in, last: self.last, departures })
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "so serde calls it")]
fn is_first(number: &u32) -> bool {
    *number == 0
}

fn cut(text: &str) -> String {
    text.chars().take(TEXT / 4).collect()
}
