//! Connections that are kept for the next probe, for as long as their checks say.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};

use foldhash::fast::RandomState;
use rustls::pki_types::ServerName;

use super::connect::{Secure, Stream};
use crate::check::Certificate;

/// Connections that wait, so many at most.
#[derive(Debug)]
pub(super) struct Pool {
    inner: Mutex<Inner>,
    most: usize,
}

#[derive(Debug, Default)]
struct Inner {
    places: HashMap<Place, Vec<Kept>, RandomState>,
    count: usize,
}

/// What connections have in common that can stand for one another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    address: SocketAddr,
    source: Option<IpAddr>,
    secure: Option<(ServerName<'static>, Certificate)>,
}

/// A connection that waits.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) stream: Stream,
    /// When the certificate runs out that was shown when it was made.
    pub(super) expiry: Option<SystemTime>,
    /// Until when it may be used again.
    pub(super) until: Instant,
}

impl Place {
    pub(super) fn new(
        address: SocketAddr,
        source: Option<IpAddr>,
        secure: Option<&Secure>,
    ) -> Self {
        let secure = secure.map(|secure| (secure.name.clone(), secure.certificate));
        Self { address, source, secure }
    }
}

impl Pool {
    pub(super) fn new(most: usize) -> Self {
        Self { inner: Mutex::default(), most }
    }

    /// One that may still be used, which is not kept any more.
    pub(super) fn take(&self, place: &Place, now: Instant) -> Option<Kept> {
        let mut inner = self.lock();
        let inner = &mut *inner;
        let waiting = inner.places.get_mut(place)?;
        let before = waiting.len();
        let mut found = None;
        while let Some(kept) = waiting.pop() {
            if kept.until > now {
                found = Some(kept);
                break;
            }
        }
        inner.count -= before - waiting.len();
        if waiting.is_empty() {
            inner.places.remove(place);
        }
        found
    }

    /// Keeps one, unless it is too old, or there are as many as may be.
    pub(super) fn put(&self, place: Place, kept: Kept, now: Instant) {
        if kept.until <= now {
            return;
        }
        let mut inner = self.lock();
        if inner.count < self.most {
            inner.count += 1;
            inner.places.entry(place).or_default().push(kept);
        }
    }

    /// Closes those that nobody may use any more.
    pub(super) fn tidy(&self, now: Instant) {
        let mut inner = self.lock();
        let inner = &mut *inner;
        inner.places.retain(|_, waiting| {
            let before = waiting.len();
            waiting.retain(|kept| kept.until > now);
            inner.count -= before - waiting.len();
            !waiting.is_empty()
        });
    }

    /// Closes all of them.
    pub(super) fn clear(&self) {
        *self.lock() = Inner::default();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing that holds the lock leaves it half changed.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
