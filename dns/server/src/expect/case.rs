//! A file of tests, as it is written.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::SystemTime;

use halfmoon_wire::{Name, NameBuf, Type};
use halfmoon_zones::rdata;
use ipnet::IpNet;
use serde::Deserialize;
use toml::Spanned;

use crate::config::{ZoneFault, position, toml_fault};
use crate::date;
use crate::overrides::Target;

/// The most tests of one zone.
const MOST_TESTS: usize = 1000;
/// The most answers that one test may count.
const MOST_SAMPLES: u32 = 10_000;
/// How many are counted where a test does not say.
const SAMPLES: u32 = 1000;
/// How far a share may be off where a test does not say.
const WITHIN: f64 = 0.05;

/// The tests beside a zone.
#[derive(Clone, Debug)]
pub struct Tests(pub(super) Vec<Case>);

/// One test.
#[derive(Clone, Debug)]
pub(super) struct Case {
    /// The line it begins in, from 1.
    pub(super) line: u32,
    pub(super) name: String,
    pub(super) owner: NameBuf,
    pub(super) rtype: Type,
    pub(super) client: IpAddr,
    pub(super) subnet: Option<IpNet>,
    pub(super) at: Option<SystemTime>,
    pub(super) seed: u64,
    pub(super) down: Vec<Target>,
    pub(super) up: Vec<Target>,
    pub(super) others: Others,
    pub(super) expected: Expected,
}

/// What is supposed of endpoints that a test does not name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Others {
    #[default]
    Up,
    Down,
    Unknown,
}

/// What has to be true of the answer. Data of records are texts as [`rdata::show`] writes them.
#[derive(Clone, Debug, Default)]
pub(super) struct Expected {
    pub(super) is: Option<Vec<String>>,
    pub(super) contains: Vec<String>,
    pub(super) lacks: Vec<String>,
    pub(super) one_of: Vec<String>,
    pub(super) rcode: Option<String>,
    pub(super) ttl: Option<u32>,
    pub(super) scope: Option<u8>,
    pub(super) shares: Option<Shares>,
}

/// How often each of some data is in the answer.
#[derive(Clone, Debug)]
pub(super) struct Shares {
    pub(super) of: Vec<(String, f64)>,
    pub(super) within: f64,
    pub(super) samples: u32,
    /// From where it is asked, one client after the other.
    pub(super) clients: Option<IpNet>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    test: Vec<Spanned<Written>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    ask: String,
    client: Option<IpAddr>,
    subnet: Option<IpNet>,
    at: Option<String>,
    #[serde(default)]
    seed: u64,
    #[serde(default)]
    down: Vec<String>,
    #[serde(default)]
    up: Vec<String>,
    #[serde(default)]
    others: Others,
    is: Option<Vec<String>>,
    #[serde(default)]
    contains: Vec<String>,
    #[serde(default)]
    lacks: Vec<String>,
    #[serde(default)]
    one_of: Vec<String>,
    rcode: Option<String>,
    ttl: Option<u32>,
    scope: Option<u8>,
    #[serde(default)]
    share: BTreeMap<String, f64>,
    within: Option<f64>,
    samples: Option<u32>,
    clients: Option<IpNet>,
}

impl Tests {
    /// Understands the text of a file of tests of the zone `apex`.
    ///
    /// # Errors
    /// What is wrong with it; there is something then.
    pub fn parse(text: &str, apex: Name<'_>) -> Result<Self, Vec<ZoneFault>> {
        let file: File = toml::from_str(text).map_err(|fault| vec![toml_fault(&fault, text)])?;
        if file.test.len() > MOST_TESTS {
            let message = format!("a zone has at most {MOST_TESTS} tests");
            return Err(vec![ZoneFault { line: 1, column: 1, message }]);
        }
        let (mut cases, mut faults) = (Vec::new(), Vec::new());
        for written in file.test {
            let (line, column) = position(text, written.span().start);
            let (line, column) = (line as u32, column as u32);
            match Case::of(written.into_inner(), apex, line) {
                Ok(case) => cases.push(case),
                Err(message) => faults.push(ZoneFault { line, column, message }),
            }
        }
        if faults.is_empty() { Ok(Self(cases)) } else { Err(faults) }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

impl Case {
    fn of(written: Written, apex: Name<'_>, line: u32) -> Result<Self, String> {
        let in_test = |why: String| format!("test {:?}: {why}", written.name);
        let (owner, rtype) = question(&written.ask, apex).map_err(in_test)?;
        let targets = |texts: &[String]| {
            texts.iter().map(|text| Target::parse(text)).collect::<Result<Vec<_>, _>>()
        };
        let at = match &written.at {
            Some(text) => Some(date::parse(text).ok_or_else(|| {
                in_test(format!("{text:?} is no time; write 2026-12-24T18:00:00Z"))
            })?),
            None => None,
        };
        Ok(Self {
            line,
            owner,
            rtype,
            client: written.client.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            subnet: written.subnet,
            at,
            seed: written.seed,
            down: targets(&written.down).map_err(in_test)?,
            up: targets(&written.up).map_err(in_test)?,
            others: written.others,
            expected: Expected::of(&written, rtype, apex).map_err(in_test)?,
            name: written.name,
        })
    }
}

impl Expected {
    fn of(written: &Written, rtype: Type, apex: Name<'_>) -> Result<Self, String> {
        let data = |texts: &[String]| {
            texts.iter().map(|text| data(text, rtype, apex)).collect::<Result<Vec<_>, _>>()
        };
        let shares = Shares::of(written, rtype, apex)?;
        let expected = Self {
            is: written.is.as_deref().map(data).transpose()?,
            contains: data(&written.contains)?,
            lacks: data(&written.lacks)?,
            one_of: data(&written.one_of)?,
            rcode: written.rcode.clone(),
            ttl: written.ttl,
            scope: written.scope,
            shares,
        };
        if expected.scope.is_some() && written.subnet.is_none() {
            return Err("there is a scope only where `subnet` is set".to_owned());
        }
        let expects = expected.is.is_some()
            || !(expected.contains.is_empty() && expected.lacks.is_empty())
            || !expected.one_of.is_empty()
            || expected.rcode.is_some()
            || expected.ttl.is_some()
            || expected.scope.is_some()
            || expected.shares.is_some();
        if !expects {
            return Err(
                "nothing is expected; write `is`, `contains`, `lacks`, `one_of`, `share`, \
                        `rcode`, `ttl` or `scope`"
                    .to_owned(),
            );
        }
        Ok(expected)
    }
}

impl Shares {
    fn of(written: &Written, rtype: Type, apex: Name<'_>) -> Result<Option<Self>, String> {
        if written.share.is_empty() {
            return match (written.within, written.samples, written.clients) {
                (None, None, None) => Ok(None),
                _ => Err("`within`, `samples` and `clients` are for `share`".to_owned()),
            };
        }
        let (within, samples) =
            (written.within.unwrap_or(WITHIN), written.samples.unwrap_or(SAMPLES));
        let is_part = |part: f64| (0.0..=1.0).contains(&part);
        if !is_part(within) || !written.share.values().all(|share| is_part(*share)) {
            return Err("a share is a number from 0 to 1, as 0.25".to_owned());
        }
        if !(1..=MOST_SAMPLES).contains(&samples) {
            return Err(format!("`samples` is a number from 1 to {MOST_SAMPLES}"));
        }
        if written.clients.is_some() && (written.client.is_some() || written.subnet.is_some()) {
            return Err("`clients` stands in place of `client` and `subnet`".to_owned());
        }
        let of = written.share.iter().map(|(text, share)| Ok((data(text, rtype, apex)?, *share)));
        let of = of.collect::<Result<_, String>>()?;
        Ok(Some(Self { of, within, samples, clients: written.clients }))
    }
}

/// The name and the type in `www AAAA`; the type is A if there is none.
fn question(text: &str, apex: Name<'_>) -> Result<(NameBuf, Type), String> {
    let mut words = text.split_whitespace();
    let (owner, rtype, more) = (words.next(), words.next(), words.next());
    let (Some(owner), None) = (owner, more) else {
        return Err(format!("{text:?} is no question; write \"www A\""));
    };
    let owner = NameBuf::from_text(owner.as_bytes(), Some(apex))
        .map_err(|_| format!("{owner:?} is no name"))?;
    let asked = rtype.unwrap_or("A");
    match asked.parse::<Type>() {
        Ok(rtype) if !rtype.is_meta() => Ok((owner, rtype)),
        _ => Err(format!("{asked:?} is no type of records; write A or AAAA")),
    }
}

/// Data of a record of this type, or the name that an alias leads to, as they are compared.
fn data(text: &str, rtype: Type, apex: Name<'_>) -> Result<String, String> {
    let mut octets = Vec::new();
    let own = rdata::parse(rtype, text.as_bytes(), Some(apex), &mut octets);
    let rtype = match own {
        Ok(()) => rtype,
        // Where an alias leads out of the zone, its target is all that there is.
        Err(fault) if text.ends_with('.') => {
            rdata::parse(Type::CNAME, text.as_bytes(), Some(apex), &mut octets)
                .map_err(|_| format!("{text:?}: {}", fault.message))?;
            Type::CNAME
        }
        Err(fault) => return Err(format!("{text:?}: {}", fault.message)),
    };
    Ok(compared(rtype, rdata::text(rtype, &octets)))
}

/// Data of a record as text, in the form in which they are compared.
pub(super) fn compared(rtype: Type, text: String) -> String {
    // Names are the same in either case, and most data are made of them.
    if rtype == Type::TXT { text } else { text.to_ascii_lowercase() }
}
