//! The servers of the zone above another: who they are, and questions to them. All that goes on here waits
//! for the network.

mod ask;

use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use halfmoon_wire::{Name, NameBuf, Rcode, Section, Type};

pub(crate) use ask::{Answer, ask};

use crate::config::DnssecConfig;
use crate::shared::Zones;

/// The port of name servers.
const PORT: u16 = 53;
/// The most servers and addresses that are asked.
const MOST: usize = 32;
/// The file that names the system's resolvers.
const RESOLVERS: &str = "/etc/resolv.conf";

/// How the servers of parents are found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parents {
    /// Servers that are given for the zones below a name.
    pub(crate) given: Vec<(NameBuf, Vec<SocketAddr>)>,
    /// Who is asked for everything else; `None`: whom the system asks.
    pub(crate) resolver: Option<SocketAddr>,
}

/// A server of the parent.
#[derive(Debug)]
pub(crate) struct Server {
    /// Its name, or its address where no more is known.
    pub(crate) name: String,
    pub(crate) addresses: Vec<SocketAddr>,
}

impl Parents {
    /// As a configuration says.
    pub(crate) fn new(config: &DnssecConfig) -> Self {
        Self { given: config.parents.clone(), resolver: config.resolver }
    }

    /// The servers of the parent of a zone; `zones` are those that are served here.
    ///
    /// # Errors
    /// Why they cannot be found.
    pub(crate) fn servers(&self, zones: &Zones, child: Name<'_>) -> Result<Vec<Server>, String> {
        let given = self.given.iter().filter(|(parent, _)| child.is_below(parent.as_name()));
        // The closest one counts.
        if let Some((_, servers)) = given.max_by_key(|(parent, _)| parent.as_name().label_count()) {
            let server = |address: &SocketAddr| Server {
                name: address.to_string(),
                addresses: vec![*address],
            };
            return Ok(servers.iter().take(MOST).map(server).collect());
        }
        let names = self.names(zones, child)?;
        let mut servers = Vec::with_capacity(names.len());
        for name in names.into_iter().take(MOST) {
            let mut addresses = self.addresses(zones, name.as_name());
            if addresses.is_empty() {
                return Err(format!("the parent's server {name} has no address that can be found"));
            }
            addresses.truncate(MOST);
            servers.push(Server { name: name.to_string(), addresses });
        }
        Ok(servers)
    }

    /// The names of the servers of the parent: the zone above that is served here, or the closest name
    /// above that has NS records.
    fn names(&self, zones: &Zones, child: Name<'_>) -> Result<Vec<NameBuf>, String> {
        let mut above = child.parent();
        let mut trouble = String::new();
        while let Some(name) = above {
            if let Some(hosted) = zones.zone(name) {
                let servers = hosted.zone.apex_node().set(Type::NS);
                let names = servers.into_iter().flat_map(|set| set.rdatas());
                return Ok(names
                    .filter_map(|rdata| Some(Name::from_wire(rdata).ok()?.to_buf()))
                    .collect());
            }
            let mut names = Vec::new();
            match self.resolve(name, Type::NS) {
                Ok(message) => {
                    let response = message.response();
                    for record in response.iter().flat_map(|response| response.records()) {
                        let is_it = record.section == Section::Answer
                            && record.rtype == Type::NS
                            && record.owner.as_name() == name;
                        let target = response.as_ref().filter(|_| is_it);
                        names.extend(target.and_then(|response| response.name_in(&record)));
                    }
                }
                Err(why) => trouble = why,
            }
            if !names.is_empty() {
                return Ok(names);
            }
            above = name.parent();
        }
        if trouble.is_empty() {
            trouble = "no name above the zone has servers".to_owned();
        }
        Err(format!("the servers of the parent cannot be found: {trouble}"))
    }

    /// The addresses of a name: as the zones here have it, or as the resolver says.
    fn addresses(&self, zones: &Zones, name: Name<'_>) -> Vec<SocketAddr> {
        let mut found = Vec::new();
        for rtype in [Type::A, Type::AAAA] {
            let mut here = local(zones, name, rtype);
            if here.is_empty()
                && let Ok(message) = self.resolve(name, rtype)
                && let Some(response) = message.response()
            {
                let records = response
                    .records()
                    .filter(|record| record.section == Section::Answer && record.rtype == rtype);
                here.extend(records.filter_map(|record| address(record.rdata)));
            }
            found.extend(here.into_iter().map(|address| SocketAddr::new(address, PORT)));
        }
        found
    }

    fn resolve(&self, name: Name<'_>, rtype: Type) -> Result<Answer, String> {
        let resolvers = match self.resolver {
            Some(resolver) => vec![resolver],
            None => system_resolvers(),
        };
        let mut trouble = format!("{RESOLVERS} names no resolver; set dnssec.resolver");
        for resolver in resolvers {
            match ask(resolver, name, rtype, true) {
                Ok(answer) => {
                    let rcode = answer.response().map(|response| response.rcode());
                    if rcode.is_some_and(|rcode| [Rcode::NOERROR, Rcode::NXDOMAIN].contains(&rcode))
                    {
                        return Ok(answer);
                    }
                    trouble = format!("{resolver} fails to resolve {name} {rtype}");
                }
                Err(error) => trouble = format!("{resolver}: {error}"),
            }
        }
        Err(trouble)
    }
}

/// The addresses that the zones here have for a name, glue included.
fn local(zones: &Zones, name: Name<'_>, rtype: Type) -> Vec<IpAddr> {
    let mut above = Some(name);
    while let Some(apex) = above {
        if let Some(hosted) = zones.zone(apex) {
            let node = hosted.zone.named(name);
            let set = node.and_then(|node| node.set(rtype));
            return set.into_iter().flat_map(|set| set.rdatas()).filter_map(address).collect();
        }
        above = apex.parent();
    }
    Vec::new()
}

/// The address in the data of an A or AAAA record.
pub(crate) fn address(rdata: &[u8]) -> Option<IpAddr> {
    match rdata.len() {
        4 => Some(Ipv4Addr::from(*rdata.first_chunk()?).into()),
        16 => Some(Ipv6Addr::from(*rdata.first_chunk()?).into()),
        _ => None,
    }
}

fn system_resolvers() -> Vec<SocketAddr> {
    let text = fs::read_to_string(RESOLVERS).unwrap_or_default();
    let lines = text.lines().filter_map(|line| line.trim().strip_prefix("nameserver"));
    let addresses = lines.filter_map(|rest| rest.split_whitespace().next()?.parse().ok());
    addresses.map(|address| SocketAddr::new(address, PORT)).take(3).collect()
}
