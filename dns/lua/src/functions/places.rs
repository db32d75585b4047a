//! `country`, `continent`, `region`, `asnum`: whether the client is in one of some places.

use halfmoon_geo::Attribute;

use crate::binder::{Binder, Refused};
use crate::eval::{Bound, Eval, Outcome};
use crate::functions::{Function, Gives, Kind, countries};
use crate::value::{Arg, Value};

pub(super) const COUNTRY: Function = Function {
    name: "country",
    usage: "country('DE') or country({'DE', 'AT'})",
    parameters: &[Kind::OneOrMore],
    required: 1,
    gives: Gives::Truth,
    bind: |args, binder| bind(args, binder, Attribute::Country2),
};

pub(super) const CONTINENT: Function = Function {
    name: "continent",
    usage: "continent('EU') or continent({'EU', 'AF'})",
    parameters: &[Kind::OneOrMore],
    required: 1,
    gives: Gives::Truth,
    bind: |args, binder| bind(args, binder, Attribute::Continent),
};

pub(super) const REGION: Function = Function {
    name: "region",
    usage: "region('HE') or region({'HE', 'BY'})",
    parameters: &[Kind::OneOrMore],
    required: 1,
    gives: Gives::Truth,
    bind: |args, binder| bind(args, binder, Attribute::Region),
};

pub(super) const ASNUM: Function = Function {
    name: "asnum",
    usage: "asnum(64496) or asnum({64496, 64497})",
    parameters: &[Kind::OneOrMore],
    required: 1,
    gives: Gives::Truth,
    bind: |args, binder| bind(args, binder, Attribute::Asn),
};

const UNKNOWN: &str = "unknown";
const CONTINENTS: [&str; 7] = ["AF", "AN", "AS", "EU", "NA", "OC", "SA"];

#[derive(Debug)]
struct Places {
    attribute: Attribute,
    /// In lower case.
    names: Vec<Box<str>>,
    /// The names that are numbers.
    numbers: Vec<u32>,
}

fn bind(
    args: &[Arg],
    binder: &mut Binder<'_>,
    attribute: Attribute,
) -> Result<Box<dyn Bound>, Refused> {
    let [arg] = args else { return Err(Refused) };
    let list = match &arg.value {
        Value::Table(_) => binder.list(arg, "the list of places")?,
        _ => args,
    };
    let mut places = Places { attribute, names: Vec::new(), numbers: Vec::new() };
    for arg in list {
        let name = binder.text(arg, "a place")?.to_ascii_lowercase();
        if binder.is_halfmoon()
            && let Some((why, help)) = never(attribute, &name)
        {
            return Err(binder.refuse_as("lua-place", arg, format!("'{name}' is {why}"), help));
        }
        places.numbers.extend(name.parse::<u32>());
        places.names.push(name.into());
    }
    Ok(Box::new(places))
}

/// Why no client can be in a place of this name.
pub(super) fn never(attribute: Attribute, name: &str) -> Option<(&'static str, String)> {
    if name == UNKNOWN {
        return None;
    }
    match attribute {
        Attribute::Continent
            if !CONTINENTS.iter().any(|known| known.eq_ignore_ascii_case(name)) =>
        {
            Some(("no continent", format!("write one of {}", CONTINENTS.join(", "))))
        }
        Attribute::Country2 if !countries::is_country(name) => {
            Some(("no country", countries::meant(name)))
        }
        Attribute::Asn if name.parse::<u32>().is_err() => {
            Some(("no autonomous system", "write its number".to_owned()))
        }
        _ => None,
    }
}

impl Bound for Places {
    fn eval(&self, eval: &mut Eval<'_>) -> Result<Outcome, &'static str> {
        if self.attribute == Attribute::Asn {
            let found = eval.client_asn();
            return Ok(Outcome::Bool(match found {
                Some(number) => self.numbers.contains(&number),
                None => self.names.iter().any(|name| **name == *UNKNOWN),
            }));
        }
        let found = known(eval.client_attribute(self.attribute)).unwrap_or(UNKNOWN);
        let is_there = self.names.iter().any(|name| name.eq_ignore_ascii_case(found));
        Ok(Outcome::Bool(is_there))
    }
}

/// A value that says something.
pub(super) fn known(found: Option<&str>) -> Option<&str> {
    found.filter(|text| !text.is_empty() && *text != "--")
}
