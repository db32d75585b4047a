//! Keeps the overrides: sets and ends them, writes them down, and ends those whose time is over.

mod field;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use halfmoon_healthcheck::{Health, Labels};

use super::rules::Rules;
use super::safety;
use super::store::{Kept, StoreError};
use super::{Order, Override, Refused, Set, Target, Wish};
use crate::config::SafetyConfig;
use crate::date::date;
use crate::events::{Events, What};
use crate::shared::Zones;
use crate::tenants::{TenantId, Tenants};

/// Overrides of the operator that may be in force at a time: each is looked at for each member of each pool.
/// Each list is judged by at most `MOST + MOST_OF_TENANT` of them, the operator's and those of who owns its zone,
/// however many tenants there are and whatever the others say.
const MOST: usize = 256;
/// Those that one tenant may have in force, besides.
const MOST_OF_TENANT: usize = 16;
/// The numbers of overrides of tenants, drawn by lot: in order they would tell how many others there
/// are.
const LOTS: std::ops::Range<u64> = 1_000_000..10_000_000;
/// The longest reason, in letters.
const LONGEST_REASON: usize = 500;
/// The longest name of somebody, in letters.
const LONGEST_NAME: usize = 100;
/// The longest wait: the date may be set while nobody looks.
const IDLE: Duration = Duration::from_secs(30);

/// The overrides in force.
#[derive(Debug)]
pub struct Overrides {
    inner: Mutex<Inner>,
    wake: Condvar,
    health: Health,
    events: Arc<Events>,
    folder: Option<PathBuf>,
    longest: Duration,
    safety: Vec<SafetyConfig>,
    tenants: Arc<Tenants>,
    /// Where what is answered without a pool is looked up, and what the server calls addresses.
    zones: OnceLock<(Arc<ArcSwap<Zones>>, Labels)>,
}

#[derive(Debug, Default)]
struct Inner {
    next: u64,
    list: Vec<Override>,
    rules: Rules,
    is_over: bool,
}

/// Ends overrides when their time is over, for as long as it lives.
#[derive(Debug)]
pub struct Keeper {
    overrides: Arc<Overrides>,
    thread: Option<JoinHandle<()>>,
}

impl Overrides {
    /// Reads those that are in force; they hold from now on. Without a folder they end with the
    /// process. Last, how long one may be and what none may take out.
    ///
    /// # Errors
    /// What is written in the folder is not usable.
    pub fn open(
        health: Health,
        events: Arc<Events>,
        folder: Option<PathBuf>,
        (longest, safety): (Duration, Vec<SafetyConfig>),
        tenants: Arc<Tenants>,
    ) -> Result<Self, StoreError> {
        let kept = match &folder {
            Some(folder) => Kept::read(folder)?,
            None => Kept::new(1, Vec::new()),
        };
        let inner = Inner { next: kept.next.max(1), list: kept.overrides, ..Inner::default() };
        let inner = Mutex::new(inner);
        let overrides = Self {
            inner,
            wake: Condvar::new(),
            health,
            events,
            folder,
            longest,
            safety,
            tenants,
            zones: OnceLock::new(),
        };
        let mut inner = overrides.lock();
        overrides.expire(&mut inner, SystemTime::now());
        overrides.apply(&mut inner);
        drop(inner);
        Ok(overrides)
    }

    /// None, and none is kept: for what only looks.
    #[must_use]
    pub fn none(health: &Health) -> Arc<Self> {
        Arc::new(Self {
            inner: Mutex::new(Inner { next: 1, ..Inner::default() }),
            wake: Condvar::new(),
            health: health.clone(),
            events: Arc::new(Events::in_memory()),
            folder: None,
            longest: Duration::ZERO,
            safety: Vec::new(),
            tenants: Arc::default(),
            zones: OnceLock::new(),
        })
    }

    /// Says which zones are served, for what is answered without a pool, and what the server calls
    /// addresses.
    pub fn look_at(&self, zones: Arc<ArcSwap<Zones>>, labels: Labels) {
        // There is one server.
        let _ = self.zones.set((zones, labels));
    }

    /// Those in force, the oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<Override> {
        self.lock().list.clone()
    }

    /// How long one may be.
    #[must_use]
    pub fn longest(&self) -> Duration {
        self.longest
    }

    /// Whether they survive the end of the process.
    #[must_use]
    pub fn are_kept(&self) -> bool {
        self.folder.is_some()
    }

    /// Sets an override. It is in force and written down when this returns.
    ///
    /// # Errors
    /// Why it is not; nothing has changed then.
    pub fn set(&self, wish: Wish) -> Result<Set, Refused> {
        self.may_act(wish.tenant)?;
        let what = match &wish.within {
            Some(scope) => format!("{} {} in {scope}", wish.order, wish.target),
            None => format!("{} {}", wish.order, wish.target),
        };
        let (who, tenant) = (wish.who.clone(), self.name(wish.tenant));
        self.try_set(wish).inspect_err(|why| {
            tracing::warn!(who, "override refused: {what}: {why}");
            let refused = What::OverrideRefused { what, who, why: why.to_string() };
            self.events.note_of(tenant.as_deref(), refused);
        })
    }

    fn try_set(&self, wish: Wish) -> Result<Set, Refused> {
        let since = SystemTime::now();
        self.validate(&wish)?;
        let tenant = self.name(wish.tenant);
        let mut new = Override {
            id: 0,
            order: wish.order,
            target: wish.target,
            within: wish.within,
            tenant,
            who: wish.who,
            reason: wish.reason.trim().to_owned(),
            since,
            until: since + wish.time,
        };
        // All zones and pools are gone through for that, and others do not wait for it.
        let field = self.field(wish.tenant);
        let (members, fixed) = self.reach(&new, &field);
        let mut inner = self.lock();
        self.expire(&mut inner, since);
        let own = inner.list.iter().filter(|an| an.tenant == new.tenant).count();
        let limit = if new.tenant.is_some() { MOST_OF_TENANT } else { MOST };
        if own >= limit {
            return Err(Refused::TooMany { limit });
        }
        let (id, next) = match new.tenant {
            None => (inner.next, inner.next + 1),
            Some(_) => (inner.lot(), inner.next),
        };
        new.id = id;
        if members == 0 {
            return Err(match fixed.told() {
                None => Refused::Nothing(new.to_string()),
                Some(_) => {
                    Refused::Static { target: new.to_string(), records: fixed.records.join(", ") }
                }
            });
        }
        let after = Rules::new(inner.list.iter().chain([&new]), (&self.health, &self.tenants));
        let zones = field.zones.as_ref().map(|(zones, _)| &**zones);
        let rules = (&inner.rules, &after);
        safety::judge((&field.pools, zones), rules, &self.safety, wish.may_empty)?;
        // Written first: what is confirmed is not forgotten.
        let mut list = inner.list.clone();
        list.push(new.clone());
        self.write(next, &list)?;
        inner.next = next;
        inner.list = list;
        self.apply(&mut inner);
        self.wake.notify_all();
        tracing::warn!(
            id = new.id,
            who = new.who,
            reason = new.reason,
            until = date(new.until),
            members,
            "override set: {new}"
        );
        self.events.note_of(new.tenant.as_deref(), What::of(&new));
        Ok(Set { set: new, members, fixed })
    }

    /// Ends an override before its time; a tenant's own, if a tenant wants it.
    ///
    /// # Errors
    /// There is none of this number, it is somebody else's, or it cannot be written down that it has
    /// ended.
    pub fn end(
        &self,
        id: u64,
        tenant: Option<TenantId>,
        (who, reason): (&str, &str),
    ) -> Result<Override, Refused> {
        if tenant.is_some() {
            // What is not seen is not there.
            let seen = self.seen_by(tenant).into_iter().find(|an| an.id == id);
            if seen.ok_or(Refused::NoSuch(id))?.tenant.is_none() {
                return Err(Refused::NotYours(id));
            }
        }
        let reason = if reason.trim().is_empty() { String::new() } else { valid_reason(reason)? };
        self.may_act(tenant)?;
        let mut inner = self.lock();
        self.expire(&mut inner, SystemTime::now());
        let (ended, list): (Vec<_>, Vec<_>) =
            inner.list.iter().cloned().partition(|an: &Override| an.id == id);
        let ended = ended.into_iter().next().ok_or(Refused::NoSuch(id))?;
        self.write(inner.next, &list)?;
        inner.list = list;
        self.apply(&mut inner);
        tracing::warn!(id, who, reason, "override ended: {ended}");
        let (what, who) = (ended.to_string(), who.to_owned());
        let over = What::OverrideEnded { id, what, who, reason };
        self.events.note_of(ended.tenant.as_deref(), over);
        Ok(ended)
    }

    /// Looks checks up again that overrides name; to be called when zones were read.
    pub fn refresh(&self) {
        self.apply(&mut self.lock());
    }

    /// Whether a tenant may do something now that is noted; what the operator does always is.
    ///
    /// # Errors
    /// It has done too much. That is counted and nothing else: events and the log are for all.
    pub(crate) fn may_act(&self, tenant: Option<TenantId>) -> Result<(), Refused> {
        match tenant {
            Some(tenant) if !self.tenants.may_act(tenant, Instant::now()) => Err(Refused::TooFast),
            _ => Ok(()),
        }
    }

    fn validate(&self, wish: &Wish) -> Result<(), Refused> {
        valid_reason(&wish.reason)?;
        if wish.time.is_zero() {
            return Err(Refused::Wrong(
                "an override has to last; say for how long, as \"2h\"".into(),
            ));
        }
        if wish.time > self.longest {
            return Err(Refused::Wrong(format!(
                "longer than `health.overrides.max`, which is {}m",
                self.longest.as_secs() / 60
            )));
        }
        if wish.order == Order::Pin && matches!(wish.target, Target::Record(_) | Target::Zone(_)) {
            return Err(Refused::Wrong(
                "what is pinned is an address, network, label or check; \
                 say in which record or zone with `in`"
                    .into(),
            ));
        }
        Ok(())
    }

    /// Ends those whose time is over; whether there were any.
    fn expire(&self, inner: &mut Inner, now: SystemTime) {
        let (over, list): (Vec<_>, Vec<_>) =
            inner.list.drain(..).partition(|an: &Override| an.until <= now);
        inner.list = list;
        if over.is_empty() {
            return;
        }
        self.apply(inner);
        // Should it fail: they are over at the next start as well.
        if let Err(error) = self.write(inner.next, &inner.list) {
            tracing::error!(%error, "overrides that are over are still written down");
        }
        for an in over {
            tracing::warn!(id = an.id, "override is over: {an}");
            let over = What::OverrideExpired { id: an.id, what: an.to_string() };
            self.events.note_of(an.tenant.as_deref(), over);
        }
    }

    fn name(&self, tenant: Option<TenantId>) -> Option<String> {
        tenant.map(|tenant| self.tenants.name(tenant).to_owned())
    }

    fn apply(&self, inner: &mut Inner) {
        let rules = Rules::new(&inner.list, (&self.health, &self.tenants));
        if rules != inner.rules {
            self.health.set_orders(rules.clone().orders());
            inner.rules = rules;
        }
    }

    fn write(&self, next: u64, list: &[Override]) -> Result<(), Refused> {
        match &self.folder {
            Some(folder) => Kept::new(next, list.to_vec()).write(folder).map_err(Refused::Disk),
            None => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut inner = self.lock();
        while !inner.is_over {
            let now = SystemTime::now();
            self.expire(&mut inner, now);
            let next = inner.list.iter().map(|an| an.until).min();
            let wait = next.map_or(IDLE, |next| next.duration_since(now).unwrap_or_default());
            let wait = wait.clamp(Duration::from_millis(1), IDLE);
            inner = self.wake.wait_timeout(inner, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Inner {
    /// A number that no override has.
    fn lot(&self) -> u64 {
        loop {
            let lot = fastrand::u64(LOTS);
            if self.list.iter().all(|an| an.id != lot) {
                return lot;
            }
        }
    }
}

fn valid_reason(reason: &str) -> Result<String, Refused> {
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(Refused::Wrong("an override has a reason; say why".into()));
    }
    if reason.chars().count() > LONGEST_REASON || reason.chars().any(char::is_control) {
        return Err(Refused::Wrong(format!(
            "a reason is one line of at most {LONGEST_REASON} letters"
        )));
    }
    Ok(reason.to_owned())
}

/// The name of somebody, if it is one line of bounded length.
///
/// # Errors
/// What to write instead.
pub(crate) fn valid_name(who: &str) -> Result<String, Refused> {
    let is_good = !who.trim().is_empty()
        && who.chars().count() <= LONGEST_NAME
        && !who.chars().any(char::is_control);
    if is_good {
        return Ok(who.trim().to_owned());
    }
    Err(Refused::Wrong(format!("the name of a user is one line of at most {LONGEST_NAME} letters")))
}

impl Keeper {
    /// Starts to look at the clock.
    ///
    /// # Errors
    /// No thread is to be had.
    pub fn start(overrides: Arc<Overrides>) -> io::Result<Self> {
        let own = Arc::clone(&overrides);
        let thread =
            thread::Builder::new().name("overrides".to_owned()).spawn(move || own.run())?;
        Ok(Self { overrides, thread: Some(thread) })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.overrides.lock().is_over = true;
        self.overrides.wake.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
