//! How long a check takes to find out that its target has failed, at worst.

use std::time::Duration;

use super::{Check, Pace, Probe, PushOptions, Stale};

/// How long it takes, at worst, from the failure of a target to its being down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reaction {
    /// From the start of one probe to that of the next.
    pub interval: Duration,
    /// Failures in a row that it takes.
    pub fall: u32,
    /// How long the last of them may take, redirects and everything else included; zero where there
    /// is nobody to wait for.
    pub timeout: Duration,
    /// How long what was said last holds; zero where nothing is called in.
    pub within: Duration,
}

impl Reaction {
    /// Of probes at this pace.
    #[must_use]
    pub fn of_probes(pace: &Pace) -> Self {
        // A probe that is still under way when the next is due takes its place.
        let skips = pace.timeout.as_nanos() / pace.interval.as_nanos().max(1);
        let steps = u32::try_from(skips).unwrap_or(u32::MAX).saturating_add(1);
        Self {
            interval: pace.interval.saturating_mul(steps),
            fall: pace.fall,
            timeout: pace.timeout,
            within: Duration::ZERO,
        }
    }

    /// Of something that has to call in, or to be written. `None`: silence means nothing, so it never
    /// is.
    #[must_use]
    pub fn of_push(pace: &Pace, push: &PushOptions) -> Option<Self> {
        let (interval, fall, timeout) = (pace.interval, pace.fall, Duration::ZERO);
        (push.stale == Stale::Down).then_some(Self { interval, fall, timeout, within: push.within })
    }

    /// Of a check; of a calculated one, that of its slowest part. `None`: it never finds out.
    #[must_use]
    pub fn of(check: &Check) -> Option<Self> {
        match &check.probe {
            Probe::Beat(beat) => Self::of_push(&check.pace, &beat.push),
            Probe::File(file) => Self::of_push(&check.pace, &file.push),
            Probe::Group(group) => {
                let parts = group.parts.iter().filter_map(|part| Self::of(part));
                let (slowest, count) = parts.fold((None, 0), |(slowest, count), part| {
                    let is_slower =
                        slowest.is_none_or(|slowest: Self| part.total() > slowest.total());
                    (if is_slower { Some(part) } else { slowest }, count + 1)
                });
                // Those that never find out may be enough to keep it up.
                let silent = group.parts.len() - count;
                slowest.filter(|_| silent < group.at_least)
            }
            _ => Some(Self::of_probes(&check.pace)),
        }
    }

    /// The whole time.
    #[must_use]
    pub fn total(&self) -> Duration {
        let Self { interval, fall, timeout, within } = *self;
        within.saturating_add(interval.saturating_mul(fall)).saturating_add(timeout)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::check::{BeatProbe, Group};

    fn pace(interval: u64, timeout: u64) -> Pace {
        let seconds = Duration::from_secs;
        Pace { interval: seconds(interval), timeout: seconds(timeout), ..Pace::default() }
    }

    fn probe(interval: u64, timeout: u64) -> Arc<Check> {
        let address = ([192, 0, 2, 1], 80).into();
        let pace = pace(interval, timeout);
        Arc::new(Check { probe: Probe::Tcp(address), pace, source: None })
    }

    fn beat(within: u64, stale: Stale) -> Arc<Check> {
        let push = PushOptions { within: Duration::from_secs(within), stale };
        let probe = Probe::Beat(BeatProbe { name: "fra".into(), push });
        Arc::new(Check { probe, pace: pace(5, 2), source: None })
    }

    fn group(at_least: usize, parts: &[&Arc<Check>]) -> Arc<Check> {
        let parts = parts.iter().map(|part| Arc::clone(part)).collect();
        let probe = Probe::Group(Group { at_least, parts });
        Arc::new(Check { probe, pace: Group::pace(), source: None })
    }

    #[test]
    fn a_failure_is_found_after_so_many_intervals_and_the_last_timeout() {
        let (quick, slow) = (probe(1, 0), probe(10, 2));
        let (loud, mute) = (beat(60, Stale::Down), beat(60, Stale::Unknown));
        for (check, expected) in [
            (probe(5, 2), Some(17)),
            // Every second one is made, or the timeout would not be waited for.
            (probe(5, 5), Some(35)),
            (probe(5, 9), Some(39)),
            (probe(5, 10), Some(55)),
            (Arc::clone(&loud), Some(75)),
            (Arc::clone(&mute), None),
            (group(2, &[&quick, &slow]), Some(32)),
            (group(1, &[&quick, &mute]), None),
            (group(2, &[&quick, &mute]), Some(3)),
            (group(1, &[&group(1, &[&slow]), &quick]), Some(32)),
        ] {
            let found = Reaction::of(&check).map(|reaction| reaction.total().as_secs());
            assert_eq!(found, expected, "{check}");
        }
    }
}
