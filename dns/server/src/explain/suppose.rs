//! Health as it would be with some targets down.

use std::collections::HashSet;

use halfmoon_healthcheck::{Check, CheckId, Probe, State, Supposed};

use crate::overrides::Target;
use crate::shared::Shared;
use crate::tenants::Realm;

/// What is supposed of everything that is not down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rest {
    /// It is what it is.
    #[default]
    AsItIs,
    /// It is up.
    Up,
    /// It is down.
    Down,
}

/// What is supposed.
#[derive(Clone, Copy, Debug)]
pub struct States<'a> {
    /// These are down.
    pub down: &'a [Target],
    /// These are up, unless they are down.
    pub up: &'a [Target],
    /// The others.
    pub rest: Rest,
}

/// Health as it would be if these targets were down, for good. A target that is no address is found
/// among the members of pools; an address, a network, a label or a URL also where a program computes
/// the check.
#[must_use]
pub fn suppose(realm: &Realm<'_>, down: &[Target], rest: Rest) -> Supposed {
    suppose_states(realm, &States { down, up: &[], rest })
}

/// Health as it would be in these states, for good.
#[must_use]
pub fn suppose_states(realm: &Realm<'_>, states: &States<'_>) -> Supposed {
    // Who is meant is found out before: what follows keeps results of probes waiting.
    let (down, up) = (meant(realm, states.down), meant(realm, states.up));
    realm.shared.health.suppose(&|id, check| {
        if down.contains(&id) {
            return Some(State::Down);
        }
        if up.contains(&id) {
            return Some(State::Up);
        }
        match (states.rest, &check.probe) {
            // What it comes to follows from its parts.
            (_, Probe::Group(_)) | (Rest::AsItIs, _) => None,
            (Rest::Up, _) => Some(State::Up),
            (Rest::Down, _) => Some(State::Down),
        }
    })
}

/// How many checks have the name of a target.
#[must_use]
pub fn matching(realm: &Realm<'_>, target: &Target) -> usize {
    meant(realm, std::slice::from_ref(target)).len()
}

/// The checks that some targets name: those of the members of pools, and those that a program computes.
fn meant(realm: &Realm<'_>, targets: &[Target]) -> HashSet<CheckId> {
    let shared = realm.shared;
    let mut meant = HashSet::new();
    if targets.is_empty() {
        return meant;
    }
    let found: Vec<_> = targets.iter().map(|target| target.resolve(&shared.health)).collect();
    for report in shared.health.pools().iter().filter(|report| realm.has_pool(report)) {
        for member in &report.pool.members {
            if found.iter().any(|found| found.holds(report.pool.name.whose(), member)) {
                meant.extend(member.check);
            }
        }
    }
    let has_names = targets.iter().any(|target| matches!(target, Target::Check(_)));
    for report in shared.health.checks().iter().filter(|report| realm.has_check(report)) {
        let name = has_names.then(|| report.check.to_string());
        if targets.iter().any(|target| is_named(shared, target, &report.check, name.as_deref())) {
            meant.insert(report.id);
        }
    }
    meant
}

/// Whether a target names a check by itself; `name`: how the check is written.
fn is_named(shared: &Shared, target: &Target, check: &Check, name: Option<&str>) -> bool {
    let address = || check.address().map(|address| address.to_canonical());
    match target {
        Target::Network(network) => address().is_some_and(|own| network.contains(&own)),
        Target::Label(label) => {
            let labels = &shared.policy.lua.defaults.labels;
            address().is_some_and(|own| labels.of(own).iter().any(|own| *own.name == **label))
        }
        Target::Check(target) => {
            let is_url = |url: &str| url == target;
            name == Some(target.as_str())
                || matches!(&check.probe, Probe::Http(http) if is_url(http.url.as_str()))
        }
        Target::Record(_) | Target::Zone(_) => false,
    }
}
