//! Addresses that save the client a question (RFC 1034 section 4.3.2 step 6), and glue, without
//! which a delegation cannot be followed (RFC 9471).

use halfmoon_wire::{Name, Owner, Section, Type};
use halfmoon_zones::{Node, RrSet};

use super::Turn;

/// How many hosts of one RRset get their addresses along. Bounds the work of one reply.
const MOST_HOSTS: usize = 32;

impl<'a> Turn<'_, 'a> {
    /// The addresses of the hosts that `set` names, as far as they fit.
    pub(super) fn addresses(&mut self, set: RrSet<'a>) {
        self.hosts(set, |_| false);
    }

    /// The addresses of the servers of a cut. Those that lie below it cannot be had elsewhere:
    /// the reply is truncated when they do not fit.
    pub(super) fn glue(&mut self, cut: Node<'a>, servers: RrSet<'a>) {
        self.hosts(servers, |host| host.is_at_or_below(cut.owner()));
    }

    fn hosts(&mut self, set: RrSet<'a>, required: impl Fn(Name<'_>) -> bool) {
        for (at, (host, node)) in set.targets().take(MOST_HOSTS).enumerate() {
            // Two records may name one host.
            if set.targets().take(at).any(|(earlier, _)| earlier == host) {
                continue;
            }
            for rtype in [Type::A, Type::AAAA] {
                let Some(addresses) = node.set(rtype) else {
                    continue;
                };
                let owner = Owner::Name(host);
                if self.write(Section::Additional, owner, addresses, addresses.ttl()) {
                    self.sign_extra((owner, host), (node, addresses));
                } else if required(host) {
                    self.reply.truncated();
                    return;
                }
            }
        }
    }

    /// Signs addresses that came along, where they are ours to sign and as far as there is room (RFC
    /// 4035 section 3.1.1): nobody relies on them.
    fn sign_extra(&mut self, names: (Owner<'_>, Name<'_>), what: (Node<'a>, RrSet<'a>)) {
        let (node, addresses) = what;
        if node.is_cut() || node.is_occluded() {
            return;
        }
        let mark = self.reply.mark();
        if !matches!(self.sign(Section::Additional, names, what, addresses.ttl()), Ok(true)) {
            self.reply.rewind(mark);
        }
    }
}
