//! DNS as octets: names, questions, messages and EDNS.
//!
//! Knows no zone, no clock and no socket. Everything here borrows from the
//! message it looks at or writes into a buffer the caller owns; nothing on the
//! way of a query allocates.

mod hash;
mod name;
mod rtype;

pub use hash::{SuffixHashes, hash_name};
pub use name::{Labels, Name, NameBuf, NameError};
pub use rtype::{Class, Type};
