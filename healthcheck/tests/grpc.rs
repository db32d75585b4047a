//! gRPC checks against real HTTP/2 servers.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use halfmoon_healthcheck::{GrpcProbe, Health, Probe, Settings, State, TlsOptions};
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

mod common;
use common::{Authority, Endpoint, quick, start, verdict};

/// What a server answers: status, content type, body, and gRPC status.
#[derive(Clone, Copy)]
struct Answer {
    status: u16,
    kind: &'static str,
    body: &'static [u8],
    grpc: &'static str,
    /// The gRPC status comes in the head, and nothing after it.
    is_head_only: bool,
}

const SERVING: Answer = Answer {
    status: 200,
    kind: "application/grpc",
    body: &[0, 0, 0, 0, 2, 8, 1],
    grpc: "0",
    is_head_only: false,
};

/// What was asked: method and path, authority, body.
type Asked = Arc<Mutex<Vec<(String, String, Vec<u8>)>>>;

async fn serve(
    address: Ipv4Addr,
    answer: Answer,
    tls: Option<ServerConfig>,
) -> (SocketAddr, Asked) {
    let listener = TcpListener::bind((address, 0)).await.expect("a loopback address");
    let address = listener.local_addr().expect("bound");
    let asked = Asked::default();
    let kept = Arc::clone(&asked);
    let tls = tls.map(|mut config| {
        config.alpn_protocols = vec![b"h2".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    });
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (asked, tls) = (Arc::clone(&kept), tls.clone());
            tokio::spawn(async move {
                match tls {
                    None => talk(stream, answer, &asked).await,
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            talk(stream, answer, &asked).await;
                        }
                    }
                }
            });
        }
    });
    (address, asked)
}

async fn talk<S: AsyncRead + AsyncWrite + Unpin>(stream: S, answer: Answer, asked: &Asked) {
    let Ok(mut connection) = h2::server::handshake(stream).await else {
        return;
    };
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let asked = Arc::clone(asked);
        tokio::spawn(async move {
            let (head, mut body): (Request<()>, _) = {
                let (parts, body) = request.into_parts();
                (Request::from_parts(parts, ()), body)
            };
            let mut octets = Vec::new();
            while let Some(Ok(data)) = body.data().await {
                octets.extend_from_slice(&data);
            }
            let line = format!("{} {}", head.method(), head.uri().path());
            let authority = head.uri().authority().map(ToString::to_string).unwrap_or_default();
            asked.lock().expect("no panic before").push((line, authority, octets));
            let mut response =
                Response::builder().status(answer.status).header("content-type", answer.kind);
            if answer.is_head_only {
                response = response.header("grpc-status", answer.grpc);
            }
            let response = response.body(()).expect("a response");
            let mut stream = respond.send_response(response, answer.is_head_only).expect("open");
            if !answer.is_head_only {
                stream.send_data(Bytes::from_static(answer.body), false).expect("open");
                let mut trailers = HeaderMap::new();
                trailers.insert("grpc-status", HeaderValue::from_static(answer.grpc));
                trailers.insert("grpc-message", HeaderValue::from_static("it is a test"));
                stream.send_trailers(trailers).expect("open");
            }
        });
    }
}

fn probe(address: SocketAddr, service: &str) -> GrpcProbe {
    GrpcProbe { address, service: service.to_owned(), tls: None, server_name: None }
}

async fn check(answer: Answer, expected: (State, &str)) {
    let (address, _) = serve(Ipv4Addr::new(127, 0, 8, 1), answer, None).await;
    let check = quick(Probe::Grpc(Box::new(probe(address, ""))));
    let (state, _, reason) = verdict(&start(), check).await;
    assert_eq!((state, reason.as_str()), expected);
}

#[tokio::test]
async fn the_service_has_to_say_that_it_serves() {
    check(SERVING, (State::Up, "")).await;
    check(Answer { body: &[0, 0, 0, 0, 2, 8, 2], ..SERVING }, {
        (State::Down, "the service is NOT_SERVING")
    })
    .await;
    for is_head_only in [true, false] {
        let failed = |grpc| Answer { grpc, is_head_only, ..SERVING };
        check(failed("5"), (State::Down, "the server does not know the service")).await;
        check(failed("12"), (State::Down, "the server has no health service")).await;
    }
    check(Answer { grpc: "13", ..SERVING }, (State::Down, "gRPC status 13: it is a test")).await;
    check(Answer { body: &[1, 2, 3], ..SERVING }, {
        (State::Down, "the answer of the health service cannot be read")
    })
    .await;
    check(Answer { body: &[0; 5000], ..SERVING }, {
        (State::Down, "the answer of the health service is too long")
    })
    .await;
    check(Answer { status: 404, ..SERVING }, (State::Down, "status 404, expected 200")).await;
    check(Answer { kind: "text/html", ..SERVING }, {
        (State::Down, "the answer is not that of a gRPC server")
    })
    .await;
}

#[tokio::test]
async fn the_request_names_the_service_and_the_server() {
    let (address, asked) = serve(Ipv4Addr::new(127, 0, 8, 2), SERVING, None).await;
    let check = quick(Probe::Grpc(Box::new(GrpcProbe {
        server_name: Some("shop.example".to_owned()),
        ..probe(address, "example.Shop")
    })));
    assert_eq!(verdict(&start(), check).await.0, State::Up);
    let asked = asked.lock().expect("no panic before")[0].clone();
    let body = [&[0, 0, 0, 0, 14, 0x0a, 12][..], b"example.Shop"].concat();
    let authority = format!("shop.example:{}", address.port());
    assert_eq!(asked, ("POST /grpc.health.v1.Health/Check".to_owned(), authority, body));
}

#[tokio::test]
async fn it_may_be_spoken_to_by_tls() {
    let authority = Authority::new("ours");
    let config = authority.certify("shop.example", false);
    let (address, _) = serve(Ipv4Addr::new(127, 0, 8, 3), SERVING, Some(config)).await;
    for (name, expected) in [
        ("shop.example", (State::Up, "")),
        ("other.example", (State::Down, "the certificate is for another name")),
    ] {
        let roots = vec![authority.root.clone()];
        let health = Health::start(Settings { roots, ..Settings::default() }).expect("threads");
        let check = quick(Probe::Grpc(Box::new(GrpcProbe {
            tls: Some(TlsOptions::default()),
            server_name: Some(name.to_owned()),
            ..probe(address, "")
        })));
        let (state, _, reason) = verdict(&health, check).await;
        assert_eq!((state, reason.as_str()), expected);
    }
}

#[tokio::test]
async fn what_speaks_no_http2_is_down() {
    let endpoint =
        Endpoint::http(Ipv4Addr::new(127, 0, 8, 4), "HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let check = quick(Probe::Grpc(Box::new(probe(endpoint.address, ""))));
    let (state, _, reason) = verdict(&start(), check).await;
    assert_eq!(state, State::Down);
    assert!(!reason.is_empty() && !reason.contains("no answer"), "{reason}");

    let silent = TcpListener::bind((Ipv4Addr::new(127, 0, 8, 5), 0)).await.expect("a port");
    let address = silent.local_addr().expect("bound");
    let mut check = quick(Probe::Grpc(Box::new(probe(address, ""))));
    check.pace.timeout = Duration::from_millis(250);
    let (state, _, reason) = verdict(&start(), check).await;
    assert_eq!((state, reason.as_str()), (State::Down, "no answer within 250 ms"));
}
