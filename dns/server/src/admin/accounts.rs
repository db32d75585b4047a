//! What is held of checks for each tenant, and what was refused it.

use halfmoon_healthcheck::{Limits, Refusal};

use super::view::AccountView;
use crate::shared::Shared;
use crate::tenants::TenantId;

/// What there is to say of each tenant that has a limit of its own or was refused something, or of one
/// for those who see nothing else.
pub(super) fn accounts(shared: &Shared, of: Option<TenantId>) -> Vec<AccountView> {
    let tenants = &shared.tenants;
    let view = |(tenant, name): (TenantId, &str)| {
        let account = tenants.account(Some(tenant))?;
        let Limits { targets, checks, probes_per_second } = account.limits();
        let refused = account.refused();
        let is_limited = targets.is_some() || checks.is_some() || probes_per_second.is_some();
        let holdings = shared.health.holdings(account);
        let last = account.last_refusal().map(|Refusal { check, why }| format!("{check}: {why}"));
        (is_limited || refused > 0).then(|| AccountView {
            tenant: name.to_owned(),
            checks: holdings.checks,
            computed: holdings.computed,
            most_checks: *checks,
            probes_per_second: holdings.probes.to_string(),
            most_probes_per_second: *probes_per_second,
            refused,
            last_refused: last,
        })
    };
    let is_seen = |(tenant, _): &(TenantId, &str)| of.is_none_or(|of| of == *tenant);
    tenants.iter().filter(is_seen).filter_map(view).collect()
}
