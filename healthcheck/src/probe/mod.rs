//! The act of probing: from a check to an outcome.

use std::future::Future;

use rustls::pki_types::CertificateDer;

use crate::check::{Check, Probe};
use crate::health::StartError;
use crate::outcome::Outcome;
use crate::target::TargetPolicy;

mod http;
mod reason;
mod resolve;
mod tcp;
mod tls;

/// Carries out one probe. It keeps to the check's timeout.
pub(crate) trait Prober: Send + Sync + 'static {
    fn probe(&self, check: &Check) -> impl Future<Output = Outcome> + Send;
}

/// Probes over the network.
#[derive(Debug)]
pub(crate) struct Net {
    targets: TargetPolicy,
    tls: tls::Tls,
}

impl Net {
    pub(crate) fn new(
        targets: &TargetPolicy,
        roots: &[CertificateDer<'static>],
    ) -> Result<Self, StartError> {
        Ok(Self {
            targets: targets.clone(),
            tls: tls::Tls::new(roots)?,
        })
    }

    async fn connect(&self, check: &Check) -> Outcome {
        // The last look at the address before a packet leaves, whoever let the check in.
        if let Some(denial) = check
            .address()
            .and_then(|address| self.targets.judge(address).err())
        {
            return Outcome::failure(format!("target {denial}"));
        }
        match &check.probe {
            Probe::Tcp(address) => tcp::probe(*address, check.source).await,
            Probe::Http(http) => http::probe(http, check.source, &self.tls, &self.targets).await,
        }
    }
}

impl Prober for Net {
    async fn probe(&self, check: &Check) -> Outcome {
        let timeout = check.pace.timeout;
        match tokio::time::timeout(timeout, self.connect(check)).await {
            Ok(outcome) => outcome,
            Err(_) => Outcome::Failure(reason::no_answer(timeout)),
        }
    }
}
