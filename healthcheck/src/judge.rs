//! Decides from one result after the other whether a target is up or down.
//!
//! Pure: no clock, no sockets.

use crate::check::Pace;
use crate::verdict::State;

/// Counts results in a row and keeps the state that follows from them.
///
/// ```text
///            first success                 fall failures in a row
/// Unknown ──────────────────▶ Up ◀──────┐ ──────────────────────▶ Down
///    │                                  └──────────────────────────┤
///    │                                    rise successes in a row  │
///    └─────────────────────────────────────────────────────────────┘
///                 fall failures in a row (no success so far)
/// ```
///
/// One success is proof enough for a target of which nothing is known. The first failures are not:
/// while the target is unknown, it stays so until `fall` of them came in a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Judge {
    state: State,
    /// Results in a row that speak against the state.
    against: u32,
    weight: u32,
}

/// What one result says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// The target answered as it should, with this weight.
    Success(u32),
    /// It did not.
    Failure,
}

impl Judge {
    pub(crate) fn state(&self) -> State {
        self.state
    }

    /// The weight of the last success while the target is up, else 0.
    ///
    /// A failure that does not change the state does not change the weight either: otherwise one
    /// lost packet would move traffic, which is what `fall` is there to prevent.
    pub(crate) fn weight(&self) -> u32 {
        self.weight
    }

    /// Takes one result in.
    pub(crate) fn take(&mut self, pace: &Pace, finding: Finding) {
        match (self.state, finding) {
            (State::Up, Finding::Success(weight)) => {
                self.against = 0;
                self.weight = weight;
            }
            (State::Unknown, Finding::Success(weight)) => self.turn(State::Up, weight),
            (State::Down, Finding::Success(weight)) => {
                self.against = self.against.saturating_add(1);
                if self.against >= pace.rise {
                    self.turn(State::Up, weight);
                }
            }
            (State::Down, Finding::Failure) => self.against = 0,
            (State::Unknown | State::Up, Finding::Failure) => {
                self.against = self.against.saturating_add(1);
                if self.against >= pace.fall {
                    self.turn(State::Down, 0);
                }
            }
        }
    }

    fn turn(&mut self, state: State, weight: u32) {
        *self = Self { state, against: 0, weight };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays results (`s` success, `f` failure) and compares the states after each
    /// (`?` unknown, `u` up, `d` down).
    fn check(fall: u32, rise: u32, results: &str, states: &str) {
        let pace = Pace { fall, rise, ..Pace::default() };
        let mut judge = Judge::default();
        let seen: String = results
            .chars()
            .map(|result| {
                judge.take(
                    &pace,
                    match result {
                        's' => Finding::Success(7),
                        _ => Finding::Failure,
                    },
                );
                match judge.state() {
                    State::Unknown => '?',
                    State::Up => 'u',
                    State::Down => 'd',
                }
            })
            .collect();
        assert_eq!(seen, states, "fall {fall}, rise {rise}, results {results}");
    }

    #[test]
    fn results_in_a_row_change_the_state() {
        check(3, 2, "s", "u");
        check(3, 2, "fs", "?u");
        check(3, 2, "ff", "??");
        check(3, 2, "fff", "??d");
        check(3, 2, "sffsfff", "uuuuuud");
        check(3, 2, "fffsfss", "??ddddu");
        check(3, 2, "fffssf", "??dduu");
        check(1, 1, "fsfs", "dudu");
        check(1, 3, "fsssf", "dddud");
        check(4, 1, "sfffsffff", "uuuuuuuud");
    }

    #[test]
    fn the_weight_is_that_of_the_last_success_while_up() {
        let pace = Pace { fall: 2, rise: 1, ..Pace::default() };
        let mut judge = Judge::default();
        let steps = [
            (Finding::Success(10), 10),
            (Finding::Success(20), 20),
            (Finding::Failure, 20),
            (Finding::Failure, 0),
            (Finding::Success(5), 5),
            (Finding::Success(0), 0),
        ];
        for (finding, weight) in steps {
            judge.take(&pace, finding);
            assert_eq!(judge.weight(), weight, "after {finding:?}");
        }
    }
}
