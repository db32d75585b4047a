//! The Halfmoon nameserver: listeners, the query pipeline and the command line.

pub mod admin;
pub mod answer;
pub mod budget;
pub mod cli;
pub mod config;
pub mod cookies;
pub mod counters;
pub mod date;
pub mod events;
pub mod explain;
pub mod last_good;
pub mod limit;
pub mod logging;
pub mod meter;
pub mod migrate;
pub mod offline;
pub mod overrides;
mod parent;
pub mod publish;
pub mod secret;
pub mod serve;
pub mod shared;
pub mod signing;
pub mod transfer;
pub mod transport;
pub mod tsig;
pub mod worker;
