//! What stands at a name: records, an alias, programs, or nothing of the type.

use halfmoon_wire::{ExtendedError, Name, NameBuf, Section, Type};
use halfmoon_zones::{Hosted, Node, RrSet};

use super::any::representative;
use super::program::{Computed, MOST_PROGRAMS};
use super::{Asked, Turn};
use crate::shared::Served;

/// What a node had to say.
#[expect(clippy::large_enum_variant, reason = "a box would allocate on the query path")]
pub(super) enum Said {
    /// Something of the type, or as much of it as fitted.
    Answer,
    /// The name is an alias of this one; the CNAME is written.
    Alias(NameBuf),
    /// The name exists, the type does not.
    NoData,
    /// A program says that there is no such name.
    NoName,
    /// Nothing, although there should be something.
    Failed(ExtendedError),
}

impl<'a> Turn<'_, 'a> {
    /// Answers from `node`, which is the name itself or the wildcard that makes it.
    pub(super) fn at_node(
        &mut self,
        hosted: &'a Hosted<Served>,
        node: Node<'a>,
        asked: Asked<'_>,
    ) -> Said {
        if self.question.qtype == Type::ANY && self.is_any_minimal() {
            match representative(node) {
                Some(rtype) => self.question.qtype = rtype,
                None => return Said::NoData,
            }
        }
        let qtype = self.question.qtype;
        if let Some(said) = self.signing_records(hosted, node, asked) {
            return said;
        }
        if node.is_alias() && !matches!(qtype, Type::CNAME | Type::ANY) {
            // Beside a CNAME stand at most signatures and their like (RFC 4035 section 2.5).
            return match (node.set(qtype), node.set(Type::CNAME)) {
                (Some(set), _) => self.positive(node, set, asked),
                (None, Some(alias)) => self.alias(node, alias, asked),
                (None, None) => Said::NoData,
            };
        }
        let comes_signed = hosted.beside.presigned.is_some();
        if node.has_programs() && !comes_signed {
            return self.computed(hosted, node, asked);
        }
        if qtype == Type::ANY {
            return self.all_sets(node, asked);
        }
        match node.set(qtype).filter(|_| qtype != Type::LUA) {
            Some(set) => self.positive(node, set, asked),
            None => Said::NoData,
        }
    }

    /// An RRset of the type in question, and the addresses that go along.
    pub(super) fn positive(&mut self, node: Node<'a>, set: RrSet<'a>, asked: Asked<'_>) -> Said {
        let names = (self.owner(asked), self.name(asked));
        if self.write_signed(Section::Answer, names, (node, set), set.ttl()) {
            self.finish_proofs();
            self.addresses(set);
        } else {
            self.reply.truncated();
        }
        Said::Answer
    }

    fn alias(&mut self, node: Node<'a>, set: RrSet<'a>, asked: Asked<'_>) -> Said {
        let target = set.rdatas().next().and_then(|rdata| Name::from_wire(rdata).ok());
        let names = (self.owner(asked), self.name(asked));
        if !self.write_signed(Section::Answer, names, (node, set), set.ttl()) {
            self.reply.truncated();
            return Said::Answer;
        }
        target.map_or(Said::Answer, |target| Said::Alias(target.to_buf()))
    }

    /// Answers from a node that has programs, maybe beside records.
    ///
    /// As in PowerDNS, a program that makes CNAMEs speaks for every type and hides the rest; those
    /// that make records of the type in question add to the static ones.
    fn computed(&mut self, hosted: &'a Hosted<Served>, node: Node<'a>, asked: Asked<'_>) -> Said {
        let qtype = self.question.qtype;
        let mut alias_failed = None;
        let mut denied = false;
        if node.has_alias_programs() && !matches!(qtype, Type::CNAME | Type::ANY) {
            match self.run_alias(hosted, node, asked) {
                Computed::Nothing => {}
                Computed::Failed(why) if self.policy.failure_is_final() => {
                    return Said::Failed(why);
                }
                Computed::Failed(why) => alias_failed = Some(why),
                Computed::Denied => denied = true,
                Computed::Alias(target) => return Said::Alias(target),
                Computed::Records | Computed::Full => return Said::Answer,
            }
        }
        let computed = match qtype {
            // The source of a program is nobody's business.
            Type::LUA => return Said::NoData,
            Type::ANY => self.computed_sets(hosted, node, asked),
            _ => self.computed_set(hosted, node, asked, qtype),
        };
        denied |= matches!(computed, Computed::Denied);
        match computed {
            Computed::Full => {
                self.reply.truncated();
                Said::Answer
            }
            Computed::Failed(why) => Said::Failed(why),
            Computed::Nothing | Computed::Denied => match alias_failed {
                Some(why) => Said::Failed(why),
                // A name that has records is there whatever a program says: that there is none
                // would hide them from resolvers (RFC 2308 section 5); and so is one that has names
                // below it, which it would hide as well (RFC 8020).
                None if denied && !has_records(node) && !node.has_children() => Said::NoName,
                None => Said::NoData,
            },
            Computed::Records | Computed::Alias(_) => Said::Answer,
        }
    }

    /// All that stands at a name with programs, and all that these make: RRset by RRset.
    fn computed_sets(
        &mut self,
        hosted: &'a Hosted<Served>,
        node: Node<'a>,
        asked: Asked<'_>,
    ) -> Computed {
        let fixed = node.sets().map(|set| set.rtype()).filter(|rtype| *rtype != Type::LUA);
        // No more of them are run in any case.
        let programs = || node.programs().take(MOST_PROGRAMS as usize).map(|program| program.inner);
        let made = programs().enumerate().filter(|(at, rtype)| {
            // Those of type LUA only serve others, which include them.
            *rtype != Type::LUA
                && node.set(*rtype).is_none()
                && programs().take(*at).all(|earlier| earlier != *rtype)
        });
        let (mut all, mut failed) = (Computed::Nothing, None);
        for rtype in fixed.chain(made.map(|(_, rtype)| rtype)) {
            match self.computed_set(hosted, node, asked, rtype) {
                Computed::Failed(why) if self.policy.failure_is_final() => {
                    return Computed::Failed(why);
                }
                Computed::Failed(why) => failed = Some(why),
                Computed::Full => return Computed::Full,
                Computed::Records | Computed::Alias(_) => all = Computed::Records,
                Computed::Denied if matches!(all, Computed::Nothing) => all = Computed::Denied,
                Computed::Denied | Computed::Nothing => {}
            }
        }
        match (all, failed) {
            (Computed::Nothing | Computed::Denied, Some(why)) => Computed::Failed(why),
            (all, _) => all,
        }
    }
}

/// Whether anything but programs stands at a name.
fn has_records(node: Node<'_>) -> bool {
    node.sets().any(|set| set.rtype() != Type::LUA)
}
