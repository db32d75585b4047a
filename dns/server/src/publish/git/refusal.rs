//! Why a commit is not served, and whether that may pass.

use halfmoon_git::GitError;

use super::FollowError;
use super::command::RunError;

/// Why a commit is not served.
#[derive(Debug)]
pub(super) struct Refusal {
    /// A guard asks whether it is meant.
    pub(super) held: bool,
    /// It says nothing of the commit: something here is in the way, as a full disk, and the same commit is tried
    /// again.
    pub(super) passing: bool,
    pub(super) why: Vec<String>,
}

impl Refusal {
    /// The commit is not right.
    pub(super) fn of(why: impl ToString) -> Self {
        Self { held: false, passing: false, why: vec![why.to_string()] }
    }

    /// The commit may be right.
    pub(super) fn passing(why: impl ToString) -> Self {
        Self { passing: true, ..Self::of(why) }
    }

    /// All of it in one line.
    pub(super) fn shown(&self) -> String {
        self.why.join("; ")
    }
}

impl From<GitError> for Refusal {
    fn from(error: GitError) -> Self {
        match error {
            // What is in a commit stays as it is.
            GitError::NoFolder { .. } | GitError::Deep => Self::of(error),
            _ => Self::passing(error),
        }
    }
}

impl From<FollowError> for Refusal {
    fn from(error: FollowError) -> Self {
        match error {
            FollowError::State { .. } => Self::passing(error),
            _ => Self::of(error),
        }
    }
}

/// Of a program of the system, whose answer is awaited in vain.
impl From<RunError> for Refusal {
    fn from(error: RunError) -> Self {
        Self::passing(error)
    }
}
