//! Can a TCP connection be made?

use std::net::{IpAddr, SocketAddr};

use super::connect;
use crate::outcome::Outcome;

/// Connects, sends nothing, closes.
pub(super) async fn probe(target: SocketAddr, source: Option<IpAddr>) -> Outcome {
    match connect::tcp(target, source).await {
        Ok(_) => Outcome::success(0),
        Err(outcome) => outcome,
    }
}
