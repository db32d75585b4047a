//! What type ANY gets: one RRset over UDP, all of them over TCP (RFC 8482).
//!
//! Section 4.1 of the RFC, a subset of what there is, rather than the made-up HINFO of section 4.2:
//! it is true, it can be signed ahead like any other answer, and who asks for ANY to see whether a
//! name has anything learns it. Over UDP the sender may be forged, so one RRset has to do; over TCP
//! it is not, and whoever looks at a zone by hand sees all of it. BIND's `minimal-any` and Knot do
//! the same.

use halfmoon_wire::{Section, Type};
use halfmoon_zones::{Node, RrSet};

use super::node::Said;
use super::{Asked, Turn};
use crate::shared::AnyAnswers;
use crate::transport::Protocol;

/// The type that a name is answered with when it is asked for ANY and one RRset has to do: the one
/// with the least number, computed ones behind all others, and DNSSEC's own only where there is
/// nothing else. Every server of the zone picks the same. `None`: there is nothing at the name.
pub(super) fn representative(node: Node<'_>) -> Option<Type> {
    let types = || node.sets().map(|set| set.rtype()).filter(|rtype| *rtype != Type::LUA);
    let plain = types().filter(|rtype| !matches!(*rtype, Type::RRSIG | Type::NSEC | Type::NSEC3));
    let computed = node.programs().map(|program| program.inner).filter(|inner| *inner != Type::LUA);
    plain.min().or_else(|| computed.min()).or_else(|| types().min())
}

impl<'a> Turn<'_, 'a> {
    /// Whether one RRset has to do for ANY.
    pub(super) fn is_any_minimal(&self) -> bool {
        self.policy.any == AnyAnswers::Minimal && self.peer.protocol != Protocol::Tcp
    }

    /// Everything at the name (RFC 1035 section 3.2.3), programs' source aside.
    pub(super) fn all_sets(&mut self, node: Node<'a>, asked: Asked<'_>) -> Said {
        if !self.write_all_sets(node, asked) {
            return Said::Answer;
        }
        if node.is_empty() { Said::NoData } else { Said::Answer }
    }

    /// Writes all RRsets; `false` when one did not fit.
    pub(super) fn write_all_sets(&mut self, node: Node<'a>, asked: Asked<'_>) -> bool {
        // Where each RRset has its signatures with it, they do not come a second time.
        let signed = self.signer.is_some();
        let is_told =
            |set: &RrSet<'_>| set.rtype() != Type::LUA && !(set.rtype() == Type::RRSIG && signed);
        for set in node.sets().filter(is_told) {
            let names = (self.owner(asked), self.name(asked));
            if !self.write_signed(Section::Answer, names, (node, set), set.ttl()) {
                self.reply.truncated();
                return false;
            }
        }
        true
    }
}
