//! Where an address is: country, continent, region, city, coordinates, network operator.
//!
//! A [`Geo`] is an immutable set of mmdb files held in memory, asked in order. Each answer
//! comes with the length of the network it holds for, so that whoever hands it on can say
//! for whom (the scope prefix of RFC 7871). A [`Source`] reads the files, watches for
//! their change when asked to, and publishes each new set to its [`Reader`]s.
//!
//! A look-up takes no lock, does not allocate and cannot fail: what a database does not
//! say, or says in bytes that cannot be read, is unknown. This crate knows no DNS.

mod attribute;
mod database;
mod error;
mod leaf;
mod location;
mod set;
mod source;
#[cfg(feature = "write")]
pub mod write;

pub use attribute::{Attribute, Attributes};
pub use error::{GeoError, Warning};
pub use location::{Location, degrees_squared, great_circle};
pub use set::{DatabaseInfo, Found, Geo};
pub use source::{Reader, Source};
