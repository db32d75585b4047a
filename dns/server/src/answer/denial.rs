//! What is not there, and the proof of it: compact (RFC 9824), or by the NSEC and NSEC3 records of the
//! zone (RFC 4035 section 3.1.3, RFC 5155 section 7.2).

use halfmoon_dnssec::{Means, Order, Proof, Signed, TypeSet};
use halfmoon_wire::{Name, Owner, Rcode, Section, Type};
use halfmoon_zones::{Hosted, Node, Zone};

use super::chain::MOST_ALIASES;
use super::node::Said;
use super::signed::{Signer, put};
use super::{Asked, End, Turn};
use crate::shared::Served;

/// What is not there.
#[derive(Clone, Copy)]
pub(super) enum Absent<'a> {
    /// The name; this is its closest encloser.
    Name(Node<'a>),
    /// The type at the name that this node is or makes.
    Type(Node<'a>),
    /// The name, as a program of this node says.
    ByProgram(Node<'a>),
}

/// The names of the chain that wildcards made, for whose answers is still to be proven that nothing
/// is closer: by number in the chain, with how many labels the parent of the wildcard has.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Expanded {
    names: [(u8, u8); MOST_ALIASES + 1],
    count: usize,
}

impl Expanded {
    fn add(&mut self, hop: usize, encloser: usize) {
        let entry = (hop as u8, encloser as u8);
        if !self.names[..self.count].contains(&entry)
            && let Some(place) = self.names.get_mut(self.count)
        {
            *place = entry;
            self.count += 1;
        }
    }
}

/// The denial records that the reply has already: each is in it once, or one of two versions of it
/// would not match its signature.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Given {
    records: [u64; 3 * 4 + MOST_ALIASES],
    count: usize,
}

impl Given {
    /// Puts a record in; `false` if it is in already. One that finds no room is said to be in: a
    /// reply with so many would not fit anyway.
    fn add(&mut self, zone: &Zone, link: u32) -> bool {
        let zone = std::ptr::from_ref(zone).addr() as u64 >> 4;
        let record = zone << 32 | u64::from(link);
        if self.records[..self.count].contains(&record) {
            return false;
        }
        let Some(place) = self.records.get_mut(self.count) else {
            return false;
        };
        *place = record;
        self.count += 1;
        true
    }
}

impl<'a> Turn<'_, 'a> {
    /// Says what is not there: the SOA tells how long that lasts (RFC 2308), and signed zones prove it.
    pub(super) fn deny(&mut self, zone: &'a Zone, asked: Asked<'_>, absent: Absent<'a>) -> Rcode {
        let (ttl, soa) = zone.denial();
        let end = match absent {
            Absent::Type(_) => End::NoData,
            Absent::Name(_) | Absent::ByProgram(_) => End::NoName,
        };
        self.note(self.name(asked), end, Some(ttl));
        let apex = zone.apex_node();
        let owner = Owner::Name(zone.apex());
        let is_plain = self.signer.is_none() && matches!(asked, Asked::Question);
        // RFC 2308 section 3: without the SOA the denial could not be cached, but it is true.
        let written = is_plain && self.reply.denial_soa(zone.apex(), ttl, zone.denial_soa())
            || self.write_signed(Section::Authority, (owner, zone.apex()), (apex, soa), ttl);
        let proven = written && self.prove(asked, absent, ttl) && self.prove_expanded();
        if !proven {
            self.reply.truncated();
        }
        let is_compact = match self.signer {
            None => false,
            Some((_, signer)) => signer.order().is_none() && matches!(signer, Signer::Here(_)),
        };
        match (absent, self.signer) {
            (Absent::Type(_), _) => Rcode::NOERROR,
            // RFC 9824 section 5: the proof says that the name is there and has no type but
            // NXNAME. The code agrees, unless the client says that it knows better.
            (_, Some(_)) if is_compact && self.takes_compact() => {
                self.reply.compact_ok();
                Rcode::NXDOMAIN
            }
            (_, Some(_)) if is_compact => Rcode::NOERROR,
            // The name has a record among those that prove denials, so what can be proven is that it
            // does not have the type. The code agrees.
            (Absent::ByProgram(_), Some(_)) => Rcode::NOERROR,
            (Absent::Name(_) | Absent::ByProgram(_), _) => Rcode::NXDOMAIN,
        }
    }

    /// Proves that a cut has no DS record: the zone below it is not signed.
    pub(super) fn prove_insecure(&mut self, cut: Node<'a>) -> bool {
        let Some((zone, signer)) = self.signer else {
            return true;
        };
        match signer.order() {
            Some(order) => self.write_proof(zone, signer, order.types(zone, cut), None),
            None => {
                let (ttl, _) = zone.denial();
                let types = TypeSet::at(cut, Some(self.question.qtype));
                self.write_compact((cut.owner(), Owner::Name(cut.owner())), types, ttl)
            }
        }
    }

    /// Proves that something is not there; `false` if the proof does not fit or cannot be signed.
    fn prove(&mut self, asked: Asked<'_>, absent: Absent<'a>, ttl: u32) -> bool {
        let Some((zone, signer)) = self.signer else {
            return true;
        };
        let (name, qtype) = (self.name(asked), self.question.qtype);
        let Some(order) = signer.order() else {
            let types = match absent {
                Absent::Type(node) => TypeSet::at(node, Some(qtype)),
                Absent::Name(_) | Absent::ByProgram(_) => {
                    let mut types = TypeSet::default();
                    types.insert(Type::NXNAME);
                    types
                }
            };
            return self.write_compact((name, self.owner(asked)), types, ttl);
        };
        let node = match absent {
            Absent::Name(encloser) => {
                let proof = order.no_name(zone, name, encloser.owner().label_count());
                return self.write_proof(zone, signer, proof, None);
            }
            Absent::Type(node) | Absent::ByProgram(node) => node,
        };
        let proof = match self.wildcard {
            Some(wildcard) => order.types_by_wildcard(zone, name, wildcard),
            None => order.types(zone, node),
        };
        // Its own record names all types that its programs can make. The one in question is not
        // there now, which another version of the record says.
        let types = match signer {
            Signer::Here(signed) if node.has_programs() => {
                signed.chain().map(|chain| chain.types(node, qtype))
            }
            _ => None,
        };
        self.write_proof(zone, signer, proof, types.as_ref())
    }

    /// Remembers that a wildcard made the name at hand, if that is to be proven.
    pub(super) fn note_expanded(&mut self, wildcard: Node<'a>) {
        let encloser = wildcard.owner().label_count().saturating_sub(1);
        self.expanded.add(self.chain.len(), encloser);
    }

    /// Proves for all answers that wildcards made that nothing was closer (RFC 4035 section 3.1.3.3,
    /// RFC 5155 section 7.2.6). Called when no more answers come, and before additional data.
    pub(super) fn prove_expanded(&mut self) -> bool {
        if self.expanded.count == 0 {
            return true;
        }
        let Expanded { names, count } = std::mem::take(&mut self.expanded);
        for &(hop, encloser) in &names[..count] {
            let target = usize::from(hop).checked_sub(1).and_then(|at| self.chain.get(at).copied());
            let name = target.as_ref().map_or(self.question.name, |target| target.as_name());
            self.hashes.compute(name);
            let zones = self.zones;
            let Some(hosted) = zones.find(name, self.hashes, self.question.qtype) else {
                continue;
            };
            let Some(signer) = Signer::of(hosted) else { continue };
            let Some(order) = signer.order() else { continue };
            let proof = order.by_wildcard(&hosted.zone, name, usize::from(encloser));
            if !self.write_proof(&hosted.zone, signer, proof, None) {
                return false;
            }
        }
        true
    }

    /// The same where it ends the reply.
    #[inline]
    pub(super) fn finish_proofs(&mut self) {
        if self.expanded.count > 0 && !self.reply.is_truncated() && !self.prove_expanded() {
            self.reply.truncated();
        }
    }

    /// Writes the records of a proof with their signatures, but for those that the reply has. `types`
    /// are those of the first, if they differ from what the zone says of it otherwise.
    fn write_proof(
        &mut self,
        zone: &'a Zone,
        signer: Signer<'a>,
        proof: Proof,
        types: Option<&TypeSet>,
    ) -> bool {
        proof.links().iter().enumerate().all(|(at, link)| {
            !self.given.add(zone, *link)
                || match signer {
                    Signer::Here(signed) => {
                        self.write_link(zone, signed, *link, types.filter(|_| at == 0))
                    }
                    Signer::Zone(presigned) => {
                        presigned.link(zone, *link).is_none_or(|(node, set)| {
                            let names = (Owner::Name(node.owner()), node.owner());
                            self.write_signed(Section::Authority, names, (node, set), set.ttl())
                        })
                    }
                }
        })
    }

    /// Writes a denial record of a zone signed here, and its signatures.
    fn write_link(
        &mut self,
        zone: &Zone,
        signed: &Signed,
        link: u32,
        types: Option<&TypeSet>,
    ) -> bool {
        let mut means = Means { now: self.date, budget: &mut self.purse, desk: self.desk };
        let link = match signed.link(zone, link, types, &mut means) {
            Ok(Some(link)) => link,
            Ok(None) => return true,
            Err(error) => {
                self.unsigned = Some(error);
                return false;
            }
        };
        let (owner, (ttl, _)) = (Owner::Name(link.owner.as_name()), zone.denial());
        let section = Section::Authority;
        self.reply.record(section, owner, (link.rtype, ttl), self.desk.nsec()).is_ok()
            && put(self.reply, section, (owner, ttl), link.signatures.rdatas())
    }

    /// Writes the NSEC record that denies something at one name, and its signatures.
    fn write_compact(
        &mut self,
        (name, owner): (Name<'_>, Owner<'_>),
        types: TypeSet,
        ttl: u32,
    ) -> bool {
        let Some((zone, Signer::Here(signed))) = self.signer else {
            return true;
        };
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
            && put(self.reply, section, (owner, ttl), made.rdatas())
    }

    /// Answers with what signing here adds to a node and is in no zone file: its NSEC record where it
    /// has one, and its signatures, of which one RRset's have to do (RFC 8482 section 4.1). `None`:
    /// something else is in question.
    pub(super) fn signing_records(
        &mut self,
        hosted: &'a Hosted<Served>,
        node: Node<'a>,
        asked: Asked<'_>,
    ) -> Option<Said> {
        let qtype = self.question.qtype;
        if !matches!(qtype, Type::NSEC | Type::RRSIG) {
            return None;
        }
        let (zone, signed) = (&hosted.zone, hosted.beside.signed.as_deref()?);
        let owner = self.owner(asked);
        let mut means = Means { now: self.date, budget: &mut self.purse, desk: self.desk };
        let section = Section::Answer;
        if qtype == Type::RRSIG {
            let set = node.sets().find(|set| set.rtype() != Type::LUA)?;
            let made = match signed.of_set(zone, (node.owner(), set), &mut means) {
                Ok(made) => made,
                Err(error) => {
                    self.unsigned = Some(error);
                    return Some(Said::Answer);
                }
            };
            let rdatas = made.as_ref()?.rdatas();
            if !put(self.reply, section, (owner, set.ttl()), rdatas) {
                self.reply.truncated();
            }
            return Some(Said::Answer);
        }
        let chain = signed.chain().filter(|chain| matches!(chain.order(), Order::Nsec(_)))?;
        let link = chain.of(zone, node)?;
        let link = match signed.link(zone, link, None, &mut means) {
            Ok(link) => link?,
            Err(error) => {
                self.unsigned = Some(error);
                return Some(Said::Answer);
            }
        };
        let (ttl, _) = zone.denial();
        let mark = self.reply.mark();
        let written = self.reply.record(section, owner, (qtype, ttl), self.desk.nsec()).is_ok()
            && (self.signer.is_none()
                || put(self.reply, section, (owner, ttl), link.signatures.rdatas()));
        if !written {
            self.reply.rewind(mark);
            self.reply.truncated();
        }
        if self.signer.is_some()
            && let Some(wildcard) = self.wildcard
        {
            self.note_expanded(wildcard);
        }
        Some(Said::Answer)
    }
}
