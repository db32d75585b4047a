//! The Git repository that something is published from: a copy of it on this disk, what commits hold,
//! and what changed between them.
//!
//! Knows no DNS. Nothing is checked out: files are read from the object database, so there is no half
//! of a commit anywhere. The copy only ever gains objects, whole ones first those they refer to, so a
//! process that is killed leaves a copy that is right. From a repository on this machine the commits before the
//! newest come along without their files, to say what lies before what.

mod copy;
mod files;
mod source;
mod tree;

pub use copy::{Copy, GitError};
pub use files::{Files, MOST_OCTETS};
pub use source::{Source, SourceError};
pub use tree::Change;

use std::fmt;
use std::str::FromStr;

/// The name of a commit: its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CommitId(gix::ObjectId);

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for CommitId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        gix::ObjectId::from_hex(text.as_bytes()).map(Self).map_err(|_| {
            format!("{text:?} is not the name of a commit; write its 40 hexadecimal digits")
        })
    }
}

/// What somebody has signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The signature in its armour.
    pub signature: Vec<u8>,
    /// What it is of: the commit without it.
    pub payload: Vec<u8>,
}

/// What is told of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// When it was made, as its committer says: seconds since 1970.
    pub at: i64,
    /// Who wrote it.
    pub author: String,
    /// The first line of its message.
    pub subject: String,
}
