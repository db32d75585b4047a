//! What the interface says, as both its server and the command line have it.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::events::Event;

/// Checks, and how many there are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckList {
    /// Of all, by state.
    pub counts: ByState,
    /// How many were asked for.
    pub matching: usize,
    /// Some of them.
    pub checks: Vec<CheckView>,
}

/// How many checks are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByState {
    /// Those that are up.
    pub up: usize,
    /// Those that are down.
    pub down: usize,
    /// Those without a verdict.
    pub unknown: usize,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckView {
    /// What is probed, and from where.
    pub name: String,
    /// How: `tcp`, `https`, `dns` and so on.
    pub kind: String,
    /// The address under test, if it is not looked up.
    pub address: Option<IpAddr>,
    /// `up`, `down` or `unknown`.
    pub state: String,
    /// Since when, in UTC (RFC 3339).
    pub since: Option<String>,
    /// What the target says of itself.
    pub weight: u32,
    /// The last probe.
    pub last: Option<LastView>,
    /// When the next one starts.
    pub next: Option<String>,
    /// From the start of one to the start of the next.
    pub interval_ms: u64,
    /// How long one may take.
    pub timeout_ms: u64,
    /// Failures in a row before it is down.
    pub fall: u32,
    /// Successes in a row before it is up again.
    pub rise: u32,
    /// Whether a query made a program ask for it.
    pub computed: bool,
    /// How many records name it.
    pub used_by: usize,
    /// Some of them.
    pub users: Vec<UserView>,
}

/// The result of a probe.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LastView {
    /// `success`, `failure` or `inconclusive`.
    pub result: String,
    /// Why it is none.
    pub reason: Option<String>,
    /// What will soon be wrong with a target that is up.
    pub warning: Option<String>,
    /// How long it took.
    pub latency_ms: f64,
    /// When it was known, in UTC (RFC 3339).
    pub at: String,
}

/// A record that names a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserView {
    /// Its zone.
    pub zone: String,
    /// Its owner.
    pub owner: String,
    /// The type of what it makes.
    #[serde(rename = "type")]
    pub makes: String,
}

/// Events, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventList {
    /// The number of the newest event of all: what to ask for next time.
    pub newest: u64,
    /// Some of them.
    pub changes: Vec<Event>,
}

/// Why a request is not met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorView {
    /// In a line.
    pub error: String,
}
