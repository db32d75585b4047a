//! A service whose panics end one query, not the thread.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::{Peer, Service, ServiceFactory, Stream, Verdict};

/// A service and what is needed to make it anew.
pub(super) struct Guarded<F: ServiceFactory> {
    factory: Arc<F>,
    service: Option<F::Service>,
}

/// A query at which the service panicked.
#[derive(Debug)]
pub(super) struct Panicked;

impl<F: ServiceFactory> Guarded<F> {
    pub(super) fn new(factory: Arc<F>) -> Self {
        let mut guarded = Self { factory, service: None };
        guarded.renew();
        guarded
    }

    /// Lets the service take new snapshots; makes it if there is none.
    pub(super) fn refresh(&mut self) {
        let Some(service) = &mut self.service else {
            return self.renew();
        };
        // What a panic leaves half-done inside the service is thrown away with it.
        if let Err(cause) = catch_unwind(AssertUnwindSafe(|| service.refresh())) {
            self.bury("taking new snapshots", cause.as_ref());
        }
    }

    /// Tells the service of messages that come next.
    pub(super) fn foresee(&mut self, messages: &[&[u8]]) {
        if let Some(service) = &mut self.service
            && let Err(cause) = catch_unwind(AssertUnwindSafe(|| service.foresee(messages)))
        {
            self.bury("looking ahead", cause.as_ref());
        }
    }

    /// Tells the service that the next of these messages does not come.
    pub(super) fn pass_over(&mut self) {
        if let Some(service) = &mut self.service
            && let Err(cause) = catch_unwind(AssertUnwindSafe(|| service.pass_over()))
        {
            self.bury("passing over a message", cause.as_ref());
        }
    }

    /// Answers one query. Whatever the service claims, no more than `limit` octets are answered,
    /// and an empty answer is none.
    pub(super) fn answer(
        &mut self,
        query: &[u8],
        peer: &Peer,
        limit: usize,
        out: &mut [u8],
    ) -> Result<Verdict, Panicked> {
        // None only while the factory itself panics; the next batch tries again.
        let Some(service) = &mut self.service else {
            return Err(Panicked);
        };
        let limit = limit.min(out.len());
        match catch_unwind(AssertUnwindSafe(|| service.answer(query, peer, limit, out))) {
            Ok(Verdict::Reply(octets)) if !(1..=limit).contains(&octets) => Ok(Verdict::Drop),
            Ok(verdict) => Ok(verdict),
            Err(cause) => {
                self.bury("answering a query", cause.as_ref());
                Err(Panicked)
            }
        }
    }

    /// The messages that answer a query.
    pub(super) fn stream(&mut self, query: &[u8], peer: &Peer) -> Option<Box<dyn Stream>> {
        let service = self.service.as_mut()?;
        match catch_unwind(AssertUnwindSafe(|| service.stream(query, peer))) {
            Ok(stream) => stream,
            Err(cause) => {
                self.bury("beginning a transfer", cause.as_ref());
                None
            }
        }
    }

    fn bury(&mut self, act: &str, cause: &(dyn Any + Send)) {
        tracing::error!(reason = reason(cause), "panic while {act}; the service is made anew");
        // Dropping what panicked may panic again; it must not take the thread with it.
        let old = self.service.take();
        let _ = catch_unwind(AssertUnwindSafe(|| drop(old)));
        self.renew();
    }

    fn renew(&mut self) {
        match catch_unwind(AssertUnwindSafe(|| self.factory.make())) {
            Ok(service) => self.service = Some(service),
            Err(cause) => {
                tracing::error!(reason = reason(cause.as_ref()), "panic while making a service");
            }
        }
    }
}

fn reason(cause: &(dyn Any + Send)) -> &str {
    let text = cause.downcast_ref::<&str>().copied();
    text.or_else(|| cause.downcast_ref::<String>().map(String::as_str)).unwrap_or("unknown")
}
