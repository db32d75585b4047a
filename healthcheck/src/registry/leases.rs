//! Checks that programs compute at run time: how long they are held, and who makes room for whom.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::accounts::By;
use super::{Registry, Slot};
use crate::account::{Account, AccountKey};
use crate::board::Computed;
use crate::check::Check;
use crate::refused::Refused;
use crate::verdict::CheckId;

/// What keeps a check that was computed at run time.
#[derive(Debug)]
pub(super) struct Lease {
    /// On whose account.
    key: AccountKey,
    zone: Arc<[u8]>,
    computed: Arc<Computed>,
    used: Instant,
}

impl Lease {
    /// For whom it is.
    pub(super) fn zone(&self) -> Arc<[u8]> {
        Arc::clone(&self.zone)
    }
}

impl Registry {
    /// Leases a check that a program of `zone` computed at run time. A zone that has as many as it may
    /// gives up the one that was not looked for longest, and so does one that wants more when all
    /// zones together have as many as they may. On an account that is full nobody gives up anything.
    pub(crate) fn lease(
        &mut self,
        zone: &[u8],
        account: Option<&Account>,
        check: Check,
        now: Instant,
    ) -> Result<CheckId, Refused> {
        let key = AccountKey::of(account);
        let scope = account.map(|account| account.scope(&check)).unwrap_or_default();
        if let Some(id) = self.find(&check, scope)
            && let Some(lease) = self.lease_of(id, key)
        {
            // Asked for twice before it was published.
            lease.computed.touch();
            return Ok(id);
        }
        if let Some(account) = account {
            self.afford(account, &check, By::Lease)?;
        }
        if self.zones.get(zone).is_some_and(|leased| leased.len() >= self.max_per_zone) {
            self.give_up(zone, now);
        }
        if self.leased >= self.max_leased {
            // Whoever grows pays; a zone that has none yet gets one from somebody else.
            if self.zones.contains_key(zone) {
                self.give_up(zone, now);
            } else {
                self.give_up_any(now);
            }
        }
        if self.leased >= self.max_leased {
            return Err(Refused::TooMany { limit: self.max_leased });
        }
        let id = self.place(check, account);
        let zone = match self.zones.get_key_value(zone) {
            Some((zone, _)) => Arc::clone(zone),
            None => Arc::from(zone),
        };
        let occupant = self.occupant_mut(id).expect("a check that was just placed");
        let computed = Arc::new(Computed::new(Arc::clone(&occupant.check), id, key));
        let (zone_of_lease, listed) = (Arc::clone(&zone), Arc::clone(&computed));
        occupant.leases.push(Lease { key, zone: zone_of_lease, computed, used: now });
        if let Some(account) = account {
            self.charge(account, id, By::Lease);
        }
        self.zones.entry(zone).or_default().push_back(id);
        self.leased += 1;
        self.board.list(listed);
        Ok(id)
    }

    fn lease_of(&mut self, id: CheckId, key: AccountKey) -> Option<&mut Lease> {
        self.occupant_mut(id)?.leases.iter_mut().find(|lease| lease.key == key)
    }

    /// Ends the leases of checks that no query looked for since `now - lease`, and of what is too much on
    /// an account.
    pub(crate) fn sweep(&mut self, now: Instant, lease: Duration) {
        if self.leased == 0 {
            return;
        }
        for slot in 0..self.slots.len() {
            let Slot { epoch, occupant: Some(occupant) } = &mut self.slots[slot] else {
                continue;
            };
            let id = CheckId::new(slot as u32, *epoch);
            let mut ended = Vec::new();
            for held in &mut occupant.leases {
                if held.computed.take_used() {
                    held.used = now;
                }
                if now.saturating_duration_since(held.used) >= lease {
                    ended.push(held.key);
                }
            }
            for key in ended {
                self.end_lease(id, key);
            }
        }
        for account in self.overdrawn() {
            self.make_room(&account);
        }
    }

    /// Ends leases on an account, those not looked for longest first, until no more is held than may be.
    fn make_room(&mut self, account: &Account) {
        let key = account.key();
        let mut leases: Vec<(Instant, CheckId)> = self
            .iter()
            .flat_map(|(id, occupant)| occupant.leases.iter().map(move |lease| (id, lease)))
            .filter(|(_, lease)| lease.key == key)
            .map(|(id, lease)| (lease.used, id))
            .collect();
        leases.sort_unstable();
        for (_, id) in leases {
            if !self.is_overdrawn(account) {
                return;
            }
            self.end_lease(id, key);
        }
    }

    /// Ends the lease of the zone's check that was not looked for longest, nearly: whoever was looked
    /// for since the last time goes to the end of the queue instead.
    fn give_up(&mut self, zone: &[u8], now: Instant) {
        let count = self.zones.get(zone).map_or(0, VecDeque::len);
        for turn in 0..=count {
            let Some(id) = self.zones.get_mut(zone).and_then(VecDeque::pop_front) else {
                return;
            };
            let lease = self
                .occupant_mut(id)
                .and_then(|occupant| occupant.leases.iter_mut().find(|lease| *lease.zone == *zone));
            let Some(lease) = lease else {
                return;
            };
            // After a whole round the first one goes, whatever happened meanwhile.
            if turn < count && lease.computed.take_used() {
                lease.used = now;
                if let Some(leased) = self.zones.get_mut(zone) {
                    leased.push_back(id);
                }
                continue;
            }
            let key = lease.key;
            self.end_lease(id, key);
            return;
        }
    }

    /// Ends a lease of any zone that was not looked for since the hand last passed it.
    fn give_up_any(&mut self, now: Instant) {
        // In two rounds each is met once after it was passed over.
        for _ in 0..2 * self.slots.len() {
            self.hand = (self.hand + 1) % self.slots.len();
            let Slot { epoch, occupant: Some(occupant) } = &mut self.slots[self.hand] else {
                continue;
            };
            let id = CheckId::new(self.hand as u32, *epoch);
            let mut unused = None;
            for lease in &mut occupant.leases {
                if lease.computed.take_used() {
                    lease.used = now;
                } else {
                    unused = Some(lease.key);
                }
            }
            if let Some(key) = unused {
                self.end_lease(id, key);
                return;
            }
        }
    }

    fn end_lease(&mut self, id: CheckId, key: AccountKey) {
        let Some(occupant) = self.occupant_mut(id) else {
            return;
        };
        let Some(place) = occupant.leases.iter().position(|lease| lease.key == key) else {
            return;
        };
        let lease = occupant.leases.swap_remove(place);
        if let Some(leased) = self.zones.get_mut(&lease.zone) {
            leased.retain(|known| *known != id);
            if leased.is_empty() {
                self.zones.remove(&lease.zone);
            }
        }
        self.leased -= 1;
        if key != AccountKey::default() {
            self.give_back(key, id, By::Lease);
        }
        self.board.unlist(&lease.computed);
        self.vacate_if_unheld(id);
    }
}
