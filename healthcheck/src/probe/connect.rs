//! Connections to an endpoint: TCP, with TLS on it where that is wanted.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::SystemTime;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::client::TlsStream;

use super::reason;
use super::tls::{Protocol, Tls, expiry};
use crate::check::Certificate;
use crate::outcome::Outcome;

/// A connection, as requests travel over it.
#[derive(Debug)]
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// What is spoken over a connection before anything is asked.
#[derive(Clone, Debug)]
pub(super) struct Secure {
    /// The name that is asked for and that the certificate has to be for.
    pub(super) name: ServerName<'static>,
    pub(super) certificate: Certificate,
    pub(super) protocol: Protocol,
}

/// Connects. What goes wrong on this side is inconclusive.
pub(super) async fn tcp(target: SocketAddr, source: Option<IpAddr>) -> Result<TcpStream, Outcome> {
    let target = SocketAddr::new(target.ip().to_canonical(), target.port());
    let socket = open(target, source)
        .map_err(|error| Outcome::Inconclusive(reason::local(&error, source)))?;
    let stream = socket.connect(target).await.map_err(|error| reason::connection(&error))?;
    // A request is small and goes out whole; nothing is to be waited for.
    let _ = stream.set_nodelay(true);
    Ok(stream)
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

/// Connects, and makes the handshake if there is one to make; with when the certificate runs out.
pub(super) async fn connect(
    target: SocketAddr,
    source: Option<IpAddr>,
    secure: Option<&Secure>,
    tls: &Tls,
) -> Result<(Stream, Option<SystemTime>), Outcome> {
    // Before the connection: what cannot be verified is not worth one.
    let connector = secure.map(|secure| tls.connector(secure)).transpose();
    let connector = connector.map_err(|reason| Outcome::failure(reason.to_owned()))?;
    let stream = tcp(target, source).await?;
    let (Some(secure), Some(connector)) = (secure, connector) else {
        return Ok((Stream::Plain(stream), None));
    };
    let stream =
        connector.connect(secure.name.clone(), stream).await.map_err(|error| reason::of(&error))?;
    let presented = stream.get_ref().1.peer_certificates();
    let expiry = presented.and_then(<[_]>::first).and_then(expiry);
    Ok((Stream::Tls(Box::new(stream)), expiry))
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
