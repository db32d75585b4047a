//! What happened, in words.

use std::time::SystemTime;

use halfmoon_healthcheck::Choice;
use halfmoon_lua::{Finding, Given, Pool, Reads, Step};

use crate::answer::ProgramRun;

pub(super) fn result(given: &Given) -> String {
    match given {
        Given::Truth(truth) => truth.to_string(),
        Given::Text(text) => format!("'{text}'"),
        Given::List(list) if list.is_empty() => "nothing".to_owned(),
        Given::List(list) => list.join(", "),
        Given::Denial => "no such name".to_owned(),
        Given::Failure(why) => format!("failed: {why}"),
    }
}

/// What a call found out, a line each.
pub(super) fn found(finding: &Finding) -> Vec<String> {
    vec![match finding {
        Finding::Pool(_) => return Vec::new(),
        Finding::Refused { check, why } => format!("not checked: {check}: {why}"),
        Finding::Hash { of, value } => format!("hash of {of}: {value}"),
        Finding::Chance { value, below } => format!("drew {value} of 0 to {}", below.max(&1) - 1),
        Finding::Point { value, below } => {
            format!("of the weights' sum of {below}, it falls on {value}")
        }
        Finding::Draw { of, value } => format!("{of} drew {value:.4} for this client"),
        Finding::Place { what, value, prefix } => {
            let value = value.as_deref().unwrap_or("not known");
            format!("{what} of the client: {value} (holds for its /{prefix})")
        }
        Finding::Distances { from, to, unit } => {
            let each = to.iter().map(|(address, place, far)| {
                format!("{address} at {:.2}, {:.2}: {far:.0} {unit}", place.lat, place.lon)
            });
            let home = format!("distances from {:.2}, {:.2}", from.lat, from.lon);
            return std::iter::once(home).chain(each).collect();
        }
    }]
}

pub(super) fn choice(pool: &Pool) -> &'static str {
    match pool.choice {
        Choice::Selected => "the selector chooses among those that are in",
        Choice::Everything => "nothing is up: all that remain are answered",
        Choice::Backup => "nothing is up: the backup selector chooses",
        Choice::Nothing => "nothing is up: no records",
        Choice::Failure => "nothing is up: a failure is wanted",
    }
}

pub(super) fn ttl_why(run: &ProgramRun) -> String {
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

pub(super) fn scope_why(run: &ProgramRun) -> String {
    match (run.scope, run.reads.contains(Reads::PLACE)) {
        (0, _) => "the client's address did not matter".to_owned(),
        (bits, true) => format!("where the client is holds for {bits} bits of its address"),
        (bits, false) => format!("{bits} bits of the client's address mattered"),
    }
}

/// Whether a thread says the answer again without running the program.
pub(super) fn kept(run: &ProgramRun) -> String {
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
    Some(crate::date::span(elapsed))
}
