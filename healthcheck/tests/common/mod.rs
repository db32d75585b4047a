//! Endpoints on loopback addresses that answer as they are told to.

#![allow(dead_code, reason = "each test file uses some of it")]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use halfmoon_healthcheck::{
    Check, Damping, Health, HttpProbe, Outcome, Pace, PoolName, Probe, Report, Settings, State,
    TargetPolicy,
};
use rcgen::{CertificateParams, Issuer, KeyPair};
use time::OffsetDateTime;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::CertifiedKey;
use url::Url;

/// How long a test waits for what has to happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A server that gives every request the same answer and keeps what it was asked.
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    answer: Arc<Mutex<Vec<u8>>>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) from: SocketAddr,
    pub(crate) request: String,
}

impl Endpoint {
    /// Answers with this; with nothing at all, without ending the connection, if it is empty.
    pub(crate) async fn http(address: Ipv4Addr, answer: &str) -> Self {
        Self::serve((address, 0).into(), answer, None).await
    }

    pub(crate) async fn https(address: Ipv4Addr, answer: &str, config: ServerConfig) -> Self {
        Self::https_at((address, 0).into(), answer, config).await
    }

    pub(crate) async fn https_at(address: SocketAddr, answer: &str, config: ServerConfig) -> Self {
        Self::serve(address, answer, Some(TlsAcceptor::from(Arc::new(config)))).await
    }

    async fn serve(address: SocketAddr, answer: &str, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind(address).await.expect("a loopback address");
        let address = listener.local_addr().expect("a bound socket");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let answer = Arc::new(Mutex::new(answer.as_bytes().to_vec()));
        let (kept, told) = (Arc::clone(&seen), Arc::clone(&answer));
        let task = tokio::spawn(async move {
            while let Ok((stream, from)) = listener.accept().await {
                let (seen, answer, tls) = (Arc::clone(&kept), Arc::clone(&told), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => reply(stream, from, &seen, &answer).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                reply(stream, from, &seen, &answer).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, seen, answer, task }
    }

    pub(crate) fn answer(&self, answer: &str) {
        *self.answer.lock().expect("no panic before") = answer.as_bytes().to_vec();
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().expect("no panic before").clone()
    }

    /// A URL of a host that leads nowhere, with this endpoint's port.
    pub(crate) fn url(&self, scheme: &str, host: &str, path: &str) -> Url {
        let text = format!("{scheme}://{host}:{}{path}", self.address.port());
        Url::parse(&text).expect("a URL")
    }

    /// Closes the port.
    pub(crate) async fn close(self) {
        self.task.abort();
        let _ = self.task.await;
    }
}

async fn reply<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    from: SocketAddr,
    seen: &Mutex<Vec<Seen>>,
    answer: &Mutex<Vec<u8>>,
) {
    let Some(request) = request(&mut stream).await else {
        return;
    };
    seen.lock().expect("no panic before").push(Seen { from, request });
    let answer = answer.lock().expect("no panic before").clone();
    if answer.is_empty() {
        std::future::pending::<()>().await;
    }
    // The prober may have heard enough before the end.
    let _ = stream.write_all(&answer).await;
    let _ = stream.shutdown().await;
}

/// One request with its body; `None` when the connection ends.
async fn request<S: AsyncRead + Unpin>(stream: &mut S) -> Option<String> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8_lossy(&request).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.parse().expect("a length"))];
    stream.read_exact(&mut body).await.ok()?;
    request.extend(body);
    Some(String::from_utf8_lossy(&request).into_owned())
}

/// A server that keeps connections open, each for so many requests, and counts them.
pub(crate) struct Keeper {
    pub(crate) address: SocketAddr,
    pub(crate) connections: Arc<AtomicUsize>,
    pub(crate) requests: Arc<AtomicUsize>,
}

impl Keeper {
    pub(crate) async fn start(
        address: Ipv4Addr,
        answer: &str,
        each: usize,
        tls: Option<ServerConfig>,
    ) -> Self {
        let listener = TcpListener::bind((address, 0)).await.expect("a loopback address");
        let address = listener.local_addr().expect("a bound socket");
        let (connections, requests) = <(Arc<AtomicUsize>, Arc<AtomicUsize>)>::default();
        let (made, asked) = (Arc::clone(&connections), Arc::clone(&requests));
        let answer = answer.to_owned();
        let tls = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                made.fetch_add(1, Ordering::Relaxed);
                let (asked, answer, tls) = (Arc::clone(&asked), answer.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => keep(stream, each, &answer, &asked).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                keep(stream, each, &answer, &asked).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, connections, requests }
    }

    pub(crate) fn url(&self, scheme: &str) -> Url {
        let text = format!("{scheme}://www.example:{}/", self.address.port());
        Url::parse(&text).expect("a URL")
    }

    /// Connections made, and requests answered.
    pub(crate) fn counts(&self) -> (usize, usize) {
        [&self.connections, &self.requests].map(|count| count.load(Ordering::Relaxed)).into()
    }
}

async fn keep<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    each: usize,
    answer: &str,
    asked: &AtomicUsize,
) {
    for _ in 0..each {
        if request(&mut stream).await.is_none() {
            return;
        }
        asked.fetch_add(1, Ordering::Relaxed);
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
        let _ = stream.flush().await;
    }
    let _ = stream.shutdown().await;
}

/// An answer with this status and body.
pub(crate) fn status(status: u16, body: &str) -> String {
    format!("HTTP/1.1 {status} Some Reason\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// An authority and the means to certify names.
pub(crate) struct Authority {
    pub(crate) root: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let root = params.self_signed(&key).expect("a certificate").der().clone();
        Self { root, issuer: Issuer::new(params, key) }
    }

    /// What a server for this name presents.
    pub(crate) fn certify(&self, name: &str, is_expired: bool) -> ServerConfig {
        let (certificate, key) = self.issue(name, is_expired);
        Self::server(certificate, key)
    }

    /// The same with a certificate that runs out in so many days.
    pub(crate) fn certify_for(&self, name: &str, days: i64) -> ServerConfig {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        // Half a day more, so that the test may take its time.
        params.not_after =
            OffsetDateTime::now_utc() + time::Duration::days(days) + time::Duration::hours(12);
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        Self::server(certificate.der().clone(), key)
    }

    fn server(certificate: CertificateDer<'static>, key: PrivateKeyDer<'static>) -> ServerConfig {
        ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("the key of the certificate")
    }

    /// The same, for a server of several names.
    pub(crate) fn certified_key(&self, name: &str) -> CertifiedKey {
        let (certificate, key) = self.issue(name, false);
        CertifiedKey::from_der(vec![certificate], key, &aws_lc_rs::default_provider())
            .expect("the key of the certificate")
    }

    fn issue(
        &self,
        name: &str,
        is_expired: bool,
    ) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![name.to_owned()]).expect("a name");
        if is_expired {
            params.not_before = rcgen::date_time_ymd(2001, 1, 1);
            params.not_after = rcgen::date_time_ymd(2002, 1, 1);
        }
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        (certificate.der().clone(), PrivateKeyDer::Pkcs8(key.serialize_der().into()))
    }
}

/// A quick pace at which one result decides.
pub(crate) fn pace() -> Pace {
    let (interval, timeout) = (Duration::from_millis(30), Duration::from_secs(5));
    Pace { interval, timeout, fall: 1, rise: 1, damping: Damping::NONE }
}

/// A check of anything, at a quick pace.
pub(crate) fn quick(probe: Probe) -> Check {
    Check { probe, pace: pace(), source: None }
}

pub(crate) fn tcp(address: SocketAddr) -> Check {
    Check { probe: Probe::Tcp(address), pace: pace(), source: None }
}

pub(crate) fn http(url: Url, address: IpAddr) -> Check {
    get(HttpProbe::new(url, Some(address)))
}

pub(crate) fn get(probe: HttpProbe) -> Check {
    Check { probe: Probe::Http(Box::new(probe)), pace: pace(), source: None }
}

pub(crate) fn start() -> Health {
    Health::start(Settings::default()).expect("threads")
}

/// Waits until something is there.
pub(crate) async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begin.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}

/// What is known of a check.
pub(crate) fn report(health: &Health, check: &Check) -> Option<Report> {
    health.checks().into_iter().find(|report| *report.check == *check)
}

/// A policy under which loopback may not be probed.
pub(crate) fn nothing_allowed() -> TargetPolicy {
    let nets = |texts: [&str; 2]| texts.map(|net| net.parse().expect("a network")).to_vec();
    TargetPolicy::new(nets(["0.0.0.0/0", "::/0"]), nets(["127.0.0.0/8", "::1/128"]))
}

/// Holds a check until something is found; what it is.
pub(crate) async fn outcome(health: &Health, check: Check) -> Outcome {
    let busy = Outcome::Inconclusive("the prober has too much to do".into());
    let handle = health.acquire(check).expect("an allowed target");
    until("an outcome", || {
        let last = report(health, handle.check())?.last?.outcome;
        (last != busy).then_some(last)
    })
    .await
}

/// Holds a check until something is found; the state and weight, and why it failed.
pub(crate) async fn verdict(health: &Health, check: Check) -> (State, u32, String) {
    // On a machine with too much to do a probe may come to nothing; the next one is as good.
    let busy = Outcome::Inconclusive("the prober has too much to do".into());
    let handle = health.acquire(check).expect("an allowed target");
    let report = until("a verdict", || {
        report(health, handle.check())
            .filter(|report| report.last.as_ref().is_some_and(|last| last.outcome != busy))
    })
    .await;
    let reason = match report.last.expect("a result").outcome {
        Outcome::Success { .. } => String::new(),
        Outcome::Failure(reason) => reason.into_owned(),
        Outcome::Inconclusive(reason) => format!("inconclusive: {reason}"),
    };
    (report.verdict.state, report.verdict.weight, reason)
}

/// The name of the pool of a record, of which there are as many as there are numbers.
pub(crate) fn pool_name(number: usize) -> PoolName {
    let owner = format!("w{number}.a.").into();
    PoolName { zone: "a.".into(), owner, rtype: "A".into(), program: 0, number: 0 }
}
