//! What is chosen from without being checked: who is among it, and whom of it operators speak of.
//!
//! What nobody speaks of is to cost a query nothing. So it is found out when an operator says something,
//! and not when a query comes, whether it concerns a choice at all.

use std::sync::Arc;

use crate::account::Account;
use crate::board::{Board, Concern};
use crate::pool::{Member, Orders};

/// A choice's place on the board, valid while it is registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChoiceId {
    pub(crate) slot: u32,
    pub(crate) epoch: u32,
}

/// All choices.
#[derive(Debug, Default)]
pub(crate) struct Choices {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

#[derive(Debug, Default)]
struct Slot {
    epoch: u32,
    members: Option<(Option<Account>, Arc<[Member]>)>,
}

impl Choices {
    /// Takes a choice on, of somebody with this account.
    pub(crate) fn register(
        &mut self,
        (account, members): (Option<Account>, Arc<[Member]>),
        orders: Option<&dyn Orders>,
        board: &mut Board,
    ) -> ChoiceId {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            u32::try_from(self.slots.len() - 1).expect("fewer choices than 2^32")
        });
        let place = &mut self.slots[slot as usize];
        let id = ChoiceId { slot, epoch: place.epoch };
        if let Some(orders) = orders {
            board.set_concern(id, Concern::of(orders.may_concern(account.as_ref(), &members)));
        }
        place.members = Some((account, members));
        id
    }

    /// Lets a choice go.
    pub(crate) fn release(&mut self, id: ChoiceId) {
        let slot = &mut self.slots[id.slot as usize];
        if slot.epoch == id.epoch && slot.members.take().is_some() {
            slot.epoch = slot.epoch.wrapping_add(1);
            self.free.push(id.slot);
        }
    }

    /// Finds out whom new orders concern.
    pub(crate) fn judge(&self, orders: &dyn Orders, board: &mut Board) {
        for (slot, place) in (0..).zip(&self.slots) {
            if let Some((account, members)) = &place.members {
                let id = ChoiceId { slot, epoch: place.epoch };
                board.set_concern(id, Concern::of(orders.may_concern(account.as_ref(), members)));
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn sizes(&self) -> [(&'static str, usize); 2] {
        [("room for choices", self.slots.len()), ("choices", self.slots.len() - self.free.len())]
    }
}
