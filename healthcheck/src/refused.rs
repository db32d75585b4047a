//! Why a check is not taken on.

use std::net::IpAddr;
use std::time::Duration;

use crate::check::Pace;
use crate::target::Denial;

/// Why a check is not taken on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The operator does not allow the target.
    #[error("target {0}")]
    Target(#[from] Denial),
    /// The probe would have to leave from an address of the other family.
    #[error("source {local} and target {target} are not of one address family")]
    Source {
        /// The local address asked for.
        local: IpAddr,
        /// The address under test.
        target: IpAddr,
    },
    /// The URL is of a kind that is not probed.
    #[error("{scheme} URLs are not probed: write http or https")]
    Scheme {
        /// The scheme of the URL.
        scheme: String,
    },
    /// An `https` URL names one address and another one is under test.
    #[error("no certificate can be verified for {host} at {address}: write a host name in the URL")]
    Literal {
        /// The address in the URL.
        host: IpAddr,
        /// The address under test.
        address: IpAddr,
    },
    /// A header cannot be sent.
    #[error("header {name:?} is not a valid HTTP header")]
    Header {
        /// Its name.
        name: String,
    },
    /// The interval is too short or too long.
    #[error(
        "an interval of {interval:?} is not possible: write one from {:?} to {} hours",
        Pace::MIN_INTERVAL,
        Pace::MAX_INTERVAL.as_secs() / 3600
    )]
    Interval {
        /// The interval asked for.
        interval: Duration,
    },
    /// The timeout is zero.
    #[error("a timeout of zero fails every probe: write a longer one")]
    Timeout,
    /// Rise or fall is zero.
    #[error("rise and fall count results in a row: write at least 1")]
    Count,
    /// As many checks computed at run time as the settings allow are held already.
    #[error("{limit} computed checks are held already, the most that are allowed")]
    TooMany {
        /// How many are allowed.
        limit: usize,
    },
}
