//! `countryCode`, `continentCode`, `regionCode`, `latlon`: where the client is, as a string.

use std::fmt::Write as _;

use halfmoon_geo::{Attribute, Location};

use crate::Dialect;
use crate::binder::{Binder, Refused};
use crate::eval::{Bound, Eval, Outcome};
use crate::functions::{Function, Gives, places};
use crate::value::Arg;

pub(super) const COUNTRY_CODE: Function = Function {
    name: "countryCode",
    usage: "countryCode()",
    parameters: &[],
    required: 0,
    gives: Gives::Text,
    bind: |_, _| Ok(Box::new(Code(Attribute::Country2))),
};

pub(super) const CONTINENT_CODE: Function = Function {
    name: "continentCode",
    usage: "continentCode()",
    parameters: &[],
    required: 0,
    gives: Gives::Text,
    bind: |_, _| Ok(Box::new(Code(Attribute::Continent))),
};

pub(super) const REGION_CODE: Function = Function {
    name: "regionCode",
    usage: "regionCode()",
    parameters: &[],
    required: 0,
    gives: Gives::Text,
    bind: |_, _| Ok(Box::new(Code(Attribute::Region))),
};

pub(super) const LATLON: Function = Function {
    name: "latlon",
    usage: "latlon()",
    parameters: &[],
    required: 0,
    gives: Gives::Text,
    bind: bind_latlon,
};

#[derive(Debug)]
struct Code(Attribute);

#[derive(Debug)]
struct LatLon(Dialect);

fn bind_latlon(_: &[Arg], binder: &mut Binder<'_>) -> Result<Box<dyn Bound>, Refused> {
    Ok(Box::new(LatLon(binder.dialect())))
}

impl Bound for Code {
    fn eval(&self, eval: &mut Eval<'_>) -> Result<Outcome, &'static str> {
        let found = places::known(eval.client_attribute(self.0));
        put_lower(&mut eval.scratch.text, found.unwrap_or("--"));
        Ok(Outcome::Text)
    }
}

impl Bound for LatLon {
    fn eval(&self, eval: &mut Eval<'_>) -> Result<Outcome, &'static str> {
        let place = eval.client_location(self.0);
        put_location(&mut eval.scratch.text, place);
        Ok(Outcome::Text)
    }
}

pub(super) fn put_lower(to: &mut String, text: &str) {
    to.clear();
    to.extend(text.chars().map(|letter| letter.to_ascii_lowercase()));
}

pub(super) fn put_location(to: &mut String, place: Location) {
    to.clear();
    // Writing to a string cannot fail.
    let _ = write!(to, "{:.6} {:.6}", place.lat, place.lon);
}
