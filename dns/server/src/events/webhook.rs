//! Tells other systems what happened: events by POST, signed, until they are taken.
//!
//! Nobody waits for a receiver. What a receiver has not taken yet waits in a queue of bounded length,
//! in which the changes of one check are one: whoever was away for an hour wants to know what is,
//! not each turn of what flapped meanwhile.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use aws_lc_rs::hmac::{self, HMAC_SHA256};
use data_encoding::HEXLOWER;
use reqwest::{Client, StatusCode};
use serde::Serialize;
use tokio::sync::Notify;
use tokio::time;

use super::{Event, What};
use crate::config::WebhookConfig;
use crate::date::date;
use crate::secret::{self, SecretError};

/// Events that may wait for one receiver; of more, the oldest are dropped and counted.
const WAITING: usize = 1000;
/// Events in one request.
const BATCH: usize = 100;
/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Between the first and the second attempt; doubled each time up to the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The shortest secret that is taken, in octets.
const SHORTEST: usize = 16;

/// Why a webhook cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HookError {
    /// The secret is not usable.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Requests cannot be made.
    #[error("webhooks: {0}")]
    Client(#[source] reqwest::Error),
}

/// What became of the events for one webhook.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HookCounts {
    /// Requests that were taken.
    pub delivered: u64,
    /// Requests that were not, each attempt of them.
    pub failed: u64,
    /// Events that were given up: too many waited, or the receiver refused them for good.
    pub dropped: u64,
    /// Events that wait.
    pub waiting: u64,
}

/// A receiver and what waits for it.
#[derive(Debug)]
pub(super) struct Hook {
    url: reqwest::Url,
    name: String,
    key: Option<hmac::Key>,
    queue: Mutex<VecDeque<Waiting>>,
    wake: Notify,
    delivered: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
}

/// An event that waits, and how many it stands for.
#[derive(Clone, Debug, Serialize)]
struct Waiting {
    #[serde(flatten)]
    event: Event,
    /// How many changes of the check it stands for.
    #[serde(skip_serializing_if = "is_one")]
    changes: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_one(count: &u32) -> bool {
    *count == 1
}

#[derive(Debug, Serialize)]
struct Body<'a> {
    sent: String,
    events: &'a [Waiting],
}

/// What a receiver made of a request.
#[derive(Debug, PartialEq, Eq)]
enum Taken {
    Yes,
    /// It may take it another time.
    Later(String),
    /// It never will.
    Never(String),
}

impl Hook {
    /// # Errors
    /// The secret is not usable.
    pub(super) fn open(config: &WebhookConfig) -> Result<Self, SecretError> {
        let key = config.secret_file.as_deref().map(read_key).transpose()?;
        // What stands behind the host may be a secret, as with many chat services.
        let name = format!("{}://{}", config.url.scheme(), config.url.authority());
        Ok(Self {
            url: config.url.clone(),
            name,
            key,
            queue: Mutex::default(),
            wake: Notify::new(),
            delivered: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        })
    }

    /// What it is called in logs and metrics: without its path.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn counts(&self) -> HookCounts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        HookCounts {
            delivered: read(&self.delivered),
            failed: read(&self.failed),
            dropped: read(&self.dropped),
            waiting: self.lock().len() as u64,
        }
    }

    /// Puts an event into the queue, or into one that waits there already.
    pub(super) fn push(&self, event: &Event) {
        let mut queue = self.lock();
        if !merge(&mut queue, event) {
            if queue.len() == WAITING {
                queue.pop_front();
                self.dropped.fetch_add(1, Ordering::Relaxed);
            }
            queue.push_back(Waiting { event: event.clone(), changes: 1 });
        }
        drop(queue);
        self.wake.notify_one();
    }

    /// Delivers what comes, for ever.
    pub(super) async fn run(self: Arc<Self>, client: Client) {
        loop {
            let batch: Vec<Waiting> = {
                let mut queue = self.lock();
                let count = queue.len().min(BATCH);
                queue.drain(..count).collect()
            };
            if batch.is_empty() {
                self.wake.notified().await;
            } else {
                self.deliver(&client, &batch).await;
            }
        }
    }

    /// Tries until the receiver takes a batch, or says that it never will.
    async fn deliver(&self, client: &Client, batch: &[Waiting]) {
        // The same for each attempt: a receiver that took it and could not say so knows it again.
        let mut id = [0; 16];
        let _ = aws_lc_rs::rand::fill(&mut id);
        let id = HEXLOWER.encode(&id);
        let mut pause = FIRST_PAUSE;
        loop {
            match self.send(client, batch, &id).await {
                Taken::Yes => {
                    self.delivered.fetch_add(1, Ordering::Relaxed);
                    return;
                }
                Taken::Never(why) => {
                    self.failed.fetch_add(1, Ordering::Relaxed);
                    self.dropped.fetch_add(batch.len() as u64, Ordering::Relaxed);
                    let events = batch.len();
                    tracing::error!(
                        webhook = self.name,
                        events,
                        why,
                        "events refused; not sent again"
                    );
                    return;
                }
                Taken::Later(why) => {
                    self.failed.fetch_add(1, Ordering::Relaxed);
                    let events = batch.len();
                    tracing::warn!(webhook = self.name, events, why, again_in = ?pause, "events not delivered");
                }
            }
            time::sleep(pause.mul_f64(0.75 + fastrand::f64() / 2.0)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn send(&self, client: &Client, batch: &[Waiting], id: &str) -> Taken {
        let now = SystemTime::now();
        let body = match serde_json::to_vec(&Body { sent: date(now), events: batch }) {
            Ok(body) => body,
            Err(error) => return Taken::Never(error.to_string()),
        };
        let seconds = now.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let mut request = client
            .post(self.url.clone())
            .header("content-type", "application/json")
            .header("halfmoon-delivery", id);
        if let Some(key) = &self.key {
            request = request.header("halfmoon-signature", signature(key, seconds, &body));
        }
        match request.body(body).send().await {
            Ok(response) => judge(response.status()),
            // Its text would have the URL, and with it what may be secret.
            Err(error) => Taken::Later(describe(&error.without_url())),
        }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Waiting>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `t=SECONDS,v1=HEX`: HMAC-SHA-256 over the seconds, a dot and the body, so that neither can be
/// replaced and an old request is known for one.
fn signature(key: &hmac::Key, seconds: u64, body: &[u8]) -> String {
    let mut context = hmac::Context::with_key(key);
    context.update(format!("{seconds}.").as_bytes());
    context.update(body);
    format!("t={seconds},v1={}", HEXLOWER.encode(context.sign().as_ref()))
}

fn judge(status: StatusCode) -> Taken {
    match status {
        status if status.is_success() => Taken::Yes,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS | StatusCode::TOO_EARLY => {
            Taken::Later(status.to_string())
        }
        status if status.is_client_error() => Taken::Never(status.to_string()),
        status => Taken::Later(status.to_string()),
    }
}

fn describe(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Adds a change to the one of the same check that waits already, if one does.
fn merge(queue: &mut VecDeque<Waiting>, event: &Event) -> bool {
    let What::Change { to, reason, .. } = &event.what else {
        return false;
    };
    let is_same = |waiting: &&mut Waiting| {
        let own = &waiting.event.what;
        matches!(own, What::Change { .. }) && own.check() == event.what.check()
    };
    let Some(waiting) = queue.iter_mut().find(is_same) else {
        return false;
    };
    waiting.changes += 1;
    waiting.event.seq = event.seq;
    waiting.event.at.clone_from(&event.at);
    if let What::Change { to: last, reason: why, .. } = &mut waiting.event.what {
        last.clone_from(to);
        why.clone_from(reason);
    }
    true
}

fn read_key(path: &Path) -> Result<hmac::Key, SecretError> {
    let secret = secret::read(path)?;
    if secret.len() < SHORTEST {
        let reason = "too short for the secret of a webhook; write 16 octets or more";
        return Err(SecretError::Wrong { path: path.to_owned(), reason });
    }
    Ok(hmac::Key::new(HMAC_SHA256, secret.as_bytes()))
}

/// What makes the requests of all hooks.
pub(super) fn client() -> Result<Client, HookError> {
    // A second provider of cryptography could only be one that was asked for.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Client::builder()
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .user_agent(concat!("halfmoon/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(HookError::Client)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hook() -> Hook {
        let url = "https://hooks.example:8443/secret/path".parse().unwrap();
        Hook::open(&WebhookConfig { url, secret_file: None }).unwrap()
    }

    /// `check`: its name and, behind a number sign, what tells it from others of that name.
    fn change(seq: u64, check: &str, from: &str, to: &str) -> Event {
        let (check, key) = check.split_once('#').unwrap_or((check, ""));
        let what = What::Change {
            check: check.into(),
            key: key.into(),
            from: from.into(),
            to: to.into(),
            reason: format!("reason {seq}"),
        };
        Event { seq, at: format!("at {seq}"), tenant: None, what }
    }

    #[test]
    fn changes_of_one_check_that_wait_are_one() {
        let hook = hook();
        for event in [
            change(1, "a", "up", "down"),
            change(2, "b", "up", "down"),
            change(3, "a", "down", "up"),
            change(4, "a", "up", "down"),
            change(5, "a#1", "up", "down"),
        ] {
            hook.push(&event);
        }
        let queue = hook.lock();
        let [a, b, other] = &queue.iter().collect::<Vec<_>>()[..] else { panic!("{queue:?}") };
        assert_eq!((a.changes, &a.event), (3, &change(4, "a", "up", "down")));
        assert_eq!(other.changes, 1, "another check of this name");
        assert_eq!((b.changes, &b.event), (1, &change(2, "b", "up", "down")));
        let text = serde_json::to_string(a).unwrap();
        assert!(text.ends_with("\"changes\":3}"), "{text}");
        assert!(!serde_json::to_string(b).unwrap().contains("changes"));
    }

    #[test]
    fn a_receiver_that_is_away_costs_no_more_than_so_much() {
        let hook = hook();
        for seq in 0..5000 {
            hook.push(&change(seq, &format!("check {seq}"), "up", "down"));
        }
        let counts = hook.counts();
        assert_eq!((counts.waiting, counts.dropped), (WAITING as u64, 4000));
        assert_eq!(hook.name(), "https://hooks.example:8443");
    }

    #[test]
    fn what_a_receiver_says_decides_whether_it_is_asked_again() {
        for (status, again) in [(500, true), (503, true), (302, true), (408, true), (429, true)] {
            let taken = judge(StatusCode::from_u16(status).unwrap());
            assert_eq!(matches!(taken, Taken::Later(_)), again, "{status}");
        }
        for (status, taken) in [(200, true), (204, true), (400, false), (404, false), (410, false)]
        {
            let judged = judge(StatusCode::from_u16(status).unwrap());
            assert_eq!(judged == Taken::Yes, taken, "{status}");
            assert_eq!(matches!(judged, Taken::Never(_)), !taken, "{status}");
        }
    }
}
