//! `geoiplookup`: what the databases say of any address.

use std::fmt::Write as _;
use std::net::IpAddr;

use halfmoon_geo::Attribute;

use crate::Dialect;
use crate::answers::Reads;
use crate::binder::{Binder, Refused};
use crate::eval::{Bound, Eval, Outcome};
use crate::functions::{Function, Gives, Kind, codes, places};
use crate::value::Arg;

pub(super) const GEOIPLOOKUP: Function = Function {
    name: "geoiplookup",
    usage: "geoiplookup('192.0.2.1', GeoIPQueryAttribute.Country)",
    parameters: &[Kind::Text, Kind::Text],
    required: 2,
    gives: Gives::Text,
    bind,
};

#[derive(Debug)]
struct Lookup {
    /// `None`: not an address, of which the peer says nothing at all.
    address: Option<IpAddr>,
    attribute: Attribute,
    dialect: Dialect,
}

fn bind(args: &[Arg], binder: &mut Binder<'_>) -> Result<Box<dyn Bound>, Refused> {
    let [address, attribute] = args else {
        return Err(Refused);
    };
    let text = binder.text(address, "an address")?;
    let parsed = text.parse().ok();
    if parsed.is_none() && binder.is_halfmoon() && binder.at_load() {
        return Err(binder.refuse(address, format!("'{text}' is not an address")));
    }
    let number = binder.integer(attribute, "an attribute")?;
    let Some(known) = u8::try_from(number).ok().and_then(Attribute::from_number) else {
        let message = format!("there is no attribute {number}");
        return Err(binder.refuse_with(attribute, message, "write GeoIPQueryAttribute.Country"));
    };
    let dialect = binder.dialect();
    Ok(Box::new(Lookup { address: parsed, attribute: known, dialect }))
}

impl Bound for Lookup {
    fn eval(&self, eval: &mut Eval<'_>) -> Result<Outcome, &'static str> {
        eval.trace.read(Reads::PLACE);
        let text = &mut eval.scratch.text;
        text.clear();
        let Some(address) = self.address else {
            return Ok(Outcome::Text);
        };
        match self.attribute {
            Attribute::Asn => match eval.geo.asn(address).value {
                Some(number) => {
                    // Writing to a string cannot fail.
                    let _ = write!(text, "{number}");
                }
                None => text.push_str("unknown"),
            },
            Attribute::Location => {
                let found = match self.dialect {
                    Dialect::Halfmoon => eval.geo.location(address),
                    Dialect::PowerDns => eval.geo.location_with_accuracy(address),
                };
                match found.value {
                    Some(place) => codes::put_location(text, place),
                    None => text.push_str("unknown"),
                }
            }
            attribute => {
                let found = places::known(eval.geo.text(attribute, address).value);
                codes::put_lower(text, found.unwrap_or("unknown"));
            }
        }
        Ok(Outcome::Text)
    }
}
