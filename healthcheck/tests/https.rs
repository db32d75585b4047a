//! HTTPS checks against real servers with certificates of an authority of our own.

use std::net::Ipv4Addr;

use halfmoon_healthcheck::{
    Certificate, Health, HttpProbe, Outcome, Refused, Settings, StartError, State,
};
use url::Url;

mod common;
use common::{Authority, Endpoint, get, http, status, verdict};

/// What is said of an endpoint whose certificate is for this name, when the URL names that host.
async fn check(
    is_trusted: bool,
    is_expired: bool,
    names: (&str, &str),
    certificate: Certificate,
    expected: (State, u32, &str),
) {
    let authority = Authority::new("ours");
    let another = Authority::new("another");
    let trusted = if is_trusted { &authority } else { &another };
    let roots = vec![trusted.root.clone()];
    let health = Health::start(Settings { roots, ..Settings::default() }).expect("threads");
    let config = authority.certify(names.0, is_expired);
    let endpoint = Endpoint::https(Ipv4Addr::new(127, 0, 3, 1), &status(200, "4"), config).await;
    let url = endpoint.url("https", names.1, "/");
    let mut probe = HttpProbe::new(url, Some(endpoint.address.ip()));
    probe.tls.certificate = certificate;
    let (state, weight, reason) = verdict(&health, get(probe)).await;
    assert_eq!((state, weight, reason.as_str()), expected);
    if state == State::Up {
        let request = endpoint.seen()[0].request.to_lowercase();
        let host = format!("\r\nhost: {}:{}\r\n", names.1, endpoint.address.port());
        assert!(request.contains(&host), "{request}");
    }
}

#[tokio::test]
async fn the_certificate_has_to_be_valid_for_the_urls_host() {
    let same = ("www.example", "www.example");
    let other = ("www.example", "ftp.example");
    let verified = Certificate::Verified;
    check(true, false, same, verified, (State::Up, 4, "")).await;
    check(true, false, other, verified, {
        (State::Down, 0, "the certificate is for another name")
    })
    .await;
    check(true, true, same, verified, (State::Down, 0, "the certificate is expired")).await;
    check(false, false, same, verified, {
        (State::Down, 0, "the certificate's issuer is not trusted")
    })
    .await;
}

#[tokio::test]
async fn a_certificate_need_not_be_verified() {
    let any = Certificate::Any;
    check(false, true, ("www.example", "ftp.example"), any, (State::Up, 4, "")).await;
    check(false, true, ("www.example", "192.0.2.1"), any, (State::Up, 4, "")).await;
}

#[tokio::test]
async fn the_server_is_told_the_urls_host() {
    // A server of two names, which only knows which one is meant from the server name indication.
    use std::sync::Arc;
    use tokio_rustls::rustls::server::ResolvesServerCertUsingSni;
    use tokio_rustls::rustls::{ServerConfig, crypto::aws_lc_rs, sign::CertifiedKey};
    let authority = Authority::new("ours");
    let mut names = ResolvesServerCertUsingSni::new();
    for name in ["a.example", "b.example"] {
        let key: CertifiedKey = authority.certified_key(name);
        names.add(name, key).expect("a certificate for the name");
    }
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(names));
    let endpoint = Endpoint::https(Ipv4Addr::new(127, 0, 3, 2), &status(200, ""), config).await;
    let settings = Settings { roots: vec![authority.root.clone()], ..Settings::default() };
    let health = Health::start(settings).expect("threads");
    for (host, state) in
        [("a.example", State::Up), ("b.example", State::Up), ("c.example", State::Down)]
    {
        let check = http(endpoint.url("https", host, "/"), endpoint.address.ip());
        assert_eq!(verdict(&health, check).await.0, state, "{host}");
    }
}

#[tokio::test]
async fn an_endpoint_without_tls_is_down() {
    let endpoint = Endpoint::http(Ipv4Addr::new(127, 0, 3, 3), &status(200, "")).await;
    let mut check = http(endpoint.url("https", "www.example", "/"), endpoint.address.ip());
    check.pace.timeout = std::time::Duration::from_millis(300);
    let health = Health::start(Settings::default()).expect("threads");
    let (state, _, reason) = verdict(&health, check).await;
    // The server waits for the end of a request that looks nothing like one.
    assert_eq!((state, reason.as_str()), (State::Down, "no answer within 300 ms"));
}

#[tokio::test]
async fn an_expired_certificate_is_noticed_while_the_check_runs() {
    let authority = Authority::new("ours");
    let settings = Settings { roots: vec![authority.root.clone()], ..Settings::default() };
    let health = Health::start(settings).expect("threads");
    let mut changes = health.subscribe();
    let address = Ipv4Addr::new(127, 0, 3, 4);
    let good = authority.certify("www.example", false);
    let endpoint = Endpoint::https(address, &status(200, ""), good).await;
    let (port, url) = (endpoint.address.port(), endpoint.url("https", "www.example", "/"));
    let _handle = health.acquire(http(url, address.into())).expect("an allowed target");
    assert_eq!(changes.next().await.map(|change| change.to), Some(State::Up));
    endpoint.close().await;
    let bad = authority.certify("www.example", true);
    let _endpoint = Endpoint::https_at((address, port).into(), &status(200, ""), bad).await;
    common::until("the reason", || {
        let report = health.checks().pop()?;
        let expired = Outcome::Failure("the certificate is expired".into());
        (report.last?.outcome == expired).then_some(())
    })
    .await;
}

#[test]
fn a_certificate_for_one_address_cannot_vouch_for_another() {
    let health = Health::unprobed(Default::default());
    let url = Url::parse("https://192.0.2.1/").expect("a URL");
    let refused = health.acquire(http(url.clone(), Ipv4Addr::new(192, 0, 2, 2).into()));
    let said = refused.map(|_| ()).expect_err("it must be refused");
    assert!(matches!(said, Refused::Literal { .. }), "{said}");
    assert!(health.acquire(http(url, Ipv4Addr::new(192, 0, 2, 1).into())).is_ok());
}

#[test]
fn a_root_that_is_no_certificate_is_named() {
    let roots = vec![Authority::new("ours").root, vec![1, 2, 3].into()];
    let error = Health::start(Settings { roots, ..Settings::default() })
        .map(|_| ())
        .expect_err("three octets are no certificate");
    assert!(matches!(error, StartError::Root { number: 2, .. }), "{error}");
}
