//! What the interface says, as both its server and the command line have it.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::counted::counted;
use crate::events::Event;
use crate::overrides::{Fixed, Order, Override};
use crate::whatif::SampleClient;

/// What is to be tried on paper.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhatIf {
    /// What is down.
    pub down: Vec<String>,
    /// Whether everything else is up, whatever is known of it.
    #[serde(default)]
    pub all_up: bool,
    /// The clients for whom names are asked; the built-in sample if there are none.
    #[serde(default)]
    pub clients: Option<Vec<SampleClient>>,
}

/// Checks, and how many there are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckList {
    /// Of all, by state.
    pub counts: ByState,
    /// How many were asked for.
    pub matching: usize,
    /// Some of them.
    pub checks: Vec<CheckView>,
    /// Tenants whose checks are limited, or that were refused some.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<AccountView>,
}

/// What is held of checks for a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountView {
    /// Its name.
    pub tenant: String,
    /// How many checks are held for it.
    pub checks: usize,
    /// How many of them only because programs computed them.
    pub computed: usize,
    /// How many there may be; `None`: there is no limit.
    pub most_checks: Option<usize>,
    /// What they come to.
    pub probes_per_second: String,
    /// What they may come to; `None`: there is no limit.
    pub most_probes_per_second: Option<u32>,
    /// How often a computed check was refused it.
    pub refused: u64,
    /// One of the last of them, and why.
    pub last_refused: Option<String>,
}

impl fmt::Display for AccountView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tenant {}: ", self.tenant)?;
        match self.most_checks {
            Some(most) => write!(f, "{} of {}", self.checks, counted(most, "check"))?,
            None => f.write_str(&counted(self.checks, "check"))?,
        }
        write!(f, ", {} of them computed, {}", self.computed, self.probes_per_second)?;
        if let Some(most) = self.most_probes_per_second {
            write!(f, " of {most}")?;
        }
        f.write_str(" probes a second")?;
        if let Some(last) = &self.last_refused {
            write!(f, "; {} refused, as {last}", counted(self.refused, "computed check"))?;
        }
        Ok(())
    }
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
    /// What tells it from other checks of this name, those with another pace or of somebody else: 16
    /// hexadecimal digits, as in what is told of changes.
    #[serde(default)]
    pub key: String,
    /// How: `tcp`, `https`, `dns` and so on.
    pub kind: String,
    /// The address under test, if it is not looked up.
    pub address: Option<IpAddr>,
    /// `up`, `down` or `unknown`.
    pub state: String,
    /// Since when, in UTC (RFC 3339).
    pub since: Option<String>,
    /// Why it is in that state; empty while it is unknown.
    pub why: String,
    /// Why it is down although it answers.
    pub held: Option<String>,
    /// Whether the state is from before the last start, and nothing was heard since.
    pub recalled: bool,
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
    /// Its latest changes of state, the oldest first, if they were asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<TurnView>,
}

/// A change of state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurnView {
    /// When, in UTC (RFC 3339).
    pub at: String,
    /// The state before.
    pub from: String,
    /// The state from then on.
    pub to: String,
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

/// What a name answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerView {
    /// The code, as `NOERROR`.
    pub rcode: String,
    /// Whether a zone of this server speaks for the name.
    pub authoritative: bool,
    /// For whom it was answered.
    pub client: IpAddr,
    /// The records of the answer section.
    pub records: Vec<RecordView>,
    /// What the answer says of itself (RFC 8914).
    pub note: Option<String>,
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordView {
    /// Its owner.
    pub name: String,
    /// How long it may be kept, in seconds.
    pub ttl: u32,
    /// Its type.
    #[serde(rename = "type")]
    pub rtype: String,
    /// Its data, as in a zone file.
    pub data: String,
}

/// Pools, and how many there are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PoolList {
    /// How many were asked for.
    pub matching: usize,
    /// Some of them.
    pub pools: Vec<PoolView>,
}

/// What a record chooses from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PoolView {
    /// The zone.
    pub zone: String,
    /// The owner of the record.
    pub owner: String,
    /// The type of what it makes.
    #[serde(rename = "type")]
    pub makes: String,
    /// The number of the record among those of that owner and type, from 1.
    pub program: u32,
    /// Its number among the pools of that record, from 1.
    pub number: u32,
    /// Its members, in order of preference.
    pub members: Vec<MemberView>,
}

/// An address of a pool.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemberView {
    /// The address.
    pub address: IpAddr,
    /// The number of its group, from 1.
    pub group: usize,
    /// Its weight.
    pub weight: u32,
    /// What it is called by.
    pub labels: Vec<String>,
    /// The name of the check that speaks for it.
    pub check: Option<String>,
    /// Whether it may be answered.
    #[serde(rename = "in")]
    pub is_in: bool,
    /// Whether it is chosen from at the moment.
    #[serde(rename = "chosen")]
    pub is_chosen: bool,
    /// What it gets of its share, from 0 to 1.
    pub share: f64,
    /// Since when, in UTC (RFC 3339).
    pub since: Option<String>,
    /// Why.
    pub why: String,
}

/// The overrides in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverrideList {
    /// The oldest first.
    pub overrides: Vec<Override>,
    /// How long one may last, in seconds.
    pub max_s: u64,
    /// Whether they survive a restart.
    pub kept: bool,
}

/// An override that somebody wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OverrideWish {
    /// What is to happen.
    pub order: Order,
    /// To what.
    pub target: String,
    /// In which zone or record alone.
    #[serde(rename = "in", default)]
    pub within: Option<String>,
    /// For how long, as `2h`.
    #[serde(rename = "for")]
    pub time: String,
    /// Why.
    pub reason: String,
    /// Who says so, besides the token.
    #[serde(default)]
    pub user: Option<String>,
    /// Whether a record may be left without anything to answer.
    #[serde(default)]
    pub may_empty: bool,
}

/// An override that was set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OverrideSet {
    /// The override.
    #[serde(rename = "override")]
    pub set: Override,
    /// How many members of pools, choices and computed lists it is for.
    pub members: usize,
    /// The static records with its target, which are not changed.
    #[serde(rename = "static", default)]
    pub fixed: Fixed,
    /// Whether it survives a restart.
    pub kept: bool,
}

/// Why an override is to end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EndWish {
    /// Why; may be empty.
    pub reason: String,
    /// Who says so, besides the token.
    pub user: Option<String>,
}

/// Which endpoint is to come back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResumeWish {
    /// The name of its check.
    pub check: String,
    /// Who says so, besides the token.
    #[serde(default)]
    pub user: Option<String>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumed {
    /// Whether anything held it.
    pub resumed: bool,
}

/// Of which records members are to be let go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LetGoWish {
    /// A zone or a record.
    pub records: String,
    /// For how long, as `10m`.
    #[serde(rename = "for")]
    pub time: String,
    /// Who says so, besides the token.
    #[serde(default)]
    pub user: Option<String>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetGo {
    /// How many pools are meant.
    pub pools: usize,
}

/// Tenants.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TenantList {
    /// By name.
    pub tenants: Vec<TenantView>,
}

/// What a tenant has, and what its zones have counted since the server started.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TenantView {
    /// Its name.
    pub tenant: String,
    /// Zones that are served.
    pub zones: usize,
    /// Records in them.
    pub records: u64,
    /// Programs in them.
    pub programs: usize,
    /// About how many octets of memory they take; none: nothing of what they take is limited.
    pub memory: Option<u64>,
    /// Checks that they use, also those that others use, too.
    pub checks: ByState,
    /// Checks that are held for it, those among them that others are calculated from.
    pub checks_held: usize,
    /// Probes a second that these come to.
    pub probes_per_second: f64,
    /// What it may have.
    pub limits: LimitsView,
    /// Queries for names in its zones.
    pub queries: u64,
    /// Programs that ran to their end for an answer.
    pub programs_run: u64,
    /// Programs that failed.
    pub programs_failed: u64,
    /// Checks that programs computed and that were refused, over its budget or outside of its targets.
    #[serde(default)]
    pub checks_refused: u64,
    /// What holders of its tokens wanted to do, as to set an override or to publish, beyond what they may in a
    /// minute.
    #[serde(default)]
    pub acts_refused: u64,
}

/// What a tenant may have of something; none: as much as it likes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitsView {
    /// Records.
    pub records: Option<u64>,
    /// Programs.
    pub programs: Option<u64>,
    /// Octets of memory.
    pub memory: Option<u64>,
    /// Checks that are held for it.
    pub checks: Option<usize>,
    /// Probes a second.
    pub probes_per_second: Option<u32>,
}

/// Why a request is not met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorView {
    /// In a line.
    pub error: String,
}
