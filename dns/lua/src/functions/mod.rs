//! The host functions: one table, one file for each family.
//!
//! A function says what it is called, what it takes and gives, and how its arguments are taken in
//! ([`Function::bind`]); what comes out evaluates without Lua ([`Bound::eval`]). A call with literal
//! arguments is bound at load. Any other is bound when it runs, by the same code.

mod all;
mod answer;
mod checked;
pub(crate) mod checks;
mod closest;
mod codes;
mod consistent;
mod countries;
mod dblookup;
mod format;
mod forward;
mod hashed;
mod ifportup;
mod ifup;
mod ifurlextup;
pub(crate) mod ifurlup;
mod lookup;
mod magic;
mod masks;
mod member;
pub(crate) mod options;
mod places;
mod policy;
mod pooled;
mod ports;
mod random;
mod reverse;
mod sample;
mod selector;
mod selfweighted;
mod unchecked;
mod values;
mod weighted;

use halfmoon_geo::Attribute;

use crate::Dialect;
use crate::binder::{Binder, Refused};
use crate::eval::Bound;
use crate::remark::Remark;
use crate::value::{Arg, Value};

/// A host function.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: &'static str,
    /// How it is called, for people.
    pub(crate) usage: &'static str,
    pub(crate) parameters: &'static [Kind],
    /// How many of the parameters have to be given.
    pub(crate) required: usize,
    pub(crate) gives: Gives,
    pub(crate) bind: fn(&[Arg], &mut Binder<'_>) -> Binding,
}

/// A function with its arguments taken in, unless something about them is not right.
pub(crate) type Binding = Result<Box<dyn Bound>, Refused>;

/// What a parameter takes, as far as can be told without its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A string or a number.
    Text,
    /// A table.
    Table,
    /// A list of networks, or a group of them.
    Networks,
    /// A table of options.
    Options,
    /// A string, a number or a list of them.
    OneOrMore,
}

/// What a function returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gives {
    /// A string.
    Text,
    /// A table of strings.
    Table,
    /// A boolean.
    Truth,
    /// That there is no such name.
    Denial,
}

/// What the peer has as well.
const FUNCTIONS: &[&Function] = &[
    &all::ALL,
    &closest::PICKCLOSEST,
    &codes::CONTINENT_CODE,
    &codes::COUNTRY_CODE,
    &codes::REGION_CODE,
    &codes::LATLON,
    &codes::LATLONLOC,
    &consistent::PICKCHASHED,
    &dblookup::DBLOOKUP,
    &forward::CREATEFORWARD,
    &forward::CREATEFORWARD6,
    &forward::FILTERFORWARD,
    &hashed::PICKHASHED,
    &ifportup::IFPORTUP,
    &ifurlextup::IFURLEXTUP,
    &ifurlup::IFURLUP,
    &lookup::GEOIPLOOKUP,
    &magic::CLOSESTMAGIC,
    &magic::LATLONMAGIC,
    &masks::NETMASK,
    &masks::VIEW,
    &places::ASNUM,
    &places::CONTINENT,
    &places::COUNTRY,
    &places::REGION,
    &random::PICKRANDOM,
    &reverse::CREATEREVERSE,
    &reverse::CREATEREVERSE6,
    &sample::PICKRANDOMSAMPLE,
    &selfweighted::PICKSELFWEIGHTED,
    &weighted::PICKNAMEHASHED,
    &weighted::PICKWHASHED,
    &weighted::PICKWRANDOM,
];

/// What the peer does not have: there only in our own dialect, since a program written for the
/// peer may mean something else by these names.
const OURS: &[&Function] = &[
    &answer::ANSWER,
    &answer::NXDOMAIN,
    &checked::IFBEAT,
    &checked::IFUP,
    &ports::IFDNSUP,
    &ports::IFGRPCUP,
    &ports::IFPINGUP,
    &ports::IFTLSUP,
];

/// The functions that answer with what is up.
const BY_HEALTH: [&str; 10] = [
    "ifbeat",
    "ifdnsup",
    "ifgrpcup",
    "ifpingup",
    "ifportup",
    "iftlsup",
    "ifup",
    "ifurlextup",
    "ifurlup",
    "pickselfweighted",
];

/// Whether a function of this name answers with what is up.
pub(crate) fn is_by_health(name: &str) -> bool {
    BY_HEALTH.contains(&name)
}

/// What the databases have to know for the function of this name to say anything of a client; `None`:
/// nothing, or what its own arguments say.
pub(crate) fn asks_for(name: &str) -> Option<Attribute> {
    match name {
        "asnum" => Some(Attribute::Asn),
        "continent" | "continentCode" => Some(Attribute::Continent),
        "country" | "countryCode" => Some(Attribute::Country2),
        "latlon" | "latlonloc" => Some(Attribute::Location),
        "region" | "regionCode" => Some(Attribute::Region),
        _ => None,
    }
}

/// Why the function of this name never gives `code` for the place of a client, and what to write.
pub(crate) fn never_code(name: &str, code: &str) -> Option<(&'static str, String)> {
    let attribute = match name {
        "continentCode" => Attribute::Continent,
        "countryCode" => Attribute::Country2,
        "regionCode" => Attribute::Region,
        _ => return None,
    };
    let lower = code.to_ascii_lowercase();
    if code == "--" {
        return None;
    }
    if lower != code {
        return Some(("codes are in lower case", format!("write '{lower}'")));
    }
    let (why, _) = places::never(attribute, code)?;
    let why = match why {
        "no country" => "there is no such country",
        _ => "there is no such continent",
    };
    let help = match attribute {
        Attribute::Country2 => countries::meant_lower(code),
        _ => "write one of af, an, as, eu, na, oc, sa".to_owned(),
    };
    Some((why, help))
}

/// Whether a program may call one: what its zone and owner are matters then.
pub(crate) fn may_ask_health(text: &str) -> bool {
    BY_HEALTH.iter().any(|name| text.contains(name))
}

/// Whether a program may choose without asking for health: what its zone calls addresses matters then.
pub(crate) fn may_choose(text: &str) -> bool {
    ["all", "pick"].iter().any(|part| text.contains(part))
}

/// The functions of a dialect.
pub(crate) fn of(dialect: Dialect) -> impl Iterator<Item = &'static Function> {
    let ours = if dialect == Dialect::Halfmoon { OURS } else { &[] };
    FUNCTIONS.iter().chain(ours).copied()
}

/// The function of this name.
pub(crate) fn find(name: &str, dialect: Dialect) -> Option<&'static Function> {
    of(dialect).find(|function| function.name == name)
}

impl Function {
    /// Whether so many arguments, of these kinds, can be right. `None` is an argument that is not
    /// known before the program runs.
    ///
    /// # Errors
    /// The first thing that cannot.
    pub(crate) fn check(&self, at: usize, args: &[Option<Arg>]) -> Result<(), Remark> {
        for (kind, arg) in self.parameters.iter().zip(args) {
            let Some(arg) = arg else { continue };
            let fits = match (kind, &arg.value) {
                (_, Value::Nil) => true,
                (Kind::Text, value) => matches!(value, Value::Text(_) | Value::Number(_)),
                (Kind::Table | Kind::Options, value) => matches!(value, Value::Table(_)),
                (Kind::Networks, value) => matches!(value, Value::Table(_) | Value::Networks(_)),
                (Kind::OneOrMore, value) => {
                    matches!(value, Value::Table(_) | Value::Text(_) | Value::Number(_))
                }
            };
            if !fits {
                let message = format!("{} does not take {} here", self.name, arg.value.kind());
                return Err(Remark::error("lua-signature", arg.at, message).help(self.help(args)));
            }
        }
        let given = args.len();
        if given > self.parameters.len() || given < self.required {
            let much = if given < self.required { "few" } else { "many" };
            let message = format!("too {much} arguments for {}: {given}", self.name);
            return Err(Remark::error("lua-signature", at, message).help(self.help(args)));
        }
        Ok(())
    }

    fn help(&self, args: &[Option<Arg>]) -> String {
        let first = args.first().and_then(Option::as_ref).and_then(|arg| arg.value.as_text());
        match first {
            // A selector's name where the health function's belongs.
            Some(url) if self.name.starts_with("pick") && url.contains("://") => {
                format!("write ifurlup('{url}', addresses, {{selector='{}'}})", self.selector())
            }
            _ => format!("write {}", self.usage),
        }
    }

    fn selector(&self) -> &'static str {
        match self.name {
            "pickclosest" => "pickclosest",
            "pickhashed" | "pickwhashed" | "pickchashed" => "hashed",
            _ => "random",
        }
    }

    /// Takes arguments in.
    ///
    /// # Errors
    /// Something about them is not right; the binder's remarks say what.
    pub(crate) fn bind(
        &self,
        at: usize,
        args: &[Arg],
        binder: &mut Binder<'_>,
    ) -> Result<Box<dyn Bound>, Refused> {
        // A nil at the end is an argument left out.
        let trailing = args.iter().rev().take_while(|arg| arg.value == Value::Nil).count();
        let args = args.get(..args.len() - trailing).unwrap_or(args);
        let known: Vec<Option<Arg>> = args.iter().cloned().map(Some).collect();
        if let Err(remark) = self.check(at, &known) {
            binder.remarks.push(remark);
            return Err(Refused);
        }
        (self.bind)(args, binder)
    }
}
