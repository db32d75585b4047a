//! What somebody sees of the server: all of it, or what is of one tenant.

use std::collections::HashSet;
use std::sync::Arc;

use halfmoon_healthcheck::{CheckId, PoolReport, Report};
use halfmoon_wire::{Name, SuffixHashes, Type};

use super::State;
use super::error::Refusal;
use super::usage::Users;
use crate::shared::{Shared, Zones};
use crate::tenants::{Realm, TenantId};

/// What somebody sees.
#[derive(Clone, Debug)]
pub(super) struct Sight {
    /// Of which tenant; `None`: everything.
    pub(super) tenant: Option<TenantId>,
    /// The zones.
    pub(super) zones: Arc<Zones>,
    /// Who uses which check, by places in these zones.
    pub(super) users: Arc<Users>,
    /// The checks that they use.
    pub(super) used: Arc<HashSet<CheckId>>,
}

impl State {
    /// The same as [`State::sight`], beside the thread that answers requests.
    pub(super) async fn see(self: &Arc<Self>, tenant: Option<TenantId>) -> Result<Sight, Refusal> {
        self.aside(tenant, move |state| state.sight(tenant)).await
    }

    /// What the operator sees, or a tenant. All zones are gone through for that.
    pub(super) fn sight(&self, tenant: Option<TenantId>) -> Sight {
        let all = self.shared.zones.load_full();
        let zones = match tenant {
            None => Arc::clone(&all),
            Some(tenant) => Arc::new(tenant.zones(&all)),
        };
        let (users, used) = self.usage.of(&all, (tenant, &zones));
        Sight { tenant, zones, users, used }
    }
}

impl Sight {
    /// The same as those see it who answer on paper.
    pub(super) fn realm<'s>(&self, shared: &'s Shared) -> Realm<'s> {
        match self.tenant {
            None => Realm::whole(shared),
            Some(tenant) => {
                Realm::of(shared, tenant, Arc::clone(&self.zones), Arc::clone(&self.used))
            }
        }
    }

    /// What the tenant is called; `None`: everything is seen.
    pub(super) fn name<'s>(&self, shared: &'s Shared) -> Option<&'s str> {
        self.tenant.map(|tenant| shared.tenants.name(tenant))
    }

    /// The checks.
    pub(super) fn checks(&self, shared: &Shared) -> Vec<Report> {
        let realm = self.realm(shared);
        let mut reports = shared.health.checks();
        reports.retain(|report| realm.has_check(report));
        reports
    }

    /// The pools.
    pub(super) fn pools(&self, shared: &Shared) -> Vec<PoolReport> {
        let realm = self.realm(shared);
        let mut reports = shared.health.pools();
        reports.retain(|report| realm.has_pool(report));
        reports
    }

    /// Refuses a question that no zone answers that is seen: whether another one does is not told.
    pub(super) fn may_ask(
        &self,
        shared: &Shared,
        name: Name<'_>,
        rtype: Type,
    ) -> Result<(), Refusal> {
        let Some(tenant) = self.tenant else {
            return Ok(());
        };
        let zones = shared.zones.load();
        let mut hashes = SuffixHashes::default();
        hashes.compute(name);
        let zone = zones.find(name, &hashes, rtype);
        if zone.is_some_and(|zone| zone.beside.tenant == Some(tenant)) {
            return Ok(());
        }
        Err(Refusal::NoSuch(format!("{name} is in no zone of yours")))
    }
}
