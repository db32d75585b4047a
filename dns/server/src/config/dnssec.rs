//! `[dnssec]`: which zones are signed, and how.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use halfmoon_dnssec::{Algorithm, Validity};
use halfmoon_wire::{Name, NameBuf};
use serde::de::{Deserialize, Deserializer, Error};

use super::denial::{self, Denial, Nsec3Config, SignedZoneConfig};
use super::value;

/// `[dnssec]`: live signing.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DnssecConfig {
    /// Which zones are signed.
    pub zones: Vec<ZonePattern>,
    /// The folder of the keys, outside the zone folder. Relative to the folder of the file.
    pub keys: Option<PathBuf>,
    /// The algorithm of keys that are made.
    #[serde(deserialize_with = "algorithm")]
    pub algorithm: Algorithm,
    /// Whether a zone gets a key for its keys and one for the rest, instead of one for all.
    pub split: bool,
    /// How what is not there is denied.
    pub denial: Denial,
    /// How names are hashed where that is done.
    pub nsec3: Nsec3Config,
    /// Zones that are signed, and what is different with them.
    #[serde(deserialize_with = "denial::zones")]
    pub zone: Vec<SignedZoneConfig>,
    /// How long a signature holds.
    #[serde(deserialize_with = "value::positive_duration")]
    pub validity: Duration,
    /// With how much to go a signature is made anew.
    #[serde(deserialize_with = "value::positive_duration")]
    pub refresh: Duration,
    /// Whether the DS records of zones that are signed here stand in the zones above them that are
    /// served here, too.
    pub ds_in_parent: bool,
    /// How many RRsets that are made for queries have their signatures remembered.
    pub cache: u32,
    /// How many signatures a second one source may cause.
    pub signatures_per_source: u32,
    /// The TTL of the DNSKEY, CDS and CDNSKEY records that are added, from a second to a week.
    #[serde(deserialize_with = "value::positive_duration")]
    pub key_ttl: Duration,
    /// Until all servers of a zone have what one of them has: rolls wait so much longer than TTLs ask for.
    #[serde(deserialize_with = "value::any_duration")]
    pub propagation: Duration,
    /// How often the servers of a parent are asked for a DS that a roll waits for, at least a second.
    #[serde(deserialize_with = "value::positive_duration")]
    pub parent_check: Duration,
    /// Who is asked for the DS of the zones below a name; of others the NS records of the parent tell.
    #[serde(deserialize_with = "parents")]
    pub parents: Vec<(NameBuf, Vec<SocketAddr>)>,
    /// Who is asked for the NS records of parents, and for addresses; the system's if not set.
    #[serde(deserialize_with = "resolver")]
    pub resolver: Option<SocketAddr>,
}

const HOUR: u64 = 3600;

impl Default for DnssecConfig {
    fn default() -> Self {
        Self {
            zones: Vec::new(),
            keys: None,
            algorithm: Algorithm::default(),
            split: false,
            denial: Denial::default(),
            nsec3: Nsec3Config::default(),
            zone: Vec::new(),
            validity: Duration::from_secs(14 * 24 * HOUR),
            refresh: Duration::from_secs(7 * 24 * HOUR),
            ds_in_parent: true,
            cache: 65_536,
            signatures_per_source: 100,
            key_ttl: Duration::from_secs(HOUR),
            propagation: Duration::from_secs(HOUR),
            parent_check: Duration::from_secs(300),
            parents: Vec::new(),
            resolver: None,
        }
    }
}

impl DnssecConfig {
    /// Whether a zone is to be signed.
    #[must_use]
    pub fn signs(&self, apex: Name<'_>) -> bool {
        let named = self.zone.iter().map(|zone| &zone.name);
        self.zones.iter().chain(named).any(|pattern| pattern.is_for(apex))
    }

    /// Whether there is any zone to be signed.
    #[must_use]
    pub const fn signs_any(&self) -> bool {
        !self.zones.is_empty() || !self.zone.is_empty()
    }

    /// The TTL of the keys and the time until all servers have a change, in seconds; or what is wrong
    /// with one of the settings of rolls.
    ///
    /// # Errors
    /// A setting is out of range.
    pub fn roll_times(&self) -> Result<(u32, u32), String> {
        const WEEK: u64 = 7 * 24 * HOUR;
        if !(1..=WEEK).contains(&self.key_ttl.as_secs()) {
            return Err(format!("dnssec.key_ttl must be \"1s\" to \"{}h\" long", WEEK / HOUR));
        }
        if self.propagation.as_secs() > WEEK {
            return Err(format!("dnssec.propagation must be at most \"{}h\" long", WEEK / HOUR));
        }
        if self.parent_check.as_secs() < 1 {
            return Err("dnssec.parent_check must be at least \"1s\" long".to_owned());
        }
        Ok((self.key_ttl.as_secs() as u32, self.propagation.as_secs() as u32))
    }

    /// How long signatures hold, in seconds; or what is wrong with it.
    ///
    /// # Errors
    /// A signature would end before it is made anew, or hold longer than can be told.
    pub fn validity(&self) -> Result<Validity, String> {
        // Times of 68 years and more cannot be told from the past (RFC 4034 section 3.1.5).
        const LONGEST: u64 = 10 * 365 * 24 * HOUR;
        let longest = self.validity.as_secs();
        if !(HOUR..=LONGEST).contains(&longest) {
            return Err(format!("dnssec.validity must be \"1h\" to \"{}h\" long", LONGEST / HOUR));
        }
        if self.refresh >= self.validity {
            return Err("dnssec.refresh must be shorter than dnssec.validity".to_owned());
        }
        let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX / 4);
        let (lifetime, refresh) = (seconds(self.validity), seconds(self.refresh));
        // A quarter of the time between: the ends are spread, and none lies before its renewal.
        Ok(Validity { lifetime, refresh, jitter: (lifetime - refresh) / 4 })
    }
}

/// Zones that are meant: `*` for all, `*.example.org` for those below a name, or one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ZonePattern {
    /// Every zone.
    All,
    /// Every zone below this name.
    Below(NameBuf),
    /// This zone.
    One(NameBuf),
}

impl ZonePattern {
    /// Whether it means a zone.
    #[must_use]
    pub fn is_for(&self, apex: Name<'_>) -> bool {
        match self {
            Self::All => true,
            Self::Below(name) => apex.is_below(name.as_name()),
            Self::One(name) => *name == apex.to_buf(),
        }
    }

    /// How close it is to the zones it means: a name is closest, more labels are closer than fewer.
    pub(super) fn closeness(&self) -> usize {
        match self {
            Self::All => 0,
            Self::Below(name) => 1 + name.as_name().label_count(),
            Self::One(_) => usize::MAX,
        }
    }
}

impl fmt::Display for ZonePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Below(name) => write!(f, "*.{name}"),
            Self::One(name) => name.fmt(f),
        }
    }
}

impl<'de> Deserialize<'de> for ZonePattern {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let name = |text: &str| {
            value::zone_name(text).map_err(|_| {
                D::Error::custom(format_args!(
                    "{text:?} is no name of a zone; write \"example.org\", \"*.example.org\" or \"*\""
                ))
            })
        };
        Ok(match text.strip_prefix("*.") {
            _ if text == "*" => Self::All,
            Some(below) => Self::Below(name(below)?),
            None => Self::One(name(&text)?),
        })
    }
}

pub(super) fn algorithm<'de, D: Deserializer<'de>>(from: D) -> Result<Algorithm, D::Error> {
    #[derive(serde::Deserialize)]
    #[serde(untagged)]
    enum Written {
        Number(u8),
        Name(String),
    }
    let text = match Written::deserialize(from)? {
        Written::Number(number) => number.to_string(),
        Written::Name(name) => name,
    };
    text.parse().map_err(|error| D::Error::custom(format_args!("{text:?}: {error}")))
}

fn resolver<'de, D: Deserializer<'de>>(from: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(from)?;
    value::address(&text).map(Some).map_err(D::Error::custom)
}

fn parents<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Vec<(NameBuf, Vec<SocketAddr>)>, D::Error> {
    let written: BTreeMap<String, Vec<String>> = BTreeMap::deserialize(from)?;
    let mut parents = Vec::with_capacity(written.len());
    for (name, servers) in written {
        let parent = value::zone_name(&name)
            .map_err(|_| D::Error::custom(format_args!("{name:?} is no name of a zone")))?;
        if servers.is_empty() {
            return Err(D::Error::custom(format_args!(
                "{name:?} has no servers; name one, or leave it out"
            )));
        }
        let servers = servers.iter().map(|server| value::address(server).map_err(D::Error::custom));
        parents.push((parent, servers.collect::<Result<_, _>>()?));
    }
    Ok(parents)
}
