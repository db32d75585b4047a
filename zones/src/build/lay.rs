//! Lays checked records out as a [`Zone`].

use halfmoon_wire::{DenialSoa, Name, NameBuf, SuffixHashes, Type};

use super::{Builder, OwnerName};
use crate::tree::{
    ALIAS, ALIAS_PROGRAMS, CUT, DNAME, HASHED, NONE, NodeData, OCCLUDED, PARENT, PROGRAMS,
    RECORD_HEAD, SetData, WILDCARD_CHILD, has_target, record_head, target,
};
use crate::{Fault, ProgramSource, Zone};

/// The zone and its programs in the order in which it numbers them.
type Laid = (Zone, Vec<(NameBuf, ProgramSource)>);

impl Builder {
    /// Makes the arrays of the zone. `None` when they would be larger than they can be; that is
    /// reported.
    pub(super) fn lay_out(&mut self, apex: u32) -> Option<Laid> {
        let laid = self.try_lay_out(apex);
        if laid.is_none() {
            let place = self.owners[apex as usize].place;
            let message = "zone holds more than 4 GiB of names or data";
            self.report(
                Fault::error("too-large", place, message).help("split it into several zones"),
            );
        }
        laid
    }

    fn try_lay_out(&mut self, apex: u32) -> Option<Laid> {
        let mut nodes = self.lay_nodes(apex)?;
        let (mut sets, mut places) = (Vec::new(), Vec::new());
        let mut sources: Vec<Option<ProgramSource>> =
            std::mem::take(&mut self.programs).into_iter().map(Some).collect();
        let mut programs = Vec::new();
        let heads = self.records.len() * RECORD_HEAD;
        let mut data = Vec::with_capacity(self.names.len() + self.data.len() + heads);
        for set in self.records.chunk_by(|a, b| a.owner == b.owner && a.rtype == b.rtype) {
            let first = set[0];
            let node = &mut nodes[first.owner as usize];
            if node.set_count == 0 {
                node.sets = u32::try_from(sets.len()).ok()?;
                node.name = u32::try_from(data.len()).ok()?;
                data.extend_from_slice(self.owner_name(first.owner).as_wire());
            }
            node.set_count += 1;
            node.flags |= match first.rtype {
                Type::NS if first.owner != apex => CUT,
                Type::DNAME => DNAME,
                Type::CNAME => ALIAS,
                Type::LUA => PROGRAMS,
                _ => 0,
            };
            let extra = if first.rtype == Type::LUA { programs.len() as u32 } else { NONE };
            // An RRset that is larger has a fault, and its zone is not served.
            let set = &set[..set.len().min(usize::from(u16::MAX))];
            let start = u32::try_from(data.len()).ok()?;
            let is_lua = first.rtype == Type::LUA;
            for record in set {
                data.extend_from_slice(&record_head(record.rtype, record.ttl, record.length));
                let rdata = self.rdata(record);
                data.extend_from_slice(rdata);
                // The data of a program begins with the type of the records it makes.
                if is_lua && rdata.starts_with(&Type::CNAME.0.to_be_bytes()) {
                    node.flags |= ALIAS_PROGRAMS;
                }
                if let Some(source) = sources.get_mut(record.program as usize).filter(|_| is_lua) {
                    let owner = self.owner_name(record.owner).to_buf();
                    let source = source.take()?;
                    programs.push((owner, ProgramSource { ttl: first.ttl, ..source }));
                }
            }
            places.push(crate::tree::pack(first.place));
            sets.push(SetData {
                rtype: first.rtype,
                count: set.len() as u16,
                ttl: first.ttl,
                start,
                length: u32::try_from(data.len()).ok()? - start,
                extra,
            });
        }
        for (id, node) in nodes.iter_mut().enumerate().filter(|(_, node)| node.set_count == 0) {
            node.name = u32::try_from(data.len()).ok()?;
            data.extend_from_slice(self.owner_name(id as u32).as_wire());
        }
        mark_occluded(&mut nodes, apex);
        mark_hashed(&mut nodes, &sets, apex);
        let labels = |id: u32| self.owner_name(id).label_count() as u8;
        let apex_labels = labels(apex);
        let most_labels = (0..nodes.len() as u32).map(labels).max().unwrap_or(0);
        let apex_sets = &nodes[apex as usize];
        let soa = (apex_sets.sets..apex_sets.sets + u32::from(apex_sets.set_count))
            .find(|&set| sets[set as usize].rtype == Type::SOA)?;
        let mut table = std::mem::take(&mut self.table);
        table.shrink();
        let mut zone = Zone {
            nodes: nodes.into(),
            sets: sets.into(),
            data: data.into(),
            targets: Box::default(),
            table,
            apex,
            apex_labels,
            soa,
            most_labels,
            negative_ttl: 0,
            denial_soa: DenialSoa::default(),
            serial: 0,
            records: self.records.len() as u32,
            programs: programs.len() as u32,
            places: places.into(),
            files: crate::Files::default(),
        };
        let (ttl, soa) = zone.denial();
        debug_assert_eq!(ttl, 0, "not known yet");
        let [serial, minimum] = soa.rdatas().next().map_or([0, 0], soa_numbers);
        let own_ttl = soa.ttl();
        let rdata = soa.rdatas().next().unwrap_or_default();
        zone.denial_soa = DenialSoa::new(zone.apex(), rdata);
        zone.serial = serial;
        zone.negative_ttl = own_ttl.min(minimum);
        resolve_targets(&mut zone);
        Some((zone, programs))
    }

    /// A node for each owner inside the zone, under the same number, and for each empty
    /// non-terminal.
    fn lay_nodes(&mut self, apex: u32) -> Option<Vec<NodeData>> {
        let apex_name = self.owner_name(apex).to_buf();
        let mut parents = vec![NONE; self.owners.len()];
        let mut at = 0;
        // Most names have the parent of the name before.
        let mut last = apex;
        // Empty non-terminals are added at the end and come by in their turn.
        while at < self.owners.len() {
            let name = self.owner_name(at as u32);
            if at as u32 != apex && name.is_below(apex_name.as_name()) {
                let parent = name.parent().unwrap_or(Name::ROOT);
                if self.owner_name(last) != parent {
                    let parent = parent.to_buf();
                    last = self.intern(parent.as_name(), self.owners[at].place)?;
                    parents.resize(self.owners.len(), NONE);
                }
                parents[at] = last;
            }
            at += 1;
        }
        let mut nodes: Vec<NodeData> = self
            .owners
            .iter()
            .zip(&parents)
            .map(|(&OwnerName { length, .. }, &parent)| NodeData {
                name: NONE,
                parent,
                sets: 0,
                set_count: 0,
                flags: 0,
                name_length: length,
            })
            .collect();
        for (owner, &parent) in parents.iter().enumerate() {
            if parent == NONE {
                continue;
            }
            nodes[parent as usize].flags |= PARENT;
            if self.owner_name(owner as u32).is_wildcard() {
                nodes[parent as usize].flags |= WILDCARD_CHILD;
            }
        }
        Some(nodes)
    }
}

/// Marks what lies below a zone cut or a DNAME.
fn mark_occluded(nodes: &mut [NodeData], apex: u32) {
    const KNOWN: u16 = 1 << 15;
    for id in 0..nodes.len() {
        // Walks up to what is known, then marks the way back down.
        let mut way = [0u32; 128];
        let mut length = 0;
        let mut at = id as u32;
        while at != apex
            && nodes[at as usize].parent != NONE
            && nodes[at as usize].flags & KNOWN == 0
        {
            way[length] = at;
            length += 1;
            at = nodes[at as usize].parent;
        }
        for &below in way[..length].iter().rev() {
            let above = nodes[nodes[below as usize].parent as usize].flags;
            let node = &mut nodes[below as usize];
            node.flags |= KNOWN;
            if above & (CUT | DNAME | OCCLUDED) != 0 {
                node.flags |= OCCLUDED;
            }
        }
    }
    nodes.iter_mut().for_each(|node| node.flags &= !KNOWN);
}

/// Marks what holds NSEC3 records and their signatures only.
fn mark_hashed(nodes: &mut [NodeData], sets: &[SetData], apex: u32) {
    for (id, node) in nodes.iter_mut().enumerate() {
        let start = node.sets as usize;
        let own = &sets[start..start + usize::from(node.set_count)];
        let is_hashed = own.iter().any(|set| set.rtype == Type::NSEC3)
            && own.iter().all(|set| matches!(set.rtype, Type::NSEC3 | Type::RRSIG));
        if is_hashed && node.flags & PARENT == 0 && id as u32 != apex {
            node.flags |= HASHED;
        }
    }
}

/// SERIAL and MINIMUM of a SOA's data.
fn soa_numbers(rdata: &[u8]) -> [u32; 2] {
    let word = |at: usize| {
        rdata
            .get(at..)
            .and_then(|octets| octets.first_chunk())
            .map_or(0, |o| u32::from_be_bytes(*o))
    };
    let numbers = rdata.len().saturating_sub(20);
    [word(numbers), word(numbers + 16)]
}

/// Finds for each record that names a host the node that has its addresses.
fn resolve_targets(zone: &mut Zone) {
    let mut hashes = SuffixHashes::default();
    let mut targets = Vec::new();
    let mut places = Vec::new();
    for (at, set) in zone.sets.iter().enumerate() {
        if !has_target(set.rtype) {
            continue;
        }
        let start = targets.len();
        // Below a cut lie addresses that only a referral or an NS RRset may bring along.
        let glue = set.rtype == Type::NS;
        targets.extend(zone.set_at(at).rdatas().map(|rdata| match target(set.rtype, rdata) {
            Some(host) => zone.host(host, &mut hashes, glue),
            None => NONE,
        }));
        if targets[start..].iter().all(|&id| id == NONE) {
            targets.truncate(start);
        } else {
            places.push((at, start as u32));
        }
    }
    for (at, start) in places {
        zone.sets[at].extra = start;
    }
    zone.targets = targets.into();
}
