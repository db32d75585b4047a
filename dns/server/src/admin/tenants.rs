//! `/api/v1/tenants`: what tenants have, and what their zones have counted.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::State as Extract;
use axum::{Extension, Json};
use halfmoon_healthcheck::{Report, State as Verdict};

use super::State;
use super::access::Caller;
use super::error::Refusal;
use super::sight::Sight;
use super::view::{LimitsView, TenantList, TenantView};
use crate::tenants::TenantId;

/// Lists those that are seen, by name: all, or the one whose token was shown.
pub(super) async fn list(
    Extract(state): Extract<Arc<State>>,
    Extension(caller): Extension<Caller>,
) -> Result<Json<TenantList>, Refusal> {
    let work = move |state: &State| {
        let sight = state.sight(caller.tenant);
        let tenants = views(state, &sight, &sight.checks(&state.shared));
        Json(TenantList { tenants })
    };
    state.aside(caller.tenant, work).await
}

/// What is to be said of each tenant that is seen; `reports` are of the checks that are seen.
pub(super) fn views(state: &State, sight: &Sight, reports: &[Report]) -> Vec<TenantView> {
    let tenants = &state.shared.tenants;
    let is_seen = |(id, _): &(TenantId, &str)| sight.tenant.is_none_or(|own| own == *id);
    let counted = |(id, name)| (id, counted(state, id, name));
    let mut views: BTreeMap<_, _> = tenants.iter().filter(is_seen).map(counted).collect();
    for hosted in sight.zones.zones() {
        let Some(view) = hosted.beside.tenant.and_then(|tenant| views.get_mut(&tenant)) else {
            continue;
        };
        view.zones += 1;
        view.records += u64::from(hosted.zone.record_count());
        view.programs += hosted.beside.programs.iter().count();
        if let Some(usage) = &hosted.beside.usage {
            *view.memory.get_or_insert_default() += usage.memory;
        }
    }
    for report in reports {
        for tenant in users(state, sight, report) {
            let Some(view) = views.get_mut(&tenant) else {
                continue;
            };
            match report.verdict.state {
                Verdict::Up => view.checks.up += 1,
                Verdict::Down => view.checks.down += 1,
                Verdict::Unknown => view.checks.unknown += 1,
            }
        }
    }
    views.into_values().collect()
}

/// What is counted for a tenant, held for it, and allowed it.
fn counted(state: &State, id: TenantId, name: &str) -> TenantView {
    let tenants = &state.shared.tenants;
    let total = tenants.total(id);
    let mut view = TenantView {
        tenant: name.to_owned(),
        queries: total.queries,
        programs_run: total.programs_run,
        programs_failed: total.programs_failed,
        acts_refused: tenants.acts_refused(id),
        ..TenantView::default()
    };
    if let Some(budget) = tenants.budget(id) {
        let held = state.shared.health.holdings(&budget.account);
        view.checks_held = held.checks;
        view.probes_per_second = held.probes.per_second();
        view.checks_refused = budget.account.refused();
        let limits = budget.account.limits();
        view.limits = LimitsView {
            records: budget.records,
            programs: budget.programs,
            memory: budget.memory,
            checks: limits.checks,
            probes_per_second: limits.probes_per_second,
        };
    }
    view
}

/// The tenants who use a check, each once.
fn users(state: &State, sight: &Sight, report: &Report) -> Vec<TenantId> {
    let zones = sight.zones.zones();
    let named = sight.users.get(&report.id).into_iter().flatten();
    let named = named.filter_map(|user| zones.get(user.zone as usize)?.beside.tenant);
    let leased = state.shared.tenants.of_leases(report).flatten();
    let mut users: Vec<TenantId> = named.chain(leased).collect();
    users.sort_unstable();
    users.dedup();
    users
}
