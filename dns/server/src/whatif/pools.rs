//! Which pools have nothing left, or less than they want.

use std::collections::HashMap;

use halfmoon_healthcheck::{Choice, PoolId, PoolReport};

use super::view::{Outcome, PoolView};

/// Puts the pools into the outcome that lose more than they may.
pub(super) fn compare<'r>(
    before: &[PoolReport],
    after: impl Iterator<Item = &'r PoolReport>,
    outcome: &mut Outcome,
) {
    let before: HashMap<PoolId, &PoolReport> = before.iter().map(|one| (one.id, one)).collect();
    for new in after {
        let old = before.get(&new.id);
        let is_all_down = |report: &PoolReport| report.standing.choice != Choice::Selected;
        let is_short = |report: &PoolReport| up(report) < minimum(report);
        if is_all_down(new) {
            if !old.is_some_and(|old| is_all_down(old)) {
                outcome.all_down.push(view(new));
            }
        } else if is_short(new) && !old.is_some_and(|old| is_short(old)) {
            outcome.below_minimum.push(view(new));
        }
    }
}

fn view(report: &PoolReport) -> PoolView {
    let name = &report.pool.name;
    PoolView {
        name: name.owner.to_string(),
        rtype: name.rtype.to_ascii_uppercase(),
        members: report.members.len(),
        up: up(report),
        minimum: minimum(report),
        answers: words(report.standing.choice).to_owned(),
    }
}

/// How many members may be answered.
fn up(report: &PoolReport) -> usize {
    report.members.iter().filter(|member| member.is_in).count()
}

/// How many are wanted; more than there are cannot be.
fn minimum(report: &PoolReport) -> usize {
    (report.pool.policy.min_answers as usize).min(report.members.len())
}

/// What is answered.
pub(super) fn words(choice: Choice) -> &'static str {
    match choice {
        Choice::Selected => "those that are up",
        Choice::Everything => "all that remain, though none is up",
        Choice::Backup => "what the backup selector chooses, though none is up",
        Choice::Nothing => "no records",
        Choice::Failure => "SERVFAIL",
    }
}
