//! The real binary, over real sockets, with real endpoints: zone files in, health-checked answers
//! out. Nothing here waits for a time; everything waits for what has to happen.

mod failover;
mod handshakes;
mod http;
mod kinds;
mod pace;
mod places;
mod platform;
mod reload;
mod restart;
mod transport;
mod unreachable;
mod zone_settings;

#[path = "../support/mod.rs"]
mod support;
