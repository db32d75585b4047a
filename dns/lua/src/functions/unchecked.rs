//! What the functions that ask for no health choose from, and who of it operators leave.
//!
//! While no operator speaks of any of it, nothing is looked at but that: `Left::All`.

use std::sync::Arc;

use halfmoon_healthcheck::{
    AllDown, Choice, ChoiceHandle, Member, Orders, Policy, Standing, Verdict,
};
use halfmoon_wire::Type;

use crate::answers::Reads;
use crate::binder::Binder;
use crate::eval::{Eval, Item, Outcome};

/// What is said where nothing is left, and the defaults want that to be a failure.
const FAILURE: &str = "operators have put out every address, and all_down is 'servfail'";

/// Values to choose from. Those that are addresses can be put out.
#[derive(Debug)]
pub(super) struct Unchecked {
    pub(super) items: Vec<Item>,
    members: Arc<[Member]>,
    /// Which item each member is.
    places: Box<[u32]>,
    /// What is done when none is left.
    all_down: AllDown,
    rtype: Type,
    /// Where it is found out whether an operator speaks of one of them; `None` where the program computes
    /// them, and they are told apart at once.
    choice: Option<ChoiceHandle>,
}

/// Which of the items may be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// All of them.
    All,
    /// So many, at least one, whose numbers are in [`crate::eval::Scratch::chosen`] in their order.
    Some(usize),
    /// None of them: no records.
    None,
}

impl Unchecked {
    /// Takes values in.
    pub(super) fn bind(items: Vec<Item>, binder: &Binder<'_>) -> Self {
        let (mut members, mut places) = (Vec::new(), Vec::new());
        if binder.may_be_judged() {
            for (place, item) in (0..).zip(&items) {
                let text = std::str::from_utf8(&item.text).ok();
                if let Some(address) = text.and_then(|text| text.parse().ok()) {
                    members.push(binder.unchecked_member(address));
                    places.push(place);
                }
            }
        }
        let members: Arc<[Member]> = members.into();
        let choice = binder.register_choice(&members);
        Self {
            items,
            members,
            places: places.into(),
            all_down: binder.defaults.policy.all_down,
            rtype: binder.inner,
            choice,
        }
    }

    /// Those that can be put out, and whether they are all there is.
    pub(super) fn members(&self) -> (&Arc<[Member]>, bool) {
        (&self.members, self.members.len() == self.items.len())
    }

    /// Finds out who may be answered.
    #[inline]
    pub(super) fn left(&self, eval: &mut Eval<'_>) -> Result<Left, &'static str> {
        let health = eval.health;
        let orders = match &self.choice {
            Some(choice) => health.orders_on(choice.id()),
            None if self.members.is_empty() => None,
            None => health.orders(),
        };
        match orders {
            None => Ok(Left::All),
            Some(orders) => self.left_under(orders, eval),
        }
    }

    /// The same while operators may speak of some of them.
    fn left_under(&self, orders: &dyn Orders, eval: &mut Eval<'_>) -> Result<Left, &'static str> {
        eval.trace.read(Reads::HEALTH);
        eval.ask(orders, self.rtype, &self.members);
        if eval.scratch.forced.iter().all(Option::is_none) {
            return Ok(Left::All);
        }
        let said = &eval.scratch.forced;
        let forced = |number: u32| {
            let member = self.places.binary_search(&number).ok()?;
            said.get(member).copied().flatten()
        };
        // As in a pool of one group in which everything is up.
        let up = |_| Standing { is_in: true, is_barred: false, share: Verdict::WHOLE };
        let policy = Policy { all_down: self.all_down, ..Policy::default() };
        let all = 0..self.items.len() as u32;
        let picks = &mut eval.scratch.picks;
        let choice = policy.choose_under(forced, std::slice::from_ref(&all), up, &[], picks);
        if choice == Choice::Failure {
            return Err(FAILURE);
        }
        eval.scratch.chosen.clear();
        eval.scratch.chosen.extend(picks.iter().map(|pick| pick.member));
        Ok(match eval.scratch.chosen.len() {
            0 => Left::None,
            count => Left::Some(count),
        })
    }
}

impl Left {
    /// How many there are to choose from, of `all`.
    pub(super) fn count(self, all: usize) -> usize {
        match self {
            Self::All => all,
            Self::Some(count) => count,
            Self::None => 0,
        }
    }

    /// Which item is the one at this place among those that are left.
    pub(super) fn one(self, place: usize, eval: &Eval<'_>) -> Outcome {
        match self {
            Self::All => Outcome::One(place),
            Self::Some(_) => {
                Outcome::One(eval.scratch.chosen.get(place).map_or(0, |number| *number as usize))
            }
            // Nothing is in question, so there are no records.
            Self::None => Outcome::Many,
        }
    }

    /// Whether the item of this number is among them.
    pub(super) fn has(self, number: u32, eval: &Eval<'_>) -> bool {
        match self {
            Self::All => true,
            Self::Some(_) | Self::None => eval.scratch.chosen.binary_search(&number).is_ok(),
        }
    }

    /// Puts those that are left into [`crate::eval::Scratch::chosen`].
    pub(super) fn gather(self, all: usize, eval: &mut Eval<'_>) {
        if self == Self::All {
            eval.scratch.chosen.clear();
            eval.scratch.chosen.extend(0..all as u32);
        }
    }
}
