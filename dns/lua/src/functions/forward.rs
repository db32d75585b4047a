//! `createForward`, `createForward6`, `filterForward`: addresses for names that spell them.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use halfmoon_wire::Name;

use crate::Dialect;
use crate::address::{self, Group};
use crate::answers::Reads;
use crate::binder::{Binder, Refused, shown};
use crate::eval::{Bound, Eval, Item, Outcome};
use crate::functions::{Function, Gives, Kind, masks, reverse};
use crate::value::Arg;

pub(super) const CREATEFORWARD: Function = Function {
    name: "createForward",
    usage: "createForward()",
    parameters: &[],
    required: 0,
    gives: Gives::Text,
    bind: |_, binder| Ok(Box::new(Forward4(binder.dialect()))),
};

pub(super) const CREATEFORWARD6: Function = Function {
    name: "createForward6",
    usage: "createForward6()",
    parameters: &[],
    required: 0,
    gives: Gives::Text,
    bind: |_, _| Ok(Box::new(Forward6)),
};

pub(super) const FILTERFORWARD: Function = Function {
    name: "filterForward",
    usage: "filterForward(createForward(), newNMG({'192.0.2.0/24'}), '')",
    parameters: &[Kind::Text, Kind::Networks, Kind::Text],
    required: 2,
    gives: Gives::Table,
    bind: bind_filter,
};

#[derive(Debug)]
struct Forward4(Dialect);

#[derive(Debug)]
struct Forward6;

#[derive(Debug)]
struct Filter(Vec<Item>);

/// The labels of the name in question that stand for the record's `*`. `None`: the record has none.
fn labels<'n>(eval: &Eval<'n>) -> Option<impl Iterator<Item = &'n [u8]> + Clone + use<'n>> {
    if !eval.owner.is_wildcard() {
        return None;
    }
    let above: Name<'_> = eval.owner.parent()?;
    if !eval.qname.is_below(above) {
        return None;
    }
    let count = eval.qname.label_count() - above.label_count();
    Some(eval.qname.labels().take(count))
}

impl Bound for Forward4 {
    fn eval(&self, eval: &mut Eval<'_>) -> Result<Outcome, &'static str> {
        eval.trace.read(Reads::NAME);
        let labels = labels(eval);
        let to = &mut eval.scratch.text;
        let found = labels.and_then(|labels| {
            if labels.clone().count() < 4 {
                let first = labels.clone().next()?;
                return spelled(std::str::from_utf8(first).ok()?);
            }
            to.clear();
            for (place, label) in labels.take(4).enumerate() {
                to.push_str(if place == 0 { "" } else { "." });
                to.push_str(std::str::from_utf8(label).ok()?);
            }
            address::ipv4(to, self.0)
        });
        to.clear();
        // Writing to a string cannot fail.
        let _ = write!(to, "{}", found.unwrap_or(Ipv4Addr::UNSPECIFIED));
        Ok(Outcome::Text)
    }
}

/// The address that one label spells: four numbers at its end, or eight digits.
fn spelled(label: &str) -> Option<Ipv4Addr> {
    let start = label.find(|letter: char| letter.is_ascii_hexdigit())?;
    let label = label.get(start..)?;
    let mut octets = [0; 4];
    let mut count = 0;
    for (octet, part) in
        octets.iter_mut().rev().zip(label.rsplit('-').filter(|part| !part.is_empty()))
    {
        count += 1;
        match reverse::octet(part) {
            Some(value) => *octet = value,
            // It may be digits all the same, unless there are four parts and more.
            None if label.split('-').filter(|part| !part.is_empty()).count() >= 4 => return None,
            None => break,
        }
    }
    if count == 4 {
        return Some(Ipv4Addr::from(octets));
    }
    let digits = label.get(label.len().checked_sub(8)?..)?;
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if is_hex { u32::from_str_radix(digits, 16).ok().map(Ipv4Addr::from_bits) } else { None }
}

impl Bound for Forward6 {
    fn eval(&self, eval: &mut Eval<'_>) -> Result<Outcome, &'static str> {
        eval.trace.read(Reads::NAME);
        let labels = labels(eval);
        let to = &mut eval.scratch.text;
        let found = labels.and_then(|labels| {
            to.clear();
            match labels.clone().count() {
                8 => {
                    for (place, label) in labels.enumerate() {
                        to.push_str(if place == 0 { "" } else { ":" });
                        to.push_str(std::str::from_utf8(label).ok()?);
                    }
                }
                1 => {
                    let label = std::str::from_utf8(labels.clone().next()?).ok()?;
                    if !label.contains('-') {
                        return from_digits(label.get(label.len().checked_sub(32)?..)?);
                    }
                    to.extend(label.chars().map(|letter| if letter == '-' { ':' } else { letter }));
                }
                _ => return None,
            }
            to.parse().ok()
        });
        to.clear();
        // Writing to a string cannot fail.
        let _ = write!(to, "{}", found.unwrap_or(Ipv6Addr::UNSPECIFIED));
        Ok(Outcome::Text)
    }
}

fn from_digits(digits: &str) -> Option<Ipv6Addr> {
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    if is_hex { u128::from_str_radix(digits, 16).ok().map(Ipv6Addr::from_bits) } else { None }
}

fn bind_filter(args: &[Arg], binder: &mut Binder<'_>) -> Result<Box<dyn Bound>, Refused> {
    let [address, networks, fallback @ ..] = args else { return Err(Refused) };
    let text = binder.text(address, "an address")?;
    let Some((parsed, _)) = address::parse(&text, binder.dialect()) else {
        return Err(binder.refuse(address, format!("{} is not an address", shown(address))));
    };
    let group: Group = masks::group(networks, binder)?;
    let fallback = fallback.first().map(|arg| binder.text(arg, "the fallback")).transpose()?;
    let item = if group.holds(parsed) {
        binder.item(address)?
    } else {
        match fallback.as_deref() {
            Some("") => None,
            Some(text) => {
                let arg = Arg::new(crate::value::Value::text(text), address.at);
                binder.item(&arg)?
            }
            None => {
                let none = match parsed {
                    IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
                    IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
                };
                Some(binder.address_item(none))
            }
        }
    };
    Ok(Box::new(Filter(item.into_iter().collect())))
}

impl Bound for Filter {
    fn items(&self) -> &[Item] {
        &self.0
    }

    fn eval(&self, eval: &mut Eval<'_>) -> Result<Outcome, &'static str> {
        eval.scratch.chosen.clear();
        eval.scratch.chosen.extend(0..self.0.len() as u32);
        Ok(Outcome::Many)
    }
}
