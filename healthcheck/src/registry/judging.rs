//! What results, the time, and operators make of the states of checks.

use std::sync::Arc;
use std::time::SystemTime;

use super::Registry;
use crate::account::Account;
use crate::check::{Check, Probe};
use crate::damping::Flap;
use crate::judge::Finding;
use crate::outcome::Outcome;
use crate::report::Last;
use crate::suspicion::{Conclusion, Counted, View, concerns};
use crate::verdict::{CheckId, State};

/// A change of state, as the judge saw it.
#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) check: Arc<Check>,
    /// Whose it is, if one account alone has it.
    pub(crate) owner: Option<Account>,
    pub(crate) from: State,
    pub(crate) to: State,
    pub(crate) reason: Box<str>,
    pub(crate) at: SystemTime,
}

impl Registry {
    /// Takes in what a probe found; what follows from it, if states change.
    pub(crate) fn record(&mut self, id: CheckId, last: Last) -> Vec<Turn> {
        let mut turns = Vec::new();
        let now = last.at;
        let reason: Box<str> = last.reason().into();
        let Some(occupant) = self.occupant_mut(id) else {
            return turns;
        };
        let finding = match &last.outcome {
            Outcome::Success { weight, .. } => Finding::Success(*weight),
            Outcome::Failure(_) => Finding::Failure,
            Outcome::Inconclusive(_) => {
                occupant.last = Some(last);
                return turns;
            }
        };
        occupant.last = Some(last);
        occupant.is_recalled = false;
        occupant.failing = match finding {
            Finding::Success(_) => None,
            Finding::Failure => occupant.failing.or(Some(now)),
        };
        let check = Arc::clone(&occupant.check);
        self.count(id);
        let Some(occupant) = self.occupant(id) else {
            return turns;
        };
        let is_falling =
            finding == Finding::Failure && occupant.judge.is_about_to_fall(&check.pace);
        let doubts = self.doubt(id, is_falling, now, &mut turns);
        let Some(occupant) = self.occupant_mut(id) else {
            return turns;
        };
        let from = occupant.judge.state();
        let was_wavering = occupant.judge.is_wavering();
        occupant.judge.take(&check.pace, finding, now, doubts);
        let reason = match occupant.judge.is_wavering() && !was_wavering {
            true => format!("{} of {} probes failed, the last: {reason}", Flap::BAD, Flap::WINDOW),
            false => reason.into(),
        };
        turns.extend(self.settle_check(id, from, &reason, now));
        turns
    }

    /// Whether a failure is not to be believed. May find that the prober suspects itself, which takes
    /// falls back, or does not any more.
    fn doubt(
        &mut self,
        id: CheckId,
        is_falling: bool,
        now: SystemTime,
        turns: &mut Vec<Turn>,
    ) -> bool {
        let Some(occupant) = self.occupant(id).filter(|occupant| concerns(occupant)) else {
            return false;
        };
        let begin = occupant.failing.filter(|_| is_falling);
        let view = |registry: &Self| match begin {
            Some(begin) => View::of(registry.iter(), begin, now),
            None => View::recent(registry.iter(), now),
        };
        if self.doubts.is_due(is_falling, now) {
            let view = view(self);
            self.conclude(view, now, turns);
        } else if is_falling {
            debug_assert!(
                !self.doubts.is_out_of_question(now) || !self.doubts.is_bad(&view(self)),
                "the sums say that a look is not needed"
            );
        }
        self.doubts.is_suspect()
    }

    /// Counts a check in the sums over all as what it is now.
    pub(super) fn count(&mut self, id: CheckId) {
        if let Some(occupant) = self.occupant_mut(id) {
            let now = Counted::of(occupant);
            let before = std::mem::replace(&mut occupant.counted, now);
            self.doubts.crowd.exchange(before, now);
        }
    }

    /// Draws conclusions from a look at all checks.
    fn conclude(&mut self, view: View, now: SystemTime, turns: &mut Vec<Turn>) {
        match self.doubts.conclude(&view, now) {
            Conclusion::Begins => self.take_back(view.fallen, now, turns),
            Conclusion::Ends => self.pardon(now),
            Conclusion::Same => {}
        }
    }

    /// Forgets the failures that were the prober's own, so that a probe that is still under way is not
    /// the last of them.
    fn pardon(&mut self, now: SystemTime) {
        let failing = self.iter().filter(|(_, occupant)| occupant.failing.is_some());
        for id in failing.map(|(id, _)| id).collect::<Vec<_>>() {
            let Some(occupant) = self.occupant_mut(id).filter(|occupant| concerns(occupant)) else {
                continue;
            };
            let state = occupant.judge.state();
            occupant.judge.pardon();
            occupant.failing = None;
            self.settle_check(id, state, "", now);
        }
    }

    /// Takes back falls of which it turned out that they say more of the prober.
    fn take_back(&mut self, fallen: Vec<CheckId>, now: SystemTime, turns: &mut Vec<Turn>) {
        for id in fallen {
            let Some(occupant) = self.occupant_mut(id) else { continue };
            let from = occupant.judge.state();
            occupant.judge.revive(&occupant.check.pace);
            turns.extend(self.settle_check(id, from, "the prober suspects itself", now));
        }
    }

    /// Puts what the judge says now on the board; what there is to tell, if the state is another.
    pub(super) fn settle_check(
        &mut self,
        id: CheckId,
        from: State,
        reason: &str,
        now: SystemTime,
    ) -> Option<Turn> {
        let occupant = self.occupant_mut(id)?;
        let verdict = occupant.judge.verdict(&occupant.check.pace, now);
        let alarm = occupant.judge.next(&occupant.check.pace, now);
        let before = std::mem::replace(&mut occupant.alarm, alarm);
        let to = verdict.state;
        let turn = (from != to).then(|| Turn {
            check: Arc::clone(&occupant.check),
            owner: occupant.owner.clone(),
            from,
            to,
            reason: reason.into(),
            at: now,
        });
        if turn.is_some() {
            occupant.reason = reason.into();
        }
        let is_fall = turn.is_some() && to == State::Down && concerns(occupant);
        if before != alarm {
            if let Some(before) = before {
                self.alarms.remove(&(before, id));
            }
            self.alarms.extend(alarm.map(|alarm| (alarm, id)));
        }
        if self.board.verdict(id) != verdict {
            self.board.set(id, verdict);
            self.pools.touch(id);
            self.revision += 1;
        }
        self.count(id);
        if is_fall {
            self.doubts.crowd.fell(now);
        }
        if turn.is_some() {
            let followers = self.occupant(id).map(|occupant| occupant.followers.clone());
            self.stirred.extend(followers.into_iter().flatten());
        }
        turn
    }

    /// What a calculated check comes to whose parts changed, or that is new, one after the other.
    pub(crate) fn calculate(&mut self) -> Option<(CheckId, Outcome)> {
        while let Some(id) = self.stirred.pop() {
            if let Some(outcome) = self.tally(id) {
                return Some((id, outcome));
            }
        }
        None
    }

    /// What a calculated check comes to.
    fn tally(&self, id: CheckId) -> Option<Outcome> {
        let occupant = self.occupant(id)?;
        let Probe::Group(group) = &occupant.check.probe else {
            return None;
        };
        let parts = occupant.parts.iter().filter_map(|part| self.occupant(*part));
        Some(group.tally(parts.map(|part| part.judge.state())))
    }

    /// Lets time pass; what follows from it.
    pub(crate) fn tick(&mut self, now: SystemTime) -> Vec<Turn> {
        let mut turns = Vec::new();
        while let Some((time, id)) = self.alarms.first().copied().filter(|(time, _)| *time <= now) {
            self.alarms.remove(&(time, id));
            let Some(occupant) = self.occupant_mut(id) else { continue };
            occupant.alarm = None;
            let from = occupant.judge.state();
            occupant.judge.tick(&occupant.check.pace, now);
            turns.extend(self.settle_check(id, from, "answers again, and nothing holds it", now));
        }
        if self.doubts.next().is_some_and(|next| next <= now) {
            let view = View::recent(self.iter(), now);
            self.conclude(view, now, &mut turns);
        }
        turns
    }

    /// When [`Registry::tick`] has something to do.
    pub(crate) fn next(&self) -> Option<SystemTime> {
        let alarms = self.alarms.first().map(|(time, _)| *time);
        [alarms, self.pools.next(), self.doubts.next()].into_iter().flatten().min()
    }

    /// Whether the engine, which waits for something else, would oversleep what time has to change.
    pub(crate) fn is_overslept(&self) -> bool {
        self.next().is_some_and(|next| self.awaited.is_none_or(|awaited| next < awaited))
    }

    /// An operator says that a check that is held may come back; `None` if it is not held.
    pub(crate) fn resume(&mut self, id: CheckId, now: SystemTime) -> Option<Turn> {
        let occupant = self.occupant_mut(id)?;
        let from = occupant.judge.state();
        if !occupant.judge.resume(&occupant.check.pace, now) {
            return None;
        }
        self.settle_check(id, from, "an operator lets it come back", now)
    }
}
