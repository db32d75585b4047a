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

    /// Puts out all but those that somebody has pinned, the operator or the tenant: neither brings back what
    /// the other has put out. A list that has none of them is not meant.
    fn pin(
        &self,
        is_givers: impl Fn(&Rule) -> bool,
        (whose, members): (Whose<'_>, &[Member]),
        tell: &mut dyn FnMut(usize, Force, &Arc<str>),
    ) {
        let is_it =
            |rule: &&Rule| rule.order == Order::Pin && is_givers(rule) && rule.is_for(whose);
        let pins = || self.0.iter().filter(is_it);
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
                        self.pin(|rule| rule.tenant.is_none(), (whose, members), tell);
                        self.pin(|rule| rule.tenant.is_some(), (whose, members), tell);
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

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::SystemTime;

    use halfmoon_healthcheck::TargetPolicy;

    use super::*;
    use crate::config::Config;
    use crate::overrides::Target;

    /// An override, as in `acme: pin 192.0.2.1 in www.acme.test/A`; without a name it is the operator's.
    fn an_override(text: &str) -> Override {
        let (tenant, rest) =
            text.split_once(": ").map_or((None, text), |(name, rest)| (Some(name.into()), rest));
        let (what, scope) = rest.split_once(" in ").map_or((rest, None), |(w, s)| (w, Some(s)));
        let (order, target) = what.split_once(' ').unwrap();
        Override {
            id: 1,
            order: serde_json::from_value(order.into()).unwrap(),
            target: Target::parse(target).unwrap(),
            within: scope.map(|scope| Scope::parse(scope).unwrap()),
            tenant,
            who: "somebody".into(),
            reason: text.into(),
            since: SystemTime::UNIX_EPOCH,
            until: SystemTime::UNIX_EPOCH,
        }
    }

    fn rules(texts: &[&str]) -> Rules {
        let text =
            "[tenants.acme]\napexes = ['acme.test']\n[tenants.beta]\nbelow = ['beta.test']\n";
        let config = Config::parse(text, Path::new("")).unwrap();
        let overrides: Vec<Override> = texts.iter().map(|text| an_override(text)).collect();
        let tenants = Arc::new(Tenants::new(&config.tenants));
        Rules::new(&overrides, (&Health::unprobed(TargetPolicy::default()), &tenants))
    }

    /// Members 192.0.2.1 to 192.0.2.4.
    fn members() -> Vec<Member> {
        let member = |last| Member {
            address: [192, 0, 2, last].into(),
            weight: 1,
            check: None,
            named: None,
            labels: [].into(),
        };
        (1..=4).map(member).collect()
    }

    /// What the members count as: `.` as they are, `d`own, d`r`ained, `u`p.
    fn judged(rules: &Rules, zone: &str) -> String {
        let owner = format!("www.{zone}");
        let whose = Whose { zone, owner: &owner, rtype: "a", pool: None };
        let letter = |forced: &Option<Force>| match forced {
            None => '.',
            Some(Force::Down) => 'd',
            Some(Force::Drain) => 'r',
            Some(Force::Up) => 'u',
        };
        rules.of(whose, &members()).iter().map(letter).collect()
    }

    #[test]
    fn neither_brings_back_what_the_other_has_put_out() {
        for (texts, of_acme, of_beta) in [
            // Two pins of one giver hold together.
            (&["pin 192.0.2.1", "pin 192.0.2.2"][..], "..dd", "..dd"),
            (&["acme: pin 192.0.2.1", "acme: pin 192.0.2.2"], "..dd", "...."),
            // Of two givers, what both have pinned is left.
            (&["pin 192.0.2.1", "acme: pin 192.0.2.2"], "dddd", ".ddd"),
            (&["pin 192.0.2.0/30", "acme: pin 192.0.2.2"], "d.dd", "...d"),
            (&["acme: pin 192.0.2.2/31", "pin 192.0.2.1", "pin 192.0.2.2"], "d.dd", "..dd"),
            (&["acme: pin 192.0.2.1", "beta: pin 192.0.2.2"], ".ddd", "d.dd"),
            // A pin of what is not there is not meant, whoever gives it.
            (&["pin 203.0.113.1", "acme: pin 192.0.2.2"], "d.dd", "...."),
            (&["pin 192.0.2.1", "acme: pin 203.0.113.1"], ".ddd", ".ddd"),
            (&["pin 192.0.2.1 in beta.test", "acme: pin 192.0.2.2"], "d.dd", ".ddd"),
            // The strongest holds, whoever gives it.
            (&["acme: up 192.0.2.1", "drain 192.0.2.1", "down 192.0.2.2"], "rd..", "rd.."),
            (&["up 192.0.2.1", "acme: down 192.0.2.1"], "d...", "u..."),
            (&["acme: down www.beta.test/A", "beta: up 192.0.2.1"], "....", "u..."),
        ] {
            let rules = rules(texts);
            assert_eq!(judged(&rules, "acme.test."), of_acme, "{texts:?} for acme");
            assert_eq!(judged(&rules, "beta.test."), of_beta, "{texts:?} for beta");
        }
    }
}
