//! `[transfer]`: who may have whole zones.

use std::num::NonZeroU32;
use std::path::PathBuf;

use halfmoon_wire::NameBuf;
use ipnet::IpNet;
use serde::Deserialize;

use super::value;

/// `[transfer]`: zone transfers (AXFR, RFC 5936).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TransferConfig {
    /// Networks whose clients may have the zones; nobody, if there are none.
    #[serde(deserialize_with = "value::networks")]
    pub allow: Vec<IpNet>,
    /// Keys whose holders may have them, from wherever they ask (TSIG, RFC 8945).
    pub keys: Vec<KeyConfig>,
    /// Transfers at a time.
    pub max: NonZeroU32,
}

/// A key that queries and answers are signed with.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyConfig {
    /// The name by which both sides call it.
    #[serde(deserialize_with = "value::name")]
    pub name: NameBuf,
    /// How it signs.
    #[serde(default)]
    pub algorithm: KeyAlgorithm,
    /// The file of the secret, in base64. Relative to the folder of the configuration file.
    pub secret_file: PathBuf,
}

/// How a key signs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeyAlgorithm {
    /// HMAC with SHA-256.
    #[default]
    HmacSha256,
    /// HMAC with SHA-512.
    HmacSha512,
}

impl Default for TransferConfig {
    fn default() -> Self {
        Self { allow: Vec::new(), keys: Vec::new(), max: super::at_least_one(10) }
    }
}
