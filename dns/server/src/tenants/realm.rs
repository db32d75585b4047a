//! The part of a server that somebody looks at: all of it, or what is of one tenant.

use std::collections::HashSet;
use std::sync::Arc;

use halfmoon_healthcheck::{CheckId, PoolReport, Report};

use super::TenantId;
use crate::shared::{Shared, Zones};

/// What is looked at. Whoever looks at what is of a tenant finds nothing else: not even that there is
/// more.
#[derive(Debug)]
pub struct Realm<'s> {
    /// The server.
    pub shared: &'s Shared,
    /// The zones that are looked at.
    pub zones: Arc<Zones>,
    of: Option<Of>,
}

/// Of whom it is.
#[derive(Debug)]
struct Of {
    tenant: TenantId,
    checks: Arc<HashSet<CheckId>>,
}

impl<'s> Realm<'s> {
    /// All of a server.
    #[must_use]
    pub fn whole(shared: &'s Shared) -> Self {
        Self { shared, zones: shared.zones.load_full(), of: None }
    }

    /// What is of a tenant: its zones, and the checks that their programs name.
    pub(crate) fn of(
        shared: &'s Shared,
        tenant: TenantId,
        zones: Arc<Zones>,
        checks: Arc<HashSet<CheckId>>,
    ) -> Self {
        Self { shared, zones, of: Some(Of { tenant, checks }) }
    }

    /// Whether a check is used here.
    #[must_use]
    pub fn has_check(&self, report: &Report) -> bool {
        let Some(of) = &self.of else {
            return true;
        };
        // One that a program has computed is of the zone that asked for it first.
        of.checks.contains(&report.id)
            || self.shared.tenants.of_leases(report).any(|tenant| tenant == Some(of.tenant))
    }

    /// Whether a pool is of a record here.
    #[must_use]
    pub fn has_pool(&self, report: &PoolReport) -> bool {
        self.has_zone(&report.pool.name.zone)
    }

    /// Whether a zone of this name is looked at, whether it is there or not.
    #[must_use]
    pub fn has_zone(&self, name: &str) -> bool {
        self.of.as_ref().is_none_or(|of| self.shared.tenants.owns(of.tenant, name))
    }
}
