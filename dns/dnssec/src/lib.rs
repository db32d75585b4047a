//! DNSSEC (RFC 4033 to 4035): the keys of a zone and how they roll, the signatures of its RRsets,
//! the proofs of what it does not have.
//!
//! No socket, no clock: the time is an argument, in seconds since 1970 as in RRSIG records.
