//! Signatures beside answers, and proofs of what is not there (RFC 4035 section 3.1, RFC 9824), for
//! clients that ask for them and zones that have them.

use halfmoon_dnssec::{Means, SignError, SignatureSet, TypeSet};
use halfmoon_wire::{ExtendedError, Name, Owner, Rcode, Reply, Section, Type};
use halfmoon_zones::{Hosted, Node, RrSet, Zone};

use super::{Asked, Turn};
use crate::shared::Served;
use crate::signing::{same_name, types_at};

/// What is said of a question that would cost its source more signatures than it may cause.
const SPENT: ExtendedError = ExtendedError::other("too many signatures for your network");
/// What is said where signing does not work.
const BROKEN: ExtendedError = ExtendedError::other("the answer could not be signed");

impl<'a> Turn<'a> {
    /// From here on this zone answers.
    pub(super) fn enter(&mut self, hosted: &'a Hosted<Served>) {
        self.apex = Some(hosted.zone.apex());
        self.by_wildcard = false;
        let signed = hosted.beside.signed.as_deref().filter(|_| self.client.dnssec_ok);
        self.signer = signed.map(|signed| (&hosted.zone, signed));
    }

    /// Writes an RRset of a node with its signatures, whole, or nothing of it.
    pub(super) fn write_signed(
        &mut self,
        section: Section,
        (owner, name): (Owner<'_>, Name<'_>),
        (node, set): (Node<'a>, RrSet<'a>),
        ttl: u32,
    ) -> bool {
        let mark = self.reply.mark();
        if !self.write(section, owner, set, ttl) {
            return false;
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
        let Some((zone, signed)) = self.signer else {
            return Ok(true);
        };
        let mut means = Means { now: self.date, budget: &mut self.purse, desk: self.desk };
        if same_name(name, node.owner()) {
            let known = signed.of_set(zone, (node.owner(), set), &mut means)?;
            return Ok(known.as_ref().is_some_and(|signatures| {
                put(&mut self.reply, section, (owner, ttl), signatures)
            }));
        }
        // A wildcard made the name. Signed as if it stood in the zone, it needs no proof that
        // nothing closer does (RFC 9824 section 3.4).
        let what = (set.rtype(), set.ttl());
        let made = signed.of_made((zone.apex(), name), what, set.rdatas(), &mut means)?;
        Ok(put(&mut self.reply, section, (owner, ttl), &made))
    }

    /// Writes the signatures of the RRset in `answers`; `false` if there are none, or no room.
    pub(super) fn sign_computed(&mut self, asked: Asked<'_>, rtype: Type, ttl: u32) -> bool {
        let Some((zone, signed)) = self.signer else {
            return true;
        };
        let (owner, names) = (self.owner(asked), (zone.apex(), self.name(asked)));
        let mut means = Means { now: self.date, budget: &mut self.purse, desk: self.desk };
        match signed.of_made(names, (rtype, ttl), self.answers.rdatas(), &mut means) {
            Ok(made) => put(&mut self.reply, Section::Answer, (owner, ttl), &made),
            Err(error) => {
                self.unsigned = Some(error);
                false
            }
        }
    }

    /// Says that there is no such name, or no such type at the name that `node` makes: the SOA
    /// tells how long that lasts (RFC 2308), and signed zones prove it.
    pub(super) fn deny(
        &mut self,
        zone: &'a Zone,
        asked: Asked<'_>,
        node: Option<Node<'a>>,
    ) -> Rcode {
        let (ttl, soa) = zone.denial();
        let (apex, name) = (zone.apex_node(), self.name(asked));
        let owner = Owner::Name(zone.apex());
        // RFC 2308 section 3: without the SOA the denial could not be cached, but it is true.
        let written = self.write_signed(Section::Authority, (owner, zone.apex()), (apex, soa), ttl);
        let proven = written && self.prove(name, self.owner(asked), node, ttl);
        if !proven {
            self.reply.truncated();
        }
        match (node, self.signer) {
            (Some(_), _) => Rcode::NOERROR,
            (None, None) => Rcode::NXDOMAIN,
            // RFC 9824 section 5: the proof says that the name is there and has no type but
            // NXNAME. The code agrees, unless the client says that it knows better.
            (None, Some(_)) if self.compact_ok => {
                self.reply.compact_ok();
                Rcode::NXDOMAIN
            }
            (None, Some(_)) => Rcode::NOERROR,
        }
    }

    /// Proves that a cut has no DS record: the zone below it is not signed.
    pub(super) fn prove_insecure(&mut self, cut: Node<'a>) -> bool {
        let Some((zone, _)) = self.signer else {
            return true;
        };
        let (ttl, _) = zone.denial();
        self.prove(cut.owner(), Owner::Name(cut.owner()), Some(cut), ttl)
    }

    /// Writes the NSEC record of a name and its signatures.
    fn prove(
        &mut self,
        name: Name<'_>,
        owner: Owner<'_>,
        node: Option<Node<'a>>,
        ttl: u32,
    ) -> bool {
        let Some((zone, signed)) = self.signer else {
            return true;
        };
        let types = node.map_or_else(
            || {
                let mut types = TypeSet::default();
                types.insert(Type::NXNAME);
                types
            },
            |node| types_at(node, self.question.qtype),
        );
        let mut means = Means { now: self.date, budget: &mut self.purse, desk: self.desk };
        let made = match signed.deny((zone.apex(), name), types, ttl, &mut means) {
            Ok(made) => made,
            Err(error) => {
                self.unsigned = Some(error);
                return false;
            }
        };
        let section = Section::Authority;
        self.reply.record(section, owner, (Type::NSEC, ttl), self.desk.nsec()).is_ok()
            && put(&mut self.reply, section, (owner, ttl), &made)
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
fn put(
    reply: &mut Reply<'_>,
    section: Section,
    (owner, ttl): (Owner<'_>, u32),
    signatures: &SignatureSet,
) -> bool {
    signatures.rdatas().all(|rdata| reply.record(section, owner, (Type::RRSIG, ttl), rdata).is_ok())
}
