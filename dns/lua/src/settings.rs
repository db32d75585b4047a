//! What the operator decides about record programs.

use std::sync::Arc;
use std::time::Duration;

use halfmoon_geo::Attributes;
use halfmoon_healthcheck::{
    Certificate, Damping, HttpOptions, Labels, Options, Pace, Policy, TlsOptions,
};

/// What the peer calls itself, unless it is told otherwise: endpoints may tell probes by it.
const PEER: &str = "PowerDNS Authoritative Server";

/// Whose defaults and quirks are in force.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Ours: everything that can be found wrong at load is refused at load.
    #[default]
    Halfmoon,
    /// The peer's: a faulty program is a warning at load and a failure when asked.
    PowerDns,
}

/// What holds of pools and their checks where a program does not say otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Defaults {
    /// How endpoints are probed, and how they come back.
    pub checks: Options,
    /// What a pool makes of their verdicts.
    pub policy: Policy,
    /// Between which bounds the TTL of an answer follows the state; `None`: it does not.
    pub ttl: Option<TtlRange>,
    /// How long after the failure of an endpoint everybody has the right answer, at worst; `None`:
    /// nobody asks.
    pub rto: Option<Duration>,
    /// What addresses are called by.
    pub labels: Labels,
}

/// The TTL of an answer that follows the state, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TtlRange {
    /// While a change is near, or fresh.
    pub min: u32,
    /// While all is calm.
    pub max: u32,
}

/// Budgets of one evaluation, and defaults of what programs leave out.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Whose defaults and quirks are in force.
    pub dialect: Dialect,
    /// Safepoints one evaluation may pass; host functions take some by the length of their lists.
    pub fuel: u64,
    /// Octets one evaluation may take beyond the virtual machine at rest.
    pub memory: usize,
    /// Wall time one evaluation may take, counted from its eighth safepoint on; given once more to
    /// one that exceeds it, since the system may have put the thread aside. At most a day.
    pub time: Duration,
    /// How many records one evaluation may answer with.
    pub answers: usize,
    /// The longest source, in octets.
    pub source: usize,
    /// How many loaded programs one thread keeps.
    pub loaded: usize,
    /// What holds where a program and its zone do not say otherwise.
    pub defaults: Arc<Defaults>,
    /// What the databases that are loaded know of places: programs that ask for anything else get a
    /// warning, since they choose as if nothing were known of anybody.
    pub places: Attributes,
    /// Whether globals that a program sets are there for the next one of its zone on the same
    /// thread. Each such zone has a virtual machine of its own then.
    pub shared: bool,
    /// Whether programs that need no Lua become plans. Off: all run in the virtual machine, for
    /// comparing the two.
    pub plans: bool,
}

impl Settings {
    /// The defaults of a dialect.
    #[must_use]
    pub fn of(dialect: Dialect) -> Self {
        let checks = match dialect {
            Dialect::Halfmoon => Options::default(),
            Dialect::PowerDns => Options {
                pace: Pace { fall: 1, rise: 1, damping: Damping::NONE, ..Pace::default() },
                tls: TlsOptions { certificate: Certificate::Any, ..TlsOptions::default() },
                http: HttpOptions { user_agent: Some(PEER.to_owned()), ..HttpOptions::default() },
                ..Options::default()
            },
        };
        Self {
            dialect,
            fuel: 20_000,
            memory: 64 * 1024,
            time: Duration::from_millis(1),
            answers: 64,
            source: 64 * 1024,
            loaded: 4096,
            defaults: Arc::new(Defaults { checks, ..Defaults::default() }),
            places: Attributes::ALL,
            shared: false,
            plans: true,
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::of(Dialect::Halfmoon)
    }
}
