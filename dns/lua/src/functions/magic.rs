//! `closestMagic`, `latlonMagic`: names in question that spell addresses.

use std::fmt::Write as _;
use std::net::IpAddr;

use crate::Dialect;
use crate::address;
use crate::answers::Reads;
use crate::eval::{Bound, Eval, Outcome};
use crate::functions::{Function, Gives, codes};

pub(super) const CLOSESTMAGIC: Function = Function {
    name: "closestMagic",
    usage: "closestMagic()",
    parameters: &[],
    required: 0,
    gives: Gives::Text,
    bind: |_, binder| Ok(Box::new(ClosestMagic(binder.dialect()))),
};

pub(super) const LATLONMAGIC: Function = Function {
    name: "latlonMagic",
    usage: "latlonMagic()",
    parameters: &[],
    required: 0,
    gives: Gives::Text,
    bind: |_, binder| Ok(Box::new(LatLonMagic(binder.dialect()))),
};

#[derive(Debug)]
struct ClosestMagic(Dialect);

#[derive(Debug)]
struct LatLonMagic(Dialect);

impl Bound for ClosestMagic {
    fn eval(&self, eval: &mut Eval<'_>) -> Result<Outcome, &'static str> {
        eval.trace.read(Reads::NAME);
        let mut candidates = std::mem::take(&mut eval.scratch.candidates);
        candidates.clear();
        let text = &mut eval.scratch.text;
        for label in eval.qname.labels() {
            text.clear();
            let letters = label.iter().map(|octet| char::from(*octet));
            text.extend(letters.map(|letter| if letter == '-' { '.' } else { letter }));
            let Some(address) = address::ipv4(text, self.0) else { break };
            candidates.push(IpAddr::V4(address));
        }
        eval.scratch.chosen.clear();
        eval.scratch.chosen.extend(0..candidates.len() as u32);
        let place = eval.closest(&candidates, self.0);
        let closest = candidates.get(place).copied();
        eval.scratch.candidates = candidates;
        let Some(closest) = closest else {
            return Err("the name in question does not begin with an address");
        };
        eval.scratch.text.clear();
        // Writing to a string cannot fail.
        let _ = write!(eval.scratch.text, "{closest}");
        Ok(Outcome::Text)
    }
}

impl Bound for LatLonMagic {
    fn eval(&self, eval: &mut Eval<'_>) -> Result<Outcome, &'static str> {
        eval.trace.read(Reads::NAME);
        let text = &mut eval.scratch.text;
        text.clear();
        let mut labels = eval.qname.labels();
        let parts: [Option<&[u8]>; 4] = std::array::from_fn(|_| labels.next());
        let [Some(d), Some(c), Some(b), Some(a)] = parts else {
            text.push_str("unknown");
            return Ok(Outcome::Text);
        };
        for (place, label) in [a, b, c, d].into_iter().enumerate() {
            text.push_str(if place == 0 { "" } else { "." });
            text.extend(label.iter().map(|octet| char::from(*octet)));
        }
        let address = address::ipv4(text, self.0);
        let place = eval.location(address.map(IpAddr::V4), self.0);
        codes::put_location(&mut eval.scratch.text, place);
        Ok(Outcome::Text)
    }
}
