//! Zone files to checked zones to immutable trees, and what a zone says to a question.
//!
//! Knows the text of a record program, not Lua; has no clock and no socket.

mod fault;
mod program;

pub use fault::{Fault, FileId, Files, Level, Place};
pub use program::{ProgramSource, Span};
