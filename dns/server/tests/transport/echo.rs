//! A service whose answers say who asked what.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use halfmoon::transport::{
    Bound, Listeners, Peer, Service, Settings, Steering, TcpLimits, Verdict,
};

pub(crate) const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// How long a test waits for what has to happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Answers with the query, except where the query's first word commands otherwise.
#[derive(Debug, Default)]
pub(crate) struct Echo {
    answered: usize,
}

impl Service for Echo {
    fn refresh(&mut self) {}

    fn answer(&mut self, query: &[u8], peer: &Peer, limit: usize, out: &mut [u8]) -> Verdict {
        assert!(out.len() >= limit);
        let command = query.split(|&octet| octet == b' ').next().unwrap_or_default();
        let text = match command {
            b"panic" => panic!("told to"),
            b"drop" => return Verdict::Drop,
            b"lie" => return Verdict::Reply(limit + 1),
            b"nothing" => return Verdict::Reply(0),
            b"who" => format!("{} {}", peer.remote, peer.local),
            b"answered" => self.answered.to_string(),
            b"where" => format!("{} on {}", self.answered, rustix::thread::sched_getcpu()),
            b"large" => "x".repeat(limit),
            _ => String::from_utf8_lossy(query).into_owned(),
        };
        self.answered += 1;
        out[..text.len()].copy_from_slice(text.as_bytes());
        Verdict::Reply(text.len())
    }
}

/// One UDP thread an address, one TCP thread, limits that no test meets unless it sets them.
pub(crate) fn settings(listen: &[SocketAddr]) -> Settings {
    Settings {
        listen: listen.to_vec(),
        udp_threads: 1,
        steering: Steering::Hash,
        tcp_threads: 1,
        tcp: TcpLimits::default(),
        proxies: Vec::new(),
    }
}

pub(crate) fn start(settings: &Settings) -> Listeners {
    Bound::bind(settings).unwrap().start(Echo::default).unwrap()
}

/// Waits until something is so.
#[track_caller]
pub(crate) fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "{what} has not happened");
        std::thread::yield_now();
    }
}
