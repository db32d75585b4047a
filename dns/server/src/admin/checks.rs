//! `/api/v1/checks`: what is known of endpoints.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State as Extract};
use axum::{Extension, Json};
use halfmoon_healthcheck::{Last, Outcome, Probe, Report, State as Verdict};
use serde::Deserialize;

use super::State;
use super::access::Caller;
use super::accounts::accounts;
use super::error::Refusal;
use super::usage::{User, Users};
use super::view::{ByState, CheckList, CheckView, LastView, TurnView, UserView};
use crate::date::date;
use crate::events::{Event, Events, What};
use crate::shared::Zones;

/// Entries of one answer, unless the request says how many.
pub(super) const SOME: usize = 100;
/// Entries of one answer at most.
pub(super) const MOST: usize = 1000;
/// Users of one check that are named; the rest are counted.
const MOST_USERS: usize = 20;
/// Changes of one check that are shown.
const MOST_TURNS: usize = 100;

/// Which checks are wanted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Wanted {
    /// A part of the check's name, in any case.
    name: String,
    /// Its state.
    state: Option<WantedState>,
    /// The zone of a record that uses it, with or without the dot at the end.
    zone: String,
    /// Whether their latest changes are wanted.
    history: bool,
    /// How many are left out at the beginning.
    offset: usize,
    /// How many are shown.
    limit: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WantedState {
    Unknown,
    Up,
    Down,
}

impl Default for Wanted {
    fn default() -> Self {
        Self {
            name: String::new(),
            state: None,
            zone: String::new(),
            history: false,
            offset: 0,
            limit: SOME,
        }
    }
}

/// Lists checks: those that are down first, then those of which nothing is known, by name.
pub(super) async fn list(
    Extract(state): Extract<Arc<State>>,
    Extension(caller): Extension<Caller>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<CheckList>, Refusal> {
    let Query(wanted) = wanted.map_err(|why| Refusal::Malformed(why.body_text()))?;
    state.aside(caller.tenant, move |state| Json(listed(state, &caller, &wanted))).await
}

fn listed(state: &State, caller: &Caller, wanted: &Wanted) -> CheckList {
    let sight = state.sight(caller.tenant);
    let (zones, users) = (&*sight.zones, &*sight.users);
    let reports = sight.checks(&state.shared);
    let counts = by_state(&reports);
    let mut matching: Vec<(String, Report)> = reports
        .into_iter()
        .filter(|report| wanted.is_state(report.verdict.state))
        .filter(|report| wanted.is_of_zone(users.get(&report.id), zones))
        .map(|report| (report.check.to_string(), report))
        .filter(|(name, _)| wanted.is_name(name))
        .collect();
    matching.sort_by(|(a, one), (b, other)| {
        (rank(one.verdict.state), a, one.id).cmp(&(rank(other.verdict.state), b, other.id))
    });
    let count = matching.len();
    let shown = matching.into_iter().skip(wanted.offset).take(wanted.limit.min(MOST));
    let view = |(name, report): (String, Report)| view(name, &report, users, zones);
    let mut checks: Vec<CheckView> = shown.map(view).collect();
    if wanted.history {
        add_history(&mut checks, &state.shared.events);
    }
    let accounts = accounts(&state.shared, caller.tenant);
    CheckList { counts, matching: count, checks, accounts }
}

/// Adds to each check what happened to it, as far as that is still in memory.
fn add_history(checks: &mut [CheckView], events: &Events) {
    // Of one name there may be several.
    let mut places: HashMap<(String, String), usize> = HashMap::with_capacity(checks.len());
    for (at, check) in checks.iter().enumerate() {
        places.insert((check.name.clone(), check.key.clone()), at);
    }
    let place = |what: &What| {
        let (name, key) = what.check()?;
        places.get(&(name.to_owned(), key.to_owned())).copied()
    };
    let is_wanted = |event: &Event| place(&event.what).is_some();
    for event in events.last(usize::MAX, is_wanted).events {
        let What::Change { from, to, .. } = &event.what else {
            continue;
        };
        if let Some(check) = place(&event.what).and_then(|at| checks.get_mut(at)) {
            let turn = TurnView { at: event.at.clone(), from: from.clone(), to: to.clone() };
            check.history.push(turn);
        }
    }
    for check in checks {
        let surplus = check.history.len().saturating_sub(MOST_TURNS);
        check.history.drain(..surplus);
    }
}

fn rank(state: Verdict) -> u8 {
    match state {
        Verdict::Down => 0,
        Verdict::Unknown => 1,
        Verdict::Up => 2,
    }
}

impl Wanted {
    fn is_state(&self, state: Verdict) -> bool {
        self.state.is_none_or(|wanted| match wanted {
            WantedState::Unknown => state == Verdict::Unknown,
            WantedState::Up => state == Verdict::Up,
            WantedState::Down => state == Verdict::Down,
        })
    }

    fn is_name(&self, name: &str) -> bool {
        name.to_ascii_lowercase().contains(&self.name.to_ascii_lowercase())
    }

    fn is_of_zone(&self, users: Option<&Vec<User>>, zones: &Zones) -> bool {
        if self.zone.is_empty() {
            return true;
        }
        let wanted = self.zone.trim_end_matches('.');
        users.into_iter().flatten().any(|user| {
            let zone = zones.zones().get(user.zone as usize);
            let name = zone.map(|hosted| hosted.zone.apex().to_string()).unwrap_or_default();
            name.trim_end_matches('.').eq_ignore_ascii_case(wanted)
        })
    }
}

/// How many of these checks are in which state.
pub(super) fn by_state(reports: &[Report]) -> ByState {
    let mut counts = ByState::default();
    for report in reports {
        match report.verdict.state {
            Verdict::Up => counts.up += 1,
            Verdict::Down => counts.down += 1,
            Verdict::Unknown => counts.unknown += 1,
        }
    }
    counts
}

fn kind(probe: &Probe) -> &'static str {
    match probe {
        Probe::Beat(_) => "beat",
        Probe::Dns(_) => "dns",
        Probe::File(_) => "file",
        Probe::Group(_) => "group",
        Probe::Grpc(_) => "grpc",
        Probe::Http(http) if http.url.scheme() == "https" => "https",
        Probe::Http(_) => "http",
        Probe::Ping(_) => "ping",
        Probe::Tcp(_) => "tcp",
        Probe::Tls(_) => "tls",
    }
}

fn view(name: String, report: &Report, users: &Users, zones: &Zones) -> CheckView {
    let check = &report.check;
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let of_check = users.get(&report.id).map(Vec::as_slice).unwrap_or_default();
    CheckView {
        name,
        key: report.key(),
        kind: kind(&check.probe).to_owned(),
        address: check.address(),
        state: report.verdict.state.to_string(),
        since: report.verdict.since.map(date),
        why: report.reason.clone(),
        held: report.verdict.hold.map(|hold| hold.to_string()),
        recalled: report.is_recalled,
        weight: report.verdict.weight,
        last: report.last.as_ref().map(last_view),
        next: report.next.map(date),
        interval_ms: millis(check.pace.interval),
        timeout_ms: millis(check.pace.timeout),
        fall: check.pace.fall,
        rise: check.pace.rise,
        computed: report.is_leased,
        used_by: of_check.len(),
        history: Vec::new(),
        users: of_check.iter().take(MOST_USERS).filter_map(|u| user_view(u, zones)).collect(),
    }
}

fn last_view(last: &Last) -> LastView {
    let (result, reason) = match &last.outcome {
        Outcome::Success { .. } => ("success", None),
        Outcome::Failure(reason) => ("failure", Some(reason.clone())),
        Outcome::Inconclusive(reason) => ("inconclusive", Some(reason.clone())),
    };
    LastView {
        result: result.to_owned(),
        reason: reason.map(|reason| reason.into_owned()),
        warning: last.outcome.warning().map(str::to_owned),
        latency_ms: last.latency.as_micros() as f64 / 1000.0,
        at: date(last.at),
    }
}

fn user_view(user: &User, zones: &Zones) -> Option<UserView> {
    let hosted = zones.zones().get(user.zone as usize)?;
    Some(UserView {
        zone: hosted.zone.apex().to_string(),
        owner: hosted.zone.node(user.node)?.owner().to_string(),
        makes: user.makes.to_string(),
    })
}
