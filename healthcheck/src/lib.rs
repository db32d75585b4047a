//! What to probe, probing, rise and fall, and the lock-free board of verdicts.
//!
//! Knows addresses and URLs, not DNS and not Lua.
//!
//! Whoever needs to know of a target acquires its [`Check`] from [`Health`] and keeps the
//! [`Handle`]: equal checks are one, and it is probed while somebody holds it. A thread that
//! answers queries keeps a [`Reader`] and looks verdicts up in its [`Snapshot`], without a lock.
//!
//! Whoever answers from groups of targets registers them as a [`Pool`] ([`Health::register`]). Then the
//! engine works out what the pool answers with whenever a verdict, an operator's word or the time
//! changes something, and a query finds it ready ([`Snapshot::pool`]). The list of pools
//! ([`Health::pools`]) says what each member counts as and why; [`Health::set_orders`] is where an
//! operator's word comes in, [`Health::resume`] and [`Health::let_go`] where one waits for it.
//!
//! Whoever shares the checking with others who are not to pay for it has an [`Account`], on which checks
//! are acquired and requested ([`Health::on`]).

mod account;
mod allowance;
mod beats;
mod board;
mod change;
mod check;
mod choices;
mod clock;
mod damping;
mod engine;
mod health;
mod judge;
mod latency;
mod outcome;
mod policy;
mod pool;
mod pools;
mod probe;
mod refused;
mod registry;
mod report;
mod said;
mod schedule;
mod shared;
mod state;
mod suppose;
mod suspicion;
mod target;
mod verdict;

pub use account::{Account, Holdings, Limits, Rate, Refusal};
pub use beats::NoBeat;
pub use board::{Reader, Snapshot};
pub use change::{Change, Changes};
pub use check::{
    BeatProbe, Certificate, Check, DnsCode, DnsOptions, DnsProbe, DnsType, FileProbe, Group,
    GrpcOptions, GrpcProbe, HttpOptions, HttpProbe, Method, Options, Pace, Probe, PushOptions,
    Reaction, Stale, Statuses, StatusesError, TlsOptions, TlsProbe, UnknownCode, UnknownMethod,
    UnknownType,
};
pub use choices::ChoiceId;
pub use damping::{Damping, Flap, Hold, Resume};
pub use health::{ChoiceHandle, Handle, Health, PoolHandle, Settings, StartError};
pub use latency::Latencies;
pub use outcome::Outcome;
pub use policy::{AllDown, Choice, Pick, Policy, Standing, Unknown, Velocity};
pub use pool::{
    Effective, Force, Forced, Label, Labels, Member, Orders, Pool, PoolId, PoolName, PoolReport,
    PoolStanding, Whose, Why,
};
pub use refused::Refused;
pub use report::{Counts, Last, Report};
pub use said::{Holds, Said, SaidError};
pub use suppose::{Suppose, Supposed};
pub use suspicion::Suspicion;
pub use target::{Denial, TargetPolicy};
pub use verdict::{CheckId, State, Verdict};
