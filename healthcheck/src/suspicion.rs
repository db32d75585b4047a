//! Whether it is the prober that is cut off, and not its targets: when nearly all of them fail at once.
//!
//! Pure: the time is an argument.

mod crowd;

use std::collections::HashSet;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use foldhash::fast::RandomState;
use ipnet::{Ipv4Net, Ipv6Net};

pub(crate) use self::crowd::Counted;
use self::crowd::Crowd;
use crate::check::Probe;
use crate::registry::Occupant;
use crate::verdict::{CheckId, State};

/// Failures that are so far apart have nothing to do with each other.
const WINDOW: Duration = Duration::from_secs(30);
/// The shortest time between two looks at all checks.
const LOOK: Duration = Duration::from_millis(100);
/// A prober that suspects itself looks again after so long, whatever it hears.
const AGAIN: Duration = Duration::from_secs(1);

/// The prober suspects itself: it lets nothing go down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suspicion {
    /// Since when.
    pub since: SystemTime,
    /// How many targets that were up fail, as of the last look.
    pub failing: usize,
    /// How many were heard of meanwhile.
    pub of: usize,
}

/// Whether the prober suspects itself, and on what grounds it would.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Doubts {
    /// How many of all targets have to fail, in thousandths; `None`: it never does.
    part: Option<u16>,
    suspicion: Option<Suspicion>,
    looked: Option<SystemTime>,
    /// What spares most of the looks.
    pub(crate) crowd: Crowd,
}

/// What follows from a look at all checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conclusion {
    /// The prober suspects itself from now on.
    Begins,
    /// It does not any more.
    Ends,
    /// Nothing new.
    Same,
}

/// All checks at one moment, as far as they matter.
#[derive(Debug, Default)]
pub(crate) struct View {
    failing: usize,
    of: usize,
    /// Those that should have been heard of.
    expected: usize,
    networks: HashSet<Network, RandomState>,
    /// Those that went down just now.
    pub(crate) fallen: Vec<CheckId>,
}

/// What a cut cable takes with it: targets of one network say nothing of others.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Network {
    V4(Ipv4Net),
    V6(Ipv6Net),
    Named(Box<str>),
}

impl Doubts {
    pub(crate) fn new(part: Option<u16>) -> Self {
        Self { part, suspicion: None, looked: None, crowd: Crowd::default() }
    }

    pub(crate) fn suspicion(&self) -> Option<Suspicion> {
        self.suspicion
    }

    pub(crate) fn is_suspect(&self) -> bool {
        self.suspicion.is_some()
    }

    /// Whether it is worth looking at all checks, now that one of them is about to go down or not: that
    /// takes milliseconds where there are many, in which the one waits.
    pub(crate) fn is_due(&mut self, is_falling: bool, now: SystemTime) -> bool {
        let is_soon =
            |looked: SystemTime| now.duration_since(looked).is_ok_and(|passed| passed < LOOK);
        (is_falling || self.is_suspect())
            && !self.looked.is_some_and(is_soon)
            && !self.is_out_of_question(now)
    }

    /// Whether a look at all checks could not make a prober suspect itself that does not yet.
    pub(crate) fn is_out_of_question(&mut self, now: SystemTime) -> bool {
        self.part.is_none_or(|part| !self.is_suspect() && !self.crowd.may_fail(part, now))
    }

    /// Whether so many of those that were seen fail that it says more of the prober.
    pub(crate) fn is_bad(&self, view: &View) -> bool {
        self.part.is_some_and(|part| {
            view.failing * 1000 >= usize::from(part) * view.of
                && view.networks.len() >= 2
                && view.of * 2 >= view.expected
        })
    }

    /// When it has to look again.
    pub(crate) fn next(&self) -> Option<SystemTime> {
        let looked = self.looked.filter(|_| self.is_suspect())?;
        looked.checked_add(AGAIN)
    }

    /// Draws its conclusions.
    pub(crate) fn conclude(&mut self, view: &View, now: SystemTime) -> Conclusion {
        if self.part.is_none() {
            return Conclusion::Same;
        }
        self.looked = Some(now);
        let is_bad = self.is_bad(view);
        let (failing, of) = (view.failing, view.of);
        match (&mut self.suspicion, is_bad) {
            (None, true) => {
                self.suspicion = Some(Suspicion { since: now, failing, of });
                tracing::error!(
                    failing,
                    of,
                    "nearly all targets fail at once: this server may be cut off; what is up stays up"
                );
                Conclusion::Begins
            }
            (Some(suspicion), true) => {
                *suspicion = Suspicion { failing, of, ..*suspicion };
                Conclusion::Same
            }
            (Some(_), false) => {
                self.suspicion = None;
                tracing::warn!(failing, of, "targets answer again; failures count again");
                Conclusion::Ends
            }
            (None, false) => Conclusion::Same,
        }
    }
}

impl View {
    /// Looks at all checks. What matters began at `begin`, or when the first of those went down that
    /// did so just now.
    pub(crate) fn of<'o>(
        checks: impl Iterator<Item = (CheckId, &'o Occupant)> + Clone,
        begin: SystemTime,
        now: SystemTime,
    ) -> Self {
        let is_recent = |time: SystemTime| now.duration_since(time).is_ok_and(|ago| ago < WINDOW);
        let has_fallen = |occupant: &Occupant| {
            occupant.failing.is_some()
                && occupant.judge.was_up_before_it_fell()
                && occupant.judge.fell().is_some_and(is_recent)
        };
        let first = checks
            .clone()
            .filter(|(_, occupant)| concerns(occupant) && has_fallen(occupant))
            .filter_map(|(_, occupant)| occupant.failing)
            .min();
        let begin = first.map_or(begin, |first| first.min(begin));
        let mut view = Self::default();
        for (id, occupant) in checks {
            let fell = has_fallen(occupant);
            let is_meant = occupant.judge.state() == State::Up || fell;
            if !is_meant || !concerns(occupant) {
                continue;
            }
            view.expected += usize::from(occupant.check.pace.interval <= WINDOW);
            if occupant.last.as_ref().is_none_or(|last| last.at < begin) {
                continue;
            }
            view.of += 1;
            if occupant.failing.is_some() {
                view.failing += 1;
                view.networks.insert(Network::of(occupant));
            }
            if fell {
                view.fallen.push(id);
            }
        }
        view
    }

    /// The same without a particular beginning.
    pub(crate) fn recent<'o>(
        checks: impl Iterator<Item = (CheckId, &'o Occupant)> + Clone,
        now: SystemTime,
    ) -> Self {
        Self::of(checks, now.checked_sub(WINDOW).unwrap_or(now), now)
    }
}

/// Whether a check says something of the way to it: this very machine is always reached, and what is
/// not asked says nothing.
pub(crate) fn concerns(occupant: &Occupant) -> bool {
    let is_pushed =
        matches!(occupant.check.probe, Probe::Beat(_) | Probe::File(_) | Probe::Group(_));
    !is_pushed
        && !occupant.check.address().is_some_and(|address| address.to_canonical().is_loopback())
}

impl Network {
    fn of(occupant: &Occupant) -> Self {
        match occupant.check.address().map(|address| address.to_canonical()) {
            Some(IpAddr::V4(address)) => Self::V4(Ipv4Net::new_assert(address, 24).trunc()),
            Some(IpAddr::V6(address)) => Self::V6(Ipv6Net::new_assert(address, 48).trunc()),
            None => Self::Named(occupant.check.to_string().into()),
        }
    }
}

#[cfg(test)]
mod tests;
