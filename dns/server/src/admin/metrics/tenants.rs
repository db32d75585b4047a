//! What tenants have, and what their zones have counted. Nothing without tenants.

use super::text::{Kind, Text};
use crate::admin::view::TenantView;

pub(super) fn show(tenants: &[TenantView], text: &mut Text) {
    if tenants.is_empty() {
        return;
    }
    let mut family = |name: &str, kind, help: &str, value: &dyn Fn(&TenantView) -> f64| {
        let mut family = text.family(name, kind, help);
        for tenant in tenants {
            family.sample(&[("tenant", &tenant.tenant)], value(tenant));
        }
    };
    let gauge = Kind::Gauge;
    family("halfmoon_tenant_zones", gauge, "Zones of a tenant that are served.", &|tenant| {
        tenant.zones as f64
    });
    family("halfmoon_tenant_records", gauge, "Records in the zones of a tenant.", &|tenant| {
        tenant.records as f64
    });
    family("halfmoon_tenant_programs", gauge, "Programs in the zones of a tenant.", &|tenant| {
        tenant.programs as f64
    });
    family(
        "halfmoon_tenant_probes_per_second",
        gauge,
        "Probes a second that the checks of a tenant come to.",
        &|tenant| tenant.probes_per_second,
    );
    family(
        "halfmoon_tenant_queries",
        Kind::Counter,
        "Queries for names in the zones of a tenant.",
        &|tenant| tenant.queries as f64,
    );
    family(
        "halfmoon_tenant_checks_refused",
        Kind::Counter,
        "Checks that programs of a tenant computed and that were refused.",
        &|tenant| tenant.checks_refused as f64,
    );
    family(
        "halfmoon_tenant_acts_refused",
        Kind::Counter,
        "What holders of tokens of a tenant wanted to do and were refused because it does too much in a minute.",
        &|tenant| tenant.acts_refused as f64,
    );
    let mut family = text.family(
        "halfmoon_tenant_program_runs",
        Kind::Counter,
        "Programs of a tenant that were run for answers, by outcome.",
    );
    for tenant in tenants {
        let name = ("tenant", &*tenant.tenant);
        family.sample(&[name, ("outcome", "answered")], tenant.programs_run);
        family.sample(&[name, ("outcome", "failed")], tenant.programs_failed);
    }
    let mut family = text.family(
        "halfmoon_tenant_checks",
        Kind::Gauge,
        "Checks that the zones of a tenant use, by state; what several use is counted for each.",
    );
    for tenant in tenants {
        let name = ("tenant", &*tenant.tenant);
        let checks = tenant.checks;
        for (state, count) in
            [("up", checks.up), ("down", checks.down), ("unknown", checks.unknown)]
        {
            family.sample(&[name, ("state", state)], count);
        }
    }
}
