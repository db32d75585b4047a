//! Which place each check has, from when somebody wants it until nobody does.

use std::sync::Arc;

use super::accounts::By;
use super::{Occupant, Registry, Slot};
use crate::account::{Account, AccountKey};
use crate::check::{Check, Probe};
use crate::judge::{Judge, Memory};
use crate::refused::Refused;
use crate::suspicion::Counted;
use crate::verdict::CheckId;

impl Registry {
    /// Holds a check once more, on an account if it is somebody's.
    pub(crate) fn hold(
        &mut self,
        check: Check,
        account: Option<&Account>,
    ) -> Result<(CheckId, Arc<Check>), Refused> {
        if let Some(account) = account {
            self.afford(account, &check, By::Handle)?;
        }
        let (id, check) = self.hold_part(check, account);
        if let Some(account) = account {
            self.charge(account, id, By::Handle);
        }
        Ok((id, check))
    }

    fn hold_part(&mut self, check: Check, account: Option<&Account>) -> (CheckId, Arc<Check>) {
        let id = self.place(check, account);
        let occupant = self.occupant_mut(id).expect("a check that was just placed");
        occupant.holders += 1;
        (id, Arc::clone(&occupant.check))
    }

    /// Holds a check once less that was held on this account.
    pub(crate) fn release(&mut self, id: CheckId, key: AccountKey) {
        if key != AccountKey::default() {
            self.give_back(key, id, By::Handle);
        }
        self.release_part(id);
    }

    fn release_part(&mut self, id: CheckId) {
        let Some(occupant) = self.occupant_mut(id) else {
            return;
        };
        occupant.holders -= 1;
        self.vacate_if_unheld(id);
    }

    /// The place of a check, new if nobody holds it yet of those who share it with this account.
    pub(super) fn place(&mut self, check: Check, account: Option<&Account>) -> CheckId {
        let scope = account.map(|account| account.scope(&check)).unwrap_or_default();
        if let Some(id) = self.find(&check, scope) {
            return id;
        }
        let mut parts = Vec::new();
        if let Probe::Group(group) = &check.probe {
            for part in &group.parts {
                parts.push(self.hold_part(Check::clone(part), account).0);
            }
        }
        let number = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            u32::try_from(self.slots.len() - 1).expect("fewer checks than 2^32")
        });
        let is_shared = scope == AccountKey::default();
        let owner = account.filter(|_| !is_shared).cloned();
        let memory = self.remember(&check, owner.as_ref());
        let check = Arc::new(check);
        let id = CheckId::new(number, self.slots[number as usize].epoch);
        let is_calculated = !parts.is_empty();
        for part in &parts {
            if let Some(part) = self.occupant_mut(*part) {
                part.followers.push(id);
            }
        }
        let mut occupant = Occupant { parts, owner, ..Occupant::new(Arc::clone(&check)) };
        if let Some((memory, reason)) = memory {
            occupant.judge = Judge::recall(&memory);
            occupant.reason = reason;
            occupant.is_recalled = true;
            self.recalled.push(id);
        }
        self.slots[number as usize].occupant = Some(occupant);
        self.heartbeats.enter(&check, id);
        match is_shared {
            true => self.by_check.insert(check, id),
            false => self.unshared.insert((scope, check), id),
        };
        if is_calculated {
            self.stirred.push(id);
        } else if let Some(fresh) = &mut self.fresh {
            fresh.push(id);
        }
        id
    }

    /// What a check was in another process; one that is an account's own, what it was for that account.
    fn remember(&mut self, check: &Check, owner: Option<&Account>) -> Option<(Memory, Box<str>)> {
        let of_owner = self.remembered.get_mut(owner.map_or("", Account::settings))?;
        of_owner.remove(&*check.key()).or_else(|| {
            // The same target with other options: better than nothing until the first result.
            of_owner.remove(&*check.to_string())
        })
    }

    pub(super) fn vacate_if_unheld(&mut self, id: CheckId) {
        let slot = &mut self.slots[id.slot()];
        let unheld = |occupant: &mut Occupant| occupant.holders == 0 && occupant.leases.is_empty();
        let Some(occupant) = slot.occupant.take_if(unheld) else {
            return;
        };
        slot.epoch = slot.epoch.wrapping_add(1);
        self.doubts.crowd.exchange(occupant.counted, Counted::default());
        if let Some(probing) = occupant.probing {
            probing.abort();
        }
        if let Some(alarm) = occupant.alarm {
            self.alarms.remove(&(alarm, id));
        }
        match &occupant.owner {
            None => self.by_check.remove(&occupant.check),
            Some(owner) => self.unshared.remove(&(owner.key(), Arc::clone(&occupant.check))),
        };
        self.heartbeats.leave(&occupant.check, id);
        self.free.push(id.slot() as u32);
        self.board.clear(id);
        for part in occupant.parts {
            if let Some(part) = self.occupant_mut(part) {
                part.followers.retain(|follower| *follower != id);
            }
            self.release_part(part);
        }
    }
}
