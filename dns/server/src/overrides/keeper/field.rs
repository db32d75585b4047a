//! What overrides reach: members of pools, lists and choices, of one tenant or of all.

use std::sync::Arc;

use halfmoon_healthcheck::{Labels, Member, PoolReport, Report, Whose};

use super::Overrides;
use crate::overrides::Override;
use crate::overrides::reach::{self, Fixed};
use crate::shared::Zones;
use crate::tenants::TenantId;

/// What overrides may reach.
pub(super) struct Field {
    tenant: Option<TenantId>,
    pub(super) pools: Vec<PoolReport>,
    /// Where what is answered without a pool is looked up.
    pub(super) zones: Option<(Arc<Zones>, Labels)>,
}

impl Overrides {
    /// Those in force that somebody sees: all, or a tenant's own and those of the operator that
    /// concern records of its zones.
    #[must_use]
    pub fn seen_by(&self, tenant: Option<TenantId>) -> Vec<Override> {
        let mut list = self.list();
        let Some(tenant) = tenant else {
            return list;
        };
        let is_own =
            |an: &Override| an.tenant.as_deref().map(|name| self.tenants.id(name) == Some(tenant));
        list.retain(|an| is_own(an) != Some(false));
        if list.iter().all(|an| is_own(an).is_some()) {
            return list;
        }
        let mut reached = self.reached(&list, &self.field(Some(tenant))).into_iter();
        list.retain(|an| {
            let is_reached = reached.next() == Some(true);
            is_own(an).unwrap_or(is_reached)
        });
        list
    }

    /// What overrides of a tenant, or of the operator, may reach.
    pub(super) fn field(&self, tenant: Option<TenantId>) -> Field {
        let mut pools = self.health.pools();
        let mut zones = self.zones.get().map(|(zones, labels)| (zones.load_full(), labels.clone()));
        if let Some(tenant) = tenant {
            pools.retain(|report| self.tenants.owns(tenant, &report.pool.name.zone));
            zones = zones.map(|(zones, labels)| (Arc::new(tenant.zones(&zones)), labels));
        }
        Field { tenant, pools, zones }
    }

    /// Which of these overrides are for any member at all, found in one go.
    fn reached(&self, list: &[Override], field: &Field) -> Vec<bool> {
        let target = |an: &Override| (an.target.resolve(&self.health), an.within.clone());
        let targets: Vec<_> = list.iter().map(target).collect();
        let mut reached = vec![false; list.len()];
        let mut look = |whose: Whose<'_>, members: &[Member]| {
            for (is_reached, (target, within)) in reached.iter_mut().zip(&targets) {
                *is_reached = *is_reached
                    || within.as_ref().is_none_or(|scope| scope.holds(whose))
                        && members.iter().any(|member| target.holds(whose, member));
            }
        };
        for report in &field.pools {
            look(report.pool.name.whose(), &report.pool.members);
        }
        let Some((zones, labels)) = &field.zones else {
            return reached;
        };
        reach::lists(zones, |list| look(list.whose, list.members));
        if !reached.iter().all(|is_reached| *is_reached) {
            let leased = self.leased(field.tenant, labels);
            for (is_reached, (target, _)) in reached.iter_mut().zip(&targets) {
                *is_reached |= leased.iter().any(|member| target.holds(Whose::NOBODY, member));
            }
        }
        reached
    }

    /// What programs have computed lately and do not name; whose records it is of is not known any more.
    fn leased(&self, tenant: Option<TenantId>, labels: &Labels) -> Vec<Member> {
        let mut checks = self.health.checks();
        checks.retain(|report| {
            let is_its = |tenant| self.tenants.of_leases(report).any(|of| of == Some(tenant));
            report.holders == 0 && tenant.is_none_or(is_its)
        });
        let member = |report: &Report| {
            let address = report.check.address()?;
            let (check, labels) = (Some(report.id), labels.of(address));
            Some(Member { address, weight: 1, check, named: None, labels })
        };
        checks.iter().filter_map(member).collect()
    }

    /// How many members an override is for, and which static records it is not for.
    pub(super) fn reach(&self, an: &Override, field: &Field) -> (usize, Fixed) {
        let pools = &field.pools;
        let (target, within) = (an.target.resolve(&self.health), an.within.as_ref());
        let count = |whose: Whose<'_>, members: &[Member]| {
            if within.is_some_and(|scope| !scope.holds(whose)) {
                return 0;
            }
            members.iter().filter(|member| target.holds(whose, member)).count()
        };
        let of_pool = |report: &PoolReport| count(report.pool.name.whose(), &report.pool.members);
        let mut members: usize = pools.iter().map(of_pool).sum();
        let Some((zones, labels)) = &field.zones else {
            return (members, Fixed::default());
        };
        reach::lists(zones, |list| members += count(list.whose, list.members));
        if members == 0 {
            let leased = self.leased(field.tenant, labels);
            members = leased.iter().filter(|member| target.holds(Whose::NOBODY, member)).count();
        }
        (members, reach::fixed(zones, (&target, within), labels))
    }
}
