//! Decides from one result after the other whether a target is up or down, and when one that was
//! down is back.
//!
//! Pure: no sockets, and the time is an argument.

use std::time::{Duration, SystemTime};

use crate::check::Pace;
use crate::damping::{Damping, Flap, Hold, Resume};
use crate::verdict::{State, Verdict};

/// A share of what a member gets is published in so many steps while it grows.
const STEPS: u32 = 32;

/// Counts results in a row and keeps the state that follows from them.
///
/// ```text
///            first success                 fall failures in a row
/// Unknown ──────────────────▶ Up ◀──────┐ ──────────────────────▶ Down ◀──┐ fall failures
///    │                                  │  or too many of the last 32    │ in a row
///    │                                  │  nothing holds it              │
///    │                                  └───────────────── Held ◀─────────┤
///    │                                                      │  rise       │
///    │                                                      └─────────────┘
///    └──────────────────────────────────────────────────────────────▶ (Down)
///                 fall failures in a row (no success so far)
/// ```
///
/// One success is proof enough for a target of which nothing is known. The first failures are not:
/// while the target is unknown, it stays so until `fall` of them came in a row. A target that is held
/// answers as it should and counts as down all the same.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Judge {
    phase: Phase,
    /// Results in a row that speak against the phase.
    against: u32,
    /// Of the last success. A failure that does not change the state does not change the weight
    /// either: otherwise one lost packet would move traffic, which is what `fall` is there to prevent.
    weight: u32,
    /// When the state, as others see it, began.
    since: Option<SystemTime>,
    /// When it last went down.
    fell: Option<SystemTime>,
    /// Since when it was up before it went down, if it was.
    up_before: Option<SystemTime>,
    penalty: Penalty,
    /// Its penalty was too high when it went down, and has not been low enough since.
    is_suppressed: bool,
    recent: Recent,
    /// It went down because too many of its recent probes failed, few of them in a row.
    is_wavering: bool,
}

/// How the last probes ended, a bit each: 1 is a failure. The newest is the lowest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Recent(u32);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Unknown,
    /// With the beginning of its way back to a whole share, while it is on it.
    Up {
        ramp: Option<SystemTime>,
    },
    Down,
    /// Answers again since then.
    Held {
        since: SystemTime,
    },
}

/// What is remembered of how often a target went down.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Penalty {
    value: f64,
    at: Option<SystemTime>,
}

/// What one result says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// The target answered as it should, with this weight.
    Success(u32),
    /// It did not.
    Failure,
}

/// What outlives the process.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Memory {
    pub(crate) state: State,
    pub(crate) since: Option<SystemTime>,
    pub(crate) weight: u32,
    /// Answers again since then, and is held.
    pub(crate) held: Option<SystemTime>,
    /// On the way back to a whole share since then.
    pub(crate) ramp: Option<SystemTime>,
    pub(crate) fell: Option<SystemTime>,
    /// The penalty, and whether it was too high.
    pub(crate) penalty: f64,
    pub(crate) penalty_at: Option<SystemTime>,
    pub(crate) is_suppressed: bool,
    /// How the last probes ended, a bit each.
    pub(crate) recent: u32,
    pub(crate) is_wavering: bool,
}

// === impl Judge ===

impl Default for Judge {
    fn default() -> Self {
        Self {
            phase: Phase::Unknown,
            against: 0,
            weight: 0,
            since: None,
            fell: None,
            up_before: None,
            penalty: Penalty::default(),
            is_suppressed: false,
            recent: Recent::default(),
            is_wavering: false,
        }
    }
}

impl Judge {
    /// Goes on where another one was.
    pub(crate) fn recall(memory: &Memory) -> Self {
        let phase = match (memory.state, memory.held) {
            (State::Unknown, _) => Phase::Unknown,
            (State::Up, _) => Phase::Up { ramp: memory.ramp },
            (State::Down, None) => Phase::Down,
            (State::Down, Some(since)) => Phase::Held { since },
        };
        Self {
            phase,
            against: 0,
            weight: memory.weight,
            since: memory.since,
            fell: memory.fell,
            up_before: None,
            penalty: Penalty { value: memory.penalty, at: memory.penalty_at },
            is_suppressed: memory.is_suppressed,
            recent: Recent(memory.recent),
            is_wavering: memory.is_wavering,
        }
    }

    pub(crate) fn memory(&self) -> Memory {
        Memory {
            state: self.state(),
            since: self.since,
            weight: self.weight,
            held: match self.phase {
                Phase::Held { since } => Some(since),
                _ => None,
            },
            ramp: match self.phase {
                Phase::Up { ramp } => ramp,
                _ => None,
            },
            fell: self.fell,
            penalty: self.penalty.value,
            penalty_at: self.penalty.at,
            is_suppressed: self.is_suppressed,
            recent: self.recent.0,
            is_wavering: self.is_wavering,
        }
    }

    pub(crate) fn state(&self) -> State {
        match self.phase {
            Phase::Unknown => State::Unknown,
            Phase::Up { .. } => State::Up,
            Phase::Down | Phase::Held { .. } => State::Down,
        }
    }

    /// Whether it is down because it failed too often, few times in a row.
    pub(crate) fn is_wavering(&self) -> bool {
        self.is_wavering
    }

    /// When it last went down.
    pub(crate) fn fell(&self) -> Option<SystemTime> {
        self.fell
    }

    /// Whether one more failure makes it go down.
    pub(crate) fn is_about_to_fall(&self, pace: &Pace) -> bool {
        let mut recent = self.recent;
        recent.note(Finding::Failure);
        let is_last = self.against.saturating_add(1) >= pace.fall || recent.is_too_bad(pace);
        matches!(self.phase, Phase::Up { .. }) && is_last
    }

    /// What is published of it.
    pub(crate) fn verdict(&self, pace: &Pace, now: SystemTime) -> Verdict {
        let share = match self.phase {
            Phase::Up { ramp: Some(start) } => share(start, pace.damping.ramp, now),
            _ => Verdict::WHOLE,
        };
        let is_fresh = self.since.is_some_and(|since| now < later(since, pace.damping.fresh));
        let is_back = self.fell.is_some() && matches!(self.phase, Phase::Up { .. });
        // A target that was found up for the first time has not changed.
        let is_fresh = is_fresh && (is_back || self.state() == State::Down);
        Verdict {
            state: self.state(),
            weight: if self.state() == State::Up { self.weight } else { 0 },
            since: self.since,
            share,
            hold: match self.phase {
                Phase::Held { since } => {
                    self.hold(&pace.damping, since, now).or(Some(Hold::HoldDown))
                }
                _ => None,
            },
            is_settled: self.against == 0
                && !is_fresh
                && share == Verdict::WHOLE
                && !matches!(self.phase, Phase::Held { .. }),
        }
    }

    /// When [`Judge::tick`] or the passing of time may change something.
    pub(crate) fn next(&self, pace: &Pace, now: SystemTime) -> Option<SystemTime> {
        let fresh = self.since.map(|since| later(since, pace.damping.fresh));
        let own = match self.phase {
            Phase::Up { ramp: Some(start) } => Some(later(now, pace.damping.ramp / STEPS))
                .map(|step| step.min(later(start, pace.damping.ramp))),
            Phase::Held { since } => self.release(&pace.damping, since),
            _ => None,
        };
        let times = [fresh, own].into_iter().flatten().filter(|time| *time > now);
        times.min()
    }

    /// Takes one result in. `doubts`: the prober suspects itself, and takes no failure for the last.
    pub(crate) fn take(&mut self, pace: &Pace, finding: Finding, now: SystemTime, doubts: bool) {
        let is_meant = matches!(self.phase, Phase::Up { .. }) || self.is_wavering;
        if is_meant && !(doubts && finding == Finding::Failure) {
            self.recent.note(finding);
        }
        match (self.phase, finding) {
            (Phase::Up { .. }, Finding::Success(weight)) => {
                self.against = 0;
                self.weight = weight;
            }
            (Phase::Unknown, Finding::Success(weight)) => {
                self.turn(Phase::Up { ramp: None }, now);
                self.weight = weight;
            }
            (Phase::Down, Finding::Success(weight)) => {
                self.against = self.against.saturating_add(1);
                if self.against >= pace.rise {
                    self.against = 0;
                    self.phase = Phase::Held { since: now };
                    self.weight = weight;
                    self.tick(pace, now);
                }
            }
            (Phase::Held { .. }, Finding::Success(weight)) => {
                self.against = 0;
                self.weight = weight;
                self.tick(pace, now);
            }
            (Phase::Down, Finding::Failure) => self.against = 0,
            (Phase::Unknown | Phase::Up { .. } | Phase::Held { .. }, Finding::Failure) => {
                self.against = self.against.saturating_add(1);
                if doubts {
                    return;
                }
                if self.against >= pace.fall {
                    // One that is plainly down comes back as soon as it plainly answers.
                    if matches!(self.phase, Phase::Up { .. }) {
                        self.recent = Recent::default();
                    }
                    self.fall(pace, now);
                } else if matches!(self.phase, Phase::Up { .. }) && self.recent.is_too_bad(pace) {
                    self.is_wavering = true;
                    self.fall(pace, now);
                }
            }
        }
    }

    /// Lets time pass: what was held for long enough is up.
    pub(crate) fn tick(&mut self, pace: &Pace, now: SystemTime) {
        match self.phase {
            Phase::Held { since } => {
                if self.is_suppressed && !self.is_flapping(&pace.damping, now) {
                    self.is_suppressed = false;
                }
                self.is_wavering &= !self.recent.is_good();
                // One that fails right now is not let in; its next success or fall decides.
                if self.against == 0 && self.hold(&pace.damping, since, now).is_none() {
                    self.rise(&pace.damping, now);
                }
            }
            Phase::Up { ramp: Some(start) } if now >= later(start, pace.damping.ramp) => {
                self.phase = Phase::Up { ramp: None };
            }
            _ => {}
        }
    }

    /// An operator says that it may come back. Whether it was held.
    pub(crate) fn resume(&mut self, pace: &Pace, now: SystemTime) -> bool {
        let is_held = matches!(self.phase, Phase::Held { .. });
        if is_held {
            self.is_suppressed = false;
            self.is_wavering = false;
            self.rise(&pace.damping, now);
        }
        is_held
    }

    /// Whether it was up when it went down, in this process.
    pub(crate) fn was_up_before_it_fell(&self) -> bool {
        self.phase == Phase::Down && self.up_before.is_some()
    }

    /// Takes a fall back that, as it turned out, says more of the prober than of the target.
    pub(crate) fn revive(&mut self, pace: &Pace) {
        self.phase = Phase::Up { ramp: None };
        self.against = pace.fall;
        self.since = self.up_before.take();
        self.penalty.value = (self.penalty.value - f64::from(Flap::FALL)).max(0.0);
        self.is_suppressed = false;
        self.recent = Recent::default();
        self.is_wavering = false;
        self.fell = None;
    }

    /// Counts failures anew, if it is up.
    pub(crate) fn pardon(&mut self) {
        if matches!(self.phase, Phase::Up { .. }) {
            self.against = 0;
            self.recent = Recent::default();
        }
    }

    fn turn(&mut self, phase: Phase, now: SystemTime) {
        let before = self.state();
        self.phase = phase;
        self.against = 0;
        if self.state() != before {
            self.since = Some(now);
        }
    }

    fn rise(&mut self, damping: &Damping, now: SystemTime) {
        let ramp = (!damping.ramp.is_zero()).then_some(now);
        self.recent = Recent::default();
        self.turn(Phase::Up { ramp }, now);
    }

    fn fall(&mut self, pace: &Pace, now: SystemTime) {
        if let Some(flap) = pace.damping.flap
            && self.phase != Phase::Unknown
        {
            self.penalty.add(&flap, now);
            self.is_suppressed |= self.penalty.value >= f64::from(flap.suppress);
        }
        self.up_before = self.since.filter(|_| matches!(self.phase, Phase::Up { .. }));
        self.turn(Phase::Down, now);
        self.fell = Some(now);
    }

    fn is_flapping(&self, damping: &Damping, now: SystemTime) -> bool {
        damping.flap.is_some_and(|flap| self.penalty.at(&flap, now) >= f64::from(flap.reuse))
    }

    /// What holds a target that answers since then.
    fn hold(&self, damping: &Damping, since: SystemTime, now: SystemTime) -> Option<Hold> {
        let fell = self.fell.unwrap_or(since);
        let is_wavering = self.is_wavering && damping.flap.is_some();
        if is_wavering || self.is_suppressed && self.is_flapping(damping, now) {
            return Some(Hold::Flapping);
        }
        if now < later(fell, damping.hold_down) {
            return Some(Hold::HoldDown);
        }
        match damping.resume {
            Resume::Auto => None,
            Resume::After(time) => (now < later(since, time)).then_some(Hold::Waiting),
            Resume::Manual => Some(Hold::Manual),
        }
    }

    /// When nothing but an operator, or another result, holds it any more.
    fn release(&self, damping: &Damping, since: SystemTime) -> Option<SystemTime> {
        let mut times = vec![later(self.fell.unwrap_or(since), damping.hold_down)];
        if let (true, Some(flap)) = (self.is_suppressed, damping.flap) {
            times.extend(self.penalty.below(&flap));
        }
        if let Resume::After(time) = damping.resume {
            times.push(later(since, time));
        }
        times.into_iter().max()
    }
}

// === impl Recent ===

impl Recent {
    /// Takes the newest in; the oldest goes.
    fn note(&mut self, finding: Finding) {
        self.0 = self.0 << 1 | u32::from(finding == Finding::Failure);
    }

    /// Whether so many failed that it does not matter whether they did so in a row.
    fn is_too_bad(self, pace: &Pace) -> bool {
        let is_damped = pace.damping.flap.is_some() && pace.fall <= Flap::PATIENT;
        is_damped && self.0.count_ones() >= Flap::BAD
    }

    /// Whether so few failed that one that wavered is let in again.
    fn is_good(self) -> bool {
        self.0.count_ones() <= Flap::GOOD
    }
}

// === impl Penalty ===

impl Penalty {
    fn at(&self, flap: &Flap, now: SystemTime) -> f64 {
        let passed = self.at.and_then(|at| now.duration_since(at).ok()).unwrap_or_default();
        self.value * (-passed.as_secs_f64() / flap.half_life.as_secs_f64()).exp2()
    }

    fn add(&mut self, flap: &Flap, now: SystemTime) {
        let cap = f64::from(flap.suppress) * f64::from(Flap::CAP);
        self.value = (self.at(flap, now) + f64::from(Flap::FALL)).min(cap);
        self.at = Some(now);
    }

    /// When it is low enough.
    fn below(&self, flap: &Flap) -> Option<SystemTime> {
        let lives = (self.value / f64::from(flap.reuse)).log2().max(0.0);
        // A little later, so that rounding does not make it too early.
        let wait = flap.half_life.mul_f64(lives) + Duration::from_millis(1);
        self.at.map(|at| later(at, wait))
    }
}

/// What a target on its way back gets of its share: from a thirty-second part to the whole.
fn share(start: SystemTime, ramp: Duration, now: SystemTime) -> u16 {
    let passed = now.duration_since(start).unwrap_or_default();
    if passed >= ramp {
        return Verdict::WHOLE;
    }
    let step = f64::from(Verdict::WHOLE) / f64::from(STEPS);
    let gone = passed.as_secs_f64() / ramp.as_secs_f64();
    ((gone * f64::from(STEPS)).floor() * step + step).min(f64::from(Verdict::WHOLE - 1)) as u16
}

/// So much later; the same moment if no clock goes that far.
fn later(time: SystemTime, by: Duration) -> SystemTime {
    time.checked_add(by).unwrap_or(time)
}

#[cfg(test)]
mod tests;
