//! `[limits]`: what one source may cause.

use ipnet::IpNet;
use serde::Deserialize;

use super::value;

/// `[limits]`: response rate limiting.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Like answers a second to one network over UDP, on each thread; 0: no limit.
    pub responses_per_second: u32,
    /// Every so many answers beyond that one leaves truncated; 0: none does.
    pub slip: u32,
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
            exempt: own.iter().filter_map(|network| network.parse().ok()).collect(),
        }
    }
}
