//! `/api/v1/zones` and `/api/v1/status`: what is served, and how the server fares.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State as Extract};
use axum::{Extension, Json};
use halfmoon_wire::Type;
use halfmoon_zones::{Hosted, Zone};
use serde::{Deserialize, Serialize};

use super::access::Caller;
use super::checks::{MOST, SOME, by_state};
use super::error::Refusal;
use super::view::ByState;
use super::{State, health};
use crate::config::Right;
use crate::date::date;
use crate::publish::{FolderView, GitView, TenantSource};
use crate::shared::Served;

/// Which zones are wanted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Wanted {
    /// A part of the zone's name, in any case.
    name: String,
    offset: usize,
    limit: usize,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { name: String::new(), offset: 0, limit: SOME }
    }
}

/// Zones, and how many there are.
#[derive(Debug, Serialize)]
pub(super) struct Listing {
    matching: usize,
    zones: Vec<ZoneView>,
}

#[derive(Debug, Serialize)]
struct ZoneView {
    name: String,
    serial: u32,
    records: u32,
    programs: usize,
    /// Programs that fail whenever they run.
    faulty: usize,
    signed: bool,
    /// Since this version was read.
    queries: u64,
    program_errors: u64,
}

/// How the server fares.
#[derive(Debug, Serialize)]
pub(super) struct Status {
    version: &'static str,
    uptime_s: u64,
    ready: bool,
    zones: usize,
    checks: ByState,
    overrides: usize,
    suspicion: Option<SuspicionView>,
    /// Null for tenants.
    loads: Option<LoadView>,
    /// The repository that zones come from; null where they come from a folder, and for tenants.
    git: Option<GitView>,
    /// The folder that zones come from; null where they come from a repository, and for tenants.
    folder: Option<FolderView>,
    /// The places that zones of tenants come from, as far as whoever asks may see them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sources: Vec<TenantSource>,
    /// Files of secrets that are not usable, and why; what they held before is in force. Not told to tenants.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    old_secrets: Vec<String>,
    /// Files of secrets of tenants that are not usable, and why; nothing is in force of them. Not told to tenants.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing_secrets: Vec<String>,
    caller: CallerView,
}

#[derive(Debug, Serialize)]
struct LoadView {
    done: u64,
    failed: u64,
    refused: u64,
    last: Option<String>,
}

/// That the server believes itself, and not its targets, to be cut off.
#[derive(Debug, Serialize)]
struct SuspicionView {
    since: String,
    /// How many targets fail, of how many; null for tenants.
    failing: Option<usize>,
    of: Option<usize>,
}

/// What whoever asks may do.
#[derive(Debug, Serialize)]
struct CallerView {
    token: Option<String>,
    may_write: bool,
    /// The tenant whose zones are seen; null: all are.
    tenant: Option<String>,
}

/// Lists zones by name.
pub(super) async fn list(
    Extract(state): Extract<Arc<State>>,
    Extension(caller): Extension<Caller>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<Listing>, Refusal> {
    let Query(wanted) = wanted.map_err(|why| Refusal::Malformed(why.body_text()))?;
    state.aside(caller.tenant, move |state| Json(listed(state, &caller, &wanted))).await
}

fn listed(state: &State, caller: &Caller, wanted: &Wanted) -> Listing {
    let zones = state.sight(caller.tenant).zones;
    let part = wanted.name.to_ascii_lowercase();
    let mut matching: Vec<(String, &Arc<Hosted<Served>>)> = zones
        .zones()
        .iter()
        .map(|hosted| (hosted.zone.apex().to_string(), hosted))
        .filter(|(name, _)| name.to_ascii_lowercase().contains(&part))
        .collect();
    matching.sort_by(|(a, _), (b, _)| a.cmp(b));
    let count = matching.len();
    let shown = matching.into_iter().skip(wanted.offset).take(wanted.limit.min(MOST));
    let zones = shown.map(|(name, hosted)| view(name, hosted)).collect();
    Listing { matching: count, zones }
}

fn view(name: String, hosted: &Hosted<Served>) -> ZoneView {
    let programs = &hosted.beside.programs;
    let is_faulty = |program: &Option<_>| {
        program.as_ref().is_none_or(|program: &Arc<halfmoon_lua::Program>| program.is_faulty())
    };
    ZoneView {
        name,
        serial: serial(&hosted.zone),
        records: hosted.zone.record_count(),
        programs: programs.iter().count(),
        faulty: programs.iter().filter(|entry| is_faulty(&entry.program)).count(),
        signed: hosted.beside.signed.is_some(),
        queries: hosted.beside.queries.read(),
        program_errors: programs.iter().map(|entry| entry.failures.count()).sum(),
    }
}

/// The serial of a zone's SOA: the first number behind the two names of its data.
fn serial(zone: &Zone) -> u32 {
    let soa = zone.apex_node().set(Type::SOA).and_then(|set| set.rdatas().next());
    let number = soa.and_then(|soa| soa.len().checked_sub(20).and_then(|at| soa.get(at..at + 4)));
    number.and_then(|octets| octets.try_into().ok()).map_or(0, u32::from_be_bytes)
}

/// Says how the server fares, and what whoever asks may do.
pub(super) async fn status(
    Extract(state): Extract<Arc<State>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<Status>, Refusal> {
    state.aside(caller.tenant, move |state| Json(status_for(state, caller))).await
}

fn status_for(state: &State, caller: Caller) -> Status {
    let sight = state.sight(caller.tenant);
    let is_operator = sight.tenant.is_none();
    let loads = state.shared.loads.read();
    let last = std::time::UNIX_EPOCH + std::time::Duration::from_secs(loads.at);
    Status {
        version: env!("CARGO_PKG_VERSION"),
        uptime_s: state.started.elapsed().as_secs(),
        ready: health::unreadiness(state).is_none(),
        zones: sight.zones.zones().len(),
        checks: by_state(&sight.checks(&state.shared)),
        overrides: state.shared.overrides.seen_by(sight.tenant).len(),
        suspicion: state.shared.health.suspicion().map(|suspicion| SuspicionView {
            since: date(suspicion.since),
            failing: is_operator.then_some(suspicion.failing),
            of: is_operator.then_some(suspicion.of),
        }),
        loads: is_operator.then(|| LoadView {
            done: loads.done,
            failed: loads.failed,
            refused: loads.refused,
            last: (loads.at > 0).then(|| date(last)),
        }),
        git: state.shared.publishing.git().filter(|_| is_operator),
        folder: state.shared.publishing.folder().filter(|_| is_operator),
        sources: state.shared.publishing.tenants(sight.name(&state.shared)),
        old_secrets: if is_operator { old_secrets(state) } else { Vec::new() },
        missing_secrets: if is_operator { missing_secrets(state) } else { Vec::new() },
        caller: CallerView {
            may_write: caller.may == Some(Right::Write),
            tenant: sight.name(&state.shared).map(str::to_owned),
            token: caller.token,
        },
    }
}

fn old_secrets(state: &State) -> Vec<String> {
    let tokens = state.access.tokens.faults();
    [state.shared.cookies.faults(), state.shared.keys.faults(), tokens].concat()
}

fn missing_secrets(state: &State) -> Vec<String> {
    [state.shared.keys.lacking(), state.access.tokens.lacking()].concat()
}
