//! `[admin]`: the interface for operators, over HTTP.

use std::collections::HashSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use halfmoon_healthcheck::BeatProbe;
use ipnet::IpNet;
use serde::de::{Deserialize, Deserializer, Error};

use super::value;

/// Where it listens if the section does not say.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8053);

/// `[admin]`: state, metrics and overrides over HTTP. Without the section there is none of it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdminConfig {
    /// Where it listens. Port 0 takes any free port.
    #[serde(deserialize_with = "value::socket_address")]
    pub listen: SocketAddr,
    /// Networks whose clients may read without a token.
    #[serde(deserialize_with = "value::networks")]
    pub allow: Vec<IpNet>,
    /// Names under which the server is reached, besides addresses and `localhost`.
    #[serde(deserialize_with = "hosts")]
    pub hosts: Vec<String>,
    /// Who may do what, from wherever they ask.
    #[serde(deserialize_with = "tokens")]
    pub tokens: Vec<TokenConfig>,
    /// How long after the start the server counts as ready although some checks have no verdict.
    #[serde(deserialize_with = "value::positive_duration")]
    pub ready_within: Duration,
}

/// `[[admin.tokens]]`: a secret that its holder shows.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenConfig {
    /// What its holder is called in the log of changes.
    #[serde(deserialize_with = "token_name")]
    pub name: String,
    /// The file of the secret. Relative to the folder of the configuration file.
    pub secret_file: PathBuf,
    /// What its holder may do.
    #[serde(default)]
    pub may: Right,
    /// The heartbeats that its holder may call in. No other heartbeats are there.
    #[serde(default, deserialize_with = "beats")]
    pub beats: Vec<String>,
}

/// What somebody may do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Right {
    /// Call in heartbeats, and nothing else.
    Beat,
    /// See all there is to see.
    #[default]
    Read,
    /// Set and end overrides, too.
    Write,
}

impl Default for AdminConfig {
    fn default() -> Self {
        let own = ["127.0.0.0/8", "::1/128"];
        Self {
            listen: DEFAULT_LISTEN,
            allow: own.iter().filter_map(|network| network.parse().ok()).collect(),
            hosts: Vec::new(),
            tokens: Vec::new(),
            ready_within: Duration::from_secs(30),
        }
    }
}

fn is_plain(text: &str, others: &[u8]) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|octet| octet.is_ascii_alphanumeric() || others.contains(&octet))
}

fn token_name<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let name = String::deserialize(from)?;
    if is_plain(&name, b"-_.") {
        return Ok(name);
    }
    Err(D::Error::custom(format_args!(
        "{name:?} is no name for a token; write 1 to 64 letters, digits, `-`, `_` and `.`"
    )))
}

fn beats<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let names = Vec::<String>::deserialize(from)?;
    match names.iter().find(|name| !BeatProbe::is_name(name)) {
        Some(wrong) => Err(D::Error::custom(format_args!(
            "{wrong:?} is no name for a heartbeat; write 1 to 64 letters, digits, `-`, `_` and `.`"
        ))),
        None => Ok(names),
    }
}

pub(super) fn tokens<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<TokenConfig>, D::Error> {
    let tokens = Vec::<TokenConfig>::deserialize(from)?;
    let mut names = HashSet::with_capacity(tokens.len());
    if let Some(idle) =
        tokens.iter().find(|token| token.may == Right::Beat && token.beats.is_empty())
    {
        return Err(D::Error::custom(format_args!(
            "token {:?} may do nothing; list in `beats` what it may call in",
            idle.name
        )));
    }
    match tokens.iter().find(|token| !names.insert(&token.name)) {
        Some(twice) => Err(D::Error::custom(format_args!(
            "token {:?} is there twice; give each a name of its own",
            twice.name
        ))),
        None => Ok(tokens),
    }
}

fn hosts<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    let hosts = Vec::<String>::deserialize(from)?;
    match hosts.iter().find(|host| value::zone_name(host).is_err() || host.contains(':')) {
        Some(wrong) => Err(D::Error::custom(format_args!(
            "{wrong:?} is no host name; write \"ns1.example.org\", without a port"
        ))),
        None => Ok(hosts.iter().map(|host| host.to_ascii_lowercase()).collect()),
    }
}
