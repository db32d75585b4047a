//! `/api/v1/pools`: what records choose from, and what they choose now.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State as Extract};
use axum::{Extension, Json};
use halfmoon_healthcheck::{CheckId, PoolReport, Verdict};
use serde::Deserialize;

use super::State;
use super::access::Caller;
use super::checks::{MOST, SOME};
use super::error::Refusal;
use super::view::{MemberView, PoolList, PoolView};
use crate::date::date;

/// Which pools are wanted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Wanted {
    /// A part of the owner, an address or a label.
    name: String,
    /// The zone, with or without the dot at the end.
    zone: String,
    offset: usize,
    limit: usize,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { name: String::new(), zone: String::new(), offset: 0, limit: SOME }
    }
}

/// Lists pools: those first of which somebody is out, then by name.
pub(super) async fn list(
    Extract(state): Extract<Arc<State>>,
    Extension(caller): Extension<Caller>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<PoolList>, Refusal> {
    let Query(wanted) = wanted.map_err(|why| Refusal::Malformed(why.body_text()))?;
    state.aside(caller.tenant, move |state| Json(listed(state, &caller, &wanted))).await
}

fn listed(state: &State, caller: &Caller, wanted: &Wanted) -> PoolList {
    let mut matching = state.sight(caller.tenant).pools(&state.shared);
    matching.retain(|report| wanted.holds(report));
    let is_whole = |report: &PoolReport| report.members.iter().all(|member| member.is_in);
    let mut matching: Vec<(bool, PoolReport)> =
        matching.into_iter().map(|report| (is_whole(&report), report)).collect();
    matching
        .sort_by(|(is_whole, a), (other, b)| (is_whole, &a.pool.name).cmp(&(other, &b.pool.name)));
    let count = matching.len();
    let shown = matching.into_iter().skip(wanted.offset).take(wanted.limit.min(MOST));
    let shown: Vec<PoolReport> = shown.map(|(_, report)| report).collect();
    let members = shown.iter().flat_map(|report| &report.pool.members);
    let named: HashSet<CheckId> = members.filter_map(|member| member.check).collect();
    let checks: HashMap<CheckId, String> = state
        .shared
        .health
        .checks()
        .into_iter()
        .filter(|report| named.contains(&report.id))
        .map(|report| (report.id, report.check.to_string()))
        .collect();
    let pools = shown.iter().map(|report| view(report, &checks)).collect();
    PoolList { matching: count, pools }
}

impl Wanted {
    fn holds(&self, report: &PoolReport) -> bool {
        let name = &report.pool.name;
        let zone = self.zone.trim_end_matches('.');
        if !zone.is_empty() && !name.zone.trim_end_matches('.').eq_ignore_ascii_case(zone) {
            return false;
        }
        let part = self.name.to_ascii_lowercase();
        part.is_empty()
            || name.owner.to_ascii_lowercase().contains(&part)
            || report.pool.members.iter().any(|member| {
                member.address.to_string().contains(&part)
                    || member
                        .labels
                        .iter()
                        .any(|label| label.name.to_ascii_lowercase().contains(&part))
            })
    }
}

fn view(report: &PoolReport, checks: &HashMap<CheckId, String>) -> PoolView {
    let pool = &report.pool;
    let is_chosen =
        |number: usize| report.standing.chosen.iter().any(|pick| pick.member as usize == number);
    let group = |number: usize| {
        pool.groups.iter().position(|group| group.contains(&(number as u32))).unwrap_or_default()
    };
    let members = pool.members.iter().zip(&report.members).enumerate();
    PoolView {
        zone: pool.name.zone.to_string(),
        owner: pool.name.owner.to_string(),
        makes: pool.name.rtype.to_string(),
        program: pool.name.program + 1,
        number: pool.name.number + 1,
        members: members
            .map(|(number, (member, effective))| MemberView {
                address: member.address,
                group: group(number) + 1,
                weight: member.weight,
                labels: member.labels.iter().map(|label| label.name.to_string()).collect(),
                check: member.check.and_then(|check| checks.get(&check).cloned()),
                is_in: effective.is_in,
                is_chosen: is_chosen(number),
                share: f64::from(effective.share) / f64::from(Verdict::WHOLE),
                since: effective.since.map(date),
                why: effective.why.to_string(),
            })
            .collect(),
    }
}
