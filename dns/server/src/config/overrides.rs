//! `[health.overrides]` and `[[health.safety]]`: what operators may say against health.

use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error};

use super::value;

/// `[health.overrides]`: what holds for all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OverridesConfig {
    /// How long one may last.
    #[serde(deserialize_with = "value::positive_duration")]
    pub max: Duration,
}

/// `[[health.safety]]`: what no override may take out.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SafetyConfig {
    /// So many stay, at least 1.
    #[serde(deserialize_with = "at_least_one")]
    pub keep: u32,
    /// Of these labels, in which `*` stands for anything: `region:*`.
    pub of: String,
}

impl Default for OverridesConfig {
    fn default() -> Self {
        Self { max: Duration::from_secs(24 * 3600) }
    }
}

fn at_least_one<'de, D: Deserializer<'de>>(from: D) -> Result<u32, D::Error> {
    match u32::deserialize(from)? {
        0 => Err(D::Error::custom("a rule that keeps 0 keeps nothing; write 1 or more")),
        keep => Ok(keep),
    }
}
