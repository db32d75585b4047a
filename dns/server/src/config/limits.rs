//! `[limits]`: what one source may cause.

use std::time::Duration;

use ipnet::IpNet;
use serde::Deserialize;

use super::value;

/// `[limits]`: response rate limiting, and the work of programs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Like answers a second to one network over UDP, on each thread; 0: no limit.
    pub responses_per_second: u32,
    /// Every so many answers beyond that one leaves truncated; 0: none does.
    pub slip: u32,
    /// How much time of programs one network may cause in a second, on each thread; none: no limit.
    #[serde(deserialize_with = "value::any_duration")]
    pub program_time: Duration,
    /// Networks that are not limited.
    #[serde(deserialize_with = "value::networks")]
    pub exempt: Vec<IpNet>,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        let own = ["127.0.0.0/8", "::1/128"];
        Self {
            responses_per_second: 200,
            slip: 2,
            program_time: Duration::from_millis(100),
            exempt: own.iter().filter_map(|network| network.parse().ok()).collect(),
        }
    }
}
