//! Taking the addresses: all sockets are bound before any thread starts, so that what cannot
//! be had is one error and not a server that serves half.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::AsFd;
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};

use super::sys;

/// How often a UDP thread looks up from an idle socket, to take new snapshots and to see
/// that it shall end.
const RECEIVE_TIMEOUT: Duration = Duration::from_millis(250);
/// How long a full socket may hold up a batch of answers.
const SEND_TIMEOUT: Duration = Duration::from_millis(100);
/// Octets of queries that the kernel keeps while a thread is busy; it may allow less.
const RECEIVE_BUFFER: usize = 4 << 20;
/// Connections the kernel keeps until they are accepted.
const BACKLOG: i32 = 1024;
/// How many free TCP ports are tried until one is free for UDP, too.
const PORT_ATTEMPTS: usize = 64;

/// Why an address cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// Somebody has it.
    #[error(
        "{address} is in use by another process ({protocol}); stop that one or listen elsewhere"
    )]
    InUse {
        /// The address asked for.
        address: SocketAddr,
        /// `UDP` or `TCP`.
        protocol: &'static str,
    },
    /// It is listed twice.
    #[error("{address} is listed twice")]
    Twice {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The system does not let us have it.
    #[error("cannot listen on {address} ({protocol}): {source}{}", hint(source))]
    Refused {
        /// The address asked for.
        address: SocketAddr,
        /// `UDP` or `TCP`.
        protocol: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// Datagrams cannot be steered to so many threads.
    #[error(
        "steering by processor takes at most one UDP thread for each processor, and {udp_threads} are to share \
        {processors}; set server.workers to {processors} at most, or server.steering to \"hash\""
    )]
    TooManyThreads {
        /// UDP threads for each address.
        udp_threads: usize,
        /// Processors that this process may use.
        processors: usize,
    },
    /// The system does not steer datagrams.
    #[error(
        "cannot steer the datagrams of {address} by processor: {source}; set server.steering to \"hash\""
    )]
    Unsteered {
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// A thread or a runtime could not be had.
    #[error("cannot start the listeners: {source}")]
    Threads {
        /// What the system says.
        source: io::Error,
    },
}

fn hint(source: &io::Error) -> &'static str {
    match source.kind() {
        io::ErrorKind::PermissionDenied => {
            "; ports below 1024 need the capability CAP_NET_BIND_SERVICE"
        }
        io::ErrorKind::AddrNotAvailable => "; no interface has this address",
        _ => "",
    }
}

/// The sockets of one address.
#[derive(Debug)]
pub(super) struct Endpoint {
    /// The address as bound, its port chosen.
    pub(super) address: SocketAddr,
    /// One for each UDP thread.
    pub(super) udp: Vec<UdpSocket>,
    /// For all TCP threads.
    pub(super) tcp: TcpListener,
}

/// Binds one address for both protocols.
pub(super) fn bind(address: SocketAddr, udp_threads: usize) -> Result<Endpoint, BindError> {
    let mut attempts = if address.port() == 0 { PORT_ATTEMPTS } else { 1 };
    loop {
        attempts -= 1;
        // TCP first: the kernel never shares a listening port between processes, while it
        // would share a UDP port with another server of the same user.
        let tcp = listen(address).map_err(|source| refused(address, "TCP", source))?;
        let bound = tcp.local_addr().map_err(|source| refused(address, "TCP", source))?;
        match datagram_sockets(bound, udp_threads) {
            Ok(udp) => {
                return Ok(Endpoint { address: bound, udp, tcp });
            }
            Err(source) if source.kind() == io::ErrorKind::AddrInUse && attempts > 0 => {}
            Err(source) => return Err(refused(bound, "UDP", source)),
        }
    }
}

/// Has each socket take what comes in on the processor of its thread, `processors` by the number of the socket.
pub(super) fn steer(endpoint: &Endpoint, processors: &[usize]) -> Result<(), BindError> {
    let [socket, _, ..] = &endpoint.udp[..] else {
        // There is but one.
        return Ok(());
    };
    sys::steer(socket.as_fd(), processors)
        .map_err(|source| BindError::Unsteered { address: endpoint.address, source })
}

fn refused(address: SocketAddr, protocol: &'static str, source: io::Error) -> BindError {
    if source.kind() == io::ErrorKind::AddrInUse {
        BindError::InUse { address, protocol }
    } else {
        BindError::Refused { address, protocol, source }
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Connections of an earlier process that linger in TIME_WAIT do not hold the port.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn datagram_sockets(address: SocketAddr, threads: usize) -> io::Result<Vec<UdpSocket>> {
    // The first is bound without SO_REUSEPORT, which fails if anybody has the port, and only then
    // opened for the others of ours.
    let first = datagram_socket(address)?;
    first.bind(&address.into())?;
    first.set_reuse_port(true)?;
    let mut sockets = vec![first.into()];
    for _ in 1..threads {
        let next = datagram_socket(address)?;
        next.set_reuse_port(true)?;
        next.bind(&address.into())?;
        sockets.push(next.into());
    }
    Ok(sockets)
}

fn datagram_socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    if address.ip().is_unspecified() {
        sys::tell_local_address(socket.as_fd(), address)?;
    }
    sys::ignore_path_mtu(socket.as_fd(), address)?;
    socket.set_read_timeout(Some(RECEIVE_TIMEOUT))?;
    socket.set_write_timeout(Some(SEND_TIMEOUT))?;
    // More is better, less still works.
    let _ = SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER);
    Ok(socket)
}
