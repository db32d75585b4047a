//! The Halfmoon nameserver: listeners, the query pipeline and the command line.

pub mod config;
pub mod logging;
pub mod transport;
