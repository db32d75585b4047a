//! Puts what is known of checks and pools beside what happened.

use halfmoon_healthcheck::{CheckId, Effective, Health, Snapshot, State, Verdict, Why};
use halfmoon_lua::{Finding, Pool, Step};

use super::view::{DidView, EndpointView, Explanation, ProgramView};
use super::{Wish, words};
use crate::answer::{ProgramRun, Stage, Trail};
use crate::date::date;
use crate::reply::Heard;

/// What is known of checks and pools.
struct Known<'a> {
    /// What the answer was made with.
    board: &'a Snapshot,
    /// Where the rest is asked for.
    health: &'a Health,
}

pub(super) fn explanation(
    health: &Health,
    board: &Snapshot,
    wish: &Wish,
    reply: &[u8],
    trail: &Trail,
) -> Explanation {
    let known = Known { board, health };
    let heard = Heard::of(reply);
    let heard = heard.as_ref();
    let records = |stage: &Stage<ProgramRun>| match stage {
        Stage::Records { records, .. } => records.clone(),
        _ => Vec::new(),
    };
    let answer = match heard.map(|heard| heard.count) {
        None | Some(0) => Vec::new(),
        Some(_) => trail.stages.iter().flat_map(records).collect(),
    };
    let scopes = trail.stages.iter().filter_map(|stage| match stage {
        Stage::Program(run) => Some(run.scope),
        _ => None,
    });
    let step = |stage: &Stage<ProgramRun>| stage.clone().map(|run| known.program(run));
    Explanation {
        name: wish.name.to_string(),
        rtype: wish.rtype.to_string(),
        client: wish.client.to_string(),
        client_subnet: wish.subnet.map(|subnet| subnet.trunc().to_string()),
        at: None,
        supposed: Vec::new(),
        unprobed: !health.is_probing(),
        rcode: heard.map_or_else(|| "no reply".to_owned(), |heard| heard.rcode.to_string()),
        truncated: heard.is_some_and(|heard| heard.truncated),
        error: heard.and_then(|heard| heard.error.clone()),
        answer,
        scope: wish.subnet.map(|_| scopes.max().unwrap_or(0)),
        steps: trail.stages.iter().map(step).collect(),
    }
}

impl Known<'_> {
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
            ttl_why: words::ttl_why(&run),
            scope_why: words::scope_why(&run),
            kept: words::kept(&run),
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
                    result: words::result(&call.result),
                    found: call.findings.iter().flat_map(words::found).collect(),
                    endpoints: pool.map(|pool| self.endpoints(pool)).unwrap_or_default(),
                    choice: pool.map(|pool| words::choice(pool).to_owned()),
                }
            }
        }
    }

    fn endpoints(&self, pool: &Pool) -> Vec<EndpointView> {
        let report = pool.id.and_then(|id| self.health.pool(id));
        let report = report.as_ref();
        let endpoint = |(number, (address, check)): (usize, &(String, Option<CheckId>))| {
            let pick = pool.picks.iter().find(|pick| pick.member as usize == number);
            let group = pool.groups.iter().position(|group| group.contains(&(number as u32)));
            let member = report.and_then(|report| report.pool.members.get(number));
            let effective = report.and_then(|report| report.members.get(number));
            let labels = member.iter().flat_map(|member| member.labels.iter());
            EndpointView {
                address: address.clone(),
                group: group.unwrap_or(0) + 1,
                labels: labels.map(|label| label.name.to_string()).collect(),
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
        let verdict = check.map(|check| self.board.verdict(check)).unwrap_or_default();
        let Some(report) = check.and_then(|check| self.health.check(check)) else {
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
