//! Can a TCP connection be made?

use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::net::TcpSocket;

use super::reason;
use crate::outcome::Outcome;

/// Connects, sends nothing, closes.
pub(super) async fn probe(target: SocketAddr, source: Option<IpAddr>) -> Outcome {
    let target = SocketAddr::new(target.ip().to_canonical(), target.port());
    let socket = match open(target, source) {
        Ok(socket) => socket,
        // No socket, or no such source address: the fault is on this side.
        Err(error) => return Outcome::Inconclusive(reason::local(&error, source)),
    };
    match socket.connect(target).await {
        Ok(_) => Outcome::success(0),
        Err(error) => reason::connection(&error),
    }
}

fn open(target: SocketAddr, source: Option<IpAddr>) -> io::Result<TcpSocket> {
    let socket = match target {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if let Some(source) = source {
        socket.bind(SocketAddr::new(source, 0))?;
    }
    Ok(socket)
}
