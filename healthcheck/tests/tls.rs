//! TLS checks against real servers with certificates of an authority of our own.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use halfmoon_healthcheck::{
    Certificate, Health, Outcome, Probe, Settings, State, TlsOptions, TlsProbe,
};
use tokio::net::TcpListener;

mod common;
use common::{Authority, Endpoint, outcome, quick, start, verdict};

fn probe(address: SocketAddr, name: Option<&str>, tls: TlsOptions) -> Probe {
    Probe::Tls(TlsProbe { address, server_name: name.map(str::to_owned), tls })
}

fn trusting(authority: &Authority) -> Health {
    let roots = vec![authority.root.clone()];
    Health::start(Settings { roots, ..Settings::default() }).expect("threads")
}

#[tokio::test]
async fn the_certificate_has_to_be_valid_for_the_name() {
    let (ours, another) = (Authority::new("ours"), Authority::new("another"));
    let any = TlsOptions { certificate: Certificate::Any, ..TlsOptions::default() };
    let verified = TlsOptions::default();
    for (is_expired, is_trusted, name, tls, state, said) in [
        (false, true, Some("www.example"), verified, State::Up, ""),
        (
            false,
            true,
            Some("ftp.example"),
            verified,
            State::Down,
            "the certificate is for another name",
        ),
        (false, true, None, verified, State::Down, "the certificate is for another name"),
        (true, true, Some("www.example"), verified, State::Down, "the certificate is expired"),
        (
            false,
            false,
            Some("www.example"),
            verified,
            State::Down,
            "the certificate's issuer is not trusted",
        ),
        (true, false, Some("ftp.example"), any, State::Up, ""),
        (false, false, None, any, State::Up, ""),
    ] {
        let config = ours.certify("www.example", is_expired);
        let endpoint = Endpoint::https(Ipv4Addr::new(127, 0, 6, 1), "", config).await;
        let health = trusting(if is_trusted { &ours } else { &another });
        let (found, _, reason) = verdict(&health, quick(probe(endpoint.address, name, tls))).await;
        assert_eq!((found, reason.as_str()), (state, said), "{name:?}");
        assert!(endpoint.seen().is_empty(), "nothing is sent after the handshake");
    }
    // A certificate may be for the address itself.
    let config = ours.certify("127.0.6.2", false);
    let endpoint = Endpoint::https(Ipv4Addr::new(127, 0, 6, 2), "", config).await;
    let check = quick(probe(endpoint.address, None, verified));
    assert_eq!(verdict(&trusting(&ours), check).await.0, State::Up);
}

#[tokio::test]
async fn a_certificate_that_runs_out_soon_is_a_warning_or_a_failure() {
    let authority = Authority::new("ours");
    let soon = "the certificate expires in 5 days";
    for (warn_days, fail_days, expected) in [
        (14, 0, Outcome::success(0).warn(soon)),
        (5, 0, Outcome::success(0)),
        (0, 0, Outcome::success(0)),
        (14, 3, Outcome::success(0).warn(soon)),
        (14, 7, Outcome::Failure(soon.into())),
    ] {
        let config = authority.certify_for("www.example", 5);
        let endpoint = Endpoint::https(Ipv4Addr::new(127, 0, 6, 3), "", config).await;
        let tls = TlsOptions { warn_days, fail_days, ..TlsOptions::default() };
        let check = quick(probe(endpoint.address, Some("www.example"), tls));
        assert_eq!(outcome(&trusting(&authority), check).await, expected);
    }
    // One that nobody looks at otherwise is looked at for this.
    let config = authority.certify("www.example", true);
    let endpoint = Endpoint::https(Ipv4Addr::new(127, 0, 6, 4), "", config).await;
    let tls = TlsOptions { certificate: Certificate::Any, ..TlsOptions::default() };
    let found = outcome(&start(), quick(probe(endpoint.address, None, tls))).await;
    assert_eq!(found.warning(), Some("the certificate is expired"));
}

#[tokio::test]
async fn what_speaks_no_tls_is_down() {
    let any = TlsOptions { certificate: Certificate::Any, ..TlsOptions::default() };
    let endpoint =
        Endpoint::http(Ipv4Addr::new(127, 0, 6, 5), "HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let mut check = quick(probe(endpoint.address, None, any));
    check.pace.timeout = Duration::from_millis(300);
    // The server waits for the end of a line, which does not come.
    let (state, _, reason) = verdict(&start(), check).await;
    assert_eq!((state, reason.as_str()), (State::Down, "no answer within 300 ms"));

    let listener = TcpListener::bind((Ipv4Addr::new(127, 0, 6, 6), 0)).await.expect("a port");
    let address = listener.local_addr().expect("a bound socket");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            use tokio::io::AsyncWriteExt as _;
            let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.9\r\n").await;
        }
    });
    let (state, _, reason) = verdict(&start(), quick(probe(address, None, any))).await;
    assert_eq!(state, State::Down);
    assert!(reason.starts_with("TLS: ") || reason.contains("reset"), "{reason}");

    endpoint.close().await;
    let gone = SocketAddr::from((Ipv4Addr::new(127, 0, 6, 7), 9));
    let (state, _, reason) = verdict(&start(), quick(probe(gone, None, any))).await;
    assert_eq!((state, reason.as_str()), (State::Down, "connection refused"));
}

#[test]
fn a_name_that_cannot_be_asked_for_is_refused() {
    let health = Health::unprobed(Default::default());
    let address = SocketAddr::from(([192, 0, 2, 1], 443));
    let check = quick(probe(address, Some("a b"), TlsOptions::default()));
    let said = health.acquire(check).map(|_| ()).expect_err("no name").to_string();
    assert!(said.starts_with("\"a b\" is no server name"), "{said}");
}
