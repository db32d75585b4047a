//! `[check.rules]`: how grave what looks wrong with a zone is.

use std::collections::BTreeMap;

use halfmoon_zones::{Fault, Level};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// The rules that have a level of their own, each with a section in docs/checks.md. They find what
/// can be served and looks wrong, which is a warning if nothing else is set. What they call an error of their own is
/// one whatever is set: it cannot be served.
pub const RULES: [&str; 59] = [
    "denial-broken",
    "denial-missing",
    "digest-length",
    "dname-at-cut",
    "ds-missing",
    "ds-unmatched",
    "ds-without-ns",
    "lua-address-twice",
    "lua-argument",
    "lua-check",
    "lua-empty-group",
    "lua-family",
    "lua-flat-list",
    "lua-hole",
    "lua-include",
    "lua-never-equal",
    "lua-no-coordinates",
    "lua-no-geo-data",
    "lua-option",
    "lua-place",
    "lua-result",
    "lua-selector",
    "lua-servername",
    "lua-signature",
    "lua-syntax",
    "lua-target",
    "lua-twins",
    "lua-unknown-name",
    "lua-url",
    "lua-url-host",
    "lua-weights",
    "missing-glue",
    "no-denial-records",
    "no-ns",
    "no-ttl",
    "ns-at-wildcard",
    "ns-one-address",
    "ns-one-network",
    "nsec3-iterations",
    "occluded",
    "out-of-zone",
    "program-beside-cname",
    "program-in-signed-zone",
    "rrsig-bogus",
    "rrsig-expired",
    "rrsig-missing",
    "rrsig-no-key",
    "rrsig-not-yet",
    "string-cut",
    "string-over-lines",
    "svcb-alias-params",
    "tenant-checks",
    "tenant-memory",
    "tenant-probes",
    "tenant-programs",
    "tenant-records",
    "tenant-targets",
    "ttl-too-large",
    "ttls-differ",
];

/// What a rule's findings are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RuleLevel {
    /// The version of the zone is refused.
    Error,
    /// They are told, and the zone is served.
    Warning,
    /// They are not told.
    Off,
}

/// What is set of the rules, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules(BTreeMap<String, RuleLevel>);

/// `[check]`: how zones are judged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CheckConfig {
    /// Levels of rules. What is not named here is a warning.
    pub rules: Rules,
}

impl Rules {
    /// Gives warnings the level that is set for their rule, and drops those that are off.
    pub fn apply(&self, faults: &mut Vec<Fault>) {
        if self.0.is_empty() {
            return;
        }
        faults.retain_mut(|fault| match (fault.level, self.0.get(fault.rule)) {
            (Level::Warning, Some(RuleLevel::Off)) => false,
            (Level::Warning, Some(RuleLevel::Error)) => {
                fault.level = Level::Error;
                true
            }
            _ => true,
        });
    }
}

impl<'de> Deserialize<'de> for Rules {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let rules = BTreeMap::<String, RuleLevel>::deserialize(from)?;
        match rules.keys().find(|name| !RULES.contains(&name.as_str())) {
            Some(name) => Err(D::Error::custom(super::error::unknown("rule", name, &RULES))),
            None => Ok(Self(rules)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::RULES;

    #[test]
    fn rules_are_in_order_and_once() {
        assert!(RULES.is_sorted_by(|a, b| a < b));
    }
}
