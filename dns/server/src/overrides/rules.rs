//! All overrides in force, as those ask who answer with members.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use halfmoon_healthcheck::{Account, Force, Health, Member, Orders, Whose};

use super::target::{Found, Scope};
use super::{Order, Override};
use crate::tenants::{TenantId, Tenants};

/// What overrides make of members. Of several for one member the strongest holds: `down`, then `pin`,
/// then `drain`, then `up`.
///
/// Those of a tenant hold in its zones alone, so a list is judged by the rules of the operator and of who owns
/// its zone: others may have as many as they like.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    /// The operator's, the strongest first.
    operator: Vec<Rule>,
    /// Those of tenants that have some, the strongest first.
    own: HashMap<TenantId, Vec<Rule>>,
    /// The names of checks that are targets.
    names: HashSet<Arc<str>>,
    tenants: Arc<Tenants>,
}

/// Of one configuration.
impl PartialEq for Rules {
    fn eq(&self, other: &Self) -> bool {
        self.operator == other.operator && self.own == other.own
    }
}

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
        (health, tenants): (&Health, &Arc<Tenants>),
    ) -> Self {
        let mut rules = Self { tenants: Arc::clone(tenants), ..Self::default() };
        for an in overrides {
            let of = match &an.tenant {
                None => &mut rules.operator,
                // Of a tenant that the configuration does not have any more, it holds nowhere.
                Some(name) => match tenants.id(name) {
                    Some(tenant) => rules.own.entry(tenant).or_default(),
                    None => continue,
                },
            };
            let rule = Rule {
                order: an.order,
                target: an.target.resolve(health),
                within: an.within.clone(),
                reason: format!("{} by {}: {} (override {})", an.order, an.who, an.reason, an.id)
                    .into(),
            };
            if let Found::Checks(_, name) = &rule.target {
                rules.names.insert(Arc::clone(name));
            }
            of.push(rule);
        }
        rules.operator.sort_by_key(|rule| rule.order);
        for own in rules.own.values_mut() {
            own.sort_by_key(|rule| rule.order);
        }
        rules
    }

    /// As those ask who answer; nothing if there are no rules.
    pub(super) fn orders(self) -> Option<Arc<dyn Orders>> {
        if self.operator.is_empty() && self.own.is_empty() { None } else { Some(Arc::new(self)) }
    }

    /// Those of a tenant.
    fn of_tenant(&self, tenant: Option<TenantId>) -> &[Rule] {
        tenant.and_then(|tenant| self.own.get(&tenant)).map_or(&[], Vec::as_slice)
    }

    /// Those of who owns a zone.
    fn of_zone(&self, zone: &str) -> &[Rule] {
        // Mostly nobody has any: then it does not matter who that is.
        if self.own.is_empty() { &[] } else { self.of_tenant(self.tenants.owner_of(zone)) }
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
}

impl Orders for Rules {
    fn judge(
        &self,
        whose: Whose<'_>,
        members: &[Member],
        tell: &mut dyn FnMut(usize, Force, &Arc<str>),
    ) {
        let own = self.of_zone(whose.zone);
        let mut is_pinned = false;
        for rule in merged(&self.operator, own).filter(|rule| rule.is_for(whose)) {
            let to = match rule.order {
                Order::Down => Force::Down,
                Order::Drain => Force::Drain,
                Order::Up => Force::Up,
                Order::Pin => {
                    if !std::mem::replace(&mut is_pinned, true) {
                        // Neither brings back what the other has put out.
                        pin(&self.operator, (whose, members), tell);
                        pin(own, (whose, members), tell);
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

    fn may_concern(&self, account: Option<&Account>, members: &[Member]) -> bool {
        let may = |rule: &Rule, member: &Member| match &rule.target {
            // Whose they are is not known here.
            Found::Scope(_) => true,
            target => target.holds(Whose::NOBODY, member),
        };
        let own = self.of_tenant(account.and_then(|account| self.tenants.holder(account)));
        let mut rules = self.operator.iter().chain(own);
        rules.any(|rule| members.iter().any(|member| may(rule, member)))
    }

    fn names(&self, check: &dyn fmt::Display) -> Option<Arc<str>> {
        if self.names.is_empty() {
            return None;
        }
        self.names.get(check.to_string().as_str()).cloned()
    }
}

impl Rule {
    fn is_for(&self, whose: Whose<'_>) -> bool {
        self.within.as_ref().is_none_or(|scope| scope.holds(whose))
    }
}

/// Puts out all but those that somebody has pinned. A list that has none of them is not meant.
fn pin(
    rules: &[Rule],
    (whose, members): (Whose<'_>, &[Member]),
    tell: &mut dyn FnMut(usize, Force, &Arc<str>),
) {
    let pins = || rules.iter().filter(|rule| rule.order == Order::Pin && rule.is_for(whose));
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

/// Two lists of rules as one, the strongest first; of equal ones those of the first list before the others.
fn merged<'r>(one: &'r [Rule], other: &'r [Rule]) -> impl Iterator<Item = &'r Rule> {
    let (mut one, mut other) = (one.iter().peekable(), other.iter().peekable());
    std::iter::from_fn(move || match (one.peek(), other.peek()) {
        (Some(first), Some(second)) if second.order < first.order => other.next(),
        (None, _) => other.next(),
        _ => one.next(),
    })
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

    #[test]
    fn what_tenants_say_concerns_nobody_else() {
        let only = |texts: &[&str]| {
            let rules = rules(texts);
            let of = |name| {
                let account = rules.tenants.account(rules.tenants.id(name));
                rules.may_concern(account, &members())
            };
            [rules.may_concern(None, &members()), of("acme"), of("beta")]
        };
        for (texts, expected) in [
            // Whose record it is, is not known: it may be this one.
            (&["down www.other.test/A"][..], [true, true, true]),
            (&["acme: drain acme.test"], [false, true, false]),
            (&["acme: up 192.0.2.1", "beta: down 203.0.113.1"], [false, true, false]),
            (&["down 203.0.113.1"], [false, false, false]),
            (&["gone: down 192.0.2.1"], [false, false, false]),
        ] {
            assert_eq!(only(texts), expected, "{texts:?}");
        }
        assert!(rules(&["gone: down 192.0.2.1"]).orders().is_none());
    }

    #[test]
    fn a_check_that_anybody_names_is_known_by_its_name() {
        let rules = rules(&["down tcp 192.0.2.1:80", "acme: up tcp 192.0.2.2:80"]);
        for (check, known) in
            [("tcp 192.0.2.1:80", true), ("tcp 192.0.2.2:80", true), ("tcp 192.0.2.3:80", false)]
        {
            assert_eq!(rules.names(&check).as_deref(), known.then_some(check));
        }
    }
}
