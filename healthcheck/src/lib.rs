//! What to probe, probing, rise and fall, and the lock-free board of verdicts.
//!
//! Knows addresses and URLs, not DNS and not Lua.
//!
//! Whoever needs to know of a target acquires its [`Check`] from [`Health`] and keeps the
//! [`Handle`]: equal checks are one, and it is probed while somebody holds it. A thread that
//! answers queries keeps a [`Reader`] and looks verdicts up in its [`Snapshot`], without a lock.

mod allowance;
mod beats;
mod board;
mod change;
mod check;
mod clock;
mod engine;
mod health;
mod judge;
mod latency;
mod outcome;
mod probe;
mod refused;
mod registry;
mod report;
mod said;
mod schedule;
mod target;
mod verdict;

pub use beats::NoBeat;
pub use board::{Reader, Snapshot};
pub use change::{Change, Changes};
pub use check::{
    BeatProbe, Certificate, Check, DnsCode, DnsOptions, DnsProbe, DnsType, FileProbe, Group,
    GrpcOptions, GrpcProbe, HttpOptions, HttpProbe, Method, Options, Pace, Probe, PushOptions,
    Stale, Statuses, StatusesError, TlsOptions, TlsProbe, UnknownCode, UnknownMethod, UnknownType,
};
pub use health::{Handle, Health, Settings, StartError};
pub use latency::Latencies;
pub use outcome::Outcome;
pub use refused::Refused;
pub use report::{Counts, Last, Report};
pub use said::{Holds, Said, SaidError};
pub use target::{Denial, TargetPolicy};
pub use verdict::{CheckId, State, Verdict};
