//! The options of the functions that answer with what is up.

use std::time::Duration;

use halfmoon_healthcheck::{self as healthcheck, Certificate, Policy, PushOptions};

use crate::TtlRange;
use crate::binder::{Binder, Refused, shown};
use crate::functions::policy;
use crate::functions::selector::Selector;
use crate::functions::values::{
    DAY, count, days, headers, natural, parsed, seconds, seconds_or, source, stale, statuses,
    takes, truth,
};
use crate::remark::nearest;
use crate::value::{Arg, Table, Value};

/// What is probed, as far as options go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Anything: each member says what.
    Any,
    Dns,
    Grpc,
    Ping,
    Port,
    /// What calls in, or is written to a file.
    Push,
    Tls,
    Url,
}

/// Every option, and what it is an option of; of nothing in particular: of everything.
const OPTIONS: [(&str, &[Target]); 42] = [
    ("all_down", &[]),
    ("answer", &[Target::Dns]),
    ("backupSelector", &[]),
    ("body", &[Target::Url]),
    ("byteslimit", &[Target::Url]),
    ("certfail", &[Target::Url, Target::Tls, Target::Grpc]),
    ("certwarn", &[Target::Url, Target::Tls, Target::Grpc]),
    ("failOnIncompleteCheck", &[]),
    ("fall", &[]),
    ("flap", &[]),
    ("fresh", &[]),
    ("headers", &[Target::Url]),
    ("hold_down", &[]),
    ("httpcode", &[Target::Url]),
    ("interval", &[]),
    ("method", &[Target::Url]),
    ("min_answers", &[]),
    ("minimumFailures", &[]),
    ("name", &[Target::Dns]),
    ("panic", &[]),
    ("ramp", &[]),
    ("rcode", &[Target::Dns]),
    ("recursion", &[Target::Dns]),
    ("resume", &[]),
    ("reuse", &[Target::Url]),
    ("rise", &[]),
    ("rto", &[]),
    ("selector", &[]),
    ("servername", &[Target::Tls, Target::Grpc]),
    ("service", &[Target::Grpc]),
    ("source", &[]),
    ("stale", &[Target::Push]),
    ("stringmatch", &[Target::Url]),
    ("timeout", &[]),
    ("tls", &[Target::Url, Target::Tls, Target::Grpc]),
    ("ttl", &[]),
    ("type", &[Target::Dns]),
    ("unknown", &[]),
    ("useragent", &[Target::Url]),
    ("velocity", &[]),
    ("weightheader", &[Target::Url]),
    ("within", &[Target::Push]),
];

/// Options that say what is answered, and nothing of a check.
const OF_ANSWERS: [&str; 10] = [
    "all_down",
    "backupSelector",
    "failOnIncompleteCheck",
    "min_answers",
    "panic",
    "rto",
    "selector",
    "ttl",
    "unknown",
    "velocity",
];

/// Options that the peer has as well.
const OF_THE_PEER: [&str; 14] = [
    "backupSelector",
    "byteslimit",
    "failOnIncompleteCheck",
    "fall",
    "headers",
    "httpcode",
    "interval",
    "minimumFailures",
    "rise",
    "selector",
    "source",
    "stringmatch",
    "timeout",
    "useragent",
];

/// The TTL of an answer, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ttl {
    Fixed(u32),
    /// It follows the state.
    Range(TtlRange),
}

impl Ttl {
    /// `is_settled`: no change is near and none is fresh.
    pub(crate) const fn of(self, is_settled: bool) -> u32 {
        match self {
            Self::Fixed(ttl) => ttl,
            Self::Range(TtlRange { max, .. }) if is_settled => max,
            Self::Range(TtlRange { min, .. }) => min,
        }
    }
}

/// The options of one call.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// `None`: not given.
    pub(crate) selector: Option<Selector>,
    /// `None`: not given.
    backup: Option<Selector>,
    /// Whether it is an error when nothing is known of any address yet.
    pub(crate) fails_unknown: bool,
    /// What the pool makes of its verdicts.
    pub(crate) policy: Policy,
    /// Of the answer; `None`: the record's.
    pub(crate) ttl: Option<Ttl>,
    /// How long after a failure everybody has the right answer, at worst; said of it at load.
    pub(crate) rto: Option<Duration>,
    /// How checks are carried out.
    pub(crate) checks: healthcheck::Options,
    /// Whether no check can succeed, for an option that the peer trips over whenever it probes.
    pub(crate) never: bool,
}

impl Target {
    /// What a function probes.
    pub(crate) fn of_function(name: &str) -> Self {
        match name {
            "ifbeat" => Self::Push,
            "ifdnsup" => Self::Dns,
            "ifgrpcup" => Self::Grpc,
            "ifpingup" => Self::Ping,
            "ifportup" => Self::Port,
            "iftlsup" => Self::Tls,
            "ifup" => Self::Any,
            _ => Self::Url,
        }
    }

    fn takes(self, of: &[Self]) -> bool {
        of.is_empty() || self == Self::Any || of.contains(&self)
    }

    const fn of(self) -> &'static str {
        match self {
            Self::Any | Self::Port => "of any check",
            Self::Dns => "of checks of name servers",
            Self::Grpc => "of checks of gRPC",
            Self::Ping => "of pings",
            Self::Push => "of heartbeats and files",
            Self::Tls => "of checks of TLS",
            Self::Url => "of checks by URL",
        }
    }
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
            fails_unknown: false,
            policy: binder.defaults.policy,
            ttl: binder.defaults.ttl.map(Ttl::Range),
            rto: binder.defaults.rto,
            checks: binder.defaults.checks.clone(),
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

    /// The same, with what a check of its own says of itself.
    pub(crate) fn with(
        &self,
        fields: &[&(Arg, Arg)],
        target: Target,
        binder: &mut Binder<'_>,
    ) -> Result<Self, Refused> {
        let mut options = self.clone();
        let mut result = Ok(());
        for (key, value) in fields {
            let name = binder.text(key, "the name of an option")?;
            result = if OF_ANSWERS.contains(&&*name) {
                Err(binder
                    .refuse(key, format!("{name} is an option of the answer, not of a check")))
            } else {
                options.read_one(key, value, target, binder)
            }
            .and(result);
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
        let is_known = binder.is_halfmoon() || OF_THE_PEER.contains(&&*name);
        let Some((name, of)) = OPTIONS.iter().find(|(known, _)| *known == name && is_known) else {
            // The peer takes no notice of options that it does not know.
            return if binder.is_halfmoon() {
                Err(unknown(&name, key, target, binder))
            } else {
                Ok(())
            };
        };
        if !target.takes(of) {
            return if binder.is_halfmoon() {
                let whose = of.first().map_or("of any check", |target| target.of());
                Err(binder.refuse(key, format!("{name} is an option {whose}")))
            } else {
                Ok(())
            };
        }
        let (pace, http) = (&mut self.checks.pace, &mut self.checks.http);
        match *name {
            "answer" => self.checks.dns.answer = Some(binder.text(value, name)?.into_owned()),
            "backupSelector" => self.backup = Some(Selector::read(value, binder)?),
            "body" => http.body = binder.text(value, name)?.into_owned(),
            "byteslimit" => match natural(value, binder)? {
                Some(limit) => http.byte_limit = limit,
                None => self.never = true,
            },
            "certfail" => self.checks.tls.fail_days = days(value, binder)?,
            "certwarn" => self.checks.tls.warn_days = days(value, binder)?,
            "failOnIncompleteCheck" => self.fails_unknown = truth(value, name, binder)?,
            "fall" | "minimumFailures" => pace.fall = count(value, binder)?,
            "headers" => http.headers = headers(value, binder)?,
            "httpcode" => match statuses(value, binder)? {
                Some(statuses) => http.statuses = statuses,
                None => self.never = true,
            },
            "interval" => {
                let interval = seconds_or(pace.interval, value, binder)?;
                if !interval.is_zero() {
                    pace.interval = interval;
                }
            }
            "method" => http.method = parsed(value, name, binder)?,
            "name" => self.checks.dns.name = Some(binder.text(value, name)?.into_owned()),
            "rcode" => self.checks.dns.rcode = parsed(value, name, binder)?,
            "recursion" => self.checks.dns.recursion = truth(value, name, binder)?,
            "reuse" => http.reuse = seconds(value, DAY, binder)?,
            "rise" => pace.rise = count(value, binder)?,
            "rto" => self.rto = policy::rto(value, binder)?,
            "selector" => self.selector = Some(Selector::read(value, binder)?),
            "servername" => {
                self.checks.server_name = Some(binder.text(value, name)?.into_owned());
            }
            "service" => self.checks.grpc.service = binder.text(value, name)?.into_owned(),
            "source" => self.checks.source = Some(source(value, binder)?),
            "stale" => self.checks.push.stale = stale(value, binder)?,
            "stringmatch" => http.body_match = Some(binder.text(value, name)?.into_owned()),
            "timeout" => {
                let timeout = seconds_or(pace.timeout, value, binder)?;
                // The peer takes every port for open then, and waits for URLs without end.
                if !timeout.is_zero() || binder.is_halfmoon() {
                    pace.timeout = timeout;
                }
            }
            "tls" => self.tls(value, target, binder)?,
            "ttl" => self.ttl = Some(policy::ttl(value, binder)?),
            "type" => self.checks.dns.rtype = parsed(value, name, binder)?,
            "useragent" => http.user_agent = Some(binder.text(value, name)?.into_owned()),
            "weightheader" => http.weight_header = Some(binder.text(value, name)?.into_owned()),
            "within" => {
                self.checks.push.within =
                    seconds(value, PushOptions::LONGEST.as_secs_f64(), binder)?;
            }
            name if policy::NAMES.contains(&name) => {
                policy::read(name, value, self, binder)?;
            }
            _ => return Err(unknown(name, key, target, binder)),
        }
        Ok(())
    }

    fn tls(&mut self, arg: &Arg, target: Target, binder: &mut Binder<'_>) -> Result<(), Refused> {
        let is_optional = matches!(target, Target::Grpc | Target::Any);
        self.checks.grpc.is_tls = true;
        match &*binder.text(arg, "tls")? {
            "insecure" => self.checks.tls.certificate = Certificate::Any,
            "verified" => self.checks.tls.certificate = Certificate::Verified,
            "off" if is_optional => self.checks.grpc.is_tls = false,
            _ => {
                let message = format!("{} is not what tls can be", shown(arg));
                let help = if is_optional {
                    "write 'verified', 'insecure' or 'off'"
                } else {
                    "write 'verified' or 'insecure'"
                };
                return Err(binder.refuse_with(arg, message, help));
            }
        }
        Ok(())
    }
}

fn unknown(name: &str, key: &Arg, target: Target, binder: &mut Binder<'_>) -> Refused {
    let known = OPTIONS.iter().filter(|(_, of)| target.takes(of)).map(|(name, _)| *name);
    let message = format!("there is no option {name}");
    match nearest(name, known.clone()) {
        Some(near) => binder.refuse_as("lua-option", key, message, format!("write {near}")),
        None => {
            let known: Vec<&str> = known.collect();
            let help = format!("options are {}", known.join(", "));
            binder.refuse_as("lua-option", key, message, help)
        }
    }
}
