//! All overrides in force, as the pools are asked about each member.

use std::sync::Arc;

use halfmoon_healthcheck::{Force, Forced, Health, Member, Override as Ask, Pool};

use super::target::{Found, Scope};
use super::{Order, Override};

/// What overrides make of members. Of several for one member the strongest holds: `down`, then `pin`,
/// then `drain`, then `up`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Rules(Vec<Rule>);

#[derive(Clone, Debug, PartialEq)]
struct Rule {
    order: Order,
    target: Found,
    within: Option<Scope>,
    reason: Arc<str>,
}

impl Rules {
    /// The rules of these overrides. Names of checks are looked up now.
    pub(super) fn new<'o>(
        overrides: impl IntoIterator<Item = &'o Override>,
        health: &Health,
    ) -> Self {
        let rule = |an: &Override| Rule {
            order: an.order,
            target: an.target.resolve(health),
            within: an.within.clone(),
            reason: format!("{} by {}: {} (override {})", an.order, an.who, an.reason, an.id)
                .into(),
        };
        let mut rules: Vec<Rule> = overrides.into_iter().map(rule).collect();
        rules.sort_by_key(|rule| rule.order);
        Self(rules)
    }

    /// How pools ask; nothing if there are no rules.
    pub(super) fn ask(self) -> Option<Arc<Ask>> {
        if self.0.is_empty() {
            return None;
        }
        Some(Arc::new(move |pool: &Pool, member: &Member| self.judge(pool, member)))
    }

    /// What a member counts as, if an operator said so.
    pub(super) fn judge(&self, pool: &Pool, member: &Member) -> Option<Forced> {
        for rule in self.0.iter().filter(|rule| rule.is_for(pool)) {
            let is_its = rule.target.holds(pool, member);
            let to = match rule.order {
                Order::Down if is_its => Force::Down,
                // A pool that has none of the pinned is not meant.
                Order::Pin if !is_its && rule.holds_any(pool) && !self.is_pinned(pool, member) => {
                    Force::Down
                }
                Order::Drain if is_its => Force::Drain,
                Order::Up if is_its => Force::Up,
                _ => continue,
            };
            return Some(Forced { to, reason: Arc::clone(&rule.reason) });
        }
        None
    }

    /// Whether one of several pins is this member's.
    fn is_pinned(&self, pool: &Pool, member: &Member) -> bool {
        let pins = self.0.iter().filter(|rule| rule.order == Order::Pin && rule.is_for(pool));
        pins.into_iter().any(|rule| rule.target.holds(pool, member))
    }
}

impl Rule {
    fn is_for(&self, pool: &Pool) -> bool {
        self.within.as_ref().is_none_or(|scope| scope.holds(&pool.name))
    }

    fn holds_any(&self, pool: &Pool) -> bool {
        pool.members.iter().any(|member| self.target.holds(pool, member))
    }
}
