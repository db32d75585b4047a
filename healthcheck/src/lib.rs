//! What to probe, probing, rise and fall, and the lock-free board of verdicts.
//!
//! Knows addresses and URLs, not DNS and not Lua.

mod check;

pub use check::{Check, HttpProbe, Pace, Probe};
