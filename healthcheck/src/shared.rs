//! What the front, the handles and the engine share: the registry behind its lock, and how what happens
//! in it is published and told.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::sync::{Notify, broadcast};

use crate::account::Account;
use crate::beats::Beats;
use crate::board::{Board, Snapshot};
use crate::change::Change;
use crate::check::Check;
use crate::clock::Clock;
use crate::outcome::Outcome;
use crate::refused::Refused;
use crate::registry::{Registry, Turn};
use crate::report::{Counters, Last, count};
use crate::target::TargetPolicy;
use crate::verdict::{CheckId, State};

/// How many changes a listener may be behind.
const CHANGES: usize = 4096;

/// So many places of the registry are looked at before others have their turn.
const AT_A_TIME: usize = 64;

/// For so long others go before who has time, at most, all parts together.
const COURTESY: Duration = Duration::from_millis(100);
/// How often is looked whether they are through: as long as a sleeper takes to be awake.
const PAUSE: Duration = Duration::from_micros(50);

/// A check that was computed at run time.
#[derive(Debug)]
pub(crate) struct Request {
    /// The zone whose program computed it.
    pub(crate) zone: Box<[u8]>,
    pub(crate) account: Option<Account>,
    pub(crate) check: Check,
}

/// What the front, the handles and the engine share.
#[derive(Debug)]
pub(crate) struct Shared {
    registry: Mutex<Registry>,
    /// How many wait for it who are not to be kept waiting.
    waiting: AtomicUsize,
    pub(crate) published: Arc<ArcSwap<Snapshot>>,
    pub(crate) changes: broadcast::Sender<Change>,
    pub(crate) targets: TargetPolicy,
    pub(crate) beats: Arc<Beats>,
    pub(crate) counters: Counters,
    pub(crate) clock: Clock,
    /// Wakes the engine: there are fresh checks, or changes that wait for publication.
    pub(crate) wake: Notify,
}

impl Shared {
    /// `computed`: how many computed checks are held, in all and of one zone.
    pub(crate) fn new(
        targets: TargetPolicy,
        board: Board,
        computed: (usize, usize),
        suspect: Option<u16>,
    ) -> Self {
        let clock = Clock::new();
        let beats = Beats::new(targets.beats().map(Box::from), clock.date(Clock::now()));
        Self {
            beats: Arc::new(beats),
            published: Arc::new(ArcSwap::from_pointee(board.snapshot())),
            registry: Mutex::new(Registry::new(board, computed.0, computed.1, suspect)),
            waiting: AtomicUsize::new(0),
            changes: broadcast::channel(CHANGES).0,
            targets,
            counters: Counters::default(),
            clock,
            wake: Notify::new(),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Registry> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        // Nothing that holds the lock leaves the registry half changed when it panics.
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        registry
    }

    /// The same for who has time: all others that wait come first, for as long as `courtesy` lasts.
    ///
    /// The lock goes to whoever asks next. One who lets it go and asks again at once has it back before one
    /// that slept is awake, and would keep it waiting part after part.
    fn lock_behind(&self, courtesy: &mut Duration) -> MutexGuard<'_, Registry> {
        while self.waiting.load(Ordering::Relaxed) > 0 && !courtesy.is_zero() {
            // Those that wait may be less urgent for the system than this thread: it sleeps.
            thread::park_timeout(PAUSE);
            *courtesy = courtesy.saturating_sub(PAUSE);
        }
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows all that has a place in the registry, some places at a time and the lock free in between: what is gone
    /// through by a thread that others go before is not to keep the results of probes waiting until it is
    /// through. What comes or goes meanwhile may be among it or not.
    pub(crate) fn in_parts(
        &self,
        places: impl Fn(&Registry) -> usize,
        mut show: impl FnMut(&Registry, Range<usize>),
    ) {
        let (mut from, mut courtesy) = (0, COURTESY);
        loop {
            let registry = self.lock_behind(&mut courtesy);
            let until = places(&registry).min(from + AT_A_TIME);
            show(&registry, from..until);
            drop(registry);
            if until < from + AT_A_TIME {
                return;
            }
            from = until;
        }
    }

    /// Takes on checks that were computed at run time; empties the list.
    pub(crate) fn lease(&self, requested: &mut Vec<Request>, now: Instant) {
        let mut registry = self.lock();
        for Request { zone, account, check } in requested.drain(..) {
            if self.judge(&check, None).is_err() {
                count(&self.counters.refused);
                continue;
            }
            let Some(account) = account else {
                if registry.lease(&zone, None, check, now).is_err() {
                    count(&self.counters.dropped);
                }
                continue;
            };
            match registry.lease(&zone, Some(&account), check.clone(), now) {
                Ok(_) => {}
                Err(Refused::TooMany { .. }) => count(&self.counters.dropped),
                Err(why) => {
                    count(&self.counters.refused);
                    account.refuse(&check, why, now);
                }
            }
        }
        self.settle(registry, now);
        self.calculate();
    }

    /// Takes in what the parts of calculated checks come to, where they changed.
    pub(crate) fn calculate(&self) {
        loop {
            let Some((id, outcome)) = self.lock().calculate() else {
                return;
            };
            self.take_in(id, outcome, Duration::ZERO);
        }
    }

    /// Takes in what a probe found, and tells of it if the state changes.
    pub(crate) fn record(&self, id: CheckId, outcome: Outcome, latency: Duration) {
        self.counters.probe(&outcome, latency);
        self.take_in(id, outcome, latency);
    }

    /// The same for what was found without a probe.
    pub(crate) fn take_in(&self, id: CheckId, outcome: Outcome, latency: Duration) {
        let now = Clock::now();
        let last = Last { outcome, latency, at: self.clock.date(now) };
        let mut registry = self.lock();
        let complaint = match &last.outcome {
            Outcome::Inconclusive(_) => {
                let occupant = registry.occupant(id);
                occupant.filter(|occupant| occupant.is_worth_a_complaint(&last.outcome))
            }
            _ => None,
        };
        let complaint = complaint.map(|occupant| (Arc::clone(&occupant.check), last.reason()));
        let complaint = complaint.filter(|_| registry.may_complain(now));
        let mut turns = registry.record(id, last);
        turns.extend(self.settle_at(&mut registry, now));
        self.nudge(&registry);
        drop(registry);
        if let Some((check, reason)) = complaint {
            tracing::warn!("{check} cannot be probed: {reason}");
        }
        self.tell(turns);
    }

    /// Tells the log and whoever listens of changes of state.
    pub(crate) fn tell(&self, turns: Vec<Turn>) {
        let is_any = !turns.is_empty();
        for Turn { check, owner, from, to, reason, at } in turns {
            self.counters.change(to);
            match to {
                State::Down => tracing::warn!(%from, "{check} is down: {reason}"),
                State::Up | State::Unknown => tracing::info!(%from, "{check} is {to}: {reason}"),
            }
            // Nobody has to listen.
            let (key, reason) = (check.digits(owner.as_ref()), reason.into());
            let _ = self.changes.send(Change { check, key, from, to, reason, at });
        }
        if is_any {
            self.calculate();
        }
    }

    /// Lets time pass and publishes what changed, or sees to it that the engine will; tells of it.
    pub(crate) fn settle(&self, mut registry: MutexGuard<'_, Registry>, now: Instant) {
        let turns = self.settle_at(&mut registry, now);
        self.nudge(&registry);
        drop(registry);
        self.tell(turns);
    }

    /// Lets time pass and publishes what changed, if the last publication is old enough. What there is
    /// to tell.
    pub(crate) fn settle_at(&self, registry: &mut Registry, now: Instant) -> Vec<Turn> {
        let date = self.clock.date(now);
        let turns = registry.tick(date);
        if registry.board.may_publish(now) {
            self.publish(registry, now);
        }
        turns
    }

    /// Publishes what changed, however old the last publication is.
    pub(crate) fn publish(&self, registry: &mut Registry, now: Instant) {
        registry.settle_pools(self.clock.date(now));
        // Under the registry's lock, so that generations are published in order.
        if let Some(snapshot) = registry.board.publish(now) {
            self.published.store(Arc::new(snapshot));
        }
    }

    /// Sees to it that the engine does what is left to do.
    pub(crate) fn nudge(&self, registry: &Registry) {
        if registry.board.due().is_some() || registry.is_overslept() {
            self.wake.notify_one();
        }
    }

    /// Whether a check may be carried out for somebody, as far as that takes no look at what is held.
    pub(crate) fn judge(&self, check: &Check, account: Option<&Account>) -> Result<(), Refused> {
        check.validate()?;
        self.targets.admit(check)?;
        account.map_or(Ok(()), |account| account.admit(check))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn who_has_time_waits_for_the_others_between_two_parts() {
        const PARTS: usize = 20;
        let shared = Shared::new(TargetPolicy::default(), Board::new(Duration::ZERO), (0, 0), None);
        let parts = AtomicUsize::new(0);
        let (begin, begun) = mpsc::channel();
        let (of, seen) = (&shared, &parts);
        thread::scope(|scope| {
            let other = scope.spawn(move || {
                begun.recv().expect("the first part");
                let _registry = of.lock();
                seen.load(Ordering::Relaxed)
            });
            shared.in_parts(
                |_| AT_A_TIME * PARTS - 1,
                |_, _| {
                    if parts.fetch_add(1, Ordering::Relaxed) == 0 {
                        begin.send(()).expect("it waits for that");
                        while shared.waiting.load(Ordering::Relaxed) == 0 {
                            thread::yield_now();
                        }
                    }
                },
            );
            assert_eq!(other.join().expect("no panic"), 1);
        });
        assert_eq!(parts.into_inner(), PARTS);
    }
}
