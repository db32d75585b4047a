//! Tenants: who owns which zones, as the configuration says it.
//!
//! Immutable but for what is counted. What is owned is a name, whether there is a zone of it or not.

mod acts;
mod budget;
mod realm;
mod tally;

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use halfmoon_healthcheck::{Account, Report};
use halfmoon_wire::{Name, NameBuf};
use halfmoon_zones::{Fault, Place};

use crate::config::TenantConfig;
use crate::shared::Zones;

pub use acts::ACTS_A_MINUTE;
pub use budget::{Budget, Usage};
pub use realm::Realm;
pub use tally::{Counts, Runs, Total};

use acts::Acts;
use tally::Tally;

/// What the names of accounts of tenants begin with: where their limits are set.
const ACCOUNTS: &str = "tenants.";

/// A tenant, by its number among those of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(u16);

impl TenantId {
    /// The number, from 0 on, less than [`Tenants::count`].
    #[must_use]
    pub const fn number(self) -> usize {
        self.0 as usize
    }

    /// Those of some zones that are its own.
    #[must_use]
    pub fn zones(self, all: &Zones) -> Zones {
        let own = all.zones().iter().filter(|hosted| hosted.beside.tenant == Some(self));
        Zones::new(own.cloned().collect())
    }
}

/// All tenants.
#[derive(Debug, Default)]
pub struct Tenants {
    /// In order, each with whether its zones come from a place of their own.
    names: Vec<(String, bool)>,
    /// What each may have, in the same order.
    budgets: Vec<Budget>,
    /// By name in lower case.
    owned: HashMap<NameBuf, Owned>,
    /// What the zones of each count.
    tallies: Vec<Tally>,
    /// What each may do that is noted.
    acts: Vec<Acts>,
}

/// A name that is owned.
#[derive(Clone, Copy, Debug)]
struct Owned {
    tenant: TenantId,
    /// With all below it.
    below: bool,
}

/// A zone that comes from a place that it may not come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreign {
    apex: Box<NameBuf>,
    /// Whose place it is, or whose zone.
    tenant: String,
    is_owner: bool,
}

impl Foreign {
    /// What is wrong with the zone, of which this is the first file.
    #[must_use]
    pub fn fault(&self) -> Fault {
        let Self { apex, tenant, is_owner } = self;
        let place = Place { line: 1, column: 1, ..Place::default() };
        // Who else owns it is not for one tenant to know.
        let (message, help) = if *is_owner {
            (
                format!("zone {apex} belongs to tenant {tenant}, whose zones come from elsewhere"),
                format!("move it there, or take its name out of `tenants.{tenant}`"),
            )
        } else {
            (
                format!("zone {apex} does not belong to tenant {tenant}"),
                format!(
                    "remove it; or it is named under `tenants.{tenant}`, in `apexes` or `below`"
                ),
            )
        };
        Fault::error("tenant-apex", place, message).help(help)
    }
}

impl Tenants {
    /// Those of a configuration. Of a name that is given to several, the first tenant has it.
    #[must_use]
    pub fn new(config: &BTreeMap<String, TenantConfig>) -> Self {
        let mut tenants = Self::default();
        // The configuration has no more than fit.
        for (number, (name, tenant)) in (0..=u16::MAX).zip(config) {
            let id = TenantId(number);
            tenants.names.push((name.clone(), tenant.has_source()));
            tenants.tallies.push(Tally::default());
            tenants.acts.push(Acts::default());
            tenants.budgets.push(Budget::new(name, tenant));
            let below = tenant.below.iter().map(|name| (name, true));
            for (name, below) in tenant.apexes.iter().map(|name| (name, false)).chain(below) {
                let owned = Owned { tenant: id, below };
                tenants.owned.entry(name.as_name().to_lower()).or_insert(owned);
            }
        }
        tenants
    }

    /// Who owns a zone with this apex. The name that is closest to it counts.
    #[must_use]
    pub fn owner(&self, apex: Name<'_>) -> Option<TenantId> {
        if self.owned.is_empty() {
            return None;
        }
        let lower = apex.to_lower();
        let mut names = std::iter::successors(Some(lower.as_name()), |name| name.parent());
        names.find_map(|name| {
            let owned = self.owned.get(&name.to_buf())?;
            (owned.below || name == lower.as_name()).then_some(owned.tenant)
        })
    }

    /// For whose programs a check is held that they have computed.
    pub(crate) fn of_leases(&self, report: &Report) -> impl Iterator<Item = Option<TenantId>> {
        let zones = report.leased_by.iter().filter_map(|zone| Name::from_wire(zone).ok());
        zones.map(|zone| self.owner(zone))
    }

    /// Who owns a zone of this name, written out.
    #[must_use]
    pub fn owner_of(&self, apex: &str) -> Option<TenantId> {
        self.owner(apex.parse::<NameBuf>().ok()?.as_name())
    }

    /// Whether a zone of this name, written out, is a tenant's.
    #[must_use]
    pub fn owns(&self, tenant: TenantId, apex: &str) -> bool {
        self.owner_of(apex) == Some(tenant)
    }

    /// What a tenant may have; `None` for one of another configuration.
    #[must_use]
    pub fn budget(&self, tenant: TenantId) -> Option<&Budget> {
        self.budgets.get(tenant.number())
    }

    /// On whose account the checks of a tenant are; `None`: on nobody's, as those of the operator.
    #[must_use]
    pub fn account(&self, tenant: Option<TenantId>) -> Option<&Account> {
        self.budget(tenant?).map(|budget| &budget.account)
    }

    /// Whose an account is; `None`: that of a tenant of another configuration.
    #[must_use]
    pub fn holder(&self, account: &Account) -> Option<TenantId> {
        let tenant = self.id(account.settings().strip_prefix(ACCOUNTS)?);
        tenant.filter(|_| self.account(tenant) == Some(account))
    }

    /// Whether zones of anybody are limited in what they take up when they are read.
    #[must_use]
    pub fn have_budgets(&self) -> bool {
        self.budgets.iter().any(Budget::limits_zones)
    }

    /// Who owns a zone that comes from a place of this tenant, or of the operator if that is none.
    ///
    /// # Errors
    /// It may not come from there.
    pub fn admit(
        &self,
        source: Option<TenantId>,
        apex: Name<'_>,
    ) -> Result<Option<TenantId>, Foreign> {
        let owner = self.owner(apex);
        let name = |tenant| self.name(tenant).to_owned();
        match (source, owner) {
            (Some(source), owner) if owner != Some(source) => Err(Foreign {
                apex: Box::new(apex.to_buf()),
                tenant: name(source),
                is_owner: false,
            }),
            (None, Some(owner)) if self.has_source(owner) => {
                Err(Foreign { apex: Box::new(apex.to_buf()), tenant: name(owner), is_owner: true })
            }
            _ => Ok(owner),
        }
    }

    fn has_source(&self, tenant: TenantId) -> bool {
        self.names.get(tenant.number()).is_some_and(|(_, has_source)| *has_source)
    }

    /// What a tenant is called; nothing for one of another configuration.
    #[must_use]
    pub fn name(&self, tenant: TenantId) -> &str {
        self.names.get(tenant.number()).map_or("", |(name, _)| name.as_str())
    }

    /// The tenant of this name.
    #[must_use]
    pub fn id(&self, name: &str) -> Option<TenantId> {
        let number = self.names.binary_search_by(|(other, _)| other.as_str().cmp(name)).ok()?;
        u16::try_from(number).ok().map(TenantId)
    }

    /// All of them with their names, in order.
    pub fn iter(&self) -> impl Iterator<Item = (TenantId, &str)> {
        (0..=u16::MAX).map(TenantId).zip(self.names.iter().map(|(name, _)| name.as_str()))
    }

    /// Takes in what a version of a zone of a tenant is going to count.
    pub(crate) fn count_in(&self, tenant: TenantId, counts: Counts) {
        if let Some(tally) = self.tallies.get(tenant.number()) {
            tally.take(counts);
        }
    }

    /// What the zones of a tenant have counted since the start, those that are gone among them.
    #[must_use]
    pub fn total(&self, tenant: TenantId) -> Total {
        self.tallies.get(tenant.number()).map(Tally::read).unwrap_or_default()
    }

    /// Whether a tenant may do one more thing now that is noted ([`ACTS_A_MINUTE`]). It is counted if not.
    #[must_use]
    pub(crate) fn may_act(&self, tenant: TenantId, now: Instant) -> bool {
        self.acts.get(tenant.number()).is_some_and(|acts| acts.take(now))
    }

    /// How often a tenant wanted to do more than it may.
    #[must_use]
    pub fn acts_refused(&self, tenant: TenantId) -> u64 {
        self.acts.get(tenant.number()).map_or(0, Acts::refused)
    }

    /// How many there are.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.names.len()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use halfmoon_zones::Level;

    use super::*;
    use crate::config::Config;

    fn tenants(owned: &[(&str, &[&str], &[&str])]) -> Tenants {
        let tenant = |(name, apexes, below): &(&str, &[&str], &[&str])| {
            format!("[tenants.{name}]\napexes = {apexes:?}\nbelow = {below:?}\n")
        };
        let text: String = owned.iter().map(tenant).collect();
        Tenants::new(&Config::parse(&text, Path::new("")).unwrap().tenants)
    }

    #[test]
    fn the_closest_name_says_who_owns_a_zone() {
        let tenants = tenants(&[
            ("acme", &["acme.test", "b.shop.test"], &["customers.test", "x.deep.test"]),
            ("beta", &["a.customers.test"], &["deep.test"]),
            ("none", &[], &[]),
        ]);
        for (apex, owner) in [
            ("acme.test", Some("acme")),
            ("ACME.Test", Some("acme")),
            ("www.acme.test", None),
            ("test", None),
            (".", None),
            ("notcustomers.test", None),
            ("customers.test", Some("acme")),
            ("z.customers.test", Some("acme")),
            ("a.customers.test", Some("beta")),
            ("q.a.customers.test", Some("acme")),
            ("deep.test", Some("beta")),
            ("y.deep.test", Some("beta")),
            ("x.deep.test", Some("acme")),
            ("w.x.deep.test", Some("acme")),
            ("b.shop.test", Some("acme")),
            ("shop.test", None),
        ] {
            let name: NameBuf = apex.parse().unwrap();
            let found = tenants.owner(name.as_name()).map(|id| tenants.name(id));
            assert_eq!(found, owner, "{apex}");
        }
    }

    #[test]
    fn a_zone_comes_from_where_its_owner_has_his_zones() {
        let text = "[tenants.a]\napexes = ['a.test']\npath = 'a'\n\
                    [tenants.b]\napexes = ['b.test']\n\
                    [tenants.c]\nbelow = ['c.test']\npath = 'c'\n";
        let tenants = Tenants::new(&Config::parse(text, Path::new("")).unwrap().tenants);
        for (source, apex, expected) in [
            ("", "a.test", "belongs to tenant a, whose zones come from elsewhere"),
            ("", "b.test", "b"),
            ("", "d.test", ""),
            ("", "x.c.test", "belongs to tenant c, whose zones come from elsewhere"),
            ("a", "A.test", "a"),
            ("a", "b.test", "does not belong to tenant a"),
            ("a", "d.test", "does not belong to tenant a"),
            ("a", "x.a.test", "does not belong to tenant a"),
            ("a", "c.test", "does not belong to tenant a"),
            ("c", "x.c.test", "c"),
        ] {
            let name: NameBuf = apex.parse().unwrap();
            match tenants.admit(tenants.id(source), name.as_name()) {
                Ok(owner) => assert_eq!(owner, tenants.id(expected), "{source} {apex}"),
                Err(foreign) => {
                    let fault = foreign.fault();
                    assert_eq!(fault.message, format!("zone {apex}. {expected}"));
                    assert_eq!((fault.rule, fault.level), ("tenant-apex", Level::Error));
                }
            }
        }
    }

    #[test]
    fn below_the_root_is_everything() {
        let tenants = tenants(&[("all", &[], &["."]), ("one", &["one.test"], &[])]);
        for (apex, owner) in [(".", "all"), ("a.test", "all"), ("one.test", "one")] {
            let name: NameBuf = apex.parse().unwrap();
            assert_eq!(tenants.owner(name.as_name()).map(|id| tenants.name(id)), Some(owner));
        }
    }

    #[test]
    fn names_and_numbers_lead_to_each_other() {
        let tenants = tenants(&[("b", &[], &[]), ("a", &[], &[]), ("c-1", &[], &[])]);
        let all: Vec<(usize, &str)> =
            tenants.iter().map(|(id, name)| (id.number(), name)).collect();
        assert_eq!(all, [(0, "a"), (1, "b"), (2, "c-1")]);
        for (id, name) in tenants.iter() {
            assert_eq!((tenants.id(name), tenants.name(id)), (Some(id), name));
            assert_eq!(tenants.holder(tenants.account(Some(id)).unwrap()), Some(id));
        }
        assert_eq!((tenants.id("d"), tenants.count()), (None, 3));
        let other = Account::new("tenants.a", halfmoon_healthcheck::Limits::default());
        assert_eq!(tenants.holder(&other), None);
    }
}
