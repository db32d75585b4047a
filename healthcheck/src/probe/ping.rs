//! Is an ICMP echo replied to? (RFC 792, RFC 4443 section 4)
//!
//! Linux lets the groups in `net.ipv4.ping_group_range` send echoes without further rights; where it
//! does not, a raw socket is tried, which takes CAP_NET_RAW. Where neither is permitted nothing is
//! known of the target.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket as StdSocket};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

use super::reason;
use crate::outcome::Outcome;

/// Octets that make our echo known when it comes back.
const TOKEN: usize = 16;
const HEAD: usize = 8;
const NOT_PERMITTED: &str = "ICMP is not permitted: give the server CAP_NET_RAW, or its group a \
                             place in net.ipv4.ping_group_range";

/// How the kernel hands replies over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Replies to this socket alone.
    Echo,
    /// Everything that arrives; over IPv4 with the IP header.
    Raw,
}

/// Sends one echo and waits for the reply.
pub(super) async fn probe(target: IpAddr, source: Option<IpAddr>) -> Outcome {
    let target = target.to_canonical();
    let (socket, kind) = match open(target) {
        Ok(open) => open,
        Err(error) if is_forbidden(&error) => return Outcome::Inconclusive(NOT_PERMITTED.into()),
        Err(error) => return Outcome::Inconclusive(reason::local(&error, None)),
    };
    let socket = match ready(socket, source) {
        Ok(socket) => socket,
        Err(error) => return Outcome::Inconclusive(reason::local(&error, source)),
    };
    match echo(&socket, target, kind).await {
        Ok(()) => Outcome::success(0),
        Err(error) => reason::connection(&error),
    }
}

fn open(target: IpAddr) -> io::Result<(Socket, Kind)> {
    let (domain, protocol) = match target {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
    };
    match Socket::new(domain, Type::DGRAM, Some(protocol)) {
        Ok(socket) => Ok((socket, Kind::Echo)),
        // A machine without such sockets may have the other kind.
        Err(error) if is_forbidden(&error) => {
            Ok((Socket::new(domain, Type::RAW, Some(protocol))?, Kind::Raw))
        }
        Err(error) => Err(error),
    }
}

fn is_forbidden(error: &io::Error) -> bool {
    let forbidden = [libc::EACCES, libc::EPERM, libc::EPROTONOSUPPORT, libc::ESOCKTNOSUPPORT];
    error.raw_os_error().is_some_and(|code| forbidden.contains(&code))
}

fn ready(socket: Socket, source: Option<IpAddr>) -> io::Result<UdpSocket> {
    if let Some(source) = source {
        socket.bind(&SocketAddr::new(source, 0).into())?;
    }
    socket.set_nonblocking(true)?;
    UdpSocket::from_std(StdSocket::from(socket))
}

async fn echo(socket: &UdpSocket, target: IpAddr, kind: Kind) -> io::Result<()> {
    // Connected, so that only what comes from the target arrives, its errors too.
    socket.connect(SocketAddr::new(target, 0)).await?;
    let mut token = [0; TOKEN];
    token.fill_with(|| fastrand::u8(..));
    socket.send(&request(target, &token)).await?;
    let mut buffer = [0; 1024];
    loop {
        let length = socket.recv(&mut buffer).await?;
        if is_reply(&buffer[..length], target, kind, &token) {
            return Ok(());
        }
    }
}

fn request(target: IpAddr, token: &[u8; TOKEN]) -> [u8; HEAD + TOKEN] {
    let mut packet = [0; HEAD + TOKEN];
    packet[0] = if target.is_ipv4() { 8 } else { 128 };
    // The kernel puts its own identifier here unless the socket is raw.
    packet[4..6].copy_from_slice(&token[..2]);
    packet[7] = 1;
    packet[HEAD..].copy_from_slice(token);
    if target.is_ipv4() {
        // Over IPv6 the kernel does it, who knows the addresses (RFC 3542 section 3.1).
        let sum = checksum(&packet);
        packet[2..4].copy_from_slice(&sum.to_be_bytes());
    }
    packet
}

/// The Internet checksum (RFC 1071).
fn checksum(octets: &[u8]) -> u16 {
    let words = octets
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |octet| u32::from(*octet)));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

fn is_reply(octets: &[u8], target: IpAddr, kind: Kind, token: &[u8; TOKEN]) -> bool {
    let message = match (kind, target) {
        // The IP header says itself how long it is, in words of four octets (RFC 791 section 3.1).
        (Kind::Raw, IpAddr::V4(_)) => {
            let words = octets.first().map_or(0, |first| usize::from(first & 0x0f));
            octets.get(words * 4..).unwrap_or_default()
        }
        _ => octets,
    };
    let reply = if target.is_ipv4() { 0 } else { 129 };
    message.starts_with(&[reply, 0]) && message.get(HEAD..) == Some(token)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const TOKEN_OF_TEST: [u8; TOKEN] = *b"0123456789abcdef";

    #[test]
    fn the_checksum_is_that_of_the_internet() {
        // RFC 1071 section 3.
        assert_eq!(checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
        assert_eq!(checksum(&[0x01]), !0x0100);
        let packet = request(Ipv4Addr::LOCALHOST.into(), &TOKEN_OF_TEST);
        assert_eq!(checksum(&packet), 0, "a packet with its checksum sums up to nothing");
    }

    #[test]
    fn only_our_own_echo_is_a_reply() {
        let target = IpAddr::from(Ipv4Addr::LOCALHOST);
        let mut reply = request(target, &TOKEN_OF_TEST).to_vec();
        assert!(!is_reply(&reply, target, Kind::Echo, &TOKEN_OF_TEST), "the request itself");
        reply[0] = 0;
        assert!(is_reply(&reply, target, Kind::Echo, &TOKEN_OF_TEST));
        assert!(!is_reply(&reply, target, Kind::Echo, &[0; TOKEN]), "somebody else's");
        assert!(!is_reply(&reply[..20], target, Kind::Echo, &TOKEN_OF_TEST), "cut off");
        let with_header = [&[0x46; 24][..], &reply].concat();
        assert!(is_reply(&with_header, target, Kind::Raw, &TOKEN_OF_TEST));
        assert!(!is_reply(&[0x4f], target, Kind::Raw, &TOKEN_OF_TEST));
        assert!(!is_reply(&[], target, Kind::Raw, &TOKEN_OF_TEST));
    }
}
