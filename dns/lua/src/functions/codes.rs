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

pub(super) const LATLONLOC: Function = Function {
    name: "latlonloc",
    usage: "latlonloc()",
    parameters: &[],
    required: 0,
    gives: Gives::Text,
    bind: |_, binder| Ok(Box::new(LatLonLoc(binder.dialect()))),
};

#[derive(Debug)]
struct Code(Attribute);

#[derive(Debug)]
struct LatLon(Dialect);

#[derive(Debug)]
struct LatLonLoc(Dialect);

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

impl Bound for LatLonLoc {
    fn eval(&self, eval: &mut Eval<'_>) -> Result<Outcome, &'static str> {
        let place = eval.client_location(self.0);
        let to = &mut eval.scratch.text;
        to.clear();
        put_angle(to, place.lat, ['N', 'S']);
        put_angle(to, place.lon, ['E', 'W']);
        to.push_str("0.00m 1.00m 10000.00m 10.00m");
        Ok(Outcome::Text)
    }
}

/// Writes degrees, minutes and seconds, as LOC has them (RFC 1876 section 3): no more than three
/// digits behind the point. The equator counts as south, the prime meridian as west.
fn put_angle(to: &mut String, degrees: f64, [positive, negative]: [char; 2]) {
    let way = if degrees > 0.0 { positive } else { negative };
    let thousandths = (degrees.abs() * 3_600_000.0).round() as u64;
    let (whole, minutes) = (thousandths / 3_600_000, thousandths / 60_000 % 60);
    let (seconds, mut fraction) = (thousandths / 1000 % 60, thousandths % 1000);
    // Writing to a string cannot fail.
    let _ = write!(to, "{whole} {minutes} {seconds}");
    if fraction > 0 {
        let mut digits = 3;
        while fraction % 10 == 0 {
            fraction /= 10;
            digits -= 1;
        }
        let _ = write!(to, ".{fraction:0digits$}");
    }
    let _ = write!(to, " {way} ");
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
