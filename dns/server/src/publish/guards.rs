//! What may not be taken away unless somebody says that it is meant.

use halfmoon_wire::Type;
use halfmoon_zones::{Loaded, Zone};

use crate::config::GuardsConfig;
use crate::shared::{Served, Zones};
use crate::signing::Signing;

/// Why these zones should not take the place of those that are served; empty: they may. It looks at
/// the zones that were read and no others.
pub(super) fn held(
    guards: &GuardsConfig,
    loaded: &Loaded<Served>,
    served: &Zones,
    signing: Option<&Signing>,
) -> Vec<String> {
    let mut why = Vec::new();
    if guards.zone_gone {
        why.extend(loaded.removed.iter().map(|apex| format!("zone {apex} would be gone")));
    }
    for report in &loaded.reports {
        let apex = report.apex.as_name();
        let (Some(old), Some(new)) = (served.zone(apex), loaded.catalog.zone(apex)) else {
            continue;
        };
        lost(guards, &old.zone, &new.zone, signing, &mut why);
    }
    why
}

/// What a version of a zone takes away that another one has, which is served.
pub(super) fn lost(
    guards: &GuardsConfig,
    old: &Zone,
    new: &Zone,
    signing: Option<&Signing>,
    why: &mut Vec<String>,
) {
    let (had, has) = (u64::from(old.record_count()), u64::from(new.record_count()));
    let lost = had.saturating_sub(has);
    if lost * 100 > had * u64::from(guards.records_lost) {
        why.push(format!("zone {} would lose {lost} of {had} records", old.apex()));
    }
    if guards.ns_or_ds_lost {
        lost_delegations(old, new, signing, why);
    }
}

/// Names that would have no NS or no DS any longer, whether the name stays or goes: a delegation that
/// ends may be an ordinary change, and may be somebody's whole zone. DS records that the server itself has put there
/// go with the keys that they are of, and nobody else has taken them away.
fn lost_delegations(old: &Zone, new: &Zone, signing: Option<&Signing>, why: &mut Vec<String>) {
    for node in old.nodes() {
        for rtype in [Type::NS, Type::DS] {
            if node.set(rtype).is_none() {
                continue;
            }
            let owner = node.owner();
            let is_own = rtype == Type::DS
                && signing.is_some_and(|signing| signing.tells_of(old.apex(), owner));
            let is_there = is_own || new.named(owner).is_some_and(|node| node.set(rtype).is_some());
            if !is_there {
                why.push(format!("{owner} would have no {rtype} records any longer"));
            }
        }
    }
}
