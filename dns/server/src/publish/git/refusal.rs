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
            GitError::NoFolder { .. } | GitError::Deep | GitError::Many => Self::of(error),
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

#[cfg(test)]
mod tests {
    use std::io;
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_says_nothing_of_a_commit_passes() {
        let commit = "0123456789012345678901234567890123456789".parse().unwrap();
        let slow = || RunError::Slow { name: "ssh-keygen".into(), limit: Duration::from_secs(10) };
        let none =
            RunError::Unrunnable { name: "gpgv".into(), source: io::ErrorKind::WouldBlock.into() };
        let state = FollowError::State {
            path: PathBuf::from("served.json"),
            source: io::ErrorKind::StorageFull.into(),
        };
        for (refusal, expected) in [
            (Refusal::from(slow()), true),
            (none.into(), true),
            (state.into(), true),
            (GitError::Said("an object cannot be read".into()).into(), true),
            (GitError::NoFolder { commit, path: PathBuf::from("zones") }.into(), false),
            (GitError::Deep.into(), false),
            (GitError::Many.into(), false),
            (Refusal::of("it is not signed"), false),
        ] {
            assert_eq!((refusal.passing, refusal.held), (expected, false), "{}", refusal.shown());
        }
        assert_eq!(Refusal::from(slow()).shown(), "ssh-keygen took longer than 10s and was ended");
    }
}
