//! Questions to another server, over UDP first.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use halfmoon_wire::{Name, NameBuf, Response, Type, question};

/// How long one server may take to answer once.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often a server is asked over UDP before it counts as silent.
const TRIES: usize = 3;

/// A message that came back, and what it answers.
pub(crate) struct Answer {
    message: Vec<u8>,
    id: u16,
    name: NameBuf,
    rtype: Type,
}

impl Answer {
    /// What it says; `None` if it is no answer at all.
    pub(crate) fn response(&self) -> Option<Response<'_>> {
        Response::parse(&self.message, self.id, self.name.as_name(), self.rtype)
    }
}

/// Asks one server, over TCP where UDP is too small.
///
/// # Errors
/// There is no way to it, it is silent, or it answers something else.
pub(crate) fn ask(
    server: SocketAddr,
    name: Name<'_>,
    rtype: Type,
    recursion: bool,
) -> io::Result<Answer> {
    let mut last = io::Error::from(ErrorKind::TimedOut);
    for _ in 0..TRIES {
        let id = fastrand::u16(..);
        let message = question(id, name, rtype, recursion);
        match ask_udp(server, &message, (id, name, rtype)) {
            Ok(message) => {
                let answer = Answer { message, id, name: name.to_buf(), rtype };
                if !answer.response().is_some_and(|response| response.is_truncated()) {
                    return Ok(answer);
                }
                let message = ask_tcp(server, &question(id, name, rtype, recursion))?;
                return Ok(Answer { message, ..answer });
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn ask_udp(
    server: SocketAddr,
    message: &[u8],
    (id, name, rtype): (u16, Name<'_>, Type),
) -> io::Result<Vec<u8>> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(server)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.send(message)?;
    let mut octets = vec![0; 65_535];
    // Whatever does not answer the question may be somebody's attempt to be believed.
    for _ in 0..TRIES {
        let length = socket.recv(&mut octets)?;
        if Response::parse(&octets[..length], id, name, rtype).is_some() {
            octets.truncate(length);
            return Ok(octets);
        }
    }
    Err(io::Error::new(ErrorKind::InvalidData, "answers something else"))
}

fn ask_tcp(server: SocketAddr, message: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&server, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let length = message.len() as u16;
    stream.write_all(&[&length.to_be_bytes(), message].concat())?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut octets = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut octets)?;
    Ok(octets)
}
