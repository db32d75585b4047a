//! An explanation as machines read it.

use std::collections::HashMap;
use std::time::SystemTime;

use halfmoon_healthcheck::{
    CheckId, Choice, Effective, PoolId, PoolReport, Report, Snapshot, State, Verdict, Why,
};
use halfmoon_lua::{Finding, Given, Pool, Reads, Step};
use halfmoon_wire::Rcode;
use serde::{Deserialize, Serialize};

use super::Wish;
use crate::answer::{Found, ProgramRun, Stage, Trail};
use crate::date::date;
use crate::shared::Shared;

/// Why an answer is what it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The name in question.
    pub name: String,
    /// The type in question.
    #[serde(rename = "type")]
    pub rtype: String,
    /// Who asks.
    pub client: String,
    /// The client subnet that the query bears (RFC 7871).
    pub client_subnet: Option<String>,
    /// What the clock of programs was set to, in UTC (RFC 3339); none: now.
    pub at: Option<String>,
    /// What is supposed, and not so.
    pub supposed: Vec<String>,
    /// The code of the reply.
    pub rcode: String,
    /// Whether the answer does not fit into a datagram, and the client has to come over TCP.
    pub truncated: bool,
    /// The records of the answer.
    pub answer: Vec<String>,
    /// The scope prefix that a client subnet gets: for which networks the answer holds.
    pub scope: Option<u8>,
    /// What happened, in order.
    pub steps: Vec<StepView>,
}

/// A step on the way to an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "lowercase")]
pub enum StepView {
    /// A name was looked for.
    Look {
        /// The name.
        name: String,
        /// In which zone.
        zone: String,
        /// The serial of the zone.
        serial: u32,
        /// What was found: `name`, `wildcard`, `delegation`, `dname` or `nothing`.
        found: String,
        /// The owner of what was found; for `nothing`, the closest name above.
        owner: String,
        /// The TTL of denials, in seconds.
        negative_ttl: u32,
    },
    /// A program ran.
    Program(Box<ProgramView>),
    /// Records were put into the answer.
    Records {
        /// The records.
        records: Vec<String>,
        /// How many more there are.
        more: usize,
        /// Whether a program made any of them.
        computed: bool,
        /// Where they stand: `file:line`.
        place: Option<String>,
    },
}

/// A program that ran.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProgramView {
    /// Its zone.
    pub zone: String,
    /// Its owner.
    pub owner: String,
    /// The type of what it makes.
    pub makes: String,
    /// Where it stands: `file:line`.
    pub place: Option<String>,
    /// Its text.
    pub text: String,
    /// `plan` or `Lua`.
    pub runs_as: String,
    /// What it did, in order.
    pub did: Vec<DidView>,
    /// What it did beyond that and is not listed.
    pub more: usize,
    /// The data of its records.
    pub gave: Vec<String>,
    /// Why it failed.
    pub failure: Option<String>,
    /// The TTL of its records, in seconds.
    pub ttl: u32,
    /// Why it is that.
    pub ttl_why: String,
    /// The prefix of the client's address that mattered, in bits.
    pub scope: u8,
    /// Why.
    pub scope_why: String,
    /// Whether the answer is kept, and for whom.
    pub kept: String,
}

/// One thing that a program did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "did", rename_all = "lowercase")]
pub enum DidView {
    /// It called a function.
    Call {
        /// The call with its arguments.
        call: String,
        /// What came out.
        result: String,
        /// What was found out on the way, a line each.
        found: Vec<String>,
        /// The endpoints that it chose from.
        endpoints: Vec<EndpointView>,
        /// How it chose among them.
        choice: Option<String>,
    },
    /// It looked at a condition.
    Branch {
        /// The condition.
        test: String,
        /// Whether it held.
        holds: bool,
    },
    /// It read a value.
    Read {
        /// What.
        what: String,
        /// The value.
        value: String,
    },
}

/// An endpoint that a call could choose.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EndpointView {
    /// What would be answered.
    pub address: String,
    /// Its group, from 1, in order of preference.
    pub group: usize,
    /// Its labels.
    pub labels: Vec<String>,
    /// The check that speaks for it.
    pub check: Option<String>,
    /// `up`, `down` or `unknown`.
    pub state: String,
    /// Since when, in UTC (RFC 3339).
    pub since: Option<String>,
    /// Why it is in that state.
    pub why: String,
    /// When it was probed last, in UTC, and what came of it.
    pub last: Option<String>,
    /// Who has overridden it, and why.
    pub overridden: Option<String>,
    /// Whether it may be answered.
    pub chosen: bool,
    /// What it gets of its share, from 0 to 1.
    pub share: f64,
}

/// What is known of checks and pools.
struct Known<'a> {
    health: &'a Snapshot,
    checks: HashMap<CheckId, Report>,
    pools: HashMap<PoolId, PoolReport>,
}

pub(super) fn explanation(
    shared: &Shared,
    health: &Snapshot,
    wish: &Wish,
    reply: &[u8],
    trail: &Trail,
) -> Explanation {
    let checks = shared.health.checks().into_iter().map(|report| (report.id, report));
    let pools = shared.health.pools().into_iter().map(|report| (report.id, report));
    let known = Known { health, checks: checks.collect(), pools: pools.collect() };
    let flags = reply.get(2..4).unwrap_or_default();
    let (truncated, rcode) = match flags {
        [high, low] => (high & 2 != 0, Rcode(u16::from(low & 15)).to_string()),
        _ => (false, "no reply".to_owned()),
    };
    let records = |stage: &Stage| match stage {
        Stage::Records { records, .. } => records.clone(),
        _ => Vec::new(),
    };
    let answer = match reply.get(6..8) {
        None | Some([0, 0]) => Vec::new(),
        Some(_) => trail.stages.iter().flat_map(records).collect(),
    };
    let scopes = trail.stages.iter().filter_map(|stage| match stage {
        Stage::Program(run) => Some(run.scope),
        _ => None,
    });
    Explanation {
        name: wish.name.to_string(),
        rtype: wish.rtype.to_string(),
        client: wish.client.to_string(),
        client_subnet: wish.subnet.map(|subnet| subnet.trunc().to_string()),
        at: None,
        supposed: Vec::new(),
        rcode,
        truncated,
        answer,
        scope: wish.subnet.map(|_| scopes.max().unwrap_or(0)),
        steps: trail.stages.iter().map(|stage| known.stage(stage)).collect(),
    }
}

impl Known<'_> {
    fn stage(&self, stage: &Stage) -> StepView {
        match stage.clone() {
            Stage::Look { name, zone, serial, found, owner, negative_ttl } => StepView::Look {
                name,
                zone,
                serial,
                found: match found {
                    Found::Name => "name",
                    Found::Wildcard => "wildcard",
                    Found::Cut => "delegation",
                    Found::Dname => "dname",
                    Found::Nothing => "nothing",
                }
                .to_owned(),
                owner,
                negative_ttl,
            },
            Stage::Records { records, more, computed, place } => {
                StepView::Records { records, more, computed, place }
            }
            Stage::Program(run) => StepView::Program(Box::new(self.program(*run))),
        }
    }

    fn program(&self, run: ProgramRun) -> ProgramView {
        let failure = run.failure.map(|failure| match &*run.detail {
            "" => failure.to_string(),
            detail => format!("{failure}: {detail}"),
        });
        let failure = failure.map(|why| match run.last_good {
            true => format!("{why}; what it said last is said again"),
            false => why,
        });
        ProgramView {
            ttl: run.own_ttl.unwrap_or(run.record_ttl),
            ttl_why: ttl_why(&run),
            scope_why: scope_why(&run),
            kept: kept(&run),
            zone: run.zone,
            owner: run.owner,
            makes: run.makes.to_string(),
            place: run.place,
            text: run.text,
            runs_as: if run.is_plan { "plan" } else { "Lua" }.to_owned(),
            did: run.story.steps.iter().map(|step| self.step(step)).collect(),
            more: run.story.more,
            gave: match run.denies {
                true => vec!["no such name".to_owned()],
                false => run.gave,
            },
            failure,
            scope: run.scope,
        }
    }

    fn step(&self, step: &Step) -> DidView {
        match step.clone() {
            Step::Branch { test, holds } => DidView::Branch { test, holds },
            Step::Variable { name, value } => DidView::Read { what: name.to_owned(), value },
            Step::Read { what, value } => DidView::Read { what: what.to_owned(), value },
            Step::Call(call) => {
                let pool = call.findings.iter().find_map(|finding| match finding {
                    Finding::Pool(pool) => Some(pool),
                    _ => None,
                });
                DidView::Call {
                    call: call.text,
                    result: result(&call.result),
                    found: call.findings.iter().filter_map(found).collect(),
                    endpoints: pool.map(|pool| self.endpoints(pool)).unwrap_or_default(),
                    choice: pool.map(|pool| choice(pool).to_owned()),
                }
            }
        }
    }

    fn endpoints(&self, pool: &Pool) -> Vec<EndpointView> {
        let report = pool.id.and_then(|id| self.pools.get(&id));
        let endpoint = |(number, (address, check)): (usize, &(String, Option<CheckId>))| {
            let pick = pool.picks.iter().find(|pick| pick.member as usize == number);
            let group = pool.groups.iter().position(|group| group.contains(&(number as u32)));
            let member = report.and_then(|report| report.pool.members.get(number));
            let effective = report.and_then(|report| report.members.get(number));
            let labels = member.iter().flat_map(|member| member.labels.iter());
            EndpointView {
                address: address.clone(),
                group: group.unwrap_or(0) + 1,
                labels: labels.map(ToString::to_string).collect(),
                chosen: pick.is_some(),
                share: pick.map_or(0.0, |pick| f64::from(pick.share) / f64::from(Verdict::WHOLE)),
                ..self.health_of(*check, effective)
            }
        };
        pool.members.iter().enumerate().map(endpoint).collect()
    }

    /// What is known of the endpoint that a check speaks for.
    fn health_of(&self, check: Option<CheckId>, effective: Option<&Effective>) -> EndpointView {
        let overridden = effective.and_then(|effective| match &effective.why {
            Why::Forced(forced) => Some(forced.reason.to_string()),
            _ => None,
        });
        let verdict = check.map(|check| self.health.verdict(check)).unwrap_or_default();
        let Some(report) = check.and_then(|check| self.checks.get(&check)) else {
            let why = if check.is_some() { "" } else { "nothing checks it" };
            let state = verdict.state.to_string();
            return EndpointView { state, why: why.to_owned(), overridden, ..Default::default() };
        };
        let is_so = report.verdict.state == verdict.state;
        let why = match (is_so, verdict.hold) {
            (false, _) => "supposed".to_owned(),
            (true, Some(hold)) => hold.to_string(),
            (true, None) if verdict.state == State::Unknown => "not probed yet".to_owned(),
            (true, None) => report.reason.clone(),
        };
        let last = report.last.as_ref().map(|last| format!("{}: {}", date(last.at), last.reason()));
        EndpointView {
            check: Some(report.check.to_string()),
            state: verdict.state.to_string(),
            since: verdict.since.filter(|_| is_so).map(date),
            why,
            last: last.filter(|_| is_so),
            overridden,
            ..Default::default()
        }
    }
}

fn result(given: &Given) -> String {
    match given {
        Given::Truth(truth) => truth.to_string(),
        Given::Text(text) => format!("'{text}'"),
        Given::List(list) if list.is_empty() => "nothing".to_owned(),
        Given::List(list) => list.join(", "),
        Given::Denial => "no such name".to_owned(),
        Given::Failure(why) => format!("failed: {why}"),
    }
}

fn found(finding: &Finding) -> Option<String> {
    Some(match finding {
        Finding::Pool(_) => return None,
        Finding::Hash { of, value } => format!("hash of {of}: {value}"),
        Finding::Chance { value, below } => format!("drew {value} of 0 to {}", below.max(&1) - 1),
        Finding::Place { what, value, prefix } => {
            let value = value.as_deref().unwrap_or("not known");
            format!("{what} of the client: {value} (holds for its /{prefix})")
        }
        Finding::Distances { from, to, unit } => {
            let each = to.iter().map(|(address, place, far)| {
                format!("{address} at {:.2}, {:.2}: {far:.0} {unit}", place.lat, place.lon)
            });
            let each: Vec<String> = each.collect();
            format!("from {:.2}, {:.2} to {}", from.lat, from.lon, each.join("; "))
        }
    })
}

fn choice(pool: &Pool) -> &'static str {
    match pool.choice {
        Choice::Selected => "the selector chooses among those that are in",
        Choice::Everything => "nothing is up: all that remain are answered",
        Choice::Backup => "nothing is up: the backup selector chooses",
        Choice::Nothing => "nothing is up: no records",
        Choice::Failure => "nothing is up: a failure is wanted",
    }
}

fn ttl_why(run: &ProgramRun) -> String {
    let settled = run.story.steps.iter().find_map(|step| match step {
        Step::Call(call) => call.findings.iter().find_map(|finding| match finding {
            Finding::Pool(pool) if pool.ttl.is_some() => Some(pool.is_settled),
            _ => None,
        }),
        _ => None,
    });
    match (run.own_ttl, settled) {
        (None, _) => "the record's".to_owned(),
        (Some(_), Some(true)) => "the program's `ttl`; no change of state is near".to_owned(),
        (Some(_), Some(false)) => {
            "the program's `ttl`; a change of state is near or fresh".to_owned()
        }
        (Some(_), None) => "the program's".to_owned(),
    }
}

fn scope_why(run: &ProgramRun) -> String {
    match (run.scope, run.reads.contains(Reads::PLACE)) {
        (0, _) => "the client's address did not matter".to_owned(),
        (bits, true) => format!("where the client is holds for {bits} bits of its address"),
        (bits, false) => format!("{bits} bits of the client's address mattered"),
    }
}

/// Whether a thread says the answer again without running the program.
fn kept(run: &ProgramRun) -> String {
    if run.is_plan {
        return "computed at each query".to_owned();
    }
    if run.failure.is_some() {
        return "not kept: it failed".to_owned();
    }
    let read = |what| run.reads.contains(what);
    let fleeting = [(Reads::CHANCE, "chance"), (Reads::TIME, "the clock")];
    let fleeting = fleeting.into_iter().chain([(Reads::TRANSPORT, "how the query came")]);
    if let Some((_, what)) = fleeting.into_iter().find(|(what, _)| read(*what)) {
        return format!("computed at each query: it read {what}");
    }
    let until = match (read(Reads::HEALTH), read(Reads::PLACE)) {
        (true, true) => "zones, health or databases change",
        (true, false) => "zones or health change",
        (false, true) => "zones or databases change",
        (false, false) => "zones change",
    };
    let whom = match (read(Reads::CLIENT), read(Reads::NAME)) {
        (true, _) => format!("clients of the same /{}", run.scope),
        (false, true) => "the same name".to_owned(),
        (false, false) => "everybody".to_owned(),
    };
    format!("computed once, then kept for {whom} until {until}")
}

/// How long ago a date was, for people.
pub(super) fn ago(since: &str) -> Option<String> {
    let since = crate::date::parse(since)?;
    let elapsed = SystemTime::now().duration_since(since).ok()?;
    Some(crate::cli::span(elapsed))
}
