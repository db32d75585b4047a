//! DNS as octets: names, questions, messages and EDNS.
//!
//! Knows no zone, no clock and no socket. Everything here borrows from the
//! message it looks at or writes into a buffer the caller owns; nothing on the
//! way of a query allocates.

mod edns;
mod hash;
mod name;
mod query;
mod rcode;
mod reply;
mod response;
mod rtype;

pub use edns::{ClientSubnet, Cookie, Edns, ExtendedError};
pub use hash::{SuffixHashes, hash_name};
pub use name::{Labels, Name, NameBuf, NameError};
pub use query::{Opcode, Query, Question};
pub use rcode::Rcode;
pub use reply::{
    DenialSoa, Full, LONGEST_NSID, Mark, OWN_UDP_SIZE, Owner, PLAIN_UDP_SIZE, Places, Reply,
    Section,
};
pub use response::{Record, Response, question};
pub use rtype::{Class, Type};
