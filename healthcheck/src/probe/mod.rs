//! The act of probing: from a check to an outcome.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::CertificateDer;

use crate::beats::Beats;
use crate::check::{Check, Probe};
use crate::clock::Clock;
use crate::health::StartError;
use crate::outcome::Outcome;
use crate::target::TargetPolicy;

mod connect;
mod dns;
mod exchange;
mod file;
mod grpc;
mod handshake;
mod http;
mod ping;
mod pool;
mod reason;
mod resolve;
mod tcp;
mod tls;

/// A timer that goes off this late, and an eighth of its time late, belongs to a busy prober.
const LATE: Duration = Duration::from_millis(50);

/// Carries out one probe. It keeps to the check's timeout.
pub(crate) trait Prober: Send + Sync + 'static {
    /// `targets` judge what is found to be probed, besides the general ones.
    fn probe(
        &self,
        check: &Check,
        targets: Option<&TargetPolicy>,
    ) -> impl Future<Output = Outcome> + Send;

    /// Gives up what nobody needs any more. Called now and then.
    fn tidy(&self, _now: Instant) {}
}

/// Probes over the network.
#[derive(Debug)]
pub(crate) struct Net {
    tls: tls::Tls,
    http: http::Http,
    beats: Arc<Beats>,
}

impl Net {
    /// Keeps so many connections for the next probe at most. `clock` is the one of the beats' times.
    pub(crate) fn new(
        targets: &TargetPolicy,
        roots: &[CertificateDer<'static>],
        (beats, clock): (Arc<Beats>, Clock),
        most_kept: usize,
    ) -> Result<Self, StartError> {
        let http = http::Http { pool: pool::Pool::new(most_kept), targets: targets.clone(), clock };
        Ok(Self { tls: tls::Tls::new(roots)?, http, beats })
    }

    async fn ask(&self, check: &Check, targets: Option<&TargetPolicy>) -> Outcome {
        // The last look at the target before a packet leaves, whoever let the check in.
        if let Err(refused) = self.http.targets.admit(check) {
            return Outcome::failure(refused.to_string());
        }
        let source = check.source;
        let date = self.http.clock.date(Clock::now());
        match &check.probe {
            Probe::Tcp(address) => tcp::probe(*address, source).await,
            Probe::Http(probe) => {
                let timeout = check.pace.timeout;
                let means = http::Means { source, timeout, tls: &self.tls, targets };
                self.http.probe(probe, means).await
            }
            Probe::Tls(probe) => handshake::probe(probe, source, &self.tls, date).await,
            Probe::Dns(probe) => dns::probe(probe, source).await,
            Probe::Grpc(probe) => grpc::probe(probe, source, &self.tls, date).await,
            Probe::Ping(address) => ping::probe(*address, source).await,
            Probe::Beat(probe) => self.beats.look(probe, date),
            Probe::File(probe) => match self.http.targets.files() {
                Some(folder) => file::probe(probe, folder, date).await,
                None => Outcome::failure("no files are read"),
            },
            // Its parts are probed, and the registry tells it what they come to.
            Probe::Group(_) => Outcome::Inconclusive("a calculated check is not probed".into()),
        }
    }
}

impl Prober for Net {
    async fn probe(&self, check: &Check, targets: Option<&TargetPolicy>) -> Outcome {
        let timeout = check.pace.timeout;
        let begin = Clock::now();
        match tokio::time::timeout(timeout, self.ask(check, targets)).await {
            Ok(outcome) => outcome,
            Err(_) => unanswered(timeout, Clock::now().saturating_duration_since(begin)),
        }
    }

    fn tidy(&self, now: Instant) {
        self.http.pool.tidy(now);
    }
}

/// What it means that there was no answer in time.
///
/// The timer of a prober that has too much to do goes off late, and answers that came in time wait
/// with it: then nothing is known of the target.
fn unanswered(timeout: Duration, elapsed: Duration) -> Outcome {
    let late = elapsed.saturating_sub(timeout);
    if late > LATE.max(timeout / 8) {
        return Outcome::Inconclusive("the prober has too much to do".into());
    }
    Outcome::Failure(reason::no_answer(timeout))
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, SocketAddr};

    use url::Url;

    use super::*;
    use crate::check::{DnsOptions, DnsProbe, GrpcProbe, HttpProbe, Pace, TlsOptions, TlsProbe};

    #[tokio::test]
    async fn a_target_is_judged_before_each_probe_whoever_let_it_in() {
        // Whoever connects or sends would find somebody there.
        let listener =
            tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let ip = address.ip();
        let networks = |text: &str| vec![text.parse().expect("a network")];
        let targets = TargetPolicy::new(networks("0.0.0.0/0"), networks("127.0.0.0/8"));
        let clock = Clock::new();
        let beats = Arc::new(Beats::new([], clock.date(Clock::now())));
        let net = Net::new(&targets, &[], (beats, clock), 0).expect("TLS");
        let http = |text: String, address: Option<IpAddr>| {
            let url = Url::parse(&text).expect("a URL");
            Probe::Http(Box::new(HttpProbe::new(url, address)))
        };
        let tls = TlsOptions::default();
        let dns = DnsOptions { name: Some("example".to_owned()), ..DnsOptions::default() };
        for probe in [
            Probe::Tcp(address),
            Probe::Tcp(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port())),
            Probe::Ping(ip),
            http(format!("http://www.example:{}/", address.port()), Some(ip)),
            http(format!("https://www.example:{}/", address.port()), Some(ip)),
            http(format!("http://{address}/"), None),
            http(format!("http://localhost:{}/", address.port()), None),
            Probe::Tls(TlsProbe { address, server_name: None, tls }),
            Probe::Dns(Box::new(DnsProbe { address, dns })),
            Probe::Grpc(Box::new(GrpcProbe {
                address,
                service: String::new(),
                tls: None,
                server_name: None,
            })),
        ] {
            let check = Check { probe, pace: Pace::default(), source: None };
            match net.probe(&check, None).await {
                Outcome::Failure(reason) => {
                    assert!(reason.contains("target"), "{check}: {reason}");
                }
                other => panic!("{check}: {other:?}"),
            }
        }
        let accepted = tokio::time::timeout(Duration::from_millis(50), listener.accept()).await;
        assert!(accepted.is_err(), "nobody connected");
    }

    #[test]
    fn a_timer_that_goes_off_late_says_nothing_of_the_target() {
        for (timeout, elapsed, is_failure) in [
            (2000, 2000, true),
            (2000, 2002, true),
            (2000, 2250, true),
            (2000, 2251, false),
            (200, 250, true),
            (200, 251, false),
        ] {
            let [timeout, elapsed] = [timeout, elapsed].map(Duration::from_millis);
            let outcome = unanswered(timeout, elapsed);
            assert_eq!(
                matches!(outcome, Outcome::Failure(_)),
                is_failure,
                "{timeout:?} {elapsed:?}"
            );
        }
    }
}
