//! Whether the parent's servers have the DS record of a key: all of them are asked, one by one, since
//! a validator may hear of it from any.
//!
//! For the thread that rolls keys; it waits for the network.

use std::fs;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use halfmoon_dnssec::Look;
use halfmoon_wire::{Name, NameBuf, Rcode, Response, Section, Type, question};

use crate::shared::Zones;

/// How long one server may take to answer once.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often a server is asked over UDP before it counts as silent.
const TRIES: usize = 3;
/// The port of name servers.
const PORT: u16 = 53;
/// The most servers and addresses that are asked.
const MOST: usize = 32;
/// The file that names the system's resolvers.
const RESOLVERS: &str = "/etc/resolv.conf";

/// How the servers of parents are found.
#[derive(Clone, Debug, Default)]
pub(super) struct Parents {
    /// Servers that are given for the zones below a name.
    pub(super) given: Vec<(NameBuf, Vec<SocketAddr>)>,
    /// Who is asked for everything else; `None`: whom the system asks.
    pub(super) resolver: Option<SocketAddr>,
}

/// A server of the parent.
#[derive(Debug)]
struct Server {
    name: String,
    addresses: Vec<SocketAddr>,
}

/// What one address says of a DS.
#[derive(Debug)]
enum Said {
    /// It has the record that is looked for; the TTL of its RRset.
    Has(u32),
    /// It answers, and does not have it; the TTL of the RRset that it has instead.
    Lacks(String, u32),
    /// There is no way to it from here.
    NoWay,
}

impl Parents {
    /// Asks all servers of the parent of `child` for one of `wanted`, the data of DS records that are as
    /// good as each other.
    pub(super) fn look(&self, zones: &Zones, child: Name<'_>, wanted: &[Vec<u8>]) -> Look {
        let servers = match self.servers(zones, child) {
            Ok(servers) => servers,
            Err(why) => return Look { lacking: vec![why], ..Look::default() },
        };
        let heard: Vec<(&Server, Vec<(SocketAddr, Said)>)> = std::thread::scope(|scope| {
            let asked: Vec<_> = servers
                .iter()
                .map(|server| {
                    let of = server.addresses.iter().map(|&address| {
                        (address, scope.spawn(move || ask_for_ds(address, child, wanted)))
                    });
                    (server, of.collect::<Vec<_>>())
                })
                .collect();
            let join =
                |(address, thread): (SocketAddr, std::thread::ScopedJoinHandle<'_, Said>)| {
                    let failed = |_| Said::Lacks("could not be asked".to_owned(), 0);
                    (address, thread.join().unwrap_or_else(failed))
                };
            asked
                .into_iter()
                .map(|(server, threads)| (server, threads.into_iter().map(join).collect()))
                .collect()
        });
        let mut look = Look { asked: servers.len(), ..Look::default() };
        for (Server { name, .. }, heard) in heard {
            let mut is_heard = false;
            for (address, said) in heard {
                match said {
                    Said::Has(ttl) => {
                        is_heard = true;
                        look.ttl = look.ttl.max(ttl);
                    }
                    Said::Lacks(why, ttl) => {
                        is_heard = true;
                        look.ttl = look.ttl.max(ttl);
                        look.lacking.push(format!("{name} ({}) {why}", address.ip()));
                    }
                    Said::NoWay => {}
                }
            }
            if !is_heard {
                look.lacking.push(format!("{name} cannot be reached from here"));
            }
        }
        look
    }

    /// The servers of the parent of a zone.
    fn servers(&self, zones: &Zones, child: Name<'_>) -> Result<Vec<Server>, String> {
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

fn address(rdata: &[u8]) -> Option<IpAddr> {
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

fn ask_for_ds(server: SocketAddr, child: Name<'_>, wanted: &[Vec<u8>]) -> Said {
    let answer = match ask(server, child, Type::DS, false) {
        Ok(answer) => answer,
        Err(error) => {
            return match error.kind() {
                ErrorKind::NetworkUnreachable
                | ErrorKind::AddrNotAvailable
                | ErrorKind::Unsupported => Said::NoWay,
                ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                    Said::Lacks("does not answer".into(), 0)
                }
                _ => Said::Lacks(format!("cannot be asked: {error}"), 0),
            };
        }
    };
    let Some(response) = answer.response() else {
        return Said::Lacks("answers with nonsense".to_owned(), 0);
    };
    if !response.is_authoritative() {
        return Said::Lacks("does not speak for the parent".to_owned(), 0);
    }
    let (mut ttl, mut tags, mut has) = (0, Vec::new(), false);
    for record in response.records() {
        if record.section != Section::Answer
            || record.rtype != Type::DS
            || record.owner.as_name() != child
        {
            continue;
        }
        ttl = ttl.max(record.ttl);
        has |= wanted.iter().any(|wanted| wanted == record.rdata);
        tags.extend(record.rdata.first_chunk().map(|tag| u16::from_be_bytes(*tag).to_string()));
    }
    if has {
        return Said::Has(ttl);
    }
    let why = if tags.is_empty() {
        "has no DS record of the zone".to_owned()
    } else {
        tags.dedup();
        format!("has DS {} only", tags.join(" and "))
    };
    Said::Lacks(why, ttl)
}

/// A message that came back, and what it answers.
struct Answer {
    message: Vec<u8>,
    id: u16,
    name: NameBuf,
    rtype: Type,
}

impl Answer {
    fn response(&self) -> Option<Response<'_>> {
        Response::parse(&self.message, self.id, self.name.as_name(), self.rtype)
    }
}

/// Asks one server, over TCP where UDP is too small.
fn ask(server: SocketAddr, name: Name<'_>, rtype: Type, recursion: bool) -> io::Result<Answer> {
    let mut last = io::Error::from(ErrorKind::TimedOut);
    for _ in 0..TRIES {
        let id = fastrand::u16(..);
        let message = question(id, name, rtype, recursion);
        match ask_udp(server, &message, (id, name, rtype)) {
            Ok(message) => {
                let answer = Answer { message, id, name: name.to_buf(), rtype };
                if !answer.response().is_some_and(|response| response.is_truncated()) {
                    return Ok(answer);
                }
                let message = ask_tcp(server, &question(id, name, rtype, recursion))?;
                return Ok(Answer { message, ..answer });
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn ask_udp(
    server: SocketAddr,
    message: &[u8],
    (id, name, rtype): (u16, Name<'_>, Type),
) -> io::Result<Vec<u8>> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(server)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.send(message)?;
    let mut octets = vec![0; 65_535];
    // Whatever does not answer the question may be somebody's attempt to be believed.
    for _ in 0..TRIES {
        let length = socket.recv(&mut octets)?;
        if Response::parse(&octets[..length], id, name, rtype).is_some() {
            octets.truncate(length);
            return Ok(octets);
        }
    }
    Err(io::Error::new(ErrorKind::InvalidData, "answers something else"))
}

fn ask_tcp(server: SocketAddr, message: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&server, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let length = message.len() as u16;
    stream.write_all(&[&length.to_be_bytes(), message].concat())?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut octets = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut octets)?;
    Ok(octets)
}
