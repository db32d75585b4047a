//! What records of a zone have to be to each other.
//!
//! Refused is what NSD, Knot and BIND all refuse. What any of them serves is served, with a
//! warning where it looks wrong.

use std::collections::HashSet;

use halfmoon_wire::{Name, SuffixHashes, Type};

use super::{Builder, Record};
use crate::rdata::{has_canonical_form, put_canonical};
use crate::tree::{CUT, NONE, target};
use crate::{Fault, Place, Zone};

impl Builder {
    /// The owner of the SOA. Without one, or with several, that is reported.
    pub(super) fn find_apex(&mut self, top: Place) -> Option<u32> {
        let mut soas = self.records.iter().filter(|record| record.rtype == Type::SOA);
        let Some(first) = soas.next().copied() else {
            self.report(Fault::error("no-soa", top, "zone has no SOA record").help(
                "begin with `@ SOA ns1.example.net. hostmaster.example.net. 1 1h 15m 30d 5m`",
            ));
            return None;
        };
        let others: Vec<Record> = soas.copied().collect();
        for other in others {
            if other.owner == first.owner && self.rdata(&other) == self.rdata(&first) {
                continue;
            }
            let (mine, theirs) = (self.owner_name(first.owner), self.owner_name(other.owner));
            let message = format!("second SOA, at {theirs}; the zone {mine} has one already");
            self.report(
                Fault::error("two-soas", other.place, message)
                    .help("keep one SOA; put another zone into a file of its own"),
            );
        }
        Some(first.owner)
    }

    /// Leaves out what does not lie in the zone, with a warning for each owner.
    pub(super) fn drop_foreign(&mut self, apex: u32) {
        let apex_name = self.owner_name(apex).to_buf();
        let foreign: HashSet<u32> = (0..self.owners.len() as u32)
            .filter(|&owner| !self.owner_name(owner).is_at_or_below(apex_name.as_name()))
            .collect();
        if foreign.is_empty() {
            return;
        }
        for &owner in &foreign {
            let place = self.owners[owner as usize].place;
            let name = self.owner_name(owner);
            let message = format!("{name} is outside zone {apex_name}; its records are left out");
            self.report(
                Fault::warning("out-of-zone", place, message)
                    .help("check $ORIGIN and the dot at the end of the name"),
            );
        }
        self.records.retain(|record| !foreign.contains(&record.owner));
    }

    /// Puts records in order of owner and type, those of one RRset in the order of the file, and
    /// leaves out repetitions.
    pub(super) fn put_in_order(&mut self) {
        let in_order =
            |pair: &[Record]| (pair[0].owner, pair[0].rtype) <= (pair[1].owner, pair[1].rtype);
        if !self.records.windows(2).all(in_order) {
            self.records.sort_by_key(|record| (record.owner, record.rtype));
        }
        let records = std::mem::take(&mut self.records);
        let mut kept: Vec<Record> = Vec::with_capacity(records.len());
        for set in records.chunk_by(same_set) {
            let start = kept.len();
            if set.len() > 1 && has_canonical_form(set[0].rtype) {
                // Names are the same in either case, and so are data with names in them.
                let mut seen: HashSet<Vec<u8>> = HashSet::new();
                kept.extend(set.iter().filter(|record| {
                    let mut canonical = Vec::new();
                    put_canonical(record.rtype, self.rdata(record), &mut canonical);
                    seen.insert(canonical)
                }));
                continue;
            }
            // Beyond a few, the data seen are kept in a hash set: an RRset may have thousands.
            let mut seen: HashSet<&[u8]> = HashSet::new();
            for record in set {
                let known = if set.len() <= 8 {
                    kept[start..].iter().any(|other| self.rdata(other) == self.rdata(record))
                } else {
                    !seen.insert(self.rdata(record))
                };
                // Two equal programs are two programs: each may answer with something else.
                if !known || record.rtype == Type::LUA {
                    kept.push(*record);
                }
            }
        }
        self.records = kept;
    }

    /// Checks RRset by RRset and owner by owner.
    pub(super) fn check_sets(&mut self, apex: u32) {
        let mut faults = Vec::new();
        for set in self.records.chunk_by(same_set) {
            self.check_set(set, &mut faults);
        }
        for owner in self.records.chunk_by(|a, b| a.owner == b.owner) {
            self.check_owner(owner, apex, &mut faults);
        }
        if !self.records.iter().any(|r| r.owner == apex && r.rtype == Type::NS) {
            let place = self.owners[apex as usize].place;
            let apex = self.owner_name(apex);
            faults.push(
                Fault::warning("no-ns", place, format!("zone {apex} has no NS record"))
                    .help("name the servers of the zone as the parent zone does"),
            );
        }
        for fault in faults {
            self.report(fault);
        }
        // RFC 2181 section 5.2: an RRset has one TTL, the least that was given.
        let mut records = std::mem::take(&mut self.records);
        for set in records.chunk_by_mut(same_set) {
            if set[0].rtype != Type::LUA && set[0].rtype != Type::RRSIG {
                let least = set.iter().map(|record| record.ttl).min().unwrap_or(0);
                set.iter_mut().for_each(|record| record.ttl = least);
            }
        }
        self.records = records;
    }

    fn check_set(&self, set: &[Record], faults: &mut Vec<Fault>) {
        let Record { owner, rtype, ttl, .. } = set[0];
        if set.len() > usize::from(u16::MAX) {
            let owner = self.owner_name(owner);
            let message = format!("{owner} has {} {rtype} records", set.len());
            faults.push(
                Fault::error("rrset-too-large", set[0].place, message)
                    .help("no message can hold more than 65535 records"),
            );
        }
        let single = matches!(rtype, Type::CNAME | Type::DNAME);
        for record in &set[1..] {
            if single {
                let owner = self.owner_name(owner);
                faults.push(
                    Fault::error("two-aliases", record.place, format!("second {rtype} at {owner}"))
                        .help(format!(
                            "keep one {rtype}: a name can be an alias of one other only"
                        )),
                );
            }
            if record.ttl != ttl && rtype != Type::RRSIG && rtype != Type::LUA {
                let owner = self.owner_name(owner);
                faults.push(
                    Fault::warning(
                        "ttls-differ",
                        record.place,
                        format!(
                            "TTL {} differs from {ttl} of the first {rtype} record at {owner}; \
                             the least is used for all",
                            record.ttl
                        ),
                    )
                    .help("give all records of one name and type the same TTL"),
                );
                break;
            }
        }
    }

    fn check_owner(&self, records: &[Record], apex: u32, faults: &mut Vec<Fault>) {
        let find = |rtype| records.iter().find(|record| record.rtype == rtype);
        let owner = self.owner_name(records[0].owner);
        if let Some(alias) = find(Type::CNAME) {
            // RFC 2181 section 10.1, RFC 4034 sections 3 and 4: beside a CNAME, DNSSEC data only.
            let other = records.iter().find(|record| {
                !matches!(record.rtype, Type::CNAME | Type::RRSIG | Type::NSEC | Type::KEY)
            });
            match other {
                Some(other) if other.rtype == Type::LUA => faults.push(
                    Fault::warning(
                        "program-beside-cname",
                        other.place,
                        format!("{owner} has a CNAME, which hides this program"),
                    )
                    .help("remove one of the two"),
                ),
                Some(other) => faults.push(
                    Fault::error(
                        "cname-and-other-data",
                        alias.place.max(other.place),
                        format!("{owner} has a CNAME and {} records", other.rtype),
                    )
                    .help("an alias can have no other data: remove the CNAME or the rest"),
                ),
                None => {}
            }
        }
        let delegation = find(Type::NS).filter(|_| records[0].owner != apex);
        if let (Some(ns), Some(_)) = (delegation, find(Type::DNAME)) {
            faults.push(
                Fault::warning(
                    "dname-at-cut",
                    ns.place,
                    format!("{owner} is delegated and has a DNAME, which is never seen"),
                )
                .help("remove one of the two"),
            );
        }
        if let (None, Some(ds)) = (delegation, find(Type::DS)) {
            faults.push(
                Fault::warning("ds-without-ns", ds.place, format!("{owner} has DS but no NS"))
                    .help("a DS record belongs to a delegation"),
            );
        }
        if let Some(ns) = delegation.filter(|_| owner.is_wildcard()) {
            faults.push(
                Fault::warning("ns-at-wildcard", ns.place, format!("{owner} has NS records"))
                    .help("RFC 4592 section 4.2 leaves open what that means; delegate by name"),
            );
        }
    }

    /// Checks what shows in the tree only: data nobody sees, and missing glue.
    pub(super) fn check_tree(&mut self, zone: &Zone) {
        let mut hashes = SuffixHashes::default();
        let mut faults = Vec::new();
        faults.extend(self.check_servers(zone));
        for set in self.records.chunk_by(same_set) {
            let Record { owner, rtype, place, .. } = set[0];
            let node = &zone.nodes[owner as usize];
            let name = self.owner_name(owner);
            let at_cut = node.flags & CUT != 0;
            let hidden = zone.is_hidden(owner)
                || at_cut
                    && !matches!(
                        rtype,
                        Type::NS | Type::DS | Type::DNAME | Type::NSEC | Type::RRSIG
                    );
            // A DNAME at a cut is told of by itself.
            if hidden && !is_glue_type(rtype) {
                faults.push(
                    Fault::warning(
                        "occluded",
                        place,
                        format!(
                            "{rtype} at {name} lies at or below a zone cut or DNAME: never answered"
                        ),
                    )
                    .help("move it into the delegated zone, or remove the delegation"),
                );
            }
            if at_cut && rtype == Type::NS {
                for record in set {
                    let Some(host) = target(rtype, self.rdata(record)) else {
                        continue;
                    };
                    if host.is_at_or_below(name) && !has_address(zone, host, &mut hashes) {
                        faults.push(
                            Fault::warning(
                                "missing-glue",
                                record.place,
                                format!(
                                    "{host} lies below the zone cut {name} and has no address here"
                                ),
                            )
                            .help(format!("add `{host} A` or `AAAA` records to this zone")),
                        );
                    }
                }
            }
        }
        for fault in faults {
            self.report(fault);
        }
    }

    /// Whether the servers of the zone, as far as it has their addresses, stand and fall together:
    /// one address, one IPv4 /24 and one IPv6 /48 (RFC 2182 section 3.1).
    fn check_servers(&self, zone: &Zone) -> Option<Fault> {
        let servers = zone.named(zone.apex())?.set(Type::NS)?;
        let many = servers.rdatas().count();
        if many < 2 {
            return None;
        }
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for server in servers.rdatas() {
            let host = zone.named(target(Type::NS, server)?);
            let of_type = |rtype| host.and_then(|host| host.set(rtype));
            let before = v4.len() + v6.len();
            v4.extend(of_type(Type::A).into_iter().flat_map(|set| set.rdatas()));
            v6.extend(of_type(Type::AAAA).into_iter().flat_map(|set| set.rdatas()));
            // An address that stands elsewhere, or that a program makes, may be anywhere.
            if v4.len() + v6.len() == before {
                return None;
            }
        }
        let are_alike = |addresses: &[&[u8]], octets: usize| {
            addresses.windows(2).all(|two| two[0].get(..octets) == two[1].get(..octets))
        };
        let (rule, message, help) = if are_alike(&v4, 4) && are_alike(&v6, 16) {
            let message = format!("all {many} name servers of the zone have one address");
            let help = "one failure ends them all: give each an address, in networks that do not \
                        fail together";
            ("ns-one-address", message, help)
        } else if are_alike(&v4, 3) && are_alike(&v6, 6) {
            let message = format!("all {many} name servers of the zone are in one network");
            let help = "put one of them into another /24 and /48 (RFC 2182 section 3.1)";
            ("ns-one-network", message, help)
        } else {
            return None;
        };
        let is_theirs =
            |r: &&Record| r.rtype == Type::NS && self.owner_name(r.owner) == zone.apex();
        let place = self.records.iter().find(is_theirs)?.place;
        Some(Fault::warning(rule, place, message).help(help))
    }
}

fn same_set(a: &Record, b: &Record) -> bool {
    a.owner == b.owner && a.rtype == b.rtype
}

const fn is_glue_type(rtype: Type) -> bool {
    matches!(rtype, Type::A | Type::AAAA)
}

fn has_address(zone: &Zone, host: Name<'_>, hashes: &mut SuffixHashes) -> bool {
    let id = zone.host(host, hashes, true);
    if id == NONE {
        return false;
    }
    let node = zone.node_at(id);
    node.set(Type::A).is_some() || node.set(Type::AAAA).is_some() || node.has_programs()
}
