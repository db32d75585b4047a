//! Why an answer is what it is: one question is answered by the code that answers all, which leaves a
//! trail, and what is known of the endpoints on it is put beside it.
//!
//! Nothing of it is on the way of a query. It works the same with the snapshots of a running server
//! and with files alone ([`crate::offline::Offline`]).

mod asked;
mod known;
mod over_dns;
mod suppose;
mod text;
pub mod view;
mod words;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::SystemTime;

use halfmoon_healthcheck::Snapshot;
use halfmoon_wire::{NameBuf, Type, question};
use ipnet::IpNet;

use crate::answer::Trail;
use crate::date::date;
use crate::overrides::Target;
use crate::shared::Shared;
use crate::tenants::Realm;
use crate::transport::{Peer, Protocol, Service, Verdict};
use crate::worker::Worker;

pub use asked::{Asked, MOST_TARGETS, question as written};
pub(crate) use over_dns::{asks, over_dns};
pub use suppose::{Rest, States, matching, suppose, suppose_states};
pub use view::Explanation;

/// The number of the EDNS option for client subnets (RFC 7871 section 6).
const CLIENT_SUBNET: u16 = 8;

/// Who asks for what.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The name.
    pub name: NameBuf,
    /// The type.
    pub rtype: Type,
    /// Who asks: the sender of the query.
    pub client: IpAddr,
    /// The network in the query's EDNS Client Subnet option, if it has one.
    pub subnet: Option<IpNet>,
    /// What the clock of programs shows; `None`: now.
    pub at: Option<SystemTime>,
    /// The course of chance: the same for the same number.
    pub seed: u64,
}

impl Wish {
    /// The octets of the query.
    #[must_use]
    pub fn query(&self) -> Vec<u8> {
        let mut query = question(0, self.name.as_name(), self.rtype, false);
        let Some(subnet) = self.subnet else {
            return query;
        };
        let (family, octets) = match subnet.trunc().addr() {
            IpAddr::V4(address) => (1u16, address.octets().to_vec()),
            IpAddr::V6(address) => (2, address.octets().to_vec()),
        };
        let bits = subnet.prefix_len();
        let mut option = family.to_be_bytes().to_vec();
        option.extend([bits, 0]);
        option.extend(octets.iter().take(usize::from(bits).div_ceil(8)));
        // The last two octets of the question are the length of what OPT holds.
        query.truncate(query.len() - 2);
        query.extend((option.len() as u16 + 4).to_be_bytes());
        query.extend(CLIENT_SUBNET.to_be_bytes());
        query.extend((option.len() as u16).to_be_bytes());
        query.extend(option);
        query
    }

    fn peer(&self) -> Peer {
        Peer {
            remote: SocketAddr::new(self.client, 53),
            local: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 53),
            protocol: Protocol::Udp,
        }
    }
}

/// Answers on paper, with health as it is in one snapshot.
#[derive(Debug)]
pub struct Paper {
    worker: Worker,
    out: Vec<u8>,
}

impl Paper {
    /// Somebody who answers as the workers of a server would that has these zones.
    #[must_use]
    pub fn new(realm: &Realm<'_>, health: Arc<Snapshot>) -> Self {
        Self { worker: Worker::aside(realm, health), out: vec![0; 65_535] }
    }

    /// The reply to a query, in octets.
    pub fn answer(&mut self, wish: &Wish) -> &[u8] {
        let at = wish.at.and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
        self.worker.machine.stage(wish.seed, at.map(|at| at.as_secs() as f64));
        let limit = self.out.len();
        let verdict = self.worker.answer(&wish.query(), &wish.peer(), limit, &mut self.out);
        match verdict {
            Verdict::Reply(length) => self.out.get(..length).unwrap_or_default(),
            Verdict::Drop | Verdict::Stream => &[],
        }
    }

    /// What happens on the way to the reply.
    pub(crate) fn trail(&mut self, wish: &Wish) -> Trail {
        self.worker.trail = Some(Box::default());
        self.answer(wish);
        self.worker.trail.take().map(|trail| *trail).unwrap_or_default()
    }

    /// The same, with what happened on the way.
    pub fn explain(&mut self, shared: &Shared, wish: &Wish) -> Explanation {
        self.worker.trail = Some(Box::default());
        let reply = self.answer(wish).to_vec();
        let trail = self.worker.trail.take().unwrap_or_default();
        let health = Arc::clone(self.worker.health.load());
        known::explanation(&shared.health, &health, wish, &reply, &trail)
    }
}

/// Explains one answer of this server, with health as it is or as it would be with `down` down.
#[must_use]
pub fn explain(realm: &Realm<'_>, wish: &Wish, down: &[Target], rest: Rest) -> Explanation {
    let shared = realm.shared;
    let health = match (down, rest) {
        ([], Rest::AsItIs) => Arc::clone(shared.health.reader().load()),
        _ => {
            if !shared.health.is_probing() {
                // Checks that a program computes are there once it has asked for them.
                Paper::new(realm, suppose(realm, down, rest).snapshot).answer(wish);
            }
            suppose(realm, down, rest).snapshot
        }
    };
    let mut explanation = Paper::new(realm, health).explain(shared, wish);
    let supposed = |target: &Target| match matching(realm, target) {
        0 => format!("{target} is down (nothing that is checked has it)"),
        _ => format!("{target} is down"),
    };
    explanation.supposed = down.iter().map(supposed).collect();
    if rest == Rest::Up {
        explanation.supposed.push("everything else is up".to_owned());
    }
    explanation.at = wish.at.map(date);
    explanation
}
