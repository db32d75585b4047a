//! `createReverse`, `createReverse6`: names for addresses whose reverse name is in question.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use halfmoon_wire::Name;

use crate::address;
use crate::answers::Reads;
use crate::binder::{Binder, Refused, shown};
use crate::eval::{Bound, Eval, Outcome};
use crate::functions::format::Format;
use crate::functions::{Function, Gives, Kind};
use crate::value::{Arg, Value};

pub(super) const CREATEREVERSE: Function = Function {
    name: "createReverse",
    usage: "createReverse('%5%.example.org.', {['192.0.2.1']='www.example.org.'})",
    parameters: &[Kind::Text, Kind::Table],
    required: 1,
    gives: Gives::Text,
    bind: |args, binder| Ok(Box::new(Reverse4(bind(args, binder)?))),
};

pub(super) const CREATEREVERSE6: Function = Function {
    name: "createReverse6",
    usage: "createReverse6('%33%.example.org.', {['2001:db8::1']='www.example.org.'})",
    parameters: &[Kind::Text, Kind::Table],
    required: 1,
    gives: Gives::Text,
    bind: |args, binder| Ok(Box::new(Reverse6(bind(args, binder)?))),
};

/// What is said of a name that has too few labels to be an address.
const UNKNOWN: &str = "unknown";
/// What is said of labels that are no address, and where the format is none.
const ERROR: &str = "error";

/// How many labels make an IPv6 address: its digits.
const DIGITS: usize = 32;

#[derive(Debug)]
struct Reverse {
    /// `None`: not a format, which the peer says when it is asked.
    format: Option<Format>,
    exceptions: Vec<(IpAddr, Box<str>)>,
}

#[derive(Debug)]
struct Reverse4(Reverse);

#[derive(Debug)]
struct Reverse6(Reverse);

fn bind(args: &[Arg], binder: &mut Binder<'_>) -> Result<Reverse, Refused> {
    let [text, exceptions @ ..] = args else { return Err(Refused) };
    let format = Format::parse(&binder.text(text, "the format")?);
    if format.is_none() && binder.is_halfmoon() {
        let message = format!("{} is not a format", shown(text));
        let help = "write %1% for the first part of the address, and %% for a percent sign";
        return Err(binder.refuse_with(text, message, help));
    }
    let exceptions = match exceptions.first() {
        Some(table) if table.value != Value::Nil => read_exceptions(table, binder)?,
        _ => Vec::new(),
    };
    Ok(Reverse { format, exceptions })
}

fn read_exceptions(
    table: &Arg,
    binder: &mut Binder<'_>,
) -> Result<Vec<(IpAddr, Box<str>)>, Refused> {
    let Value::Table(entries) = &table.value else { return Err(Refused) };
    if let Some(item) = entries.items.first() {
        let message = "the exceptions are no list";
        return Err(binder.refuse_with(item, message, "write {['192.0.2.1']='www.example.org.'}"));
    }
    let mut exceptions = Vec::with_capacity(entries.fields.len());
    for (key, value) in &entries.fields {
        let text = binder.text(key, "an address")?;
        let Some((address, _)) = address::parse(&text, binder.dialect()) else {
            return Err(binder.refuse(key, format!("'{text}' is not an address")));
        };
        exceptions.push((address, binder.text(value, "a name")?.into()));
    }
    Ok(exceptions)
}

impl Reverse {
    /// Writes the name; `put` writes the parts of the address.
    fn write(&self, address: IpAddr, to: &mut String, put: impl FnMut(usize, &mut String)) {
        let exception = self.exceptions.iter().find(|(known, _)| *known == address);
        match (exception, &self.format) {
            (Some((_, name)), _) => to.push_str(name),
            (None, Some(format)) => format.write(to, put),
            (None, None) => to.push_str(ERROR),
        }
    }
}

impl Bound for Reverse4 {
    fn eval(&self, eval: &mut Eval<'_>) -> Result<Outcome, &'static str> {
        eval.trace.read(Reads::NAME);
        let to = &mut eval.scratch.text;
        to.clear();
        let mut labels = eval.qname.labels();
        let parts: [Option<&[u8]>; 4] = std::array::from_fn(|_| labels.next());
        let [Some(d), Some(c), Some(b), Some(a)] = parts else {
            to.push_str(UNKNOWN);
            return Ok(Outcome::Text);
        };
        let written = [a, b, c, d].map(|label| std::str::from_utf8(label).unwrap_or(""));
        let octets = written.map(octet);
        let [Some(a), Some(b), Some(c), Some(d)] = octets else {
            to.push_str(ERROR);
            return Ok(Outcome::Text);
        };
        let address = Ipv4Addr::new(a, b, c, d);
        self.0.write(address.into(), to, |number, to| match number {
            4 => {
                for (place, part) in written.iter().enumerate() {
                    to.push_str(if place == 0 { "" } else { "-" });
                    to.push_str(part);
                }
            }
            5 => {
                // Writing to a string cannot fail.
                let _ = write!(to, "{:08x}", address.to_bits());
            }
            _ => to.push_str(written.get(number).copied().unwrap_or("")),
        });
        Ok(Outcome::Text)
    }
}

/// A decimal octet, leading zeros and all.
pub(super) fn octet(text: &str) -> Option<u8> {
    let is_decimal = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    if is_decimal { text.parse().ok() } else { None }
}

impl Bound for Reverse6 {
    fn eval(&self, eval: &mut Eval<'_>) -> Result<Outcome, &'static str> {
        eval.trace.read(Reads::NAME);
        let to = &mut eval.scratch.text;
        to.clear();
        match digits(eval.qname) {
            Ok(digits) => {
                let written = std::str::from_utf8(&digits).unwrap_or("");
                let bits = u128::from_str_radix(written, 16).unwrap_or(0);
                let address = Ipv6Addr::from_bits(bits);
                self.0.write(address.into(), to, |number, to| part(number, written, address, to));
            }
            Err(what) => to.push_str(what),
        }
        Ok(Outcome::Text)
    }
}

/// The digits of the address, the first ones first.
fn digits(qname: Name<'_>) -> Result<[u8; DIGITS], &'static str> {
    if qname.label_count() < DIGITS {
        return Err(UNKNOWN);
    }
    let mut digits = [0; DIGITS];
    for (digit, label) in digits.iter_mut().rev().zip(qname.labels()) {
        match label {
            [only] if only.is_ascii_hexdigit() => *digit = *only,
            _ => return Err(ERROR),
        }
    }
    Ok(digits)
}

fn part(number: usize, digits: &str, address: Ipv6Addr, to: &mut String) {
    match number {
        0..32 => to.push_str(digits.get(number..=number).unwrap_or("")),
        32 => put_dashed(address, to),
        33..41 => {
            let start = (number - 33) * 4;
            to.push_str(digits.get(start..start + 4).unwrap_or(""));
        }
        _ => {}
    }
}

/// The address with hyphens for colons, and zeros where a label could not begin or end with a
/// hyphen, or would look like an internationalised one.
fn put_dashed(address: Ipv6Addr, to: &mut String) {
    let start = to.len();
    // Writing to a string cannot fail.
    let _ = write!(to, "{address}");
    let colons = to.get(start..).unwrap_or("");
    let begins = colons.starts_with(':') || colons.get(2..4) == Some("::");
    let ends = colons.ends_with(':');
    if begins {
        to.insert(start, '0');
    }
    if ends {
        to.push('0');
    }
    // Each is one octet, so the text stays what it is.
    while let Some(colon) = to.get(start..).and_then(|text| text.find(':')) {
        to.replace_range(start + colon..=start + colon, "-");
    }
}
