//! What one probe found.

use std::borrow::Cow;

/// What one probe found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The target answered as it should. Made by [`Outcome::success`].
    #[non_exhaustive]
    Success {
        /// The number that it answered with, if it is positive, else 0.
        weight: u32,
        /// What will soon be wrong with it, as in `the certificate expires in 3 days`. It is shown
        /// to people and changes no verdict.
        warning: Option<Cow<'static, str>>,
    },
    /// It did not, for this reason, as in `connection refused`.
    Failure(Cow<'static, str>),
    /// The prober itself could not ask, for this reason, as in `too many open files`. It says
    /// nothing of the target and changes no verdict.
    Inconclusive(Cow<'static, str>),
}

impl Outcome {
    /// The target answered as it should, with this number or 0.
    #[must_use]
    pub const fn success(weight: u32) -> Self {
        Self::Success { weight, warning: None }
    }

    /// The same outcome with a warning, if it is a success; else as it is.
    #[must_use]
    pub fn warn(self, message: impl Into<Cow<'static, str>>) -> Self {
        match self {
            Self::Success { weight, .. } => Self::Success { weight, warning: Some(message.into()) },
            other => other,
        }
    }

    /// What will soon be wrong with a target that answers as it should.
    #[must_use]
    pub fn warning(&self) -> Option<&str> {
        match self {
            Self::Success { warning, .. } => warning.as_deref(),
            Self::Failure(_) | Self::Inconclusive(_) => None,
        }
    }

    pub(crate) fn failure(reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Failure(reason.into())
    }
}
