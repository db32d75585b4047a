//! Zone data that programs look up: what `dblookup` and `resolve` know.

use std::fmt;
use std::sync::Arc;

use halfmoon_wire::{Name, SuffixHashes, Type};
use halfmoon_zones::{Catalog, Position};

/// Records of the zones on this server.
pub trait Data: fmt::Debug + Send + Sync {
    /// Calls `each` with TTL and data of every record of exactly this owner and type, until it
    /// says that no more are wanted. No wildcards, no aliases, no programs, nothing at or below a
    /// delegation. Says whether one of our zones answers for the name at all.
    fn lookup(&self, name: Name<'_>, rtype: Type, each: &mut dyn FnMut(u32, &[u8]) -> bool)
    -> bool;
}

/// A handle on [`Data`]. The virtual machine keeps one of its own while a program runs; plans
/// only look through it.
pub trait Share: fmt::Debug {
    /// The data.
    fn data(&self) -> &dyn Data;

    /// Another handle on it.
    fn share(&self) -> Arc<dyn Data>;
}

impl<D: Data + 'static> Share for Arc<D> {
    fn data(&self) -> &dyn Data {
        &**self
    }

    fn share(&self) -> Arc<dyn Data> {
        Self::clone(self)
    }
}

impl<P: fmt::Debug + Send + Sync> Data for Catalog<P> {
    fn lookup(
        &self,
        name: Name<'_>,
        rtype: Type,
        each: &mut dyn FnMut(u32, &[u8]) -> bool,
    ) -> bool {
        let mut hashes = SuffixHashes::default();
        hashes.compute(name);
        let Some(hosted) = self.find(name, &hashes, rtype) else { return false };
        match hosted.zone.find(name, &hashes) {
            Position::Exact(node) => {
                // The text of a program is told to nobody.
                if let Some(set) = node.set(rtype).filter(|_| rtype != Type::LUA) {
                    let _ = set.rdatas().all(|rdata| each(set.ttl(), rdata));
                }
                true
            }
            Position::Cut { .. } => false,
            Position::Below(_) | Position::Wildcard(_) | Position::Missing(_) => true,
        }
    }
}
