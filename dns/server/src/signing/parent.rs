//! Whether the parent's servers have the DS record of a key: all of them are asked, one by one, since
//! a validator may hear of it from any.
//!
//! For the thread that rolls keys; it waits for the network.

use std::io::ErrorKind;
use std::net::SocketAddr;

use halfmoon_dnssec::Look;
use halfmoon_wire::{Name, Section, Type};

use crate::parent::{Parents, Server, ask};
use crate::shared::Zones;

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

/// Asks all servers of the parent of `child` for one of `wanted`, the data of DS records that are as
/// good as each other.
pub(super) fn look(parents: &Parents, zones: &Zones, child: Name<'_>, wanted: &[Vec<u8>]) -> Look {
    let servers = match parents.servers(zones, child) {
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
        let join = |(address, thread): (SocketAddr, std::thread::ScopedJoinHandle<'_, Said>)| {
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
