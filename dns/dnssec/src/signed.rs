//! What stands beside a zone that is signed here: the signatures of its RRsets, made ahead, and the
//! means to sign what is made when it is asked for.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use arc_swap::{ArcSwapOption, Guard};
use halfmoon_wire::{Name, Type};
use halfmoon_zones::{RrSet, Zone};

use crate::bitmap::TypeSet;
use crate::cache::SignatureCache;
use crate::canonical::put_name;
use crate::chain::Chain;
use crate::compact;
use crate::rrsig::{Scratch, SignatureSet, ToSign, Window, sign};
use crate::{KeyError, ZoneKeys};

/// How long signatures hold and when they are made anew, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// From the making of a signature to its end.
    pub lifetime: u32,
    /// With less than this to go a signature is made anew.
    pub refresh: u32,
    /// By how much the ends of signatures differ, so that not all are due at once; less than
    /// `lifetime - refresh`.
    pub jitter: u32,
}

/// How far before its making a signature begins to hold: clocks differ.
const BEFORE: u32 = 3600;

impl Default for Validity {
    /// Two weeks, made anew in the last: between the two lies time to notice that signing stands still.
    fn default() -> Self {
        const DAY: u32 = 86_400;
        Self { lifetime: 14 * DAY, refresh: 7 * DAY, jitter: 2 * DAY }
    }
}

impl Validity {
    /// The window of a signature made at `now` of what has this hash.
    const fn window(self, now: u32, hash: u64) -> Window {
        let jitter = if self.jitter == 0 { 0 } else { (hash % self.jitter as u64) as u32 };
        Window {
            inception: now.wrapping_sub(BEFORE),
            expiration: now.wrapping_add(self.lifetime).wrapping_sub(jitter),
        }
    }
}

/// What signing may cost whoever causes it.
pub trait Budget {
    /// Takes one signature off the budget; `false`: there is none left.
    fn take(&mut self) -> bool;
}

/// A budget without end, for work that nobody from outside causes.
#[derive(Clone, Copy, Debug)]
pub struct Unlimited;

impl Budget for Unlimited {
    fn take(&mut self) -> bool {
        true
    }
}

/// Why something is not signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// Whoever asks has caused enough signatures for now.
    #[error("signing costs more than whoever asks may cause")]
    Budget,
    /// A key could not sign.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Room for signing; one to a thread.
#[derive(Debug, Default)]
pub struct Desk {
    pub(crate) scratch: Scratch,
    pub(crate) nsec: Vec<u8>,
    margin: u32,
    /// What left the cache last: the memory for what enters it next.
    spare: Option<Arc<SignatureSet>>,
}

impl Desk {
    /// For signing before it is asked for: what has less than so many seconds more left than what is
    /// given out at least is signed anew.
    #[must_use]
    pub fn ahead(margin: u32) -> Self {
        Self { margin, ..Self::default() }
    }

    /// The data of the denial record that [`Signed::deny`] or [`Signed::link`] made last.
    #[must_use]
    pub fn nsec(&self) -> &[u8] {
        &self.nsec
    }
}

/// What signing needs beside what is signed.
pub struct Means<'m> {
    /// The time, in seconds since 1970 modulo 2^32.
    pub now: u32,
    /// What it may cost.
    pub budget: &'m mut dyn Budget,
    /// Where it is done.
    pub desk: &'m mut Desk,
}

impl fmt::Debug for Means<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Means").field("now", &self.now).finish_non_exhaustive()
    }
}

/// The signatures of a zone.
#[derive(Debug)]
pub struct Signed {
    keys: Arc<ZoneKeys>,
    validity: Validity,
    cache: Arc<SignatureCache>,
    /// The longest TTL of what was made for queries.
    longest: AtomicU32,
    /// By [`RrSet::id`]; behind them those of the denial records, by number.
    pub(crate) slots: Box<[ArcSwapOption<SignatureSet>]>,
    /// The denial records, unless denial is compact.
    pub(crate) chain: Option<Chain>,
}

/// What [`Signed::refresh`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// RRsets that were signed.
    pub signed: usize,
    /// RRsets whose signatures have long enough to go.
    pub good: usize,
}

impl Signed {
    /// Nothing signed yet. `cache` may serve many zones.
    #[must_use]
    pub fn new(
        zone: &Zone,
        keys: Arc<ZoneKeys>,
        validity: Validity,
        cache: Arc<SignatureCache>,
    ) -> Self {
        let slots = (0..zone.set_count()).map(|_| ArcSwapOption::empty()).collect();
        Self { keys, validity, cache, longest: AtomicU32::new(0), slots, chain: None }
    }

    /// Denies by these records, which are signed ahead as well.
    #[must_use]
    pub fn with_chain(self, zone: &Zone, chain: Chain) -> Self {
        let count = zone.set_count() + chain.order().len();
        let slots = (0..count).map(|_| ArcSwapOption::empty()).collect();
        Self { slots, chain: Some(chain), ..self }
    }

    /// The denial records; none where denial is compact.
    #[must_use]
    pub const fn chain(&self) -> Option<&Chain> {
        self.chain.as_ref()
    }

    /// The keys that sign.
    #[must_use]
    pub const fn keys(&self) -> &Arc<ZoneKeys> {
        &self.keys
    }

    /// Takes over what holds of the version of the zone before: the signatures of RRsets that are the
    /// same and signed by the same keys.
    pub fn inherit(&self, zone: &Zone, old_zone: &Zone, old: &Self) {
        self.longest.fetch_max(old.longest.load(Ordering::Relaxed), Ordering::Relaxed);
        for node in zone.nodes() {
            let Some(before) = old_zone.named(node.owner()).filter(|_| !node.is_empty()) else {
                continue;
            };
            for set in node.sets() {
                let rtype = set.rtype();
                let same = before.set(rtype).filter(|before| {
                    // The TTL is part of what is compared.
                    before.ready() == set.ready()
                        && self.keys.stamp_of(rtype) == old.keys.stamp_of(rtype)
                });
                let known =
                    same.and_then(|before| old.slots.get(before.id() as usize)?.load_full());
                if let (Some(known), Some(slot)) = (known, self.slots.get(set.id() as usize)) {
                    slot.store(Some(known));
                }
            }
        }
        if self.keys.stamp_of(Type::NSEC) == old.keys.stamp_of(Type::NSEC) {
            self.inherit_links(zone, old_zone, old);
        }
    }

    /// The longest TTL, in seconds, of what of the zone may be in caches: of its records, its denials, and
    /// what programs made of it since the zone was loaded.
    #[must_use]
    pub fn longest_ttl(&self, zone: &Zone) -> u32 {
        let fixed = zone.nodes().flat_map(|node| node.sets()).map(|set| set.ttl()).max();
        fixed.unwrap_or(0).max(self.longest.load(Ordering::Relaxed))
    }

    /// The signatures of an RRset of the zone, with its own owner. Made on the spot if they are not
    /// there yet or have run out.
    ///
    /// # Errors
    /// They are not there, and making them failed.
    pub fn of_set(
        &self,
        zone: &Zone,
        (owner, set): (Name<'_>, RrSet<'_>),
        means: &mut Means<'_>,
    ) -> Result<Guard<Option<Arc<SignatureSet>>>, SignError> {
        let Some(slot) = self.slots.get(set.id() as usize) else {
            return Err(SignError::Budget);
        };
        let found = slot.load();
        // With a minute to go a validator may get it too late.
        if found.as_ref().is_some_and(|signatures| signatures.window().has_left(means.now, 60)) {
            return Ok(found);
        }
        if !means.budget.take() {
            return Err(SignError::Budget);
        }
        let signatures = self.sign_set(zone, (owner, set), means.now, means.desk)?;
        slot.store(Some(Arc::new(signatures)));
        Ok(slot.load())
    }

    fn sign_set(
        &self,
        zone: &Zone,
        (owner, set): (Name<'_>, RrSet<'_>),
        now: u32,
        desk: &mut Desk,
    ) -> Result<SignatureSet, KeyError> {
        desk.scratch.set.fill(set.rtype(), set.rdatas());
        let what = ToSign { apex: zone.apex(), owner, rtype: set.rtype(), ttl: set.ttl() };
        self.sign_ahead(&what, now, &mut desk.scratch)
    }

    /// Signs what is in `scratch` and stays as it is.
    pub(crate) fn sign_ahead(
        &self,
        what: &ToSign<'_>,
        now: u32,
        scratch: &mut Scratch,
    ) -> Result<SignatureSet, KeyError> {
        // Spread by what it is, so that every server of the zone comes to the same end.
        let window = self.validity.window(now, spread(what.owner, what.rtype));
        // Nobody looks for it: it has a place of its own.
        scratch.octets.clear();
        let start = sign(what, self.keys.signing(what.rtype), window, scratch)?;
        Ok(SignatureSet::new(&scratch.octets, start, window))
    }

    /// The signatures of an RRset that was made for a query.
    ///
    /// # Errors
    /// They are not known, and making them failed.
    pub fn of_made<'r>(
        &self,
        (apex, owner): (Name<'_>, Name<'_>),
        (rtype, ttl): (Type, u32),
        rdatas: impl Iterator<Item = &'r [u8]>,
        means: &mut Means<'_>,
    ) -> Result<Arc<SignatureSet>, SignError> {
        let Desk { scratch, margin, spare, .. } = &mut *means.desk;
        let now = means.now;
        // Written to once for each zone, as a rule: threads do not take it from each other.
        if ttl > self.longest.load(Ordering::Relaxed) {
            self.longest.fetch_max(ttl, Ordering::Relaxed);
        }
        scratch.set.fill(rtype, rdatas);
        let key = &mut scratch.octets;
        key.clear();
        key.extend(self.keys.stamp_of(rtype).to_be_bytes());
        key.extend(rtype.0.to_be_bytes());
        key.extend(ttl.to_be_bytes());
        put_name(owner, key);
        for rdata in scratch.set.rdatas() {
            key.extend((rdata.len() as u16).to_be_bytes());
            key.extend_from_slice(rdata);
        }
        // What is made anew anyway need not have long to go: a day, or half of a short life.
        let least = (self.validity.lifetime / 2).min(86_400) + *margin;
        let is_good = |known: &SignatureSet| known.window().has_left(now, least);
        let seat = match self.cache.find(key, is_good) {
            Ok(known) => return Ok(known),
            Err(seat) => seat,
        };
        if !means.budget.take() {
            return Err(SignError::Budget);
        }
        let what = ToSign { apex, owner, rtype, ttl };
        let window = self.validity.window(now, 0);
        let start = sign(&what, self.keys.signing(rtype), window, scratch)?;
        // Nobody else has it, as a rule.
        let again = spare.take().and_then(|mut spare| {
            Arc::get_mut(&mut spare)?.refill(&scratch.octets, start, window).then_some(spare)
        });
        let signatures =
            again.unwrap_or_else(|| Arc::new(SignatureSet::new(&scratch.octets, start, window)));
        *spare = self.cache.keep(seat, Arc::clone(&signatures));
        Ok(signatures)
    }

    /// Makes the NSEC record of compact denial (RFC 9824) for a name that has `types`, beside NSEC and
    /// RRSIG; its data is in [`Desk::nsec`] then.
    ///
    /// # Errors
    /// The signatures are not known, and making them failed.
    pub fn deny(
        &self,
        (apex, name): (Name<'_>, Name<'_>),
        mut types: TypeSet,
        ttl: u32,
        means: &mut Means<'_>,
    ) -> Result<Arc<SignatureSet>, SignError> {
        types.insert(Type::RRSIG);
        types.insert(Type::NSEC);
        let mut nsec = std::mem::take(&mut means.desk.nsec);
        nsec.clear();
        compact::put_nsec(name, &types, &mut nsec);
        let rdatas = [nsec.as_slice()].into_iter();
        let made = self.of_made((apex, name), (Type::NSEC, ttl), rdatas, means);
        means.desk.nsec = nsec;
        made
    }

    /// Signs what is not signed or has not long enough to go, up to `most` RRsets; work for the
    /// background.
    ///
    /// # Errors
    /// A key could not sign.
    pub fn refresh(&self, zone: &Zone, now: u32, most: usize) -> Result<Progress, KeyError> {
        let mut desk = Desk::default();
        let mut progress = Progress::default();
        for node in zone.nodes().filter(|node| !node.is_occluded()) {
            for set in node.sets() {
                let signs = match set.rtype() {
                    // Beyond a cut it is not ours to sign. Signatures and denial records of a file
                    // that is signed here are not the zone's.
                    Type::RRSIG | Type::NSEC | Type::NSEC3 => false,
                    // As such they leave in transfers only, which compact denial has none of.
                    Type::LUA => self.chain.is_some() && !node.is_cut(),
                    Type::DS => true,
                    _ => !node.is_cut(),
                };
                let Some(slot) = self.slots.get(set.id() as usize).filter(|_| signs) else {
                    continue;
                };
                if slot.load().as_ref().is_some_and(|known| self.is_good(known, now)) {
                    progress.good += 1;
                } else if progress.signed < most {
                    let made = self.sign_set(zone, (node.owner(), set), now, &mut desk)?;
                    slot.store(Some(Arc::new(made)));
                    progress.signed += 1;
                } else {
                    return Ok(progress);
                }
            }
        }
        self.refresh_links(zone, now, most, &mut progress)?;
        Ok(progress)
    }

    /// Whether signatures have long enough to go.
    pub(crate) const fn is_good(&self, known: &SignatureSet, now: u32) -> bool {
        known.window().has_left(now, self.validity.refresh)
    }
}

/// A number by which the ends of signatures differ.
fn spread(owner: Name<'_>, rtype: Type) -> u64 {
    let octets = owner.as_wire().iter().map(u8::to_ascii_lowercase).chain(rtype.0.to_be_bytes());
    octets.fold(0xcbf2_9ce4_8422_2325, |hash, octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
    })
}
