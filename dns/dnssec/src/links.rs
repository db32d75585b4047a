//! The signatures of a zone's denial records, and records whose types differ for a while.

use std::sync::Arc;

use arc_swap::Guard;
use halfmoon_wire::{Name, NameBuf, Type};
use halfmoon_zones::Zone;

use crate::rrsig::ToSign;
use crate::{Desk, KeyError, Means, Progress, SignError, SignatureSet, Signed, TypeSet};

/// A denial record that is ready to go out; its data is in [`Desk::nsec`].
#[derive(Debug)]
pub struct Link {
    /// Its owner.
    pub owner: NameBuf,
    /// NSEC or NSEC3.
    pub rtype: Type,
    /// Its signatures.
    pub signatures: Signatures,
}

/// Signatures that are kept in a zone, or were made for an answer.
#[derive(Debug)]
pub enum Signatures {
    /// Of a record that stays.
    Kept(Guard<Option<Arc<SignatureSet>>>),
    /// Of one that was made.
    Made(Arc<SignatureSet>),
}

impl Signatures {
    /// The data of the RRSIG records.
    pub fn rdatas(&self) -> impl Iterator<Item = &[u8]> {
        let set = match self {
            Self::Kept(guard) => guard.as_deref(),
            Self::Made(set) => Some(&**set),
        };
        set.into_iter().flat_map(SignatureSet::rdatas)
    }
}

impl Signed {
    /// The denial record with this number. With `types`, a record that says the same of what comes
    /// next, and of its own name that it has these: where a program has no records of a type that
    /// the record laid out at load names. Either is true, as each speaks of its own name alone.
    ///
    /// `Ok(None)`: there is no such record.
    ///
    /// # Errors
    /// Its signatures are not there, and making them failed.
    pub fn link(
        &self,
        zone: &Zone,
        number: u32,
        types: Option<&TypeSet>,
        means: &mut Means<'_>,
    ) -> Result<Option<Link>, SignError> {
        let Some(chain) = &self.chain else {
            return Ok(None);
        };
        let (Some(owner), rtype) = (chain.owner(zone, number), chain.rtype()) else {
            return Ok(None);
        };
        let mut nsec = std::mem::take(&mut means.desk.nsec);
        nsec.clear();
        let is_laid_out = chain.put(zone, number, types, &mut nsec);
        let made = if is_laid_out {
            self.kept(zone, (owner.as_name(), number), &nsec, means)
        } else {
            let (ttl, _) = zone.denial();
            let rdatas = [nsec.as_slice()].into_iter();
            let names = (zone.apex(), owner.as_name());
            self.of_made(names, (rtype, ttl), rdatas, means).map(Signatures::Made)
        };
        means.desk.nsec = nsec;
        Ok(Some(Link { owner, rtype, signatures: made? }))
    }

    fn kept(
        &self,
        zone: &Zone,
        (owner, number): (Name<'_>, u32),
        nsec: &[u8],
        means: &mut Means<'_>,
    ) -> Result<Signatures, SignError> {
        let Some(slot) = self.slots.get(zone.set_count() + number as usize) else {
            return Err(SignError::Budget);
        };
        let found = slot.load();
        if found.as_ref().is_some_and(|known| known.window().has_left(means.now, 60)) {
            return Ok(Signatures::Kept(found));
        }
        if !means.budget.take() {
            return Err(SignError::Budget);
        }
        let made = self.sign_link(zone, owner, nsec, means.now, means.desk)?;
        slot.store(Some(Arc::new(made)));
        Ok(Signatures::Kept(slot.load()))
    }

    fn sign_link(
        &self,
        zone: &Zone,
        owner: Name<'_>,
        nsec: &[u8],
        now: u32,
        desk: &mut Desk,
    ) -> Result<SignatureSet, KeyError> {
        let rtype = self.chain.as_ref().map_or(Type::NSEC, |chain| chain.rtype());
        // RFC 9077 section 3.2: the TTL is that of the SOA in denials.
        let (ttl, _) = zone.denial();
        desk.scratch.set.fill(rtype, [nsec].into_iter());
        let what = ToSign { apex: zone.apex(), owner, rtype, ttl };
        self.sign_ahead(&what, now, &mut desk.scratch)
    }

    /// Takes over the signatures of denial records that are the same in the version of the zone before.
    pub(crate) fn inherit_links(&self, zone: &Zone, old_zone: &Zone, old: &Self) {
        let (Some(chain), Some(old_chain)) = (&self.chain, &old.chain) else {
            return;
        };
        if zone.denial().0 != old_zone.denial().0 {
            return;
        }
        let (mut new, mut before) = (Vec::new(), Vec::new());
        for (slot, number) in self.slots.iter().skip(zone.set_count()).zip(0..) {
            let Some(old_number) = old_chain.same_owner(old_zone, chain, zone, number) else {
                continue;
            };
            new.clear();
            before.clear();
            chain.put(zone, number, None, &mut new);
            old_chain.put(old_zone, old_number, None, &mut before);
            let at = old_zone.set_count() + old_number as usize;
            if new == before
                && let Some(known) = old.slots.get(at).and_then(|slot| slot.load_full())
            {
                slot.store(Some(known));
            }
        }
    }

    /// Signs denial records that are not signed or have not long enough to go.
    pub(crate) fn refresh_links(
        &self,
        zone: &Zone,
        now: u32,
        most: usize,
        progress: &mut Progress,
    ) -> Result<(), KeyError> {
        let Some(chain) = &self.chain else {
            return Ok(());
        };
        let (mut desk, mut nsec) = (Desk::default(), Vec::new());
        for (slot, number) in self.slots.iter().skip(zone.set_count()).zip(0..) {
            if slot.load().as_ref().is_some_and(|known| self.is_good(known, now)) {
                progress.good += 1;
                continue;
            }
            if progress.signed >= most {
                break;
            }
            nsec.clear();
            chain.put(zone, number, None, &mut nsec);
            let Some(owner) = chain.owner(zone, number) else { break };
            let made = self.sign_link(zone, owner.as_name(), &nsec, now, &mut desk)?;
            slot.store(Some(Arc::new(made)));
            progress.signed += 1;
        }
        Ok(())
    }
}
