//! Why a check is not taken on.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::account::Rate;
use crate::check::{Group, GrpcProbe, HttpOptions, Method, Pace, PushOptions};
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
    /// There will be no body to look into.
    #[error("an answer to HEAD has no body: write GET, or leave out what it has to contain")]
    NoBody,
    /// A body is never sent with this method.
    #[error("{method} sends no body: write POST, or leave the body out")]
    Unsent {
        /// The method.
        method: Method,
    },
    /// The body is too long.
    #[error("a body of {octets} octets is too long: write at most {}", HttpOptions::MOST_SENT)]
    LongBody {
        /// How long it is.
        octets: usize,
    },
    /// A name cannot be asked for in TLS, or in a request.
    #[error("{name:?} is no server name: write a host name, as in www.example.org")]
    ServerName {
        /// The name.
        name: String,
    },
    /// A DNS check does not say what to ask for.
    #[error("a DNS check has to ask for something: write a name")]
    NoQuestion,
    /// A name cannot be asked for in DNS.
    #[error("{name:?} is no domain name that can be asked for")]
    Question {
        /// The name.
        name: String,
    },
    /// The name of a gRPC service is too long.
    #[error(
        "the name of a service of {octets} octets is too long: write at most {}",
        GrpcProbe::MOST_SERVICE
    )]
    LongService {
        /// How long it is.
        octets: usize,
    },
    /// The time for which something holds that was called in is zero or too long.
    #[error(
        "what is called in cannot hold for {within:?}: write more than 0 seconds and at most {} days",
        PushOptions::LONGEST.as_secs() / 86_400
    )]
    Within {
        /// The time asked for.
        within: Duration,
    },
    /// The operator has named no such heartbeat.
    #[error(
        "there is no heartbeat {name:?}: a token of `[[admin.tokens]]` has to list it in its beats"
    )]
    NoBeat {
        /// The name asked for.
        name: String,
    },
    /// A path does not lead to a file below the folder of the settings.
    #[error("{path:?} is not a path within a folder: write one like fra.state")]
    Path {
        /// The path.
        path: PathBuf,
    },
    /// The operator has named no folder whose files are read.
    #[error("no files are read: `health.files` has to name their folder")]
    NoFiles,
    /// A group wants more of its parts to be up than it has, or none.
    #[error("{at_least} of {count} checks: write at least 1 and at most as many as there are")]
    AtLeast {
        /// How many are to be up.
        at_least: usize,
        /// How many there are.
        count: usize,
    },
    /// A group is made of too many others, or they nest too deep.
    #[error(
        "a calculated check is made of at most {} others, {} deep",
        Group::MOST,
        Group::DEEPEST
    )]
    LargeGroup,
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
    /// What keeps it from coming back cannot be carried out.
    #[error("{0}")]
    Damping(&'static str),
    /// The operator does not allow it whoever wants it.
    #[error("target {}", theirs(denial, settings))]
    NotTheirs {
        /// What the holder's own targets say.
        denial: Denial,
        /// Where they are set.
        settings: Box<str>,
    },
    /// There would be more checks on one account than may be.
    #[error("{wanted} checks, more than the {limit} that `{settings}.checks` allows")]
    Checks {
        /// How many there would be.
        wanted: usize,
        /// How many are allowed.
        limit: usize,
        /// Where that is set.
        settings: Box<str>,
    },
    /// There would be more probes a second on one account than may be.
    #[error(
        "{wanted} probes a second, more than the {limit} that `{settings}.probes_per_second` allows"
    )]
    Probes {
        /// How many there would be.
        wanted: Rate,
        /// How many are allowed.
        limit: u32,
        /// Where that is set.
        settings: Box<str>,
    },
    /// As many checks computed at run time as the settings allow are held already.
    #[error("{limit} computed checks are held already, the most that are allowed")]
    TooMany {
        /// How many are allowed.
        limit: usize,
    },
}

fn theirs(denial: &Denial, settings: &str) -> String {
    match denial {
        Denial::Denied { address, network } => {
            format!("{address} is in {network}, which `{settings}.targets.deny` names")
        }
        Denial::NotAllowed { address } => {
            format!("{address} is in none of the networks that `{settings}.targets.allow` names")
        }
    }
}
