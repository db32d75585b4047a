//! What a tenant may have, and what a zone takes of it.

use halfmoon_healthcheck::{Account, CheckId, Limits, Rate, TargetPolicy};
use halfmoon_zones::Zone;

use super::ACCOUNTS;
use crate::config::TenantConfig;
use crate::shared::Programs;

/// What a tenant may have in all its zones together; `None` of something: as much as it likes.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Records.
    pub records: Option<u64>,
    /// Record programs.
    pub programs: Option<u64>,
    /// Octets of memory for zones and programs.
    pub memory: Option<u64>,
    /// Whoever pays for its checks, with what it may have of those.
    pub account: Account,
}

/// What a zone of a tenant takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Records, programs among them.
    pub records: u64,
    /// Record programs.
    pub programs: u64,
    /// About how many octets of memory.
    pub memory: u64,
    /// The checks that its programs name, with what each comes to; each once.
    pub checks: Box<[(CheckId, Rate)]>,
}

impl Budget {
    pub(super) fn new(name: &str, tenant: &TenantConfig) -> Self {
        let targets = tenant.targets.as_ref();
        let limits = Limits {
            targets: targets.map(|t| TargetPolicy::new(t.allow.clone(), t.deny.clone())),
            checks: tenant.checks.map(|checks| checks as usize),
            probes_per_second: tenant.probes_per_second,
        };
        Self {
            records: tenant.records.map(u64::from),
            programs: tenant.programs.map(u64::from),
            memory: tenant.memory.map(|memory| memory as u64),
            account: Account::new(&format!("{ACCOUNTS}{name}"), limits),
        }
    }

    /// Whether anything is limited that zones take up when they are read.
    #[must_use]
    pub fn limits_zones(&self) -> bool {
        let Limits { checks, probes_per_second, targets: _ } = self.account.limits();
        let has_own = self.records.is_some() || self.programs.is_some() || self.memory.is_some();
        has_own || checks.is_some() || probes_per_second.is_some()
    }
}

impl Usage {
    /// What a zone takes with its programs.
    #[must_use]
    pub fn of(zone: &Zone, programs: &Programs) -> Self {
        let compiled = || programs.iter().filter_map(|entry| entry.program.as_ref());
        let mut checks: Vec<(CheckId, Rate)> =
            compiled().flat_map(|program| program.charges()).collect();
        checks.sort_unstable();
        checks.dedup();
        let of_programs: usize = compiled().map(|program| program.size()).sum();
        Self {
            records: u64::from(zone.record_count()),
            programs: u64::from(zone.program_count()),
            memory: (zone.size() + of_programs) as u64,
            checks: checks.into(),
        }
    }
}
