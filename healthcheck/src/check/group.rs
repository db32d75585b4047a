//! A check that is calculated from others.

use std::sync::Arc;

use super::{Check, Pace};
use crate::outcome::Outcome;
use crate::refused::Refused;
use crate::verdict::State;

/// Up while enough of some other checks are: k of n. It is not probed itself.
///
/// It is made of its parts, so none can be part of itself, directly or not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Group {
    /// How many have to be up, from 1 to the number of parts.
    pub at_least: usize,
    /// The others.
    pub parts: Vec<Arc<Check>>,
}

impl Group {
    /// What its own pace is: one result decides, since the parts have had theirs.
    #[must_use]
    pub fn pace() -> Pace {
        Pace { fall: 1, rise: 1, ..Pace::default() }
    }

    /// How many checks one group may be made of, with those that its parts are made of.
    pub const MOST: usize = 64;

    /// How deep groups may stand in groups.
    pub const DEEPEST: usize = 4;

    /// What the states of the parts come to. The weight is how many are up.
    pub(crate) fn tally(&self, states: impl Iterator<Item = State>) -> Outcome {
        let (mut up, mut unknown) = (0, 0);
        for state in states {
            match state {
                State::Up => up += 1,
                State::Unknown => unknown += 1,
                State::Down => {}
            }
        }
        let (count, at_least) = (self.parts.len(), self.at_least);
        if up >= at_least {
            return Outcome::success(up as u32);
        }
        let said = format!("{up} of {count} up, {at_least} needed");
        match up + unknown < at_least {
            true => Outcome::failure(said),
            // Those that nothing is known of may make it up.
            false => Outcome::Inconclusive(said.into()),
        }
    }

    pub(super) fn validate(&self) -> Result<(), Refused> {
        let count = self.parts.len();
        if self.at_least == 0 || self.at_least > count {
            return Err(Refused::AtLeast { at_least: self.at_least, count });
        }
        if self.size(0).is_none_or(|size| size > Self::MOST) {
            return Err(Refused::LargeGroup);
        }
        self.parts.iter().try_for_each(|part| part.validate())
    }

    /// How many checks it is made of; `None`: it is too deep.
    fn size(&self, depth: usize) -> Option<usize> {
        if depth >= Self::DEEPEST {
            return None;
        }
        let mut size = self.parts.len();
        for part in &self.parts {
            if let super::Probe::Group(group) = &part.probe {
                size += group.size(depth + 1)?;
            }
        }
        Some(size)
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::check::Probe;

    fn part(port: u16) -> Arc<Check> {
        let address = SocketAddr::from(([192, 0, 2, 1], port));
        Arc::new(Check { probe: Probe::Tcp(address), pace: Pace::default(), source: None })
    }

    fn group(at_least: usize, parts: Vec<Arc<Check>>) -> Check {
        let probe = Probe::Group(Group { at_least, parts });
        Check { probe, pace: Group::pace(), source: None }
    }

    #[test]
    fn so_many_of_so_many_make_it_up() {
        let parts = vec![part(1), part(2), part(3)];
        for (at_least, states, expected) in [
            (2, "uu?", Outcome::success(2)),
            (2, "uuu", Outcome::success(3)),
            (2, "u?d", Outcome::Inconclusive("1 of 3 up, 2 needed".into())),
            (2, "udd", Outcome::failure("1 of 3 up, 2 needed")),
            (3, "uu?", Outcome::Inconclusive("2 of 3 up, 3 needed".into())),
            (3, "u?d", Outcome::failure("1 of 3 up, 3 needed")),
            (1, "ddu", Outcome::success(1)),
            (1, "ddd", Outcome::failure("0 of 3 up, 1 needed")),
            (1, "???", Outcome::Inconclusive("0 of 3 up, 1 needed".into())),
        ] {
            let group = Group { at_least, parts: parts.clone() };
            let states = states.chars().map(|state| match state {
                'u' => State::Up,
                'd' => State::Down,
                _ => State::Unknown,
            });
            assert_eq!(group.tally(states), expected);
        }
    }

    #[test]
    fn a_group_is_neither_empty_nor_large_nor_deep() {
        let said = |check: Check| check.validate().err().map(|refused| refused.to_string());
        assert_eq!(said(group(1, vec![part(1)])), None);
        assert_eq!(said(group(64, (1..=64).map(part).collect())), None);
        for (check, expected) in [
            (group(0, vec![part(1)]), "0 of 1 checks"),
            (group(2, vec![part(1)]), "2 of 1 checks"),
            (group(1, Vec::new()), "1 of 0 checks"),
            (group(1, (1..=65).map(part).collect()), "a calculated check is made of at most 64"),
        ] {
            assert!(said(check).is_some_and(|said| said.starts_with(expected)), "{expected}");
        }
        let nest = |depth| {
            (1..depth).fold(group(1, vec![part(1)]), |inner, _| group(1, vec![Arc::new(inner)]))
        };
        assert_eq!(said(nest(4)), None);
        assert!(said(nest(5)).is_some());
    }
}
