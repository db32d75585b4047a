//! Carries the checks out: one task that keeps the time, and one short task for each probe.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::sleep_until;

use crate::allowance::Allowance;
use crate::clock::Clock;
use crate::health::Settings;
use crate::probe::Prober;
use crate::registry::Registry;
use crate::report::count;
use crate::schedule::Schedule;
use crate::shared::{Request, Shared};

/// Probes started in one go, at most; the lock is held as long.
const VOLLEY: usize = 64;
const TICK: Duration = Duration::from_millis(1);
/// Requests taken in one go, at most.
const REQUESTS: usize = 1024;
/// Nothing to wait for is waited for this long.
const IDLE: Duration = Duration::from_secs(3600);

/// Starts probes when they are due and publishes what changed.
pub(crate) struct Engine<P> {
    shared: Arc<Shared>,
    prober: Arc<P>,
    requested: mpsc::Receiver<Request>,
    schedule: Schedule,
    allowance: Allowance,
    permits: Arc<Semaphore>,
    lease: Duration,
    swept: Instant,
}

/// What the engine waits for next.
struct Wait {
    until: Instant,
    /// Probes are due and as many as may be are under way.
    is_starved: bool,
}

impl<P: Prober> Engine<P> {
    pub(crate) fn new(
        shared: Arc<Shared>,
        prober: Arc<P>,
        requested: mpsc::Receiver<Request>,
        settings: &Settings,
    ) -> Self {
        shared.lock().keep_fresh();
        let now = Clock::now();
        Self {
            shared,
            prober,
            requested,
            // A fresh hasher state is the standard library's way to a random number.
            schedule: Schedule::new(now, RandomState::new().hash_one(0)),
            allowance: Allowance::new(now),
            permits: Arc::new(Semaphore::new(settings.max_in_flight.max(1))),
            lease: settings.lease,
            swept: now,
        }
    }

    /// Runs until the last [`crate::Health`] is gone.
    pub(crate) async fn run(mut self) {
        let mut requests = Vec::new();
        let shared = Arc::clone(&self.shared);
        let permits = Arc::clone(&self.permits);
        loop {
            let wait = self.step(Clock::now());
            tokio::select! {
                () = shared.wake.notified() => {}
                () = sleep_until(wait.until.into()) => {}
                _ = permits.acquire(), if wait.is_starved => {}
                taken = self.requested.recv_many(&mut requests, REQUESTS) => {
                    if taken == 0 {
                        return;
                    }
                    for account in requests.iter().filter_map(|request| request.account.as_ref()) {
                        account.go();
                    }
                    shared.lease(&mut requests, Clock::now());
                }
            }
        }
    }

    /// Does all that is due now.
    fn step(&mut self, now: Instant) -> Wait {
        let shared = Arc::clone(&self.shared);
        let mut registry = shared.lock();
        self.admit(&mut registry, now);
        let is_starved = self.launch(&mut registry, now);
        let sweep = self.sweep(&mut registry, now);
        let turns = shared.settle_at(&mut registry, now);
        let mut until = (now + IDLE).min(sweep);
        if let Some(due) = self.schedule.next().filter(|_| !is_starved) {
            until = until.min(due.max(now + TICK));
        }
        if let Some(due) = registry.board.due() {
            until = until.min(due);
        }
        registry.awaited = registry.next();
        if let Some(due) = registry.awaited {
            // Verdicts that only the time changes need no more than that.
            until = until.min(shared.clock.moment(due).max(now + TICK));
        }
        drop(registry);
        shared.tell(turns);
        Wait { until, is_starved }
    }

    /// Puts the fresh checks on the schedule.
    fn admit(&mut self, registry: &mut Registry, now: Instant) {
        for id in registry.take_fresh() {
            if let Some(occupant) = registry.occupant_mut(id) {
                let interval = occupant.check.pace.interval;
                occupant.next = Some(self.schedule.enter(id, interval, now));
            }
        }
        let held = registry.len();
        self.schedule.tidy(held, |id| registry.occupant(id).is_some());
    }

    /// Starts the probes that are due; whether some have to wait for others to end.
    fn launch(&mut self, registry: &mut Registry, now: Instant) -> bool {
        self.allowance.grow(self.schedule.rate(), now);
        for _ in 0..VOLLEY {
            // After a stall all that was due meanwhile is due at once, and is to be no burst.
            if self.schedule.next().is_none_or(|due| due > now) || !self.allowance.has_one() {
                return false;
            }
            let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
                return true;
            };
            let Some(entry) = self.schedule.pop(now) else {
                return false;
            };
            let Some(occupant) = registry.occupant_mut(entry.id) else {
                continue;
            };
            occupant.next = Some(self.schedule.again(entry, now));
            if occupant.is_probing() {
                count(&self.shared.counters.skipped);
                continue;
            }
            self.allowance.spend();
            let check = Arc::clone(&occupant.check);
            let owner = occupant.owner().cloned();
            let (shared, prober) = (Arc::clone(&self.shared), Arc::clone(&self.prober));
            let probe = tokio::spawn(async move {
                let _permit: OwnedSemaphorePermit = permit;
                // In a box of its own, which goes when it is done: the memory of the task stays for as
                // long as the check knows it, which is until the next probe.
                let targets = owner.as_ref().and_then(|owner| owner.limits().targets.as_ref());
                let outcome = Box::pin(prober.probe(&check, targets)).await;
                let latency = Clock::now().saturating_duration_since(now);
                shared.record(entry.id, outcome, latency);
            });
            occupant.probing(probe.abort_handle());
        }
        false
    }

    /// Ends leases that ran out; when to look again.
    fn sweep(&mut self, registry: &mut Registry, now: Instant) -> Instant {
        let every = (self.lease / 16).clamp(TICK, Duration::from_secs(60));
        if now >= self.swept + every {
            registry.sweep(now, self.lease);
            self.prober.tidy(now);
            self.swept = now;
        }
        self.swept + every
    }
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
