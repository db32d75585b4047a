//! What may not be taken away unless somebody says that it is meant.

use halfmoon_wire::Type;
use halfmoon_zones::{Loaded, Zone};

use crate::config::GuardsConfig;
use crate::shared::{Served, Zones};

/// Why these zones should not take the place of those that are served; empty: they may. It looks at
/// the zones that were read and no others.
pub(super) fn held(guards: &GuardsConfig, loaded: &Loaded<Served>, served: &Zones) -> Vec<String> {
    let mut why = Vec::new();
    if guards.zone_gone {
        why.extend(loaded.removed.iter().map(|apex| format!("zone {apex} would be gone")));
    }
    for report in &loaded.reports {
        let apex = report.apex.as_name();
        let (Some(old), Some(new)) = (served.zone(apex), loaded.catalog.zone(apex)) else {
            continue;
        };
        lost(guards, &old.zone, &new.zone, &mut why);
    }
    why
}

/// What a version of a zone takes away that another one has.
pub(super) fn lost(guards: &GuardsConfig, old: &Zone, new: &Zone, why: &mut Vec<String>) {
    let (had, has) = (u64::from(old.record_count()), u64::from(new.record_count()));
    let lost = had.saturating_sub(has);
    if lost * 100 > had * u64::from(guards.records_lost) {
        why.push(format!("zone {} would lose {lost} of {had} records", old.apex()));
    }
    if guards.ns_or_ds_lost {
        lost_delegations(old, new, why);
    }
}

/// Names that would have no NS or no DS any longer, whether the name stays or goes: a delegation that
/// ends may be an ordinary change, and may be somebody's whole zone.
fn lost_delegations(old: &Zone, new: &Zone, why: &mut Vec<String>) {
    for node in old.nodes() {
        for rtype in [Type::NS, Type::DS] {
            if node.set(rtype).is_none() {
                continue;
            }
            let owner = node.owner();
            let is_there = new.named(owner).is_some_and(|node| node.set(rtype).is_some());
            if !is_there {
                why.push(format!("{owner} would have no {rtype} records any longer"));
            }
        }
    }
}
