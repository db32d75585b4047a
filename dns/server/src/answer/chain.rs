//! Follows a question through the zones (RFC 1034 section 4.3.2, RFC 6672 section 3.2).

use halfmoon_wire::{ExtendedError, Name, NameBuf, NameError, Owner, Rcode, Section, Type};
use halfmoon_zones::{Hosted, Node, Position, RrSet};

use super::denial::{Absent, Expanded};
use super::node::Said;
use super::{Asked, End, Turn};
use crate::shared::{Served, Zones};

/// How many aliases of one chain are followed.
pub(crate) const MOST_ALIASES: usize = 10;

/// What one zone made of the name.
#[expect(clippy::large_enum_variant, reason = "a box would allocate on the query path")]
pub(super) enum Step {
    /// The reply is complete.
    Done(Rcode),
    /// An alias was written; its target is next.
    Follow(NameBuf),
}

impl<'a> Turn<'_, 'a> {
    /// Writes the answer and says its RCODE, that of the last name of the chain (RFC 6604).
    pub(super) fn resolve(&mut self) -> Rcode {
        let rcode = self.follow();
        self.finish_proofs();
        rcode
    }

    fn follow(&mut self) -> Rcode {
        let zones = self.zones;
        // The names of the chain so far, so that a loop ends where it begins.
        self.chain.clear();
        for hop in 0..=MOST_ALIASES {
            let target = self.chain.last().copied();
            let asked = target.as_ref().map_or(Asked::Question, Asked::Target);
            let name = self.name(asked);
            let seen = if hop == 0 { self.seen(zones) } else { None };
            let Some((hosted, position)) = seen.or_else(|| self.find(zones, name)) else {
                self.note(name, End::NoZone, None);
                return self.outside(hop);
            };
            if hop == 0 {
                self.reply.authoritative(true);
                if !self.is_aside {
                    hosted.beside.queries.add(self.lane);
                }
            }
            let target = match self.in_zone((hosted, position), asked, hop) {
                Step::Done(rcode) => return rcode,
                Step::Follow(target) => target,
            };
            if self.question.name == target.as_name() || self.chain.contains(&target) {
                self.note(target.as_name(), End::Loop, None);
                return Rcode::NOERROR;
            }
            self.chain.push(target);
        }
        if let (Some(trail), Some(target)) = (&mut self.trail, self.chain.last()) {
            trail.end(target.as_name(), End::TooLong, None);
        }
        Rcode::NOERROR
    }

    /// The zone of a name, and where it is in it.
    fn find(
        &mut self,
        zones: &'a Zones,
        name: Name<'_>,
    ) -> Option<(&'a Hosted<Served>, Position<'a>)> {
        self.hashes.compute(name);
        let hosted = zones.find(name, self.hashes, self.question.qtype)?;
        Some((hosted, hosted.zone.find(name, self.hashes)))
    }

    /// The same of the question's name, if it was looked up ahead and is there.
    fn seen(&self, zones: &'a Zones) -> Option<(&'a Hosted<Served>, Position<'a>)> {
        // A DS may be another zone's.
        if self.question.qtype == Type::DS {
            return None;
        }
        zones.seen(self.question.name, self.sight)
    }

    /// The name is in none of our zones.
    fn outside(&mut self, hop: usize) -> Rcode {
        if hop > 0 {
            // The client follows the alias from here.
            return Rcode::NOERROR;
        }
        self.reply.extended_error(ExtendedError::NOT_AUTHORITATIVE);
        Rcode::REFUSED
    }

    /// Notes why there is no more to the answer, if somebody wants to know.
    pub(super) fn note(&mut self, name: Name<'_>, end: End, ttl: Option<u32>) {
        if let Some(trail) = &mut self.trail {
            trail.end(name, end, ttl);
        }
    }

    pub(super) fn name<'n>(&self, asked: Asked<'n>) -> Name<'n>
    where
        'a: 'n,
    {
        match asked {
            Asked::Question => self.question.name,
            Asked::Target(target) => target.as_name(),
        }
    }

    pub(super) fn owner<'n>(&self, asked: Asked<'n>) -> Owner<'n> {
        match asked {
            Asked::Question => Owner::Question,
            Asked::Target(target) => Owner::Name(target.as_name()),
        }
    }

    fn in_zone(
        &mut self,
        (hosted, position): (&'a Hosted<Served>, Position<'a>),
        asked: Asked<'_>,
        hop: usize,
    ) -> Step {
        let zone = &hosted.zone;
        let name = self.name(asked);
        self.enter(hosted);
        if let Some(trail) = &mut self.trail {
            trail.position(name, zone, &position);
        }
        let (said, node) = match position {
            // The DS of a delegation is the parent's to answer (RFC 4035 section 3.1.4.1).
            Position::Cut { cut, at } if at && self.question.qtype == Type::DS => {
                let said = match cut.set(Type::DS) {
                    Some(set) => self.positive(cut, set, asked),
                    None => Said::NoData,
                };
                (said, cut)
            }
            Position::Cut { cut, .. } => return self.referral(cut, hop),
            Position::Below(node) => return self.substitute(node, asked),
            Position::Exact(node) => (self.at_node(hosted, node, asked), node),
            Position::Wildcard(node) => {
                self.wildcard = Some(node);
                (self.at_node(hosted, node, asked), node)
            }
            Position::Missing(encloser) => {
                return Step::Done(self.deny(zone, asked, Absent::Name(encloser)));
            }
        };
        match said {
            Said::Answer => Step::Done(Rcode::NOERROR),
            Said::Alias(target) => Step::Follow(target),
            Said::NoData => Step::Done(self.deny(zone, asked, Absent::Type(node))),
            Said::NoName => Step::Done(self.deny(zone, asked, Absent::ByProgram(node))),
            Said::Failed(why) => {
                self.reply.reset();
                self.expanded = Expanded::default();
                self.reply.extended_error(why);
                Step::Done(Rcode::SERVFAIL)
            }
        }
    }

    /// Says who knows: the NS records of the cut with the addresses of its servers.
    fn referral(&mut self, cut: Node<'a>, hop: usize) -> Step {
        if hop == 0 {
            self.reply.authoritative(false);
        }
        if let Some(servers) = cut.set(Type::NS) {
            if let Some(trail) = &mut self.trail {
                trail.referral(cut, servers);
            }
            let owner = Owner::Name(cut.owner());
            let written = self.write(Section::Authority, owner, servers, servers.ttl())
                && match cut.set(Type::DS).filter(|_| self.signer.is_some()) {
                    Some(ds) => {
                        let names = (owner, cut.owner());
                        self.write_signed(Section::Authority, names, (cut, ds), ds.ttl())
                    }
                    None => self.prove_insecure(cut),
                }
                && self.prove_expanded();
            if written {
                self.glue(cut, servers);
            } else {
                self.reply.truncated();
            }
        }
        Step::Done(Rcode::NOERROR)
    }

    /// Rewrites a name below a DNAME, which goes along with the CNAME made of it.
    fn substitute(&mut self, node: Node<'a>, asked: Asked<'_>) -> Step {
        let Some(set) = node.set(Type::DNAME) else {
            return Step::Done(Rcode::SERVFAIL);
        };
        let target = set.rdatas().next().and_then(|rdata| Name::from_wire(rdata).ok());
        let Some(target) = target else {
            return Step::Done(Rcode::SERVFAIL);
        };
        let names = (Owner::Name(node.owner()), node.owner());
        if !self.write_signed(Section::Answer, names, (node, set), set.ttl()) {
            self.reply.truncated();
            return Step::Done(Rcode::NOERROR);
        }
        let name = self.name(asked);
        let made = match NameBuf::substitute(name, node.owner(), target) {
            Ok(made) => made,
            Err(NameError::TooLong) => return Step::Done(Rcode::YXDOMAIN),
            Err(_) => return Step::Done(Rcode::SERVFAIL),
        };
        // RFC 6672 section 3.1: the CNAME has the TTL of the DNAME.
        let alias = (Type::CNAME, set.ttl());
        let written =
            self.reply.record(Section::Answer, self.owner(asked), alias, made.as_name().as_wire());
        if let Some(trail) = &mut self.trail {
            trail.alias(name, made.as_name(), set.ttl());
        }
        if written.is_err() {
            self.reply.truncated();
            return Step::Done(Rcode::NOERROR);
        }
        if matches!(self.question.qtype, Type::CNAME | Type::ANY) {
            return Step::Done(Rcode::NOERROR);
        }
        Step::Follow(made)
    }

    /// Writes an RRset whole, or nothing of it.
    pub(super) fn write(
        &mut self,
        section: Section,
        owner: Owner<'_>,
        set: RrSet<'_>,
        ttl: u32,
    ) -> bool {
        let as_it_is = matches!(owner, Owner::Question)
            && !set.rtype().has_compressible_names()
            && ttl == set.ttl();
        if as_it_is {
            return self.reply.ready(section, set.count(), set.ready()).is_ok();
        }
        let mark = self.reply.mark();
        for rdata in set.rdatas() {
            if self.reply.record(section, owner, (set.rtype(), ttl), rdata).is_err() {
                self.reply.rewind(mark);
                return false;
            }
        }
        true
    }
}
