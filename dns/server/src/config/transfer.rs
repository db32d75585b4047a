//! `[transfer]`: who may have whole zones.

use std::num::NonZeroU32;

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
    /// Transfers at a time.
    pub max: NonZeroU32,
}

impl Default for TransferConfig {
    fn default() -> Self {
        Self { allow: Vec::new(), max: super::at_least_one(10) }
    }
}
