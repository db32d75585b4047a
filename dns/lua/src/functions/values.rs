//! The values that options have, read and judged.

use std::error::Error;
use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use halfmoon_healthcheck::{Stale, Statuses};

use crate::address;
use crate::binder::{Binder, Refused, shown};
use crate::value::{Arg, Table, Value};

/// A value that says itself what is wrong with its text.
pub(super) fn parsed<T: FromStr<Err: Error>>(
    arg: &Arg,
    name: &str,
    binder: &mut Binder<'_>,
) -> Result<T, Refused> {
    let text = binder.text(arg, name)?;
    text.parse().map_err(|error: T::Err| binder.refuse(arg, error.to_string()))
}

pub(super) fn source(arg: &Arg, binder: &mut Binder<'_>) -> Result<IpAddr, Refused> {
    let text = binder.text(arg, "source")?;
    match address::parse(&text, binder.dialect()) {
        Some((address, _)) => Ok(address),
        None => Err(binder.refuse(arg, format!("source '{text}' is not an address"))),
    }
}

/// Whether the peer takes the value for any option at all: text or a number, or a table of those.
pub(super) fn takes(name: &str, arg: &Arg, binder: &mut Binder<'_>) -> Result<(), Refused> {
    let is_text = |arg: &Arg| matches!(arg.value, Value::Text(_) | Value::Number(_));
    let fits = match &arg.value {
        Value::Table(Table { items, fields }) => {
            items.iter().chain(fields.iter().map(|(_, value)| value)).all(is_text)
        }
        _ => is_text(arg),
    };
    if fits {
        return Ok(());
    }
    let message = format!("{name} has to be a string or a table of strings, not {}", shown(arg));
    Err(binder.refuse(arg, message))
}

/// Longer than any interval that makes sense, and short enough to be added to a clock.
pub(super) const DAY: f64 = 86_400.0;

pub(super) fn seconds(arg: &Arg, most: f64, binder: &mut Binder<'_>) -> Result<Duration, Refused> {
    let number = match &arg.value {
        Value::Number(number) => Some(*number),
        Value::Text(octets) => {
            std::str::from_utf8(octets).ok().and_then(|text| text.trim().parse().ok())
        }
        _ => None,
    };
    match number {
        Some(number) if (0.0..=most).contains(&number) => Ok(Duration::from_secs_f64(number)),
        _ => {
            let most = if most == DAY { "a day".to_owned() } else { format!("{most}") };
            let message = format!("{} is no number of seconds from 0 to {most}", shown(arg));
            Err(binder.refuse(arg, message))
        }
    }
}

/// The same, or the default where the peer goes on with something else.
pub(super) fn seconds_or(
    default: Duration,
    arg: &Arg,
    binder: &mut Binder<'_>,
) -> Result<Duration, Refused> {
    let told = binder.remarks.len();
    let read = seconds(arg, DAY, binder);
    if binder.is_halfmoon() || matches!(arg.value, Value::Table(_)) {
        return read;
    }
    Ok(read.unwrap_or_else(|_| {
        binder.remarks.truncate(told);
        let message = format!("{} is no number of seconds from 0 to a day", shown(arg));
        binder.warn("lua-option", arg, message, "the default is in force");
        default
    }))
}

pub(super) fn count(arg: &Arg, binder: &mut Binder<'_>) -> Result<u32, Refused> {
    if !binder.is_halfmoon() {
        // On the peer, no failure at all makes a target down, which one failure comes closest to.
        let number = arg.value.as_integer().unwrap_or(0).clamp(1, i64::from(u32::MAX));
        return Ok(u32::try_from(number).unwrap_or(1));
    }
    let number = binder.integer(arg, "a count of results")?;
    match u32::try_from(number) {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(binder.refuse_with(arg, format!("{number} results in a row"), "write 1 or more")),
    }
}

/// `None`: no number, at which each check of the peer fails.
pub(super) fn natural(arg: &Arg, binder: &mut Binder<'_>) -> Result<Option<u64>, Refused> {
    if !binder.is_halfmoon() {
        let number = arg.value.as_integer().map(|number| u64::try_from(number).unwrap_or(0));
        return Ok(never_without(number, arg, "a number of octets", binder));
    }
    let number = binder.integer(arg, "a number of octets")?;
    match u64::try_from(number) {
        Ok(number) => Ok(Some(number)),
        Err(_) => Err(binder.refuse(arg, "a number of octets is not negative")),
    }
}

/// A status, or a list of them with ranges, which the peer does not have. `None`: no status, which
/// the peer waits for in vain.
pub(super) fn statuses(arg: &Arg, binder: &mut Binder<'_>) -> Result<Option<Statuses>, Refused> {
    let status = |number| u16::try_from(number).ok().filter(|code| (100..=599).contains(code));
    if !binder.is_halfmoon() {
        let number = arg.value.as_integer().and_then(status).map(Statuses::only);
        return Ok(never_without(number, arg, "an HTTP status", binder));
    }
    if matches!(arg.value, Value::Text(_)) {
        return parsed(arg, "httpcode", binder).map(Some);
    }
    let number = binder.integer(arg, "a status")?;
    match status(number) {
        Some(code) => Ok(Some(Statuses::only(code))),
        None => {
            Err(binder.refuse_with(arg, format!("{number} is no HTTP status"), "write 100 to 599"))
        }
    }
}

fn never_without<T>(
    number: Option<T>,
    arg: &Arg,
    what: &str,
    binder: &mut Binder<'_>,
) -> Option<T> {
    if number.is_none() {
        let message = format!("{} is not {what}", shown(arg));
        binder.warn("lua-option", arg, message, "it is never probed and counts as not up");
    }
    number
}

/// Ten years: longer than any certificate that anybody should have.
const MOST_DAYS: u16 = 3650;

pub(super) fn days(arg: &Arg, binder: &mut Binder<'_>) -> Result<u16, Refused> {
    let number = binder.integer(arg, "a number of days")?;
    match u16::try_from(number) {
        Ok(days) if days <= MOST_DAYS => Ok(days),
        _ => Err(binder.refuse(arg, format!("a number of days is from 0 to {MOST_DAYS}"))),
    }
}

pub(super) fn stale(arg: &Arg, binder: &mut Binder<'_>) -> Result<Stale, Refused> {
    match &*binder.text(arg, "stale")? {
        "down" => Ok(Stale::Down),
        "unknown" => Ok(Stale::Unknown),
        _ => {
            let message = format!("{} is not what stale can be", shown(arg));
            Err(binder.refuse_with(arg, message, "write 'down' or 'unknown'"))
        }
    }
}

pub(super) fn truth(arg: &Arg, name: &str, binder: &mut Binder<'_>) -> Result<bool, Refused> {
    if let Value::Bool(truth) = arg.value
        && binder.is_halfmoon()
    {
        return Ok(truth);
    }
    let text = binder.text(arg, name)?;
    match &*text {
        "true" => Ok(true),
        _ if text == "false" || !binder.is_halfmoon() => Ok(false),
        _ => Err(binder.refuse_with(
            arg,
            format!("{} is neither", shown(arg)),
            "write true or false",
        )),
    }
}

/// A TTL (RFC 2181 section 8).
pub(super) fn ttl(arg: &Arg, binder: &mut Binder<'_>) -> Result<u32, Refused> {
    let number = binder.integer(arg, "a TTL")?;
    match u32::try_from(number) {
        Ok(seconds) if seconds <= i32::MAX as u32 => Ok(seconds),
        _ => Err(binder.refuse(arg, format!("a TTL is from 0 to 2147483647, not {number}"))),
    }
}

pub(super) fn headers(
    arg: &Arg,
    binder: &mut Binder<'_>,
) -> Result<Vec<(String, String)>, Refused> {
    let Value::Table(Table { items, fields }) = &arg.value else {
        let message = format!("headers has to be a table, not {}", arg.value.kind());
        return Err(binder.refuse_with(arg, message, "write {['Authorization']='…'}"));
    };
    if let Some(item) = items.first() {
        return Err(binder.refuse(item, "a header has no name"));
    }
    let mut headers = Vec::new();
    for (key, value) in fields {
        let name = binder.text(key, "the name of a header")?.replace('_', "-");
        headers.push((name, binder.text(value, "a header")?.into_owned()));
    }
    headers.sort();
    Ok(headers)
}
