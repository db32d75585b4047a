//! Which questions are asked: those whose answers programs may have a part in.

use halfmoon_wire::{NameBuf, Type};

use crate::shared::Zones;

/// A name and a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) name: NameBuf,
    pub(super) rtype: Type,
}

/// What programs make, and the addresses behind aliases, which may lead to such. A wildcard is asked by
/// its own name.
pub(super) fn all(zones: &Zones) -> Vec<Question> {
    let mut questions = Vec::new();
    if zones.zones().iter().all(|hosted| hosted.zone.program_count() == 0) {
        return questions;
    }
    for hosted in zones.zones() {
        for node in hosted.zone.nodes().filter(|node| !node.is_occluded() && !node.is_cut()) {
            let mut types: Vec<Type> = node.programs().map(|program| program.inner).collect();
            if node.is_alias() || node.has_alias_programs() {
                types.extend([Type::A, Type::AAAA]);
            }
            types.retain(|rtype| !matches!(*rtype, Type::LUA | Type::SOA | Type::CNAME));
            types.sort_unstable();
            types.dedup();
            let name = node.owner().to_buf();
            questions.extend(types.into_iter().map(|rtype| Question { name, rtype }));
        }
    }
    questions
}
