//! What one probe found.

use std::borrow::Cow;

/// What one probe found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The target answered as it should.
    Success {
        /// The number at the start of its answer, if it is positive, else 0.
        weight: u32,
    },
    /// It did not, for this reason, as in `connection refused`.
    Failure(Cow<'static, str>),
    /// The prober itself could not ask, for this reason, as in `too many open files`. It says
    /// nothing of the target and changes no verdict.
    Inconclusive(Cow<'static, str>),
}

impl Outcome {
    pub(crate) fn failure(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Failure(reason.into())
    }
}
