//! Which of the UDP threads of an address takes a datagram, and how that is chosen by where datagrams
//! come in.

mod chooser;
mod taken_in;

use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use self::chooser::{Chooser, Way};
use self::taken_in::TakenIn;
use super::counters::Tally;
use super::sys;

/// Which of the UDP threads of one address takes a datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Steering {
    /// By processor while datagrams come in on the processors of all threads alike, by hash otherwise.
    #[default]
    Auto,
    /// The kernel chooses by the hash of addresses and ports: each thread gets a share of the clients.
    Hash,
    /// That of the processor on which the kernel takes the datagram in, so that all is done there. The network card
    /// has to spread what comes over the processors, or few threads get all.
    Processor,
}

/// How often is looked.
const LOOK: Duration = Duration::from_millis(250);

/// The threads of one address whose steering is chosen while they run.
#[derive(Debug)]
pub(super) struct Group {
    /// Where they listen.
    pub(super) address: SocketAddr,
    /// Any of their sockets.
    pub(super) socket: UdpSocket,
    /// The processor of each.
    pub(super) processors: Vec<usize>,
    /// What each has counted.
    pub(super) tallies: Vec<Arc<Tally>>,
}

/// Steers all groups by what comes in, until told to stop or until it cannot be seen.
pub(super) fn watch(groups: Vec<Group>, stop: &AtomicBool) {
    let mut choosers: Vec<_> =
        groups.iter().map(|group| Chooser::new(group.tallies.len())).collect();
    let mut seen: Vec<_> = groups.iter().map(Group::queries).collect();
    let mut taken_in = match TakenIn::read() {
        Ok(taken_in) => taken_in,
        Err(error) => {
            return tracing::info!(%error, "queries are steered by hash: where they come in is not told");
        }
    };
    let mut looked = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        thread::sleep(LOOK);
        let Ok(now_taken_in) = TakenIn::read() else { continue };
        let span = looked.elapsed();
        looked = Instant::now();
        for ((group, chooser), seen) in groups.iter().zip(&mut choosers).zip(&mut seen) {
            let now = group.queries();
            let queries: Vec<u64> =
                now.iter().zip(&*seen).map(|(now, then)| now.wrapping_sub(*then)).collect();
            let came: Vec<u64> =
                group.processors.iter().map(|at| now_taken_in.since(&taken_in, *at)).collect();
            *seen = now;
            if let Some(way) = chooser.look(span, &queries, &came)
                && !group.steer(way)
            {
                chooser.refused();
            }
        }
        taken_in = now_taken_in;
    }
}

impl Group {
    fn queries(&self) -> Vec<u64> {
        self.tallies.iter().map(|tally| tally.queries.load(Ordering::Relaxed)).collect()
    }

    /// Whether the system did it.
    fn steer(&self, way: Way) -> bool {
        let (processors, name) = match way {
            Way::Hash => (&[][..], "hash"),
            Way::Processor => (&self.processors[..], "processor"),
        };
        let result = sys::steer(self.socket.as_fd(), processors);
        match &result {
            Ok(()) => tracing::info!(address = %self.address, by = name, "queries are steered"),
            Err(error) => {
                tracing::info!(address = %self.address, by = name, %error, "queries cannot be steered");
            }
        }
        result.is_ok()
    }
}
