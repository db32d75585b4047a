//! Checks that take more than a connection: TLS with an authority of our own, the gRPC health service,
//! and pings.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, Response};
use rcgen::{CertificateParams, DnType, Issuer, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::support::site::{Folder, QUICK};
use crate::support::{Running, halfmoon, wait_for_answer};

/// Issues certificates.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let root = data_encoding::BASE64.encode(params.self_signed(&key).unwrap().der());
        let pem = format!("-----BEGIN CERTIFICATE-----\n{root}\n-----END CERTIFICATE-----\n");
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// A server at a free port that makes handshakes with a certificate for this name.
    fn serve(&self, name: &str) -> SocketAddr {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let config = Arc::new(config);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let session = ServerConnection::new(Arc::clone(&config)).unwrap();
                // Whoever probes has seen enough when the handshake is over.
                let _ = StreamOwned::new(session, stream).read(&mut [0]);
            }
        });
        address
    }
}

#[test]
fn a_handshake_counts_with_a_certificate_for_the_name_from_whom_the_machine_trusts() {
    let (ours, theirs) = (Authority::new("ours"), Authority::new("a stranger"));
    let check = |owner: &str, address: SocketAddr, name: &str| {
        format!(
            "{owner} LUA A \"iftlsup({}, {{'127.0.0.1'}}, {{servername='{name}', \
             backupSelector='empty'}})\"\n",
            address.port()
        )
    };
    let good = ours.serve("www.example.test");
    let zone = check("good", good, "www.example.test")
        + &check("other", good, "mail.example.test")
        + &check("stranger", theirs.serve("www.example.test"), "www.example.test");
    let folder = Folder::new(QUICK, &zone);
    folder.write("ours.pem", &ours.pem);
    let mut command = halfmoon(&["serve", folder.path("halfmoon.toml").to_str().unwrap()]);
    command.env("SSL_CERT_FILE", folder.path("ours.pem")).env_remove("SSL_CERT_DIR");
    let running = Running::spawn(command);
    let server = running.address();
    wait_for_answer(server, "good.example.test.", &["127.0.0.1"]);
    let line = running.logged("as mail.example.test is down: ", 0);
    assert!(line.contains("the certificate is for another name"), "{line}");
    running.logged("the certificate's issuer is not trusted", 0);
    wait_for_answer(server, "other.example.test.", &[]);
    wait_for_answer(server, "stranger.example.test.", &[]);
    wait_for_answer(server, "good.example.test.", &["127.0.0.1"]);
    // A library would say it at each probe.
    assert!(!running.err().contains("failed to verify"), "{}", running.err());
}

/// A gRPC server whose health service (`grpc.health.v1.Health/Check`) says SERVING or NOT_SERVING.
fn health_service(is_serving: Arc<AtomicBool>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    listener.set_nonblocking(true).unwrap();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((stream, _)) = listener.accept().await {
                let is_serving = Arc::clone(&is_serving);
                tokio::spawn(async move {
                    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
                    while let Some(Ok((request, mut respond))) = connection.accept().await {
                        assert_eq!(request.uri().path(), "/grpc.health.v1.Health/Check");
                        let head = Response::builder().header("content-type", "application/grpc");
                        let mut body =
                            respond.send_response(head.body(()).unwrap(), false).unwrap();
                        let state = if is_serving.load(Ordering::SeqCst) { 1 } else { 2 };
                        let message = Bytes::copy_from_slice(&[0, 0, 0, 0, 2, 8, state]);
                        body.send_data(message, false).unwrap();
                        let status = ("grpc-status", HeaderValue::from_static("0"));
                        let mut trailers = HeaderMap::new();
                        trailers.insert(status.0, status.1);
                        body.send_trailers(trailers).unwrap();
                    }
                });
            }
        });
    });
    address
}

#[test]
fn a_grpc_server_is_up_while_its_health_service_says_so() {
    let is_serving = Arc::new(AtomicBool::new(true));
    let port = health_service(Arc::clone(&is_serving)).port();
    let zone =
        format!("www LUA A \"ifgrpcup({port}, {{'127.0.0.1'}}, {{backupSelector='empty'}})\"\n");
    let folder = Folder::new(QUICK, &zone);
    let (running, server) = folder.serve();
    wait_for_answer(server, "www.example.test.", &["127.0.0.1"]);
    is_serving.store(false, Ordering::SeqCst);
    wait_for_answer(server, "www.example.test.", &[]);
    running.logged("the service is NOT_SERVING", 0);
    is_serving.store(true, Ordering::SeqCst);
    wait_for_answer(server, "www.example.test.", &["127.0.0.1"]);
}

#[test]
fn what_replies_to_pings_is_up() {
    let may = |domain| {
        let icmp = socket2::Protocol::ICMPV4;
        [socket2::Type::DGRAM, socket2::Type::RAW]
            .into_iter()
            .any(|kind| socket2::Socket::new(domain, kind, Some(icmp)).is_ok())
    };
    if !may(socket2::Domain::IPV4) {
        let _ = writeln!(std::io::stderr(), "SKIPPED: this process may not ping");
        return;
    }
    let zone = "www LUA A \"ifpingup({'127.0.33.1'}, {backupSelector='empty'})\"\n";
    let folder = Folder::new(QUICK, zone);
    let (_running, server) = folder.serve();
    wait_for_answer(server, "www.example.test.", &["127.0.33.1"]);
}
