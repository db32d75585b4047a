//! The act of probing: from a check to an outcome.

use std::future::Future;
use std::time::Duration;

use rustls::pki_types::CertificateDer;

use crate::check::{Check, Probe};
use crate::clock::Clock;
use crate::health::StartError;
use crate::outcome::Outcome;
use crate::target::TargetPolicy;

mod http;
mod reason;
mod resolve;
mod tcp;
mod tls;

/// A timer that goes off this late, and an eighth of its time late, belongs to a busy prober.
const LATE: Duration = Duration::from_millis(50);

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
        Ok(Self { targets: targets.clone(), tls: tls::Tls::new(roots)? })
    }

    async fn connect(&self, check: &Check) -> Outcome {
        // The last look at the address before a packet leaves, whoever let the check in.
        if let Some(denial) = check.address().and_then(|address| self.targets.judge(address).err())
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
        let begin = Clock::now();
        match tokio::time::timeout(timeout, self.connect(check)).await {
            Ok(outcome) => outcome,
            Err(_) => unanswered(timeout, Clock::now().saturating_duration_since(begin)),
        }
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
    use super::*;

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
