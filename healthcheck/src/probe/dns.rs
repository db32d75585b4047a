//! Does a name server answer as expected?

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::Name;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UdpSocket;

use super::{connect, reason};
use crate::check::{DnsCode, DnsProbe};
use crate::outcome::Outcome;

/// The largest answer over UDP without EDNS (RFC 1035 section 4.2.1), and some more for servers that
/// do not keep to it.
const MOST_UDP: usize = 4096;

/// Asks over UDP, and over TCP if the answer comes truncated.
pub(super) async fn probe(probe: &DnsProbe, source: Option<IpAddr>) -> Outcome {
    match ask(probe, source).await {
        Ok(answer) => judge(probe, &answer),
        Err(outcome) => outcome,
    }
}

async fn ask(probe: &DnsProbe, source: Option<IpAddr>) -> Result<Message, Outcome> {
    let unsent = || Outcome::failure("the question cannot be asked");
    let name = probe.dns.name.as_deref().unwrap_or(".");
    let mut name = Name::from_ascii(name).map_err(|_| unsent())?;
    name.set_fqdn(true);
    // A number that nobody foresees, so that nobody else answers in the server's place.
    let mut query = Message::new(fastrand::u16(..), MessageType::Query, OpCode::Query);
    query.metadata.recursion_desired = probe.dns.recursion;
    query.add_query(Query::query(name, probe.dns.rtype.0));
    let octets = query.to_vec().map_err(|_| unsent())?;
    let answer = over_udp(probe.address, source, &query, &octets).await?;
    if answer.metadata.truncation {
        return over_tcp(probe.address, source, &query, &octets).await;
    }
    Ok(answer)
}

async fn over_udp(
    target: SocketAddr,
    source: Option<IpAddr>,
    query: &Message,
    octets: &[u8],
) -> Result<Message, Outcome> {
    let target = SocketAddr::new(target.ip().to_canonical(), target.port());
    let unspecified = match target {
        SocketAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
    };
    let local = SocketAddr::new(source.unwrap_or(unspecified), 0);
    let socket = UdpSocket::bind(local)
        .await
        .map_err(|error| Outcome::Inconclusive(reason::local(&error, source)))?;
    // Connected, so that the kernel lets in what comes from the server alone, and tells when nobody
    // listens there.
    socket.connect(target).await.map_err(|error| reason::connection(&error))?;
    socket.send(octets).await.map_err(|error| reason::connection(&error))?;
    let mut buffer = [0; MOST_UDP];
    loop {
        let length = socket.recv(&mut buffer).await.map_err(|error| reason::connection(&error))?;
        // Whatever does not answer the question may come from somebody else: wait on.
        match answer_to(query, &buffer[..length]) {
            Ok(Some(answer)) => return Ok(answer),
            Ok(None) => {}
            Err(outcome) => return Err(outcome),
        }
    }
}

async fn over_tcp(
    target: SocketAddr,
    source: Option<IpAddr>,
    query: &Message,
    octets: &[u8],
) -> Result<Message, Outcome> {
    let broken = |error: std::io::Error| reason::of(&error);
    let mut stream = connect::tcp(target, source).await?;
    let length = u16::try_from(octets.len()).unwrap_or(u16::MAX).to_be_bytes();
    stream.write_all(&[&length, octets].concat()).await.map_err(broken)?;
    let length = stream.read_u16().await.map_err(broken)?;
    let mut buffer = vec![0; usize::from(length)];
    stream.read_exact(&mut buffer).await.map_err(broken)?;
    match answer_to(query, &buffer)? {
        Some(answer) => Ok(answer),
        None => Err(Outcome::failure("the answer over TCP is to another question")),
    }
}

/// What a message says to the query; `None`: it is not to this one.
fn answer_to(query: &Message, octets: &[u8]) -> Result<Option<Message>, Outcome> {
    let is_ours = octets.first_chunk::<2>() == Some(&query.metadata.id.to_be_bytes());
    if !is_ours {
        return Ok(None);
    }
    let Ok(answer) = Message::from_vec(octets) else {
        return Err(Outcome::failure("the answer is no DNS message"));
    };
    let is_response = answer.metadata.message_type == MessageType::Response;
    // A server that refuses may leave the question out (RFC 2671 and before).
    let repeats = answer.queries.is_empty() || answer.queries == query.queries;
    Ok((is_response && repeats).then_some(answer))
}

fn judge(probe: &DnsProbe, answer: &Message) -> Outcome {
    let code = DnsCode(u16::from(answer.metadata.response_code).min(15) as u8);
    if code != probe.dns.rcode {
        return Outcome::failure(format!("{code}, expected {}", probe.dns.rcode));
    }
    let Some(wanted) = &probe.dns.answer else {
        return Outcome::success(0);
    };
    let of_type = answer.answers.iter().filter(|record| record.record_type() == probe.dns.rtype.0);
    if of_type.clone().any(|record| is_same(&record.data.to_string(), wanted)) {
        return Outcome::success(0);
    }
    match of_type.count() {
        0 => Outcome::failure(format!("no {} in the answer", probe.dns.rtype)),
        _ => Outcome::failure(format!("no {} of the answer is what is expected", probe.dns.rtype)),
    }
}

/// Whether two texts are the same data: names with and without the dot at the end, letters of
/// either case, and quotes around text left out.
fn is_same(found: &str, wanted: &str) -> bool {
    let plain = |text: &str| text.trim().trim_matches('"').trim_end_matches('.').to_owned();
    plain(found).eq_ignore_ascii_case(&plain(wanted))
}
