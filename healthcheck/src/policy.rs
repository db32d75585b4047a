//! What a pool answers with, from what is known of its members.
//!
//! Pure, and without allocation once the buffer has grown: the engine decides with it for pools that
//! are registered, and a query for lists that a program computes.

use std::ops::Range;
use std::time::Duration;

use crate::pool::Force;
use crate::verdict::{State, Verdict};

/// What a pool makes of the verdicts on its members.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// What a member counts as while nothing is known of it.
    pub unknown: Unknown,
    /// What is answered when nothing is up.
    pub all_down: AllDown,
    /// Fewer than so many are never answered, or chosen from, if the pool has as many.
    pub min_answers: u32,
    /// A group of which less than this part is up is not believed; in thousandths, 0: every one is.
    pub panic: u16,
    /// How fast members may leave.
    pub velocity: Option<Velocity>,
}

/// What a member counts as while nothing is known of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Unknown {
    /// What it was in this pool before, in this process or the last; not up if it is new.
    #[default]
    Last,
    /// Up.
    Up,
    /// Not up.
    Down,
}

/// What is answered when nothing is up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum AllDown {
    /// Every member of every group.
    All,
    /// What the backup selector chooses of the first group.
    #[default]
    Backup,
    /// The first member of the first group.
    First,
    /// What was up last, before the last of it went.
    Last,
    /// No records (NODATA).
    None,
    /// A failure (SERVFAIL).
    Servfail,
}

/// No more than a part of a pool leaves in a while without an operator, and never none: one member
/// may always leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Velocity {
    /// The part, in thousandths.
    pub part: u16,
    /// The while.
    pub window: Duration,
}

/// How the members that were chosen are to be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Choice {
    /// The selector chooses among them.
    #[default]
    Selected,
    /// All of them are answered.
    Everything,
    /// The backup selector chooses among them.
    Backup,
    /// No records.
    Nothing,
    /// No answer.
    Failure,
}

/// A member that may be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Pick {
    /// Its number among all members of the pool.
    pub member: u32,
    /// What it gets of its share, in parts of [`Verdict::WHOLE`].
    pub share: u16,
    /// Members of a later tier are only for clients that none of an earlier one is for.
    pub tier: u16,
}

/// What a member counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether it may be answered.
    pub is_in: bool,
    /// An operator has put it out: it is not answered whatever happens to the others.
    pub is_barred: bool,
    /// What it gets of its share.
    pub share: u16,
}

impl Policy {
    /// What a member counts as by its verdict alone; `before`: whether it was in when it was last
    /// known.
    #[must_use]
    pub fn standing(&self, verdict: &Verdict, before: bool) -> Standing {
        let is_in = match (verdict.state, self.unknown) {
            (State::Up, _) | (State::Unknown, Unknown::Up) => true,
            (State::Unknown, Unknown::Last) => before,
            (State::Down, _) | (State::Unknown, Unknown::Down) => false,
        };
        Standing { is_in, is_barred: false, share: verdict.share }
    }

    /// Chooses who may be answered. `groups` are ranges of member numbers in order of preference,
    /// none of them empty; `last` is what was chosen last when something was up.
    pub fn choose(
        &self,
        groups: &[Range<u32>],
        member: impl Fn(u32) -> Standing,
        last: &[u32],
        chosen: &mut Vec<Pick>,
    ) -> Choice {
        chosen.clear();
        let mut tier = 0;
        for group in groups {
            if !self.is_believed(group.clone(), &member) {
                continue;
            }
            let before = chosen.len();
            let up = group.clone().filter(|number| member(*number).is_in);
            chosen.extend(up.map(|number| Pick {
                member: number,
                share: member(number).share,
                tier,
            }));
            if chosen.len() == before {
                continue;
            }
            // Who is not let in yet by members on their way back is the next group's.
            if chosen[before..].iter().any(|pick| pick.share >= Verdict::WHOLE) {
                break;
            }
            tier += 1;
        }
        if chosen.is_empty() {
            return self.not_believed(groups, &member, last, chosen);
        }
        self.fill(groups, &member, chosen);
        Choice::Selected
    }

    /// The same under an operator's word on some members. Those that are drained are spared while
    /// anything else is up, and after that count as what they are.
    pub fn choose_under(
        &self,
        forced: impl Fn(u32) -> Option<Force>,
        groups: &[Range<u32>],
        member: impl Fn(u32) -> Standing,
        last: &[u32],
        chosen: &mut Vec<Pick>,
    ) -> Choice {
        let under = |number: u32| {
            let standing = member(number);
            match forced(number) {
                None => standing,
                Some(Force::Up) => Standing { is_in: true, ..standing },
                Some(Force::Down | Force::Drain) => {
                    Standing { is_in: false, is_barred: true, ..standing }
                }
            }
        };
        let choice = self.choose(groups, under, last, chosen);
        let is_drained = |number: u32| forced(number) == Some(Force::Drain);
        if choice == Choice::Selected || !groups.iter().cloned().flatten().any(is_drained) {
            return choice;
        }
        let unspared =
            |number: u32| if is_drained(number) { member(number) } else { under(number) };
        self.choose(groups, unspared, last, chosen)
    }

    /// Whether so much of a group is up that it is no sign of something else being wrong.
    fn is_believed(&self, group: Range<u32>, member: &impl Fn(u32) -> Standing) -> bool {
        if self.panic == 0 {
            return true;
        }
        let counted = group.filter(|number| !member(*number).is_barred);
        let (mut all, mut up) = (0, 0);
        for number in counted {
            all += 1;
            up += u64::from(member(number).is_in);
        }
        up * 1000 >= u64::from(self.panic) * all
    }

    /// What is answered when there is no group to believe in.
    fn not_believed(
        &self,
        groups: &[Range<u32>],
        member: &impl Fn(u32) -> Standing,
        last: &[u32],
        chosen: &mut Vec<Pick>,
    ) -> Choice {
        let whole = |number| Pick { member: number, share: Verdict::WHOLE, tier: 0 };
        let allowed = |number: &u32| !member(*number).is_barred;
        // Something is up, and so little of it that health is not believed: as if all of the group were.
        if let Some(group) = groups.iter().find(|group| (*group).clone().any(|n| member(n).is_in)) {
            chosen.extend(group.clone().filter(allowed).map(whole));
            return Choice::Selected;
        }
        match self.all_down {
            AllDown::All => {
                chosen.extend(groups.iter().cloned().flatten().filter(allowed).map(whole));
                Choice::Everything
            }
            AllDown::Backup => {
                chosen.extend(backup(groups, allowed).map(whole));
                Choice::Backup
            }
            AllDown::First => {
                let first = groups.iter().cloned().flatten().find(allowed);
                chosen.extend(first.map(whole));
                Choice::Everything
            }
            AllDown::Last => {
                chosen.extend(last.iter().copied().filter(allowed).map(whole));
                if chosen.is_empty() {
                    chosen.extend(backup(groups, allowed).map(whole));
                    return Choice::Backup;
                }
                Choice::Selected
            }
            AllDown::None => Choice::Nothing,
            AllDown::Servfail => Choice::Failure,
        }
    }

    /// Adds members until there are enough: first those of other groups that are up, then those that
    /// are not, in order of preference.
    fn fill(
        &self,
        groups: &[Range<u32>],
        member: &impl Fn(u32) -> Standing,
        chosen: &mut Vec<Pick>,
    ) {
        let least = self.min_answers as usize;
        // Whoever the client is, it gets those that are wholly back.
        let tier = chosen.last().map_or(0, |pick| pick.tier);
        let is_sure = |pick: &&Pick| pick.share >= Verdict::WHOLE && pick.tier == tier;
        if least < 2 || chosen.iter().filter(is_sure).count() >= least {
            return;
        }
        let tier = 0;
        // Whoever is needed for there to be enough is needed at once.
        for pick in chosen.iter_mut() {
            *pick = Pick { share: Verdict::WHOLE, tier, ..*pick };
        }
        for is_in in [true, false] {
            for number in groups.iter().cloned().flatten() {
                if chosen.len() >= least {
                    return;
                }
                let standing = member(number);
                let is_there = chosen.iter().any(|pick| pick.member == number);
                if standing.is_in == is_in && !standing.is_barred && !is_there {
                    chosen.push(Pick { member: number, share: Verdict::WHOLE, tier });
                }
            }
        }
    }
}

/// The first group; one that an operator has put out as a whole leaves it to the next.
fn backup<'g>(
    groups: &'g [Range<u32>],
    allowed: impl Fn(&u32) -> bool + Copy + 'g,
) -> impl Iterator<Item = u32> + 'g {
    let is_there = move |group: &&Range<u32>| (*group).clone().any(|number| allowed(&number));
    let group = groups.iter().find(is_there).cloned().unwrap_or_default();
    group.filter(move |number| allowed(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Members as letters, a group a word: `u` up, `d` down, `b` barred, `r` on its way back. The
    /// choice comes as a letter and the numbers of who is chosen, `|` between tiers.
    fn check(policy: Policy, members: &str, last: &[u32], expected: &str) {
        let mut groups = Vec::new();
        let mut all = Vec::new();
        for word in members.split(' ') {
            let start = all.len() as u32;
            all.extend(word.chars());
            groups.push(start..all.len() as u32);
        }
        let member = |number: u32| Standing {
            is_in: matches!(all[number as usize], 'u' | 'r'),
            is_barred: all[number as usize] == 'b',
            share: if all[number as usize] == 'r' { 64 } else { Verdict::WHOLE },
        };
        let mut chosen = Vec::new();
        let choice = policy.choose(&groups, member, last, &mut chosen);
        let mut seen = match choice {
            Choice::Selected => "selected",
            Choice::Everything => "everything",
            Choice::Backup => "backup",
            Choice::Nothing => "nothing",
            Choice::Failure => "failure",
        }
        .to_owned();
        let mut tier = 0;
        for pick in &chosen {
            if pick.tier != tier {
                tier = pick.tier;
                seen.push_str(" |");
            }
            seen.push_str(&format!(" {}", pick.member));
        }
        assert_eq!(seen, expected, "{policy:?}, members {members}");
    }

    #[test]
    fn the_first_group_of_which_something_is_up_answers() {
        let policy = Policy::default();
        check(policy, "uu ud", &[], "selected 0 1");
        check(policy, "ud uu", &[], "selected 0");
        check(policy, "dd du", &[], "selected 3");
        check(policy, "bd du", &[], "selected 3");
    }

    #[test]
    fn a_group_on_its_way_back_leaves_the_rest_to_the_next() {
        let policy = Policy::default();
        check(policy, "rr uu uu", &[], "selected 0 1 | 2 3");
        check(policy, "ru uu", &[], "selected 0 1");
        check(policy, "rd rr du", &[], "selected 0 | 2 3 | 5");
    }

    #[test]
    fn when_nothing_is_up_the_policy_says_what_is_answered() {
        let with = |all_down| Policy { all_down, ..Policy::default() };
        for (all_down, members, last, expected) in [
            (AllDown::Backup, "dd dd", &[][..], "backup 0 1"),
            (AllDown::Backup, "bb dd", &[], "backup 2 3"),
            (AllDown::Backup, "bb bb", &[], "backup"),
            (AllDown::All, "db dd", &[], "everything 0 2 3"),
            (AllDown::First, "bd dd", &[], "everything 1"),
            (AllDown::Last, "dd dd", &[3], "selected 3"),
            (AllDown::Last, "dd dd", &[], "backup 0 1"),
            (AllDown::Last, "dd db", &[3], "backup 0 1"),
            (AllDown::Last, "bb dd", &[0, 1], "backup 2 3"),
            // All of them were put out by an operator.
            (AllDown::All, "bb bb", &[], "everything"),
            (AllDown::First, "bb b", &[], "everything"),
            (AllDown::Last, "bb b", &[0], "backup"),
            (AllDown::None, "b b", &[], "nothing"),
            (AllDown::Servfail, "b b", &[], "failure"),
            (AllDown::None, "dd", &[], "nothing"),
            (AllDown::Servfail, "dd", &[], "failure"),
            (AllDown::Servfail, "du", &[], "selected 1"),
        ] {
            check(with(all_down), members, last, expected);
        }
    }

    #[test]
    fn a_group_with_too_little_up_is_not_believed() {
        let policy = Policy { panic: 300, ..Policy::default() };
        check(policy, "uuuddddddd", &[], "selected 0 1 2");
        check(policy, "uuddddddddd", &[], "selected 0 1 2 3 4 5 6 7 8 9 10");
        check(policy, "uddddd uu", &[], "selected 6 7");
        check(policy, "uddddd uddddd", &[], "selected 0 1 2 3 4 5");
        check(policy, "dd uddddd", &[], "selected 2 3 4 5 6 7");
        check(policy, "dd dd", &[], "backup 0 1");
        // Whom an operator has put out does not count as failed.
        check(policy, "ubbbbb", &[], "selected 0");
    }

    #[test]
    fn there_are_never_fewer_than_the_least() {
        let policy = Policy { min_answers: 2, ..Policy::default() };
        check(policy, "ud uu", &[], "selected 0 2");
        check(policy, "ud dd", &[], "selected 0 1");
        check(policy, "ub dd", &[], "selected 0 2");
        check(policy, "u", &[], "selected 0");
        check(policy, "ru", &[], "selected 0 1");
        check(policy, "r u", &[], "selected 0 1");
        check(policy, "r d", &[], "selected 0 1");
    }
}
