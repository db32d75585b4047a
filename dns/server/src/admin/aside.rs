//! Work that goes through all zones, pools or checks: done beside the thread that answers requests, so that
//! those who ask for little wait for nobody.
//!
//! How much is done at a time is bounded, for operators and for tenants apart; of each tenant one thing is done
//! at a time, and the rest of what it wants waits without being in anybody's way.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;

use super::State;
use super::asker::unanswered;
use super::error::Refusal;
use crate::tenants::{TenantId, Tenants};

/// What is done at a time for operators, and what for all tenants.
const AT_ONCE: usize = 2;

/// The places for such work.
#[derive(Debug)]
pub(super) struct Aside {
    operators: Arc<Semaphore>,
    tenants: Arc<Semaphore>,
    /// One for each tenant, by number.
    each: Vec<Arc<Semaphore>>,
}

/// A place. It is free again when this is dropped.
type Place = [Option<OwnedSemaphorePermit>; 2];

impl Aside {
    pub(super) fn new(tenants: &Tenants) -> Self {
        let places = |count| Arc::new(Semaphore::new(count));
        Self {
            operators: places(AT_ONCE),
            tenants: places(AT_ONCE),
            each: (0..tenants.count()).map(|_| places(1)).collect(),
        }
    }

    /// Waits for a place.
    async fn place(&self, tenant: Option<TenantId>) -> Place {
        let Some(own) = tenant.and_then(|tenant| self.each.get(tenant.number())) else {
            return [take(&self.operators).await, None];
        };
        // Its own first: it holds no place of others while it waits.
        let own = take(own).await;
        [take(&self.tenants).await, own]
    }

    /// Does it, and waits for what comes of it.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        tenant: Option<TenantId>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let place = self.place(tenant).await;
        let work = move || {
            let _place = place;
            work()
        };
        spawn_blocking(work).await.map_err(|_| unanswered())
    }
}

async fn take(places: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    // They are never closed.
    Arc::clone(places).acquire_owned().await.ok()
}

impl State {
    /// Does something for an operator or a tenant, and waits for what comes of it.
    pub(super) async fn aside<T: Send + 'static>(
        self: &Arc<Self>,
        tenant: Option<TenantId>,
        work: impl FnOnce(&Self) -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let state = Arc::clone(self);
        self.aside.run(tenant, move || work(&state)).await
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::path::Path;
    use std::pin::pin;
    use std::sync::mpsc::{Sender, channel};
    use std::task::{Context, Waker};

    use super::*;
    use crate::config::Config;

    /// Work that goes on until it is told to end.
    fn long(
        aside: &Arc<Aside>,
        tenant: Option<TenantId>,
    ) -> (tokio::task::JoinHandle<Result<bool, Refusal>>, Sender<()>) {
        let (end, ended) = channel();
        let aside = Arc::clone(aside);
        let work = async move { aside.run(tenant, move || ended.recv().is_ok()).await };
        (tokio::spawn(work), end)
    }

    #[tokio::test]
    async fn whoever_wants_much_keeps_nobody_else_waiting() {
        let text = "[tenants.a]\n[tenants.b]\n[tenants.c]\n";
        let tenants = Tenants::new(&Config::parse(text, Path::new("")).unwrap().tenants);
        let [a, b, c] = ["a", "b", "c"].map(|name| tenants.id(name));
        let aside = Arc::new(Aside::new(&tenants));
        // All of these would be under way on a thread that had nothing else to do.
        let long_ones: Vec<_> = (0..9).map(|_| long(&aside, a)).collect();
        tokio::task::yield_now().await;
        assert_eq!(aside.run(b, || 1).await, Ok(1), "another tenant");
        assert_eq!(aside.run(None, || 2).await, Ok(2), "an operator");
        // With two tenants at it, others wait, and operators do not.
        let of_b = long(&aside, b);
        tokio::task::yield_now().await;
        let mut waits = pin!(aside.run(c, || 3));
        let mut context = Context::from_waker(Waker::noop());
        assert!(waits.as_mut().poll(&mut context).is_pending());
        assert_eq!(aside.run(None, || 4).await, Ok(4));
        of_b.1.send(()).unwrap();
        assert_eq!(of_b.0.await.unwrap(), Ok(true));
        assert_eq!(waits.await, Ok(3));
        for (task, end) in long_ones {
            end.send(()).unwrap();
            assert_eq!(task.await.unwrap(), Ok(true));
        }
        // Whoever panics leaves its place.
        for _ in 0..3 {
            assert_eq!(aside.run::<()>(a, || panic!("a test")).await, Err(unanswered()));
        }
        assert_eq!(aside.run(a, || 5).await, Ok(5));
    }
}
