//! The failover budget of a record: how long after the failure of an endpoint the last resolver has
//! the right answer, at worst.
//!
//! `interval × fall + timeout + TTL`, of the slowest check.

use std::fmt;
use std::time::Duration;

use halfmoon_healthcheck::{Pace, Reaction};

use crate::TtlRange;
use crate::functions::options::Ttl;
use crate::remark::Remark;

/// The budget of one call of a function by health.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Where the call stands in the program's text, in octets.
    pub at: usize,
    /// The slowest check; none where the program computes what is checked.
    pub check: Option<Box<str>>,
    /// How long it takes to find out; `None`: it never does.
    pub reaction: Option<Reaction>,
    /// The TTL that counts, in seconds: of a range the most, since who asked just before the failure
    /// got that.
    pub ttl: u32,
    /// How long it may take, if that is said.
    pub rto: Option<Duration>,
    /// Where the TTL is said.
    pub(crate) ttl_of: TtlOf,
}

/// Where the TTL of an answer is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TtlOf {
    Record,
    Option,
    Range(TtlRange),
}

impl Budget {
    pub(crate) fn new(
        (check, reaction): (Option<Box<str>>, Option<Reaction>),
        ttl: Option<Ttl>,
        rto: Option<Duration>,
    ) -> Self {
        let (ttl, ttl_of) = match ttl {
            None => (0, TtlOf::Record),
            Some(Ttl::Fixed(ttl)) => (ttl, TtlOf::Option),
            Some(Ttl::Range(range)) => (range.max, TtlOf::Range(range)),
        };
        Self { at: 0, check, reaction, ttl, rto, ttl_of }
    }

    /// The same in a record with this TTL, of a call that stands there.
    pub(crate) fn of_record(mut self, at: usize, ttl: u32) -> Self {
        if self.ttl_of == TtlOf::Record {
            self.ttl = ttl;
        }
        self.at = at;
        self
    }

    /// The whole time; `None`: without end.
    #[must_use]
    pub fn total(&self) -> Option<Duration> {
        let ttl = Duration::from_secs(u64::from(self.ttl));
        Some(self.reaction?.total().saturating_add(ttl))
    }

    /// Whether the whole time is what was asked for, where something was.
    #[must_use]
    pub fn is_met(&self) -> bool {
        self.rto.is_none_or(|rto| self.total().is_some_and(|total| total <= rto))
    }

    /// The sum, as in `5 s × 3 + 2 s + TTL 30 s = 47 s`.
    #[must_use]
    pub fn sum(&self) -> impl fmt::Display + '_ {
        Sum(self)
    }

    /// What is wrong, if something is.
    pub(crate) fn fault(&self) -> Option<Remark> {
        let rto = self.rto.filter(|_| !self.is_met())?;
        let whose = self.check.as_deref().map_or_else(String::new, |check| format!("{check}: "));
        let message = format!("{whose}{}, more than the rto of {}", self.sum(), shown(rto));
        Some(Remark::error("rto", self.at, message).help(self.remedy(rto)))
    }

    /// What to write so that it is met.
    fn remedy(&self, rto: Duration) -> String {
        let Some(reaction) = self.reaction else {
            return "write stale='down', or it never is down for its silence".to_owned();
        };
        let mut words = Vec::new();
        // What has to change is given its part; what is small enough stays.
        let left = rto.saturating_sub(reaction.total());
        let ttl = match left.is_zero() {
            true => self.ttl.min(whole(rto / 2)),
            false => self.ttl.min(whole(left)),
        };
        if ttl < self.ttl {
            words.push(match self.ttl_of {
                TtlOf::Range(TtlRange { min, .. }) => {
                    format!("ttl={{min={}, max={ttl}}}", min.min(ttl))
                }
                TtlOf::Option => format!("ttl={ttl}"),
                TtlOf::Record => format!("ttl={ttl} in the options, or that as the record's TTL"),
            });
        }
        let left = rto.saturating_sub(Duration::from_secs(u64::from(ttl)));
        if reaction.total() > left {
            let within = reaction.within.min(seconds(left / 2));
            let for_probes = left.saturating_sub(within);
            // Half an interval at most: a probe that takes longer than one takes the place of the next.
            let parts = reaction.fall.max(1).saturating_add(1).saturating_mul(2);
            let timeout = reaction.timeout.min(tenths(for_probes / parts));
            let for_probes = for_probes.saturating_sub(timeout);
            let interval = tenths(for_probes / reaction.fall.max(1));
            if interval < Pace::MIN_INTERVAL || interval <= timeout {
                return format!("say a longer rto, or a smaller fall than {}", reaction.fall);
            }
            for (name, is, was) in [
                ("within", within, reaction.within),
                ("timeout", timeout, reaction.timeout),
                ("interval", interval, reaction.interval),
            ] {
                if is < was {
                    words.push(format!("{name}={}", is.as_secs_f64()));
                }
            }
        }
        format!("write {}", words.join(", "))
    }
}

struct Sum<'a>(&'a Budget);

impl fmt::Display for Sum<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Budget { ttl, .. } = self.0;
        let (Some(reaction), Some(total)) = (self.0.reaction, self.0.total()) else {
            return f.write_str("silence is never taken for a failure");
        };
        let Reaction { interval, fall, timeout, within } = reaction;
        if !within.is_zero() {
            write!(f, "within {} + ", shown(within))?;
        }
        write!(f, "{} × {fall} + ", shown(interval))?;
        if !timeout.is_zero() {
            write!(f, "{} + ", shown(timeout))?;
        }
        write!(f, "TTL {ttl} s = {}", shown(total))
    }
}

/// A time for people, in seconds.
fn shown(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}

fn whole(time: Duration) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX)
}

fn seconds(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs())
}

/// Down to a tenth of a second, or, where that would be nothing, of a hundredth.
fn tenths(time: Duration) -> Duration {
    let step = if time < Duration::from_millis(100) { 10 } else { 100 };
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(millis / step * step)
}
