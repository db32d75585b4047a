//! `[check.rules]`: how grave what looks wrong with a zone is.

use std::collections::BTreeMap;

use halfmoon_zones::{Fault, Level};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// The rules that have a level of their own, each with a section in docs/checks.md. They find what
/// can be served and looks wrong, which is a warning if nothing else is set. What they call an error of their own is
/// one whatever is set: it cannot be served.
pub const RULES: [&str; 53] = [
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
    "ttl-too-large",
    "ttls-differ",
];

/// The rules on what a zone of a tenant may have. They have a section in docs/checks.md, too, and no level: they are
/// errors in every dialect.
pub const TENANT_RULES: [&str; 6] = [
    "tenant-checks",
    "tenant-memory",
    "tenant-probes",
    "tenant-programs",
    "tenant-records",
    "tenant-targets",
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
        for name in rules.keys().map(String::as_str) {
            if TENANT_RULES.contains(&name) {
                return Err(D::Error::custom(format!(
                    "`{name}` has no level: it is always an error; what a tenant may have is set in \
                     its table `tenants.NAME`"
                )));
            }
            if !RULES.contains(&name) {
                return Err(D::Error::custom(super::error::unknown("rule", name, &RULES)));
            }
        }
        Ok(Self(rules))
    }
}

#[cfg(test)]
mod tests {
    use super::{RULES, Rules, TENANT_RULES};

    #[test]
    fn rules_are_in_order_and_once() {
        assert!(RULES.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn what_is_always_an_error_has_no_level() {
        for rule in TENANT_RULES {
            let fault = toml::from_str::<Rules>(&format!("{rule} = 'error'\n")).unwrap_err();
            let expected = format!("`{rule}` has no level: it is always an error");
            assert!(fault.message().contains(&expected), "{fault}");
        }
    }
}
