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
}

/// Health as it would be if these targets were down, for good. A target that is no address is found
/// among the members of pools; an address, a network, a label or a URL also where a program computes
/// the check.
#[must_use]
pub fn suppose(shared: &Shared, down: &[Target], rest: Rest) -> Supposed {
    let mut checks: HashSet<CheckId> = HashSet::new();
    let found: Vec<_> = down.iter().map(|target| target.resolve(&shared.health)).collect();
    for report in shared.health.pools() {
        for member in &report.pool.members {
            if found.iter().any(|found| found.holds(&report.pool, member)) {
                checks.extend(member.check);
            }
        }
    }
    let labels = &shared.policy.lua.defaults.labels;
    let is_named = |check: &Check| {
        down.iter().any(|target| match target {
            Target::Network(network) => {
                check.address().is_some_and(|address| network.contains(&address.to_canonical()))
            }
            Target::Label(label) => check
                .address()
                .is_some_and(|address| labels.of(address).iter().any(|own| *own.name == **label)),
            Target::Check(name) => {
                check.to_string() == *name
                    || matches!(&check.probe, Probe::Http(http) if http.url.as_str() == name)
            }
            Target::Record(_) | Target::Zone(_) => false,
        })
    };
    shared.health.suppose(&|id, check| {
        if checks.contains(&id) || is_named(check) {
            return Some(State::Down);
        }
        match (rest, &check.probe) {
            // What it comes to follows from its parts.
            (_, Probe::Group(_)) | (Rest::AsItIs, _) => None,
            (Rest::Up, _) => Some(State::Up),
        }
    })
}
