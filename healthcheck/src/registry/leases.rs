//! Checks that programs compute at run time: how long they are held, and who makes room for whom.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Registry, Slot};
use crate::board::Computed;
use crate::check::Check;
use crate::refused::Refused;
use crate::verdict::CheckId;

/// What keeps a check that was computed at run time.
#[derive(Debug)]
pub(super) struct Lease {
    zone: Arc<[u8]>,
    computed: Arc<Computed>,
    used: Instant,
}

impl Registry {
    /// Leases a check that a program of `zone` computed at run time. A zone that has as many as it may
    /// gives up the one that was not looked for longest, and so does one that wants more when all
    /// zones together have as many as they may.
    pub(crate) fn lease(
        &mut self,
        zone: &[u8],
        check: Check,
        now: Instant,
    ) -> Result<CheckId, Refused> {
        let known = self.by_check.get(&check).copied();
        let lease = known.and_then(|id| self.occupant_mut(id)?.lease.as_mut());
        if let (Some(id), Some(lease)) = (known, lease) {
            // Asked for twice before it was published.
            lease.computed.touch();
            return Ok(id);
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
        let id = self.place(check);
        let occupant = self.occupant_mut(id).expect("a check that was just placed");
        let computed = Arc::new(Computed::new(Arc::clone(&occupant.check), id));
        let zone = match self.zones.get_key_value(zone) {
            Some((zone, _)) => Arc::clone(zone),
            None => Arc::from(zone),
        };
        let occupant = self.occupant_mut(id).expect("a check that was just placed");
        let lease = Lease { zone: Arc::clone(&zone), computed: Arc::clone(&computed), used: now };
        occupant.lease = Some(lease);
        self.zones.entry(zone).or_default().push_back(id);
        self.leased += 1;
        self.board.list(computed);
        Ok(id)
    }

    /// Ends the leases of checks that no query looked for since `now - lease`.
    pub(crate) fn sweep(&mut self, now: Instant, lease: Duration) {
        if self.leased == 0 {
            return;
        }
        for slot in 0..self.slots.len() {
            let Slot { epoch, occupant: Some(occupant) } = &mut self.slots[slot] else {
                continue;
            };
            let Some(held) = &mut occupant.lease else {
                continue;
            };
            if held.computed.take_used() {
                held.used = now;
            }
            if now.saturating_duration_since(held.used) < lease {
                continue;
            }
            let id = CheckId::new(slot as u32, *epoch);
            self.end_lease(id);
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
            let lease = self.occupant_mut(id).and_then(|occupant| occupant.lease.as_mut());
            // After a whole round the first one goes, whatever happened meanwhile.
            if let Some(lease) = lease
                && turn < count
                && lease.computed.take_used()
            {
                lease.used = now;
                if let Some(leased) = self.zones.get_mut(zone) {
                    leased.push_back(id);
                }
                continue;
            }
            self.end_lease(id);
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
            let Some(lease) = &mut occupant.lease else {
                continue;
            };
            if lease.computed.take_used() {
                lease.used = now;
                continue;
            }
            let id = CheckId::new(self.hand as u32, *epoch);
            self.end_lease(id);
            return;
        }
    }

    fn end_lease(&mut self, id: CheckId) {
        let Some(lease) = self.occupant_mut(id).and_then(|occupant| occupant.lease.take()) else {
            return;
        };
        if let Some(leased) = self.zones.get_mut(&lease.zone) {
            leased.retain(|known| *known != id);
            if leased.is_empty() {
                self.zones.remove(&lease.zone);
            }
        }
        self.leased -= 1;
        self.board.unlist(&lease.computed);
        self.vacate_if_unheld(id);
    }
}
