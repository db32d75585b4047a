//! What stands at a name: records, an alias, programs, or nothing of the type.

use halfmoon_wire::{ExtendedError, Name, NameBuf, Section, Type};
use halfmoon_zones::{Hosted, Node, RrSet};

use super::any::representative;
use super::program::Computed;
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

impl<'a> Turn<'a> {
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
        if node.is_alias() && !matches!(qtype, Type::CNAME | Type::ANY) {
            // Beside a CNAME stand at most signatures and their like (RFC 4035 section 2.5).
            return match (node.set(qtype), node.set(Type::CNAME)) {
                (Some(set), _) => self.positive(set, asked),
                (None, Some(alias)) => self.alias(alias, asked),
                (None, None) => Said::NoData,
            };
        }
        if node.has_programs() {
            return self.computed(hosted, node, asked);
        }
        if qtype == Type::ANY {
            return self.all_sets(node, asked);
        }
        match node.set(qtype) {
            Some(set) => self.positive(set, asked),
            None => Said::NoData,
        }
    }

    /// An RRset of the type in question, and the addresses that go along.
    pub(super) fn positive(&mut self, set: RrSet<'a>, asked: Asked<'_>) -> Said {
        if self.write(Section::Answer, self.owner(asked), set, set.ttl()) {
            self.addresses(set);
        } else {
            self.reply.truncated();
        }
        Said::Answer
    }

    fn alias(&mut self, set: RrSet<'a>, asked: Asked<'_>) -> Said {
        let target = set.rdatas().next().and_then(|rdata| Name::from_wire(rdata).ok());
        if !self.write(Section::Answer, self.owner(asked), set, set.ttl()) {
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
        if !matches!(qtype, Type::CNAME | Type::ANY) {
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
        let mark = self.reply.mark();
        let fits = match (qtype, node.set(qtype)) {
            // The source of a program is nobody's business.
            (Type::LUA, _) => return Said::NoData,
            (Type::ANY, _) => self.write_all_sets(node, asked),
            (_, Some(set)) => self.write(Section::Answer, self.owner(asked), set, set.ttl()),
            (_, None) => true,
        };
        let has_static = self.reply.mark() != mark;
        let computed = if fits { self.run_matching(hosted, node, asked) } else { Computed::Full };
        denied |= matches!(computed, Computed::Denied);
        match computed {
            Computed::Full => {
                // One type at one name is one RRset, whoever made its parts: all or nothing.
                self.reply.rewind(mark);
                self.reply.truncated();
                Said::Answer
            }
            // A program that fails is not an outage: the records beside it serve.
            Computed::Failed(_) if has_static && !self.policy.failure_is_final() => Said::Answer,
            Computed::Failed(why) => Said::Failed(why),
            Computed::Nothing | Computed::Denied if !has_static => match alias_failed {
                Some(why) => Said::Failed(why),
                // A name that has records is there whatever a program says: that there is none
                // would hide them from resolvers (RFC 2308 section 5).
                None if denied && !has_records(node) => Said::NoName,
                None => Said::NoData,
            },
            Computed::Nothing | Computed::Denied | Computed::Records | Computed::Alias(_) => {
                Said::Answer
            }
        }
    }
}

/// Whether anything but programs stands at a name.
fn has_records(node: Node<'_>) -> bool {
    node.sets().any(|set| set.rtype() != Type::LUA)
}
