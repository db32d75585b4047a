//! Does the gRPC health service say that it serves? (grpc.health.v1.Health/Check)
//!
//! The two messages have one field each, so they are written and read here.

use std::net::IpAddr;
use std::time::SystemTime;

use bytes::{BufMut as _, Bytes, BytesMut};
use h2::RecvStream;
use h2::client::SendRequest;
use http::header::{CONTENT_TYPE, TE, USER_AGENT};
use http::{HeaderMap, Request};

use super::connect::{self, Secure, Stream};
use super::handshake::server_name;
use super::reason;
use super::tls::{Protocol, Tls, judged};
use crate::check::GrpcProbe;
use crate::outcome::Outcome;

/// The longest answer that is read. That of the health service has seven octets.
const MOST_READ: usize = 4096;
const PATH: &str = "/grpc.health.v1.Health/Check";
const AGENT: &str = concat!("halfmoon/", env!("CARGO_PKG_VERSION"));

/// Calls the service once, over a connection of its own.
pub(super) async fn probe(
    probe: &GrpcProbe,
    source: Option<IpAddr>,
    tls: &Tls,
    now: SystemTime,
) -> Outcome {
    let secure = probe.tls.map(|options| Secure {
        name: server_name(probe.server_name.as_deref(), probe.address.ip()),
        certificate: options.certificate,
        protocol: Protocol::Http2,
    });
    let connected = connect::connect(probe.address, source, secure.as_ref(), tls).await;
    let (stream, expiry) = match connected {
        Ok(connected) => connected,
        Err(outcome) => return outcome,
    };
    let outcome = match call(probe, stream).await {
        Ok(outcome) => outcome,
        Err(error) => reason::of(&error),
    };
    match &probe.tls {
        Some(options) => judged(outcome, expiry, options, now),
        None => outcome,
    }
}

async fn call(probe: &GrpcProbe, stream: Stream) -> Result<Outcome, h2::Error> {
    let (sender, connection) = h2::client::Builder::new()
        .initial_window_size(MOST_READ as u32)
        .max_header_list_size(16 * 1024)
        .handshake::<_, Bytes>(stream)
        .await?;
    let answered = ask(probe, sender);
    tokio::pin!(answered);
    tokio::select! {
        biased;
        result = &mut answered => result,
        // The connection has ended; what came before that is still to be read.
        ended = connection => match ended {
            Ok(()) => answered.await,
            Err(error) => Err(error),
        },
    }
}

async fn ask(probe: &GrpcProbe, sender: SendRequest<Bytes>) -> Result<Outcome, h2::Error> {
    let mut sender = sender.ready().await?;
    let scheme = if probe.tls.is_some() { "https" } else { "http" };
    let authority = match &probe.server_name {
        Some(name) => format!("{name}:{}", probe.address.port()),
        None => probe.address.to_string(),
    };
    let request = Request::post(format!("{scheme}://{authority}{PATH}"))
        .header(CONTENT_TYPE, "application/grpc")
        .header(TE, "trailers")
        .header(USER_AGENT, AGENT)
        .body(());
    let Ok(request) = request else {
        return Ok(Outcome::failure("the server name cannot be asked for"));
    };
    let (response, mut stream) = sender.send_request(request, false)?;
    stream.send_data(message(&probe.service), true)?;
    let (head, mut body) = response.await?.into_parts();
    if head.status != 200 {
        return Ok(Outcome::failure(format!("status {}, expected 200", head.status.as_u16())));
    }
    let kind = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !kind.is_some_and(|kind| kind.starts_with("application/grpc")) {
        return Ok(Outcome::failure("the answer is not that of a gRPC server"));
    }
    // An error may come without a body, and then its status is in the head.
    if let Some(failed) = failed(&head.headers) {
        return Ok(failed);
    }
    let Some(octets) = read(&mut body).await? else {
        return Ok(Outcome::failure("the answer of the health service is too long"));
    };
    if let Some(trailers) = body.trailers().await?
        && let Some(failed) = failed(&trailers)
    {
        return Ok(failed);
    }
    Ok(serving(&octets))
}

/// All of a body, unless it is too long.
async fn read(body: &mut RecvStream) -> Result<Option<Vec<u8>>, h2::Error> {
    let mut octets = Vec::new();
    while let Some(data) = body.data().await {
        let data = data?;
        if octets.len() + data.len() > MOST_READ {
            return Ok(None);
        }
        octets.extend_from_slice(&data);
        body.flow_control().release_capacity(data.len())?;
    }
    Ok(Some(octets))
}

/// What a status other than OK means (gRPC over HTTP/2, Responses).
fn failed(headers: &HeaderMap) -> Option<Outcome> {
    let status = headers.get("grpc-status")?.to_str().unwrap_or("2");
    let said = match status {
        "0" => return None,
        "5" => "the server does not know the service".to_owned(),
        "12" => "the server has no health service".to_owned(),
        status => match headers.get("grpc-message").and_then(|value| value.to_str().ok()) {
            Some(message) => format!("gRPC status {}: {}", short(status), short(message)),
            None => format!("gRPC status {}", short(status)),
        },
    };
    Some(Outcome::failure(said))
}

fn short(text: &str) -> &str {
    text.get(..text.len().min(80)).unwrap_or("…")
}

/// A HealthCheckRequest with its prefix: not compressed, its length, and field 1, a string.
fn message(service: &str) -> Bytes {
    let mut field = BytesMut::new();
    if !service.is_empty() {
        field.put_u8(1 << 3 | 2);
        varint(service.len() as u64, &mut field);
        field.put_slice(service.as_bytes());
    }
    let mut message = BytesMut::with_capacity(5 + field.len());
    message.put_u8(0);
    message.put_u32(field.len() as u32);
    message.put_slice(&field);
    message.freeze()
}

fn varint(mut number: u64, octets: &mut BytesMut) {
    while number >= 0x80 {
        octets.put_u8(number as u8 | 0x80);
        number >>= 7;
    }
    octets.put_u8(number as u8);
}

/// What a HealthCheckResponse with its prefix says.
fn serving(octets: &[u8]) -> Outcome {
    let status = match octets {
        // Nothing at all is a message whose field has its default.
        [0, 0, 0, 0, 0] => Some(0),
        [0, length @ ..] => response(length),
        _ => None,
    };
    match status {
        Some(1) => Outcome::success(0),
        Some(0) => Outcome::failure("the service is UNKNOWN"),
        Some(2) => Outcome::failure("the service is NOT_SERVING"),
        Some(3) => Outcome::failure("the server does not know the service"),
        Some(other) => Outcome::failure(format!("the service is in state {other}")),
        None => Outcome::failure("the answer of the health service cannot be read"),
    }
}

/// Field 1 of a message behind its length; other fields are passed over.
fn response(octets: &[u8]) -> Option<u64> {
    let (length, mut rest) = octets.split_first_chunk::<4>()?;
    if u32::from_be_bytes(*length) as usize != rest.len() {
        return None;
    }
    let mut status = 0;
    while !rest.is_empty() {
        let key = take_varint(&mut rest)?;
        match (key >> 3, key & 7) {
            (1, 0) => status = take_varint(&mut rest)?,
            (_, 0) => _ = take_varint(&mut rest)?,
            (_, 1) => rest = rest.get(8..)?,
            (_, 2) => {
                let length = usize::try_from(take_varint(&mut rest)?).ok()?;
                rest = rest.get(length..)?;
            }
            (_, 5) => rest = rest.get(4..)?,
            _ => return None,
        }
    }
    Some(status)
}

fn take_varint(octets: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for place in 0..10 {
        let (octet, rest) = octets.split_first()?;
        *octets = rest;
        number |= u64::from(octet & 0x7f) << (7 * place).min(63);
        if octet & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_carries_the_service() {
        assert_eq!(&*message(""), [0, 0, 0, 0, 0]);
        assert_eq!(&*message("ab"), [0, 0, 0, 0, 4, 0x0a, 2, b'a', b'b']);
        let long = message(&"x".repeat(300));
        assert_eq!(long[..8], [0, 0, 0, 1, 47, 0x0a, 0xac, 2]);
        assert_eq!(long.len(), 5 + 303);
    }

    #[test]
    fn the_answer_says_whether_it_serves() {
        for (octets, expected) in [
            (&[0, 0, 0, 0, 2, 8, 1][..], ""),
            (&[0, 0, 0, 0, 2, 8, 2], "the service is NOT_SERVING"),
            (&[0, 0, 0, 0, 2, 8, 3], "the server does not know the service"),
            (&[0, 0, 0, 0, 2, 8, 9], "the service is in state 9"),
            (&[0, 0, 0, 0, 0], "the service is UNKNOWN"),
            // Fields that nobody knows yet, of each kind.
            (&[0, 0, 0, 0, 6, 8, 1, 0x12, 2, 1, 1], ""),
            (&[0, 0, 0, 0, 7, 8, 1, 0x1d, 1, 1, 1, 1], ""),
            (&[0, 0, 0, 0, 11, 8, 1, 0x19, 1, 1, 1, 1, 1, 1, 1, 1], ""),
            (&[], "the answer of the health service cannot be read"),
            (&[0, 0, 0, 0, 3, 8, 1], "the answer of the health service cannot be read"),
            (&[1, 0, 0, 0, 2, 8, 1], "the answer of the health service cannot be read"),
            (&[0, 0, 0, 0, 2, 8, 0x80], "the answer of the health service cannot be read"),
            (
                &[0, 0, 0, 0, 6, 0x12, 0xff, 0xff, 0xff, 0xff, 0x0f],
                "the answer of the health service cannot be read",
            ),
        ] {
            let outcome = serving(octets);
            let said = match &outcome {
                Outcome::Failure(reason) => reason,
                _ => "",
            };
            assert_eq!(said, expected, "{octets:?}");
        }
    }
}
