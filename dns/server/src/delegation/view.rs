//! What servers say of a zone and of its delegation.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr};

use halfmoon_wire::{Name, NameBuf, Rcode, Response, Section, Type};

use crate::parent::{self, Answer, address};

/// Addresses, by the name that has them, in lower case.
pub(super) type Hosts = BTreeMap<String, BTreeSet<IpAddr>>;

/// The zone as its own server has it.
#[derive(Debug, Default)]
pub(super) struct Ours {
    /// The names of its servers, in lower case.
    pub(super) servers: BTreeSet<String>,
    /// The addresses of those of them that are in the zone: only the parent can tell of them first (RFC 9471).
    pub(super) glue: Hosts,
    /// The data of its DNSKEY records.
    pub(super) keys: Vec<Vec<u8>>,
}

/// The delegation as a server of the parent has it.
#[derive(Debug, Default)]
pub(super) struct Theirs {
    /// The names of the zone's servers, in lower case; `None`: this server has the zone itself, too, and says
    /// nothing of the delegation.
    pub(super) servers: Option<BTreeSet<String>>,
    /// The addresses that come along.
    pub(super) glue: Hosts,
    /// The data of the DS records.
    pub(super) ds: Vec<Vec<u8>>,
}

/// A name as it is compared and shown.
pub(super) fn canonical(name: Name<'_>) -> String {
    name.to_string().to_ascii_lowercase()
}

impl Ours {
    /// Asks the server that has the zone.
    pub(super) fn of(server: SocketAddr, zone: Name<'_>) -> Result<Self, String> {
        let answer = ask(server, zone, Type::NS).map_err(|why| format!("{server} {why}"))?;
        let response = speaks(&answer).map_err(|why| format!("{server} {why}"))?;
        let names: Vec<NameBuf> = names_in(&response, zone, Section::Answer);
        if !response.is_authoritative() || names.is_empty() {
            return Err(format!("{server} does not have the zone {zone}"));
        }
        let mut ours = Self::default();
        for name in names {
            let name = name.as_name();
            ours.servers.insert(canonical(name));
            if name != zone && !name.is_below(zone) {
                continue;
            }
            let mut addresses = BTreeSet::new();
            for rtype in [Type::A, Type::AAAA] {
                let answer = ask(server, name, rtype).map_err(|why| format!("{server} {why}"))?;
                let response = speaks(&answer).map_err(|why| format!("{server} {why}"))?;
                let records = response.records().filter(|record| record.rtype == rtype);
                addresses.extend(records.filter_map(|record| address(record.rdata)));
            }
            ours.glue.insert(canonical(name), addresses);
        }
        let answer = ask(server, zone, Type::DNSKEY).map_err(|why| format!("{server} {why}"))?;
        let response = speaks(&answer).map_err(|why| format!("{server} {why}"))?;
        ours.keys = data_of(&response, zone, Type::DNSKEY);
        Ok(ours)
    }
}

impl Theirs {
    /// Asks a server of the parent.
    pub(super) fn of(server: SocketAddr, zone: Name<'_>) -> Result<Self, String> {
        let answer = ask(server, zone, Type::NS)?;
        let response = speaks(&answer)?;
        let mut theirs = Self::default();
        if response.is_authoritative() {
            // It has the zone as well, or it knows of no such delegation: its answer on DS is the parent's.
            if names_in(&response, zone, Section::Answer).is_empty() {
                theirs.servers = Some(BTreeSet::new());
            }
        } else {
            let records = response
                .records()
                .filter(|record| record.section == Section::Authority && record.rtype == Type::NS);
            let cuts: BTreeSet<String> =
                records.map(|record| canonical(record.owner.as_name())).collect();
            let names = names_in(&response, zone, Section::Authority);
            if names.is_empty() {
                return Err(match cuts.first() {
                    Some(cut) => format!("is not a server of the parent: it refers to {cut}"),
                    None => "does not speak for the parent".to_owned(),
                });
            }
            theirs.servers = Some(names.iter().map(|name| canonical(name.as_name())).collect());
            for record in response.records() {
                let is_address = matches!(record.rtype, Type::A | Type::AAAA);
                if record.section == Section::Additional && is_address {
                    let addresses =
                        theirs.glue.entry(canonical(record.owner.as_name())).or_default();
                    addresses.extend(address(record.rdata));
                }
            }
        }
        let answer = ask(server, zone, Type::DS)?;
        let response = speaks(&answer)?;
        if !response.is_authoritative() {
            return Err("does not speak for the parent".to_owned());
        }
        theirs.ds = data_of(&response, zone, Type::DS);
        Ok(theirs)
    }
}

fn ask(server: SocketAddr, name: Name<'_>, rtype: Type) -> Result<Answer, String> {
    parent::ask(server, name, rtype, false).map_err(|error| match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => "does not answer".to_owned(),
        ErrorKind::NetworkUnreachable | ErrorKind::AddrNotAvailable | ErrorKind::Unsupported => {
            "cannot be reached from here".to_owned()
        }
        _ => format!("cannot be asked: {error}"),
    })
}

/// The response, unless it is a refusal.
fn speaks(answer: &Answer) -> Result<Response<'_>, String> {
    let response = answer.response().ok_or("answers with nonsense")?;
    match response.rcode() {
        Rcode::NOERROR | Rcode::NXDOMAIN => Ok(response),
        Rcode::REFUSED => Err("refuses to answer: it does not have the zone".to_owned()),
        other => Err(format!("answers {other}")),
    }
}

/// The names in the NS records of `owner` in one section.
fn names_in(response: &Response<'_>, owner: Name<'_>, section: Section) -> Vec<NameBuf> {
    let records = response.records().filter(|record| {
        record.section == section && record.rtype == Type::NS && record.owner.as_name() == owner
    });
    records.filter_map(|record| response.name_in(&record)).collect()
}

fn data_of(response: &Response<'_>, owner: Name<'_>, rtype: Type) -> Vec<Vec<u8>> {
    let records = response.records().filter(|record| {
        record.section == Section::Answer
            && record.rtype == rtype
            && record.owner.as_name() == owner
    });
    records.map(|record| record.rdata.to_vec()).collect()
}
