//! Record programs: the Lua that a LUA record holds.
//!
//! A [`Compiler`] turns the text of a program, at load, into a [`Program`]: either a *plan*, which
//! is calls of our functions with literal arguments and conditions over them and is evaluated
//! without entering Lua, or Luau bytecode in which each call with literal arguments is a *call
//! site*, bound at load. Checks of health start then. A [`Machine`], one to a thread, runs programs
//! under budgets of instructions (*fuel*, spent at the virtual machine's *safepoints*), memory and
//! time, and says what an answer came to depend on.
//!
//! This is the only crate that knows Lua. It opens no file and no socket, and writes no log.

#![warn(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        reason = "a test that panics has failed, which is what it is for"
    )
)]

mod address;
mod analysis;
mod answers;
mod binder;
mod budget;
mod burtle;
mod call;
mod client;
mod compiler;
mod data;
mod eval;
mod failure;
mod functions;
mod globals;
mod include;
mod machine;
mod notes;
mod plan;
mod program;
mod rdata;
mod remark;
mod remembered;
mod rewrite;
mod settings;
mod story;
mod syntax;
mod value;
mod vm;
mod witness;

pub use answers::{Answers, Chose, Reads, Said};
pub use budget::Budget;
pub use call::{HealthCall, UrlAsked};
pub use client::{Client, Network};
pub use compiler::Compiler;
pub use data::{Data, Share};
pub use eval::Context;
pub use failure::Failure;
pub use machine::{Machine, One};
pub use notes::Note;
pub use plan::Candidate;
pub use program::Program;
pub use settings::{Defaults, Dialect, Settings, TtlRange};
pub use story::{Call, Finding, Given, Pool, Step, Story, Telling};
