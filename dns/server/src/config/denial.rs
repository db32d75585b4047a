//! How zones that are signed say what they do not have, and what differs from zone to zone:
//! `dnssec.denial`, `dnssec.nsec3` and `[[dnssec.zone]]`.

use data_encoding::HEXLOWER_PERMISSIVE;
use halfmoon_dnssec::{Algorithm, Nsec3Params, OptOut};
use halfmoon_wire::Name;
use serde::de::{Deserialize, Deserializer, Error};

use super::DnssecConfig;
use super::dnssec::{ZonePattern, algorithm};

/// More iterations than this are not made: validators take such zones for ones without signatures
/// (RFC 9276 section 3.2).
const MOST_ITERATIONS: u16 = 50;

/// How a zone says what it does not have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Denial {
    /// By an NSEC record made for the name in question (RFC 9824).
    #[default]
    Compact,
    /// By the NSEC records of the zone (RFC 4034).
    Nsec,
    /// By its NSEC3 records (RFC 5155).
    Nsec3,
}

/// `dnssec.nsec3`: how names are hashed.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Nsec3Config {
    /// How often a hash is hashed again.
    #[serde(deserialize_with = "iterations")]
    pub iterations: u16,
    /// What is hashed along.
    #[serde(deserialize_with = "salt")]
    pub salt: Vec<u8>,
    /// Whether delegations that are not secure have no record.
    pub opt_out: bool,
}

impl Nsec3Config {
    /// How names are hashed.
    #[must_use]
    pub fn params(&self) -> Nsec3Params {
        // The salt has been looked at.
        Nsec3Params::new(self.iterations, &self.salt).unwrap_or_default()
    }

    /// Whether delegations that are not secure are left out.
    #[must_use]
    pub const fn opt_out(&self) -> OptOut {
        if self.opt_out { OptOut::Yes } else { OptOut::No }
    }
}

/// `[[dnssec.zone]]`: zones that are signed, and what is different with them.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedZoneConfig {
    /// The zone, or zones.
    pub name: ZonePattern,
    /// In place of `dnssec.denial`.
    pub denial: Option<Denial>,
    /// In place of `dnssec.nsec3`.
    pub nsec3: Option<Nsec3Config>,
    /// In place of `dnssec.algorithm`.
    #[serde(default, deserialize_with = "some_algorithm")]
    pub algorithm: Option<Algorithm>,
    /// In place of `dnssec.split`.
    pub split: Option<bool>,
}

/// How one zone is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HowSigned<'c> {
    /// The algorithm of its keys.
    pub algorithm: Algorithm,
    /// Whether it has a key for the keys, and one for the rest.
    pub split: bool,
    /// How it says what it does not have.
    pub denial: Denial,
    /// How names are hashed.
    pub nsec3: &'c Nsec3Config,
}

impl DnssecConfig {
    /// How a zone is signed. What a `[[dnssec.zone]]` of its name says counts before one for the names
    /// below another, the closest of these first, and those before one for all.
    #[must_use]
    pub fn of(&self, apex: Name<'_>) -> HowSigned<'_> {
        let mut how = HowSigned {
            algorithm: self.algorithm,
            split: self.split,
            denial: self.denial,
            nsec3: &self.nsec3,
        };
        let mut entries: Vec<&SignedZoneConfig> =
            self.zone.iter().filter(|entry| entry.name.is_for(apex)).collect();
        entries.sort_by_key(|entry| entry.name.closeness());
        for entry in entries {
            how.algorithm = entry.algorithm.unwrap_or(how.algorithm);
            how.split = entry.split.unwrap_or(how.split);
            how.denial = entry.denial.unwrap_or(how.denial);
            how.nsec3 = entry.nsec3.as_ref().unwrap_or(how.nsec3);
        }
        how
    }
}

pub(super) fn zones<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<SignedZoneConfig>, D::Error> {
    let zones = Vec::<SignedZoneConfig>::deserialize(from)?;
    let twice = zones
        .iter()
        .enumerate()
        .find(|(at, zone)| zones.iter().take(*at).any(|other| other.name == zone.name));
    match twice {
        Some((_, zone)) => {
            Err(D::Error::custom(format_args!("zone \"{}\" is there twice; keep one", zone.name)))
        }
        None => Ok(zones),
    }
}

fn some_algorithm<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Algorithm>, D::Error> {
    algorithm(from).map(Some)
}

fn iterations<'de, D: Deserializer<'de>>(from: D) -> Result<u16, D::Error> {
    let number = i64::deserialize(from)?;
    u16::try_from(number).ok().filter(|number| *number <= MOST_ITERATIONS).ok_or_else(|| {
        D::Error::custom(format_args!(
            "{number} iterations of NSEC3 are not made, as validators do not follow; write 0 (RFC 9276), or at most {MOST_ITERATIONS}"
        ))
    })
}

fn salt<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
    let text = String::deserialize(from)?;
    // In master files no salt is a hyphen.
    let digits = if text == "-" { "" } else { text.as_str() };
    HEXLOWER_PERMISSIVE
        .decode(digits.as_bytes())
        .ok()
        .filter(|salt| salt.len() <= 255)
        .ok_or_else(|| {
            D::Error::custom(format_args!(
                "{text:?} is no salt; write \"\" (RFC 9276), or up to 255 octets in hexadecimal digits"
            ))
        })
}
