//! DNSSEC (RFC 4033 to 4035): the keys of a zone, the signatures of its RRsets, the proofs of what
//! it does not have.
//!
//! No socket, no clock: the time is an argument, in seconds since 1970 as in RRSIG records.

mod bitmap;
mod cache;
mod canonical;
mod chain;
mod compact;
mod file;
mod folder;
mod key;
mod links;
mod nsec3;
mod order;
mod portable;
mod presigned;
mod roll;
mod rrsig;
mod signed;
mod verify;
mod watch;
mod zone_keys;

pub use bitmap::TypeSet;
pub use cache::SignatureCache;
pub use chain::{Chain, ChainError, OptOut};
pub use folder::{FolderError, KeyFolder};
pub use key::{Algorithm, Digest, Key, KeyError, Role, UnknownAlgorithm, ds_of, tag_of};
pub use links::{Link, Signatures};
pub use nsec3::Nsec3Params;
pub use order::{Order, Proof};
pub use portable::{PortableError, read_private, write_private};
pub use presigned::{Presigned, Verify, signatures_at};
pub use roll::{Await, Lifetimes, Look, Method, Roll, Sight, TooLate, Turn, Uses};
pub use rrsig::{SignatureSet, Window};
pub use signed::{Budget, Desk, Means, Progress, SignError, Signed, Unlimited, Validity};
pub use watch::FolderWatch;
pub use zone_keys::ZoneKeys;
