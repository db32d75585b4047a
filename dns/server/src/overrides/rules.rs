//! All overrides in force, as those ask who answer with members.

use std::fmt;
use std::sync::Arc;

use halfmoon_healthcheck::{Force, Health, Member, Orders, Whose};

use super::target::{Found, Scope};
use super::{Order, Override};
use crate::tenants::{TenantId, Tenants};

/// What overrides make of members. Of several for one member the strongest holds: `down`, then `pin`,
/// then `drain`, then `up`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Rules(Vec<Rule>);

#[derive(Clone, Debug, PartialEq)]
struct Rule {
    order: Order,
    target: Found,
    within: Option<Scope>,
    tenant: Option<Own>,
    reason: Arc<str>,
}

/// In whose zones alone a rule holds.
#[derive(Clone, Debug)]
struct Own {
    tenants: Arc<Tenants>,
    /// `None`: of one that the configuration does not have any more.
    tenant: Option<TenantId>,
}

impl PartialEq for Own {
    fn eq(&self, other: &Self) -> bool {
        self.tenant == other.tenant
    }
}

impl Own {
    fn holds(&self, whose: Whose<'_>) -> bool {
        self.tenant.is_some_and(|tenant| self.tenants.owns(tenant, whose.zone))
    }
}

impl Rules {
    /// The rules of these overrides. Names of checks are looked up now.
    pub(super) fn new<'o>(
        overrides: impl IntoIterator<Item = &'o Override>,
        (health, tenants): (&Health, &Arc<Tenants>),
    ) -> Self {
        let own = |name: &String| Own { tenants: Arc::clone(tenants), tenant: tenants.id(name) };
        let rule = |an: &Override| Rule {
            order: an.order,
            target: an.target.resolve(health),
            within: an.within.clone(),
            tenant: an.tenant.as_ref().map(own),
            reason: format!("{} by {}: {} (override {})", an.order, an.who, an.reason, an.id)
                .into(),
        };
        let mut rules: Vec<Rule> = overrides.into_iter().map(rule).collect();
        rules.sort_by_key(|rule| rule.order);
        Self(rules)
    }

    /// As those ask who answer; nothing if there are no rules.
    pub(super) fn orders(self) -> Option<Arc<dyn Orders>> {
        if self.0.is_empty() { None } else { Some(Arc::new(self)) }
    }

    /// What each of these members counts as, if an operator said so.
    pub(super) fn of(&self, whose: Whose<'_>, members: &[Member]) -> Vec<Option<Force>> {
        let mut found = vec![None; members.len()];
        self.judge(whose, members, &mut |number, to, _| {
            if let Some(place @ None) = found.get_mut(number) {
                *place = Some(to);
            }
        });
        found
    }

    /// Puts out all but those that are pinned; a list that has none of them is not meant.
    fn pin(
        &self,
        whose: Whose<'_>,
        members: &[Member],
        tell: &mut dyn FnMut(usize, Force, &Arc<str>),
    ) {
        let pins = || self.0.iter().filter(|rule| rule.order == Order::Pin && rule.is_for(whose));
        let has_any = |rule: &&Rule| members.iter().any(|member| rule.target.holds(whose, member));
        let Some(first) = pins().find(has_any) else {
            return;
        };
        for (number, member) in members.iter().enumerate() {
            if !pins().any(|rule| rule.target.holds(whose, member)) {
                tell(number, Force::Down, &first.reason);
            }
        }
    }
}

impl Orders for Rules {
    fn judge(
        &self,
        whose: Whose<'_>,
        members: &[Member],
        tell: &mut dyn FnMut(usize, Force, &Arc<str>),
    ) {
        let mut is_pinned = false;
        for rule in self.0.iter().filter(|rule| rule.is_for(whose)) {
            let to = match rule.order {
                Order::Down => Force::Down,
                Order::Drain => Force::Drain,
                Order::Up => Force::Up,
                Order::Pin => {
                    if !std::mem::replace(&mut is_pinned, true) {
                        self.pin(whose, members, tell);
                    }
                    continue;
                }
            };
            for (number, member) in members.iter().enumerate() {
                if rule.target.holds(whose, member) {
                    tell(number, to, &rule.reason);
                }
            }
        }
    }

    fn may_concern(&self, members: &[Member]) -> bool {
        let may = |rule: &Rule, member: &Member| match &rule.target {
            // Whose they are is not known here.
            Found::Scope(_) => true,
            target => target.holds(Whose::NOBODY, member),
        };
        self.0.iter().any(|rule| members.iter().any(|member| may(rule, member)))
    }

    fn names(&self, check: &dyn fmt::Display) -> Option<Arc<str>> {
        let names = || {
            self.0.iter().filter_map(|rule| match &rule.target {
                Found::Checks(_, name) => Some(name),
                _ => None,
            })
        };
        names().next()?;
        let check = check.to_string();
        names().find(|name| ***name == *check).cloned()
    }
}

impl Rule {
    fn is_for(&self, whose: Whose<'_>) -> bool {
        self.within.as_ref().is_none_or(|scope| scope.holds(whose))
            && self.tenant.as_ref().is_none_or(|own| own.holds(whose))
    }
}
