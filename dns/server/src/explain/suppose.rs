//! Health as it would be with some targets down.

use std::collections::HashSet;

use halfmoon_healthcheck::{Check, CheckId, Probe, State, Supposed};

use crate::overrides::Target;
use crate::shared::Shared;

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
pub fn suppose(shared: &Shared, down: &[Target], rest: Rest) -> Supposed {
    suppose_states(shared, &States { down, up: &[], rest })
}

/// Health as it would be in these states, for good.
#[must_use]
pub fn suppose_states(shared: &Shared, states: &States<'_>) -> Supposed {
    let (down, up) = (named(shared, states.down), named(shared, states.up));
    shared.health.suppose(&|id, check| {
        if down.holds(shared, id, check) {
            return Some(State::Down);
        }
        if up.holds(shared, id, check) {
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
pub fn matching(shared: &Shared, target: &Target) -> usize {
    let named = named(shared, std::slice::from_ref(target));
    let checks = shared.health.checks();
    checks.iter().filter(|report| named.holds(shared, report.id, &report.check)).count()
}

/// What some targets name.
struct Named<'a> {
    targets: &'a [Target],
    /// The checks of the members of pools that they name.
    checks: HashSet<CheckId>,
}

fn named<'a>(shared: &Shared, targets: &'a [Target]) -> Named<'a> {
    let mut checks = HashSet::new();
    let found: Vec<_> = targets.iter().map(|target| target.resolve(&shared.health)).collect();
    for report in shared.health.pools() {
        for member in &report.pool.members {
            if found.iter().any(|found| found.holds(report.pool.name.whose(), member)) {
                checks.extend(member.check);
            }
        }
    }
    Named { targets, checks }
}

impl Named<'_> {
    fn holds(&self, shared: &Shared, id: CheckId, check: &Check) -> bool {
        let labels = &shared.policy.lua.defaults.labels;
        let address = || check.address().map(|address| address.to_canonical());
        self.checks.contains(&id)
            || self.targets.iter().any(|target| match target {
                Target::Network(network) => address().is_some_and(|own| network.contains(&own)),
                Target::Label(label) => address()
                    .is_some_and(|own| labels.of(own).iter().any(|own| *own.name == **label)),
                Target::Check(name) => {
                    let is_url = |url: &str| url == name;
                    check.to_string() == *name
                        || matches!(&check.probe, Probe::Http(http) if is_url(http.url.as_str()))
                }
                Target::Record(_) | Target::Zone(_) => false,
            })
    }
}
