//! Signatures beside answers (RFC 4035 section 3.1), for clients that ask for them and zones that
//! have them: made here, or brought along by the zone.

use halfmoon_dnssec::{Means, Order, Presigned, SignError, Signed, signatures_at};
use halfmoon_lua::Reads;
use halfmoon_wire::{ExtendedError, Name, Owner, Rcode, Reply, Section, Type};
use halfmoon_zones::{Hosted, Node, RrSet};

use super::{Asked, Turn};
use crate::shared::Served;

/// What is said of a question that would cost its source more signatures than it may cause.
const SPENT: ExtendedError = ExtendedError::other("too many signatures for your network");
/// What is said where signing does not work.
const BROKEN: ExtendedError = ExtendedError::other("the answer could not be signed");

/// Whose signatures go out.
#[derive(Clone, Copy, Debug)]
pub(super) enum Signer<'a> {
    /// Ours.
    Here(&'a Signed),
    /// Those that stand in the zone.
    Zone(&'a Presigned),
}

impl<'a> Signer<'a> {
    /// The signer of a zone, if it has one.
    pub(super) fn of(hosted: &'a Hosted<Served>) -> Option<Self> {
        let Served { signed, presigned, .. } = &hosted.beside;
        match (signed, presigned) {
            (Some(signed), _) => Some(Self::Here(signed)),
            (None, Some(presigned)) => Some(Self::Zone(presigned)),
            (None, None) => None,
        }
    }

    /// The denial records of the zone; `None` where denial is compact, or there are none.
    pub(super) fn order(self) -> Option<&'a Order> {
        match self {
            Self::Here(signed) => signed.chain().map(|chain| chain.order()),
            Self::Zone(presigned) => presigned.order(),
        }
    }
}

impl<'a> Turn<'_, 'a> {
    /// From here on this zone answers.
    pub(super) fn enter(&mut self, hosted: &'a Hosted<Served>) {
        self.apex = Some(hosted.zone.apex());
        self.wildcard = None;
        let signer = Signer::of(hosted).filter(|_| self.wants_signatures());
        self.signer = signer.map(|signer| (&hosted.zone, signer));
    }

    /// Writes an RRset of a node with its signatures, whole, or nothing of it.
    pub(super) fn write_signed(
        &mut self,
        section: Section,
        (owner, name): (Owner<'_>, Name<'_>),
        (node, set): (Node<'a>, RrSet<'a>),
        ttl: u32,
    ) -> bool {
        if self.signer.is_none() && self.trail.is_none() {
            return self.write(section, owner, set, ttl);
        }
        let mark = self.reply.mark();
        if !self.write(section, owner, set, ttl) {
            return false;
        }
        if let Some(trail) = &mut self.trail
            && section == Section::Answer
        {
            trail.records(name, set);
        }
        match self.sign(section, (owner, name), (node, set), ttl) {
            Ok(true) => true,
            Ok(false) => {
                self.reply.rewind(mark);
                false
            }
            Err(error) => {
                self.unsigned = Some(error);
                false
            }
        }
    }

    /// Writes the signatures of an RRset; `false` if they do not fit.
    pub(super) fn sign(
        &mut self,
        section: Section,
        (owner, name): (Owner<'_>, Name<'_>),
        (node, set): (Node<'a>, RrSet<'a>),
        ttl: u32,
    ) -> Result<bool, SignError> {
        let Some((zone, signer)) = self.signer else {
            return Ok(true);
        };
        let is_made = name != node.owner();
        let mut means = Means { now: self.date, budget: &mut self.purse, desk: self.desk };
        if let (Signer::Here(signed), None, true) = (signer, signer.order(), is_made) {
            // A wildcard made the name. Signed as if it stood in the zone, it needs no proof that
            // nothing closer does (RFC 9824 section 3.4).
            let what = (set.rtype(), set.ttl());
            let made = signed.of_made((zone.apex(), name), what, set.rdatas(), &mut means)?;
            return Ok(put(self.reply, section, (owner, ttl), made.rdatas()));
        }
        if is_made && section != Section::Answer {
            // It would need a proof, which addresses that come along are not worth.
            return Ok(true);
        }
        let is_written = match signer {
            Signer::Here(signed) => {
                let known = signed.of_set(zone, (node.owner(), set), &mut means)?;
                known.as_ref().is_some_and(|signatures| {
                    put(self.reply, section, (owner, ttl), signatures.rdatas())
                })
            }
            Signer::Zone(_) => {
                let signatures = signatures_at(node, set.rtype());
                put(self.reply, section, (owner, ttl), signatures)
            }
        };
        if is_written && is_made {
            self.note_expanded(node);
        }
        Ok(is_written)
    }

    /// Writes the signatures of the RRset in `answers`; `false` if there are none, or no room.
    pub(super) fn sign_computed(&mut self, asked: Asked<'_>, rtype: Type, ttl: u32) -> bool {
        let Some((zone, Signer::Here(signed))) = self.signer else {
            return true;
        };
        // Signed as the wildcard's, an RRset is that of all names below it, of which resolvers may
        // make use (RFC 8198 section 5.3). One that depends on the name is signed for the name.
        let wildcard = self
            .wildcard
            .filter(|_| signed.chain().is_some() && !self.answers.reads().contains(Reads::NAME));
        let signs_for = wildcard.map_or_else(|| self.name(asked), |wildcard| wildcard.owner());
        let (owner, names) = (self.owner(asked), (zone.apex(), signs_for));
        let mut means = Means { now: self.date, budget: &mut self.purse, desk: self.desk };
        match signed.of_made(names, (rtype, ttl), self.answers.rdatas(), &mut means) {
            Ok(made) => {
                let is_written = put(self.reply, Section::Answer, (owner, ttl), made.rdatas());
                if let Some(wildcard) = wildcard.filter(|_| is_written) {
                    self.note_expanded(wildcard);
                }
                is_written
            }
            Err(error) => {
                self.unsigned = Some(error);
                false
            }
        }
    }

    /// What becomes of an answer that could not be signed: nothing of it is told. Who may be forged
    /// is asked to come over TCP, where it cannot be somebody else.
    pub(super) fn give_up(&mut self, error: SignError) -> Rcode {
        self.reply.reset();
        if !self.source.is_known && error == SignError::Budget {
            self.reply.truncated();
            return Rcode::NOERROR;
        }
        self.reply.extended_error(if error == SignError::Budget { SPENT } else { BROKEN });
        Rcode::SERVFAIL
    }
}

/// Writes signatures; `false` if they do not all fit.
pub(super) fn put<'r>(
    reply: &mut Reply<'_>,
    section: Section,
    (owner, ttl): (Owner<'_>, u32),
    mut signatures: impl Iterator<Item = &'r [u8]>,
) -> bool {
    signatures.all(|rdata| reply.record(section, owner, (Type::RRSIG, ttl), rdata).is_ok())
}
