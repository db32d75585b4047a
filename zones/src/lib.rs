//! Zone files to checked zones to immutable trees, and what a zone says to a question.
//!
//! Knows the text of a record program, not Lua; has no clock and no socket.

mod ahead;
mod build;
mod catalog;
mod fault;
mod load;
mod open;
mod program;
pub mod rdata;
mod read;
mod tree;

pub use ahead::{Sight, Sights};
pub use build::{Addition, Builder, Built, Draft};
pub use catalog::{Catalog, Hosted};
pub use fault::{Fault, FileId, Files, Level, Place};
pub use load::{
    Attach, Beside, Candidate, CommitLoader, Companion, FileReport, Fresh, ListedZone, Loaded,
    Loader, MostRecords, Outcome, Proposal, Sources, UNREADABLE,
};
pub use program::{ProgramSource, Span};
pub use read::{Entry, MOST_OCTETS, ReadOptions, Sink, Store, read_file, read_stored, read_text};
pub use tree::{Node, Position, ProgramRef, RrSet, Zone};
