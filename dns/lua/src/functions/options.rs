//! The options of the functions that answer with what is up.

use std::net::IpAddr;
use std::time::Duration;

use halfmoon_healthcheck::{Certificate, Pace};

use crate::Dialect;
use crate::address;
use crate::binder::{Binder, Refused, shown};
use crate::functions::selector::Selector;
use crate::remark::nearest;
use crate::value::{Arg, Table, Value};

/// Options that go with every check.
const COMMON: [&str; 10] = [
    "backupSelector",
    "failOnIncompleteCheck",
    "fall",
    "interval",
    "minimumFailures",
    "rise",
    "selector",
    "source",
    "timeout",
    "ttl",
];

/// What the peer calls itself, unless it is told otherwise: endpoints may tell probes by it.
const PEER: &str = "PowerDNS Authoritative Server";

/// Options that only checks of URLs have.
const OF_URLS: [&str; 6] = ["byteslimit", "headers", "httpcode", "stringmatch", "tls", "useragent"];

/// What is probed, as far as options go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    Port,
    Url,
}

/// The options of one call.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// `None`: not given.
    pub(crate) selector: Option<Selector>,
    /// `None`: not given.
    backup: Option<Selector>,
    pub(crate) source: Option<IpAddr>,
    pub(crate) pace: Pace,
    /// Whether it is an error when nothing is known of any address yet.
    pub(crate) fails_unknown: bool,
    pub(crate) string_match: Option<String>,
    pub(crate) user_agent: Option<String>,
    pub(crate) byte_limit: u64,
    pub(crate) http_code: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) certificate: Certificate,
    /// Of the answer, in seconds; `None`: the record's.
    pub(crate) ttl: Option<u32>,
    /// Whether no check can succeed, for an option that the peer trips over whenever it probes.
    pub(crate) never: bool,
}

impl Options {
    /// Reads the table of options, if it is given.
    pub(crate) fn read(
        arg: Option<&Arg>,
        target: Target,
        binder: &mut Binder<'_>,
    ) -> Result<Self, Refused> {
        let mut options = Self {
            selector: None,
            backup: None,
            source: None,
            pace: binder.settings.pace,
            fails_unknown: false,
            string_match: None,
            user_agent: match binder.dialect() {
                Dialect::Halfmoon => None,
                Dialect::PowerDns => Some(PEER.to_owned()),
            },
            byte_limit: 0,
            http_code: 200,
            headers: Vec::new(),
            certificate: match binder.dialect() {
                Dialect::Halfmoon => Certificate::Verified,
                Dialect::PowerDns => Certificate::Any,
            },
            ttl: None,
            never: false,
        };
        let Some(arg) = arg else {
            return Ok(options);
        };
        let Value::Table(Table { items, fields }) = &arg.value else {
            return Ok(options);
        };
        if let Some(item) = items.first() {
            let message = format!("{} is no option: it has no name", shown(item));
            return Err(binder.refuse_with(item, message, "write {selector='all'}"));
        }
        let mut result = Ok(());
        for (key, value) in fields {
            // All of them are looked at, so that all that is wrong is told at once.
            result = options.read_one(key, value, target, binder).and(result);
        }
        result.map(|()| options)
    }

    /// Whether it is said how one is chosen.
    pub(crate) const fn chooses(&self) -> bool {
        self.selector.is_some() || self.backup.is_some()
    }

    /// How one is chosen of those that are up.
    pub(crate) fn selector(&self) -> Selector {
        self.selector.unwrap_or_default()
    }

    /// How one is chosen when nothing is up. Who writes a list in order means that order then as
    /// well; the peer's selectors leave it to chance, as they do there.
    pub(crate) fn backup(&self) -> Selector {
        match (self.backup, self.selector()) {
            (Some(told), _) => told,
            (None, selector) if selector.is_ours() => selector,
            (None, _) => Selector::Random,
        }
    }

    fn read_one(
        &mut self,
        key: &Arg,
        value: &Arg,
        target: Target,
        binder: &mut Binder<'_>,
    ) -> Result<(), Refused> {
        let name = binder.text(key, "the name of an option")?;
        if value.value == Value::Nil {
            return Ok(());
        }
        if !binder.is_halfmoon() {
            takes(&name, value, binder)?;
        }
        if target == Target::Port && OF_URLS.contains(&&*name) {
            return if binder.is_halfmoon() {
                Err(binder.refuse(key, format!("{name} is an option of checks by URL")))
            } else {
                Ok(())
            };
        }
        match &*name {
            "selector" => self.selector = Some(Selector::read(value, binder)?),
            "backupSelector" => self.backup = Some(Selector::read(value, binder)?),
            "source" => self.source = Some(source(value, binder)?),
            "timeout" => {
                let default = self.pace.timeout;
                let timeout = seconds_or(default, value, binder)?;
                // The peer takes every port for open then, and waits for URLs without end.
                let is_none = timeout.is_zero() && !binder.is_halfmoon();
                self.pace.timeout = if is_none { default } else { timeout };
            }
            "interval" => {
                let interval = seconds_or(self.pace.interval, value, binder)?;
                if !interval.is_zero() {
                    self.pace.interval = interval;
                }
            }
            "fall" | "minimumFailures" => self.pace.fall = count(value, binder)?,
            "rise" => self.pace.rise = count(value, binder)?,
            "failOnIncompleteCheck" => self.fails_unknown = truth(value, binder)?,
            "stringmatch" => self.string_match = Some(binder.text(value, &name)?.into_owned()),
            "useragent" => self.user_agent = Some(binder.text(value, &name)?.into_owned()),
            "byteslimit" => match natural(value, binder)? {
                Some(limit) => self.byte_limit = limit,
                None => self.never = true,
            },
            "httpcode" => match status(value, binder)? {
                Some(code) => self.http_code = code,
                None => self.never = true,
            },
            "headers" => self.headers = headers(value, binder)?,
            "ttl" if binder.is_halfmoon() => self.ttl = Some(ttl(value, binder)?),
            "tls" if binder.is_halfmoon() => self.certificate = tls(value, binder)?,
            _ if binder.is_halfmoon() => return Err(unknown(&name, key, target, binder)),
            // The peer takes no notice of options that it does not know.
            _ => {}
        }
        Ok(())
    }
}

fn unknown(name: &str, key: &Arg, target: Target, binder: &mut Binder<'_>) -> Refused {
    let of_urls = if target == Target::Url { OF_URLS.as_slice() } else { &[] };
    let known = COMMON.iter().chain(of_urls).copied();
    let message = format!("there is no option {name}");
    match nearest(name, known.clone()) {
        Some(near) => binder.refuse_with(key, message, format!("write {near}")),
        None => {
            let known: Vec<&str> = known.collect();
            binder.refuse_with(key, message, format!("options are {}", known.join(", ")))
        }
    }
}

fn source(arg: &Arg, binder: &mut Binder<'_>) -> Result<IpAddr, Refused> {
    let text = binder.text(arg, "source")?;
    match address::parse(&text, binder.dialect()) {
        Some((address, _)) => Ok(address),
        None => Err(binder.refuse(arg, format!("source '{text}' is not an address"))),
    }
}

/// Whether the peer takes the value for any option at all: text or a number, or a table of those.
fn takes(name: &str, arg: &Arg, binder: &mut Binder<'_>) -> Result<(), Refused> {
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

/// A day: longer than any interval that makes sense, and short enough to be added to a clock.
const LONGEST: f64 = 86_400.0;

/// The same, or the default where the peer goes on with something else.
fn seconds_or(default: Duration, arg: &Arg, binder: &mut Binder<'_>) -> Result<Duration, Refused> {
    let told = binder.remarks.len();
    let read = seconds(arg, binder);
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

fn seconds(arg: &Arg, binder: &mut Binder<'_>) -> Result<Duration, Refused> {
    let number = match &arg.value {
        Value::Number(number) => Some(*number),
        Value::Text(octets) => {
            std::str::from_utf8(octets).ok().and_then(|text| text.trim().parse().ok())
        }
        _ => None,
    };
    match number {
        Some(number) if (0.0..=LONGEST).contains(&number) => Ok(Duration::from_secs_f64(number)),
        _ => {
            let message = format!("{} is no number of seconds from 0 to a day", shown(arg));
            Err(binder.refuse(arg, message))
        }
    }
}

fn count(arg: &Arg, binder: &mut Binder<'_>) -> Result<u32, Refused> {
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
fn natural(arg: &Arg, binder: &mut Binder<'_>) -> Result<Option<u64>, Refused> {
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

/// `None`: no status, which the peer waits for in vain.
fn status(arg: &Arg, binder: &mut Binder<'_>) -> Result<Option<u16>, Refused> {
    let status = |number| u16::try_from(number).ok().filter(|code| (100..=599).contains(code));
    if !binder.is_halfmoon() {
        let number = arg.value.as_integer().and_then(status);
        return Ok(never_without(number, arg, "an HTTP status", binder));
    }
    let number = binder.integer(arg, "a status")?;
    match status(number) {
        Some(code) => Ok(Some(code)),
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

fn truth(arg: &Arg, binder: &mut Binder<'_>) -> Result<bool, Refused> {
    if let Value::Bool(truth) = arg.value
        && binder.is_halfmoon()
    {
        return Ok(truth);
    }
    let text = binder.text(arg, "failOnIncompleteCheck")?;
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

fn tls(arg: &Arg, binder: &mut Binder<'_>) -> Result<Certificate, Refused> {
    match &*binder.text(arg, "tls")? {
        "insecure" => Ok(Certificate::Any),
        "verified" => Ok(Certificate::Verified),
        _ => {
            let message = format!("{} is not what tls can be", shown(arg));
            Err(binder.refuse_with(arg, message, "write 'verified' or 'insecure'"))
        }
    }
}

fn headers(arg: &Arg, binder: &mut Binder<'_>) -> Result<Vec<(String, String)>, Refused> {
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
