//! Holders of checks that have a budget: what each may have checked, and how much of that.
//!
//! Checks are shared by all that ask for equal ones, and an account is charged for each that somebody
//! holds on it, whoever else does. What one account may have checked does not become available to another
//! by that: each check is judged for each account that wants it.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, SubAssign};
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use crate::check::{Check, Probe};
use crate::refused::Refused;
use crate::target::TargetPolicy;

/// Requests of one account for computed checks that may wait to be taken on: all accounts wait in one
/// line, which nobody is to fill alone.
const WAITING: usize = 256;
/// The shortest time between two lines of the log on what one account is refused.
const QUIET: Duration = Duration::from_secs(10);

/// What the holder of an account may have; `None` of something: there is no limit but the general ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// What may be probed on its account, judged besides [`crate::Settings::targets`]: both have to allow it.
    /// Only its networks count.
    pub targets: Option<TargetPolicy>,
    /// Checks that are held at one time, calculated ones and each that they are calculated from among them.
    pub checks: Option<usize>,
    /// Probes in a second: the sum of what the checks that are held come to.
    pub probes_per_second: Option<u32>,
}

/// Somebody on whose account checks are held. Clones are one account.
#[derive(Clone, Debug)]
pub struct Account {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    key: AccountKey,
    settings: Box<str>,
    limits: Limits,
    waiting: AtomicUsize,
    refused: AtomicU64,
    /// Nothing of it is logged.
    is_quiet: bool,
    last: Mutex<Option<(Instant, Refusal)>>,
}

/// Tells accounts apart. The one of those who have none is [`AccountKey::default`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct AccountKey(u32);

/// A check that was computed at run time and refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The check.
    pub check: String,
    /// Why.
    pub why: Refused,
}

/// What is held on an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// How many checks, computed ones among them.
    pub checks: usize,
    /// How many of them are held only because programs computed them.
    pub computed: usize,
    /// What they come to.
    pub probes: Rate,
}

/// Probes in a second, to the billionth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(u64);

// === impl Account ===

impl Account {
    /// An account of its own. `settings` is where its limits are set, as in `tenants.acme`: what is refused is
    /// told with it.
    #[must_use]
    pub fn new(settings: &str, limits: Limits) -> Self {
        Self::of(settings, limits, false)
    }

    /// Another account that may have the same targets checked, any number of them, and of which nothing is
    /// logged: for trying out what would be, where nothing is probed.
    #[must_use]
    pub fn on_paper(&self) -> Self {
        let limits = Limits { targets: self.inner.limits.targets.clone(), ..Limits::default() };
        Self::of(&self.inner.settings, limits, true)
    }

    fn of(settings: &str, limits: Limits, is_quiet: bool) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        Self {
            inner: Arc::new(Inner {
                key: AccountKey(NEXT.fetch_add(1, Ordering::Relaxed)),
                settings: settings.into(),
                limits,
                waiting: AtomicUsize::new(0),
                refused: AtomicU64::new(0),
                is_quiet,
                last: Mutex::default(),
            }),
        }
    }

    /// Where its limits are set.
    #[must_use]
    pub fn settings(&self) -> &str {
        &self.inner.settings
    }

    /// Its limits.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    /// How many requests for computed checks were refused it.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.inner.refused.load(Ordering::Relaxed)
    }

    /// One of the last of them.
    #[must_use]
    pub fn last_refusal(&self) -> Option<Refusal> {
        let last = self.inner.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.as_ref().map(|(_, refusal)| refusal.clone())
    }

    pub(crate) fn key(&self) -> AccountKey {
        self.inner.key
    }

    /// Whether its targets allow a check, with all that it is made of.
    pub(crate) fn admit(&self, check: &Check) -> Result<(), Refused> {
        let Some(targets) = &self.inner.limits.targets else {
            return Ok(());
        };
        match &check.probe {
            Probe::Group(group) => group.parts.iter().try_for_each(|part| self.admit(part)),
            _ => match check.address().map(|address| targets.judge(address)) {
                Some(Err(denial)) => {
                    Err(Refused::NotTheirs { denial, settings: self.inner.settings.clone() })
                }
                Some(Ok(())) | None => Ok(()),
            },
        }
    }

    /// Whether so much is more than may be held.
    pub(crate) fn afford(&self, checks: usize, probes: Rate) -> Result<(), Refused> {
        let limits = &self.inner.limits;
        let settings = || self.inner.settings.clone();
        if let Some(limit) = limits.checks.filter(|limit| checks > *limit) {
            return Err(Refused::Checks { wanted: checks, limit, settings: settings() });
        }
        if let Some(limit) = limits.probes_per_second.filter(|limit| probes > Rate::whole(*limit)) {
            return Err(Refused::Probes { wanted: probes, limit, settings: settings() });
        }
        Ok(())
    }

    /// Whose a check is that this account wants: one that finds its addresses out when it is probed is not
    /// shared by those who have targets of their own, since what the one may probe, the other may not.
    pub(crate) fn scope(&self, check: &Check) -> AccountKey {
        match self.inner.limits.targets.is_some() && check.resolves() {
            true => self.inner.key,
            false => AccountKey::default(),
        }
    }

    /// Takes a place in the line of requests. `false`: too many of this account's are there.
    pub(crate) fn wait(&self) -> bool {
        let waiting = self.inner.waiting.fetch_add(1, Ordering::Relaxed);
        if waiting >= WAITING {
            self.inner.waiting.fetch_sub(1, Ordering::Relaxed);
            return false;
        }
        true
    }

    /// Leaves the line.
    pub(crate) fn go(&self) {
        self.inner.waiting.fetch_sub(1, Ordering::Relaxed);
    }

    /// Counts a computed check that is refused, and says so now and then. Never waits.
    pub(crate) fn refuse(&self, check: &Check, why: Refused, now: Instant) {
        let count = self.inner.refused.fetch_add(1, Ordering::Relaxed) + 1;
        let mut last = match self.inner.last.try_lock() {
            Ok(last) => last,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        let is_quiet = |told: &Instant| now.saturating_duration_since(*told) < QUIET;
        if last.as_ref().is_some_and(|(told, _)| is_quiet(told)) {
            return;
        }
        let refusal = Refusal { check: check.to_string(), why };
        let Refusal { check, why } = &refusal;
        let settings = self.settings();
        if !self.inner.is_quiet {
            tracing::warn!("{settings}: computed check {check} is refused: {why} ({count} so far)");
        }
        *last = Some((now, refusal));
    }
}

impl PartialEq for Account {
    /// Whether they are one.
    fn eq(&self, other: &Self) -> bool {
        self.inner.key == other.inner.key
    }
}

impl Eq for Account {}

// === impl AccountKey ===

impl AccountKey {
    pub(crate) fn of(account: Option<&Account>) -> Self {
        account.map(Account::key).unwrap_or_default()
    }
}

// === impl Rate ===

impl Rate {
    const SECOND: u64 = 1_000_000_000;

    /// So many.
    #[must_use]
    pub const fn whole(probes: u32) -> Self {
        Self(probes as u64 * Self::SECOND)
    }

    /// How many that is, as near as a number with a point comes to it.
    #[must_use]
    pub fn per_second(self) -> f64 {
        self.0 as f64 / Self::SECOND as f64
    }

    /// What a check comes to by itself, without those it is calculated from.
    pub(crate) fn of(check: &Check) -> Self {
        if matches!(check.probe, Probe::Group(_)) {
            return Self::default();
        }
        let nanos = check.pace.interval.as_nanos().max(1);
        Self(u64::try_from(u128::from(Self::SECOND).pow(2) / nanos).unwrap_or(u64::MAX))
    }
}

impl Add for Rate {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Rate {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Rate {
    fn sub_assign(&mut self, other: Self) {
        self.0 = self.0.saturating_sub(other.0);
    }
}

impl Sum for Rate {
    fn sum<I: Iterator<Item = Self>>(rates: I) -> Self {
        rates.fold(Self::default(), Self::add)
    }
}

impl fmt::Display for Rate {
    /// With two digits behind the point if it is no whole number, and never less than it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hundredths = self.0.div_ceil(Self::SECOND / 100);
        match hundredths % 100 {
            0 => write!(f, "{}", hundredths / 100),
            part => write!(f, "{}.{part:02}", hundredths / 100),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Pace;

    #[test]
    fn a_rate_is_what_the_interval_says_and_is_never_shown_too_low() {
        for (interval, shown) in
            [(1000, "1"), (10, "100"), (5000, "0.20"), (3000, "0.34"), (86_400_000, "0.01")]
        {
            let interval = Duration::from_millis(interval);
            let pace = Pace { interval, ..Pace::default() };
            let probe = Probe::Ping(std::net::Ipv4Addr::LOCALHOST.into());
            assert_eq!(Rate::of(&Check { probe, pace, source: None }).to_string(), shown);
        }
        let five: Rate = std::iter::repeat_n(Rate(Rate::SECOND / 5), 5).sum();
        assert_eq!((five, five.per_second()), (Rate::whole(1), 1.0));
    }

    #[test]
    fn the_line_has_room_for_so_many_of_one_account() {
        let account = Account::new("tenants.a", Limits::default());
        assert!((0..WAITING).all(|_| account.wait()));
        assert!(!account.wait());
        account.go();
        assert!(account.wait());
    }
}
