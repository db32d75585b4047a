//! What a zone is expected to answer, in a file beside it (`NAME.test.toml`): asked on paper before the zone is
//! served.
//!
//! The paper has this zone alone and endpoints in the states that a test says, whatever the server knows of them
//! and whatever operators say: the same files give the same result everywhere. Nothing is probed.

mod case;
mod run;
mod turns;

pub use case::Tests;
pub(crate) use run::NOT_RUN;
pub use run::{Examiner, Subject};
pub(crate) use turns::Coming;
