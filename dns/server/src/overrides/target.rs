//! What an override is on, as operators write it.

use std::collections::HashSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use halfmoon_healthcheck::{CheckId, Health, Member, Whose};
use halfmoon_wire::{NameBuf, Type};
use ipnet::IpNet;

/// The longest text of a target, in octets: longer than a URL in a zone can be.
const LONGEST: usize = 4096;

/// What an override is on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Members whose address is in this network; one address is a network of its own.
    Network(IpNet),
    /// Members that this check speaks for, by its name as `halfmoon health` shows it.
    Check(String),
    /// Members with this label.
    Label(String),
    /// All members of the pools of a record.
    Record(Scope),
    /// All members of the pools of a zone.
    Zone(Scope),
}

/// Some records: all of a zone, or those of one owner and type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The zone with this name.
    Zone(String),
    /// The records with this owner and type.
    Record(String, String, Which),
}

/// Which pools of an owner and type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// All of them.
    All,
    /// Those of the record with this number, from 0.
    OfRecord(u32),
    /// The one of the record with this number that has this number, both from 0.
    One(u32, u32),
}

impl Target {
    /// Understands a target.
    ///
    /// # Errors
    /// What to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        // What is refused is noted and kept, too.
        if text.len() > LONGEST || text.chars().any(char::is_control) {
            return Err(format!("a target is one line of at most {LONGEST} octets"));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Network(address.to_canonical().into()));
        }
        if let Ok(network) = text.parse::<IpNet>() {
            return Ok(Self::Network(network.trunc()));
        }
        if text.parse::<SocketAddr>().is_ok() {
            return Err(format!(
                "{text:?} is an address and a port; write the address alone, \
                 or the check as `halfmoon health` shows it: \"tcp {text}\""
            ));
        }
        if text.contains(' ') || text.contains("://") {
            return Ok(Self::Check(text.to_owned()));
        }
        if text.contains('/') {
            return Scope::parse(text).map(Self::Record);
        }
        if text.contains(':') {
            return Ok(Self::Label(text.to_owned()));
        }
        Scope::parse(text).map(Self::Zone)
    }

    /// The same with what can be looked up beforehand.
    pub(crate) fn resolve(&self, health: &Health) -> Found {
        match self {
            Self::Network(network) => Found::Network(*network),
            Self::Label(label) => Found::Label(label.clone()),
            Self::Record(scope) | Self::Zone(scope) => Found::Scope(scope.clone()),
            Self::Check(name) => {
                let checks = health.checks();
                let named = checks.iter().filter(|report| report.check.to_string() == *name);
                Found::Checks(named.map(|report| report.id).collect(), name.as_str().into())
            }
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) if network.prefix_len() == network.max_prefix_len() => {
                write!(f, "{}", network.addr())
            }
            Self::Network(network) => write!(f, "{network}"),
            Self::Check(name) | Self::Label(name) => f.write_str(name),
            Self::Record(scope) | Self::Zone(scope) => scope.fmt(f),
        }
    }
}

impl Scope {
    /// Understands `example.org` as a zone and `www.example.org/A` as a record.
    ///
    /// # Errors
    /// What to write instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let name = |text: &str| {
            let name = text.parse::<NameBuf>().map(|name| name.to_string().to_ascii_lowercase());
            name.map_err(|_| {
                format!(
                    "{text:?} is no name; write an address, a network, a zone (example.org), \
                     a record (www.example.org/A) or a label (region:fsn)"
                )
            })
        };
        match text.split_once('/') {
            None => Ok(Self::Zone(name(text)?)),
            Some((owner, rtype)) => {
                let (rtype, which) = Which::split(rtype, owner)?;
                let rtype: Type = rtype.parse().map_err(|_| {
                    format!("{rtype:?} is no type of records; write A or AAAA, as in {owner}/A")
                })?;
                Ok(Self::Record(name(owner)?, rtype.to_string().to_ascii_lowercase(), which))
            }
        }
    }

    /// Whether a list of members is of one of these records.
    #[must_use]
    pub fn holds(&self, whose: Whose<'_>) -> bool {
        match self {
            Self::Zone(zone) => whose.zone.eq_ignore_ascii_case(zone),
            Self::Record(owner, rtype, which) => {
                whose.owner.eq_ignore_ascii_case(owner)
                    && whose.rtype.eq_ignore_ascii_case(rtype)
                    && which.holds(whose)
            }
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zone(zone) => f.write_str(zone),
            Self::Record(owner, rtype, which) => {
                write!(f, "{owner}/{}", rtype.to_ascii_uppercase())?;
                match which {
                    Which::All => Ok(()),
                    Which::OfRecord(program) => write!(f, "/{}", program + 1),
                    Which::One(program, number) => write!(f, "/{}/{}", program + 1, number + 1),
                }
            }
        }
    }
}

impl Which {
    /// Takes the numbers behind a type away, as in `A/2` and `A/2/1`.
    fn split<'t>(text: &'t str, owner: &str) -> Result<(&'t str, Self), String> {
        let Some((rtype, numbers)) = text.split_once('/') else {
            return Ok((text, Self::All));
        };
        let number = |text: &str| {
            let number = text.parse::<u32>().ok().and_then(|number| number.checked_sub(1));
            number.ok_or_else(|| {
                format!(
                    "{text:?} is no number from 1; write {owner}/{rtype}/2 for the second of these \
                     records, {owner}/{rtype}/2/1 for its first pool"
                )
            })
        };
        let which = match numbers.split_once('/') {
            None => Self::OfRecord(number(numbers)?),
            Some((program, pool)) => Self::One(number(program)?, number(pool)?),
        };
        Ok((rtype, which))
    }

    fn holds(self, whose: Whose<'_>) -> bool {
        match self {
            Self::All => true,
            Self::OfRecord(record) => whose.pool.is_some_and(|(own, _)| own == record),
            Self::One(record, number) => whose.pool == Some((record, number)),
        }
    }
}

/// A target with what was looked up.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Found {
    Network(IpNet),
    /// The checks of this name that there are, and the name, by which later ones are known.
    Checks(HashSet<CheckId>, Arc<str>),
    Label(String),
    Scope(Scope),
}

impl Found {
    /// Whether it is this member's.
    pub(crate) fn holds(&self, whose: Whose<'_>, member: &Member) -> bool {
        match self {
            Self::Network(network) => network.contains(&member.address.to_canonical()),
            Self::Checks(checks, name) => {
                member.check.is_some_and(|check| checks.contains(&check))
                    || member.named.as_ref() == Some(name)
            }
            Self::Label(label) => member.labels.iter().any(|own| *own.name == **label),
            Self::Scope(scope) => scope.holds(whose),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_understood_as_what_it_looks_like() {
        let records = |owner: &str, rtype: &str, which| {
            Target::Record(Scope::Record(owner.into(), rtype.into(), which))
        };
        let record = |owner: &str, rtype: &str| records(owner, rtype, Which::All);
        let of_second = records("a.example.", "a", Which::OfRecord(1));
        let third_of_first = records("a.example.", "a", Which::One(0, 2));
        for (text, target, shown) in [
            ("192.0.2.1", Target::Network("192.0.2.1/32".parse().unwrap()), "192.0.2.1"),
            ("::ffff:192.0.2.1", Target::Network("192.0.2.1/32".parse().unwrap()), "192.0.2.1"),
            ("2001:db8::1", Target::Network("2001:db8::1/128".parse().unwrap()), "2001:db8::1"),
            ("192.0.2.7/24", Target::Network("192.0.2.0/24".parse().unwrap()), "192.0.2.0/24"),
            ("tcp 192.0.2.1:80", Target::Check("tcp 192.0.2.1:80".into()), "tcp 192.0.2.1:80"),
            (
                "https://a.example/",
                Target::Check("https://a.example/".into()),
                "https://a.example/",
            ),
            ("region:fsn", Target::Label("region:fsn".into()), "region:fsn"),
            ("WWW.example.org/a", record("www.example.org.", "a"), "www.example.org./A"),
            ("www.example.org./AAAA", record("www.example.org.", "aaaa"), "www.example.org./AAAA"),
            ("a.example/a/2", of_second, "a.example./A/2"),
            ("a.example./A/1/3", third_of_first, "a.example./A/1/3"),
            ("example.org", Target::Zone(Scope::Zone("example.org.".into())), "example.org."),
        ] {
            assert_eq!(Target::parse(text).as_ref(), Ok(&target), "{text}");
            assert_eq!(target.to_string(), shown);
            assert_eq!(Target::parse(shown), Ok(target), "{shown}");
        }
        for (text, part) in [
            ("192.0.2.1:80", "\"tcp 192.0.2.1:80\""),
            ("a..b", "is no name; write an address, a network, a zone"),
            ("www.example.org/ALPHA", "is no type of records; write A or AAAA"),
            ("192.0.2.0/33", "is no type of records"),
            ("a.example/A/0", "\"0\" is no number from 1; write a.example/A/2"),
            ("a.example/A/x", "\"x\" is no number from 1"),
            ("a.example/A/1/2/3", "\"2/3\" is no number from 1"),
            ("a.example/A/4294967296", "is no number from 1"),
            ("region:a\nb", "one line"),
            (&format!("tcp {}", "a".repeat(LONGEST)), "at most 4096 octets"),
        ] {
            let refused = Target::parse(text).unwrap_err();
            assert!(refused.contains(part), "{text}: {refused}");
        }
    }
}
