//! Asks the server for the addresses of a name, as a stub resolver would.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time;

/// How long an answer may take; it comes from the same machine.
const PATIENCE: Duration = Duration::from_millis(500);
/// A pointer instead of a label (RFC 1035 section 4.1.4).
const POINTER: u8 = 0b1100_0000;

/// The addresses of a name, sorted; `None` if there is no good answer.
pub(super) async fn addresses(server: SocketAddr, name: &str) -> Option<Vec<Ipv4Addr>> {
    let own: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::LOCALHOST, 0).into(),
        SocketAddr::V6(_) => (std::net::Ipv6Addr::LOCALHOST, 0).into(),
    };
    let exchange = async {
        let socket = UdpSocket::bind(own).await.ok()?;
        socket.connect(server).await.ok()?;
        socket.send(&query(name)).await.ok()?;
        let mut answer = [0; 1232];
        let octets = socket.recv(&mut answer).await.ok()?;
        parse(&answer[..octets])
    };
    time::timeout(PATIENCE, exchange).await.ok().flatten()
}

/// A query for the A records of a name in plain letters.
fn query(name: &str) -> Vec<u8> {
    // ID, no flags, one question. The socket is new and connected, so any ID will do.
    let mut message = vec![0x48, 0x4d, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        message.push(label.len() as u8);
        message.extend(label.as_bytes());
    }
    // The root, type A, class IN.
    message.extend([0, 0, 1, 0, 1]);
    message
}

/// The A records in the answer section.
fn parse(message: &[u8]) -> Option<Vec<Ipv4Addr>> {
    let word = |at: usize| Some(u16::from_be_bytes([*message.get(at)?, *message.get(at + 1)?]));
    let is_good = word(2)? & 0x800f == 0x8000;
    if !is_good {
        return None;
    }
    let mut at = 12;
    for _ in 0..word(4)? {
        at = skip_name(message, at)? + 4;
    }
    let mut addresses = Vec::new();
    for _ in 0..word(6)? {
        at = skip_name(message, at)?;
        let (rtype, length) = (word(at)?, usize::from(word(at + 8)?));
        let data = message.get(at + 10..at + 10 + length)?;
        if let (1, &[a, b, c, d]) = (rtype, data) {
            addresses.push(Ipv4Addr::new(a, b, c, d));
        }
        at += 10 + length;
    }
    addresses.sort();
    Some(addresses)
}

fn skip_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let length = *message.get(at)?;
        if length & POINTER != 0 {
            return Some(at + 2);
        }
        at += 1 + usize::from(length);
        if length == 0 {
            return Some(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(flags: u8, records: &[&[u8]]) -> Vec<u8> {
        let mut message = query("www.failover.test");
        message[2] = 0x84;
        message[3] = flags;
        message[7] = records.len() as u8;
        message.extend(records.concat());
        message
    }

    #[test]
    fn addresses_are_found_behind_aliases() {
        let alias = [&[0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 2, 0, 2][..], &[0xc0, 12]].concat();
        let a = |last| [&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 2, 0, 4][..], &[127, 0, 0, last]].concat();
        let message = answer(0, &[&alias, &a(12), &a(11)]);
        let expected = [[127, 0, 0, 11], [127, 0, 0, 12]].map(Ipv4Addr::from);
        assert_eq!(parse(&message).as_deref(), Some(&expected[..]));
        for cut in 0..message.len() {
            assert_eq!(parse(&message[..cut]), None, "cut after {cut} octets");
        }
    }

    #[test]
    fn a_failure_is_no_answer() {
        assert_eq!(parse(&answer(2, &[])), None);
        assert_eq!(parse(&answer(0, &[])), Some(vec![]));
    }
}
