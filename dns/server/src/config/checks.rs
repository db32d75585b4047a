//! What is said of all checks, by kind: `[health.http]`, `[health.tls]`, `[health.dns]`,
//! `[health.grpc]` and `[health.push]`. The keys are the options that records have.
//!
//! What is not said stays as it is, so that the same tables can stand for a zone.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use halfmoon_healthcheck::{
    Certificate, DnsCode, DnsType, Method, Options, PushOptions, Stale, Statuses,
};
use serde::Deserialize;
use serde::de::{Deserializer, Error};

use super::value;

/// `[health.http]`: checks of URLs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// The method.
    #[serde(deserialize_with = "parsed")]
    pub method: Option<Method>,
    /// What is sent with POST and OPTIONS.
    pub body: Option<String>,
    /// The statuses expected, as in `"200-299,401"`.
    #[serde(deserialize_with = "parsed")]
    pub httpcode: Option<Statuses>,
    /// Text that the body has to contain.
    pub stringmatch: Option<String>,
    /// Octets of the body that are read; 0: 64 KiB.
    pub byteslimit: Option<u64>,
    /// The User-Agent header.
    pub useragent: Option<String>,
    /// Further headers.
    pub headers: Option<BTreeMap<String, String>>,
    /// The header whose number is the weight.
    pub weightheader: Option<String>,
    /// How long a connection is used again.
    #[serde(deserialize_with = "some_duration")]
    pub reuse: Option<Duration>,
}

/// `[health.tls]`: certificates of whatever is spoken to by TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TlsConfig {
    /// Whether certificates are verified.
    pub tls: Option<Verification>,
    /// The name that checks of TLS and gRPC ask for.
    pub servername: Option<String>,
    /// Days before the end from which on there is a warning; 0: never.
    pub certwarn: Option<u16>,
    /// Days before the end from which on the check fails; 0: never.
    pub certfail: Option<u16>,
}

/// What the certificate of an endpoint must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verification {
    /// In date, for the name, from an issuer that the machine trusts.
    Verified,
    /// Anything.
    Insecure,
}

/// `[health.dns]`: checks of name servers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DnsConfig {
    /// The name in question.
    pub name: Option<String>,
    /// The type in question.
    #[serde(rename = "type", deserialize_with = "parsed")]
    pub rtype: Option<DnsType>,
    /// The response code expected.
    #[serde(deserialize_with = "parsed")]
    pub rcode: Option<DnsCode>,
    /// The data of one record of the answer.
    pub answer: Option<String>,
    /// Whether recursion is desired.
    pub recursion: Option<bool>,
}

/// `[health.grpc]`: checks by the gRPC health service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GrpcConfig {
    /// The service in question; empty: the server as a whole.
    pub service: Option<String>,
    /// Whether it is spoken to by TLS.
    pub tls: Option<bool>,
}

/// `[health.push]`: heartbeats and files.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PushConfig {
    /// How long a call holds that does not say so itself.
    #[serde(deserialize_with = "some_duration")]
    pub within: Option<Duration>,
    /// What silence means.
    pub stale: Option<StaleConfig>,
}

/// What is held of what was not heard of for too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StaleConfig {
    /// Silence is a failure.
    Down,
    /// Silence says nothing.
    Unknown,
}

/// Puts what is said in the place of what was.
pub(super) fn set<T: Clone>(place: &mut T, said: &Option<T>) {
    if let Some(said) = said {
        place.clone_from(said);
    }
}

impl HttpConfig {
    /// Puts what is said in the place of what was.
    pub fn apply(&self, options: &mut Options) {
        let http = &mut options.http;
        set(&mut http.method, &self.method);
        set(&mut http.body, &self.body);
        set(&mut http.statuses, &self.httpcode);
        set(&mut http.byte_limit, &self.byteslimit);
        set(&mut http.reuse, &self.reuse);
        for (place, said) in [
            (&mut http.body_match, &self.stringmatch),
            (&mut http.user_agent, &self.useragent),
            (&mut http.weight_header, &self.weightheader),
        ] {
            if said.is_some() {
                place.clone_from(said);
            }
        }
        if let Some(headers) = &self.headers {
            http.headers = headers.clone().into_iter().collect();
        }
    }
}

impl TlsConfig {
    /// Puts what is said in the place of what was.
    pub fn apply(&self, options: &mut Options) {
        let certificate = self.tls.map(|tls| match tls {
            Verification::Verified => Certificate::Verified,
            Verification::Insecure => Certificate::Any,
        });
        set(&mut options.tls.certificate, &certificate);
        set(&mut options.tls.warn_days, &self.certwarn);
        set(&mut options.tls.fail_days, &self.certfail);
        if self.servername.is_some() {
            options.server_name.clone_from(&self.servername);
        }
    }
}

impl DnsConfig {
    /// Puts what is said in the place of what was.
    pub fn apply(&self, options: &mut Options) {
        let dns = &mut options.dns;
        set(&mut dns.rtype, &self.rtype);
        set(&mut dns.rcode, &self.rcode);
        set(&mut dns.recursion, &self.recursion);
        for (place, said) in [(&mut dns.name, &self.name), (&mut dns.answer, &self.answer)] {
            if said.is_some() {
                place.clone_from(said);
            }
        }
    }
}

impl GrpcConfig {
    /// Puts what is said in the place of what was.
    pub fn apply(&self, options: &mut Options) {
        set(&mut options.grpc.service, &self.service);
        set(&mut options.grpc.is_tls, &self.tls);
    }
}

impl PushConfig {
    /// Puts what is said in the place of what was.
    pub fn apply(&self, options: &mut Options) {
        set(&mut options.push.within, &self.within);
        let stale = self.stale.map(|stale| match stale {
            StaleConfig::Down => Stale::Down,
            StaleConfig::Unknown => Stale::Unknown,
        });
        set(&mut options.push.stale, &stale);
    }
}

/// A value that says itself what is wrong with its text.
fn parsed<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: std::error::Error>,
{
    let text = String::deserialize(from)?;
    text.parse().map(Some).map_err(Error::custom)
}

fn some_duration<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(from)?;
    let duration = value::duration(&text).map_err(Error::custom)?;
    let most = PushOptions::LONGEST;
    if duration > most {
        let hours = most.as_secs() / 3600;
        return Err(Error::custom(format_args!("{text:?} is too long: at most \"{hours}h\"")));
    }
    Ok(Some(duration))
}
