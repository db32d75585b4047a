//! Holds the zones of each tenant to what it may have, load by load.
//!
//! What counts is what would be served: the zones of which nothing is read, the new versions of the others,
//! and the old ones of those whose new version is refused. That is judged when all are known. While zones are
//! read and compiled, they are stopped as soon as no outcome could make room for them, or when the load has
//! come to twice the budget, so that what is refused costs little.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use halfmoon_healthcheck::{CheckId, Health, Rate, Refused};
use halfmoon_wire::{Name, NameBuf};
use halfmoon_zones::{Candidate, Fault, Fresh, Hosted, MostRecords, Place, ProgramSource, Zone};

use crate::shared::{Programs, Served};
use crate::tenants::{Budget, TenantId, Tenants, Usage};

/// What the zones of one load take up so far.
#[derive(Debug, Default)]
pub(super) struct Budgets {
    tenants: HashMap<TenantId, Taken>,
    /// Those for whose checks this load has begun.
    begun: HashSet<TenantId>,
}

/// What zones of one tenant take.
#[derive(Debug, Default)]
struct Taken {
    /// Those that stay as they are.
    stay: Sum,
    /// Those of which there may be a new version.
    before: HashMap<NameBuf, Arc<Usage>>,
    /// Records of those that were read.
    records: New,
    /// Programs of those that were compiled.
    programs: New,
    /// What those that were read take in memory: with the sources of their programs, until those are compiled, and
    /// with the programs then.
    memory: New,
}

/// What the new versions of a load take of something.
#[derive(Debug, Default)]
struct New {
    /// What they take whether they are served or refused.
    least: u64,
    /// What they take if all of them are served.
    all: u64,
}

impl New {
    fn add(&mut self, old: u64, new: u64) {
        self.least += old.min(new);
        self.all += new;
    }

    /// How much the next one may take.
    fn most(&self, limit: u64, stay: u64, old: u64) -> u64 {
        let room = limit.saturating_sub(stay + self.least);
        // However many there are, they do not take more memory until they are judged.
        let beyond = limit.saturating_mul(2).saturating_sub(self.all);
        // What takes no more than before is never too much.
        room.min(beyond).max(old)
    }
}

impl Taken {
    /// What is served of a zone of which there may be a new version.
    fn old(&self, apex: Name<'_>, what: impl FnOnce(&Usage) -> u64) -> u64 {
        self.before.get(&apex.to_buf()).map_or(0, |usage| what(usage))
    }
}

/// A sum of what zones take.
#[derive(Debug, Default)]
struct Sum {
    records: u64,
    programs: u64,
    memory: u64,
    /// Each check once, with how many zones name it.
    checks: HashMap<CheckId, (usize, Rate)>,
    probes: Rate,
}

/// What is too much: the rule, and in words.
struct Excess {
    rule: &'static str,
    message: String,
    place: Option<Place>,
}

/// The rules of zones for which there is no room beside the others of their tenant.
const RULES: [&str; 5] =
    ["tenant-records", "tenant-programs", "tenant-memory", "tenant-checks", "tenant-probes"];

/// Whether a zone would be free of this fault if its tenant's other zones took less.
pub(super) fn is_of_budget(fault: &Fault) -> bool {
    RULES.contains(&fault.rule)
}

const HELP: &str =
    "leave something out, here or in another zone of the tenant, or ask the operator for more";

impl Budgets {
    /// A load begins.
    pub(super) fn begin(
        &mut self,
        tenants: &Tenants,
        stay: &mut dyn Iterator<Item = &Hosted<Served>>,
        before: &mut dyn Iterator<Item = &Hosted<Served>>,
    ) {
        self.tenants.clear();
        self.begun.clear();
        if !tenants.have_budgets() {
            return;
        }
        for hosted in stay {
            if let (Some(tenant), Some(usage)) = (hosted.beside.tenant, &hosted.beside.usage) {
                self.tenants.entry(tenant).or_default().stay.add(usage);
            }
        }
        for hosted in before {
            if let (Some(tenant), Some(usage)) = (hosted.beside.tenant, &hosted.beside.usage) {
                let taken = self.tenants.entry(tenant).or_default();
                taken.before.insert(hosted.zone.apex().to_buf(), Arc::clone(usage));
            }
        }
    }

    /// How many records a zone of a tenant may have, and how much data. It takes more memory than its data are, so what
    /// is stopped for that would mostly not be served either. But a record that is written several times counts each
    /// time here, and once when all is judged: a zone that repeats much may be stopped although it would fit.
    pub(super) fn most_records(
        &self,
        tenants: &Tenants,
        tenant: TenantId,
        apex: Name<'_>,
    ) -> Option<MostRecords> {
        let (budget, name) = (tenants.budget(tenant)?, tenants.name(tenant));
        let taken = self.tenants.get(&tenant);
        let fault = |rule, message| Fault::error(rule, Place::default(), message).help(HELP);
        let data = budget.memory.map(|limit| {
            let most = taken.map_or(limit, |taken| {
                let old = taken.old(apex, |usage| usage.memory);
                taken.memory.most(limit, taken.stay.memory, old)
            });
            (most, fault("tenant-memory", too_much_memory(name, limit)))
        });
        let Some(limit) = budget.records else {
            let (_, fault) = data.as_ref()?;
            return Some(MostRecords { count: u64::MAX, fault: fault.clone(), data });
        };
        let count = taken.map_or(limit, |taken| {
            let old = taken.old(apex, |usage| usage.records);
            taken.records.most(limit, taken.stay.records, old)
        });
        let fault = fault("tenant-records", too_many(name, "records", limit));
        Some(MostRecords { count, fault, data })
    }

    /// A zone was read that is right so far.
    pub(super) fn has_read(
        &mut self,
        tenant: TenantId,
        zone: &Zone,
        programs: &[(NameBuf, ProgramSource)],
    ) {
        let taken = self.tenants.entry(tenant).or_default();
        let old = taken.old(zone.apex(), |usage| usage.records);
        taken.records.add(old, u64::from(zone.record_count()));
        let old = taken.old(zone.apex(), |usage| usage.memory);
        taken.memory.add(old, zone.size() as u64);
        taken.memory.all += size_of_sources(programs);
    }

    /// A zone was read that is refused, and takes memory until all is judged.
    pub(super) fn holds(
        &mut self,
        tenant: TenantId,
        zone: &Zone,
        programs: &[(NameBuf, ProgramSource)],
    ) {
        let taken = self.tenants.entry(tenant).or_default();
        taken.records.all += u64::from(zone.record_count());
        taken.memory.all += zone.size() as u64 + size_of_sources(programs);
    }

    /// Checks that are acquired for a tenant from now on are those of this load.
    pub(super) fn enter(&mut self, tenant: TenantId, budget: &Budget, health: &Health) {
        if self.begun.insert(tenant) {
            health.begin(&budget.account);
        }
    }

    /// What is wrong with a zone that has more programs than there is room for: it need not be compiled.
    pub(super) fn too_many_programs(
        &self,
        tenants: &Tenants,
        tenant: TenantId,
        apex: Name<'_>,
        programs: &[(NameBuf, ProgramSource)],
    ) -> Option<Fault> {
        let limit = tenants.budget(tenant)?.programs?;
        let taken = self.tenants.get(&tenant);
        let most = taken.map_or(limit, |taken| {
            let old = taken.old(apex, |usage| usage.programs);
            taken.programs.most(limit, taken.stay.programs, old)
        });
        let (_, first) = programs.get(usize::try_from(most).unwrap_or(usize::MAX))?;
        let message = too_many(tenants.name(tenant), "programs", limit);
        Some(Fault::error("tenant-programs", first.place(0), message).help(HELP))
    }

    /// How many octets the programs of a zone may take, and what is wrong if those are more.
    pub(super) fn most_compiled(
        &self,
        tenants: &Tenants,
        tenant: TenantId,
        fresh: &Fresh<'_, Served>,
    ) -> Option<(usize, Fault)> {
        let limit = tenants.budget(tenant)?.memory?;
        let taken = self.tenants.get(&tenant)?;
        let old = taken.old(fresh.zone.apex(), |usage| usage.memory);
        let own = fresh.zone.size() as u64;
        // What it takes with its programs comes in place of what it takes so far.
        let New { least, all } = taken.memory;
        let others = New {
            least: least.saturating_sub(old.min(own)),
            all: all.saturating_sub(own + size_of_sources(fresh.programs)),
        };
        let most = others.most(limit, taken.stay.memory, old).saturating_sub(own);
        let message = too_much_memory(tenants.name(tenant), limit);
        let fault = Fault::error("tenant-memory", Place::default(), message).help(HELP);
        Some((usize::try_from(most).unwrap_or(usize::MAX), fault))
    }

    /// A zone was compiled; it takes this if it is right so far.
    pub(super) fn has_compiled(
        &mut self,
        tenant: TenantId,
        fresh: &Fresh<'_, Served>,
        usage: Option<&Usage>,
    ) {
        let taken = self.tenants.entry(tenant).or_default();
        let sources = size_of_sources(fresh.programs);
        taken.memory.all = taken.memory.all.saturating_sub(sources);
        let Some(usage) = usage else {
            return;
        };
        let apex = fresh.zone.apex();
        let old = taken.old(apex, |usage| usage.programs);
        taken.programs.add(old, usage.programs);
        let old = taken.old(apex, |usage| usage.memory);
        let own = fresh.zone.size() as u64;
        taken.memory.least += old.min(usage.memory) - old.min(own);
        taken.memory.all += usage.memory - own;
    }

    /// Refuses those versions that are too much. Those that take no more than what they replace are never
    /// among them; of the others, the first come first.
    pub(super) fn judge(&mut self, tenants: &Tenants, candidates: &mut [Candidate<Served>]) {
        if !tenants.have_budgets() {
            return;
        }
        let mut of_tenants: HashMap<TenantId, Vec<usize>> = HashMap::new();
        for (number, candidate) in candidates.iter().enumerate() {
            let hosted = candidate.proposed().or_else(|| candidate.served());
            if let Some(tenant) = hosted.and_then(|hosted| hosted.beside.tenant) {
                of_tenants.entry(tenant).or_default().push(number);
            }
        }
        for (tenant, numbers) in of_tenants {
            if let Some(budget) = tenants.budget(tenant).filter(|budget| budget.limits_zones()) {
                let name = tenants.name(tenant);
                let sum = self.tenants.remove(&tenant).unwrap_or_default().stay;
                judge(sum, name, budget, candidates, numbers);
            }
        }
    }
}

fn judge(
    mut sum: Sum,
    name: &str,
    budget: &Budget,
    candidates: &mut [Candidate<Served>],
    mut numbers: Vec<usize>,
) {
    let usage = |hosted: Option<&Hosted<Served>>| {
        let usage = hosted.and_then(|hosted| hosted.beside.usage.as_ref());
        usage.map(Arc::clone).unwrap_or_default()
    };
    for number in &numbers {
        sum.add(&usage(candidates[*number].served()));
    }
    numbers.retain(|number| candidates[*number].proposed().is_some());
    numbers.sort_by_cached_key(|number| {
        let candidate = &candidates[*number];
        usage(candidate.proposed()).exceeds(&usage(candidate.served()))
    });
    for number in numbers {
        let candidate = &mut candidates[number];
        let (old, new) = (usage(candidate.served()), usage(candidate.proposed()));
        let before = (sum.checks.len(), sum.probes);
        sum.take(&old);
        let excess = sum.excess_of(name, budget, (&old, &new));
        sum.add(&new);
        let after = (sum.checks.len(), sum.probes);
        let excess = excess.or_else(|| {
            let refused = refused(budget, before, after)?;
            sum.take(&new);
            let programs = candidate.proposed().map(|hosted| &hosted.beside.programs);
            let place = programs.and_then(|programs| sum.first_over(budget, before, programs));
            sum.add(&new);
            let is_rate = matches!(refused, Refused::Probes { .. });
            let rule = if is_rate { "tenant-probes" } else { "tenant-checks" };
            Some(Excess { rule, message: refused.to_string(), place })
        });
        if let Some(Excess { rule, message, place }) = excess {
            candidate.refuse(place, |place| Fault::error(rule, place, message).help(HELP));
            sum.take(&new);
            sum.add(&old);
        }
    }
}

/// Whether there are more checks than may be, and more than before.
fn refused(budget: &Budget, before: (usize, Rate), after: (usize, Rate)) -> Option<Refused> {
    let limits = budget.account.limits();
    let settings = || budget.account.settings().into();
    let (wanted, probes) = after;
    if let Some(limit) = limits.checks.filter(|limit| wanted > *limit && wanted > before.0) {
        return Some(Refused::Checks { wanted, limit, settings: settings() });
    }
    let is_over = |limit: &u32| probes > Rate::whole(*limit) && probes > before.1;
    let limit = limits.probes_per_second.filter(is_over)?;
    Some(Refused::Probes { wanted: probes, limit, settings: settings() })
}

/// About how many octets the sources of programs take.
fn size_of_sources(programs: &[(NameBuf, ProgramSource)]) -> u64 {
    let size = |(_, source): &(NameBuf, ProgramSource)| size_of::<NameBuf>() + source.size();
    programs.iter().map(size).sum::<usize>() as u64
}

fn too_much_memory(name: &str, limit: u64) -> String {
    format!(
        "more octets of memory than the {limit} that `tenants.{name}.memory` allows, in all zones together"
    )
}

fn too_many(name: &str, what: &str, limit: u64) -> String {
    format!(
        "more {what} than the {limit} that `tenants.{name}.{what}` allows, in all zones together"
    )
}

impl Usage {
    /// Whether it takes more of anything.
    fn exceeds(&self, other: &Self) -> bool {
        let probes = |usage: &Self| usage.checks.iter().map(|(_, rate)| *rate).sum::<Rate>();
        self.records > other.records
            || self.programs > other.programs
            || self.memory > other.memory
            || self.checks.len() > other.checks.len()
            || probes(self) > probes(other)
    }
}

impl Sum {
    fn add(&mut self, usage: &Usage) {
        self.records += usage.records;
        self.programs += usage.programs;
        self.memory += usage.memory;
        for (check, rate) in &usage.checks {
            self.name(*check, *rate);
        }
    }

    fn name(&mut self, check: CheckId, rate: Rate) {
        let (zones, _) = self.checks.entry(check).or_insert_with(|| {
            self.probes += rate;
            (0, rate)
        });
        *zones += 1;
    }

    fn take(&mut self, usage: &Usage) {
        self.records -= usage.records;
        self.programs -= usage.programs;
        self.memory -= usage.memory;
        for (check, _) in &usage.checks {
            if let Some((zones, rate)) = self.checks.get_mut(check) {
                *zones -= 1;
                if *zones == 0 {
                    self.probes -= *rate;
                    self.checks.remove(check);
                }
            }
        }
    }

    /// Where the program stands with which there are too many checks, if these programs come on top.
    fn first_over(
        &self,
        budget: &Budget,
        before: (usize, Rate),
        programs: &Programs,
    ) -> Option<Place> {
        let (mut more, mut probes) = (HashSet::new(), self.probes);
        for entry in programs.iter() {
            for (check, rate) in entry.program.iter().flat_map(|program| program.charges()) {
                if !self.checks.contains_key(&check) && more.insert(check) {
                    probes += rate;
                }
            }
            if refused(budget, before, (self.checks.len() + more.len(), probes)).is_some() {
                return Some(entry.place);
            }
        }
        None
    }

    /// What there would be too much of with a new version in place of an old one, which is left out here
    /// already; checks are not among it.
    fn excess_of(
        &self,
        name: &str,
        budget: &Budget,
        (old, new): (&Usage, &Usage),
    ) -> Option<Excess> {
        let amounts = [
            ("tenant-records", "records", "records in", budget.records),
            ("tenant-programs", "programs", "programs in", budget.programs),
            ("tenant-memory", "memory", "octets of memory for", budget.memory),
        ];
        let taken = [
            (self.records, old.records, new.records),
            (self.programs, old.programs, new.programs),
            (self.memory, old.memory, new.memory),
        ];
        amounts.into_iter().zip(taken).find_map(|((rule, key, what, limit), (others, old, new))| {
            let wanted = others + new;
            let limit = limit.filter(|limit| wanted > *limit && new > old)?;
            let about = if key == "memory" { "about " } else { "" };
            let message = format!(
                "{about}{wanted} {what} all zones of the tenant, more than the {limit} that \
                 `tenants.{name}.{key}` allows"
            );
            Some(Excess { rule, message, place: None })
        })
    }
}
