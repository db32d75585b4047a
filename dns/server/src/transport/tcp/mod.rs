//! The TCP listener (RFC 7766): pipelining, limits on connections, and a limit on time for
//! everything that a client can make us wait for.
//!
//! Each thread runs a small runtime of its own with one service; connections stay on the thread
//! that accepted them.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::{JoinSet, LocalSet};
use tokio::time;

use super::counters::Tally;
use super::guarded::Guarded;
use super::proxy::Proxies;
use super::{MAX_MESSAGE, Peer, Protocol, ServiceFactory};

mod connection;
mod messages;
mod registry;

use connection::Connection;
use registry::Admission;
pub(super) use registry::Registry;

/// How often an idle thread takes new snapshots.
const REFRESH: Duration = Duration::from_millis(250);
/// How long open connections may take to finish when the server ends.
const GRACE: Duration = Duration::from_secs(1);
/// The first pause after a failed accept; it doubles up to [`LONGEST_PAUSE`].
const PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What TCP clients may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpLimits {
    /// Connections at a time.
    pub connections: u32,
    /// Connections at a time from one IPv4 address or one IPv6 /64.
    pub per_address: u32,
    /// From one answer to the first octet of the next query.
    pub idle: Duration,
    /// From the first octet of a query to its last.
    pub message: Duration,
    /// For the client to take the answers of one batch.
    pub write: Duration,
    /// How long a connection must have been without an answer before it gives way to a new one
    /// at the limits.
    pub quiet: Duration,
}

impl Default for TcpLimits {
    fn default() -> Self {
        Self {
            connections: 1000,
            per_address: 100,
            idle: Duration::from_secs(10),
            message: Duration::from_secs(5),
            write: Duration::from_secs(10),
            quiet: Duration::from_secs(1),
        }
    }
}

/// What all TCP threads share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) limits: TcpLimits,
    pub(super) proxies: Arc<Proxies>,
    pub(super) registry: Registry,
    pub(super) tally: Arc<Tally>,
    pub(super) stop: watch::Receiver<bool>,
}

/// The service of one thread and the room for one answer.
struct Desk<F: ServiceFactory> {
    service: Guarded<F>,
    answer: Box<[u8]>,
}

/// Serves the listeners on this thread until told to stop.
pub(super) fn serve<F: ServiceFactory>(
    runtime: &Runtime,
    listeners: Vec<TcpListener>,
    factory: Arc<F>,
    shared: &Arc<Shared>,
) {
    let answer = vec![0; MAX_MESSAGE].into_boxed_slice();
    let desk = Rc::new(RefCell::new(Desk { service: Guarded::new(factory), answer }));
    LocalSet::new().block_on(runtime, async {
        let mut loops = JoinSet::new();
        for listener in listeners {
            loops.spawn_local(accept(listener, Rc::clone(&desk), Arc::clone(shared)));
        }
        loops.spawn_local(refresh(desk, shared.stop.clone()));
        while let Some(ended) = loops.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a TCP listener ended");
            }
        }
    });
}

/// Takes new snapshots while no query does, so that old ones are let go.
async fn refresh<F: ServiceFactory>(desk: Rc<RefCell<Desk<F>>>, mut stop: watch::Receiver<bool>) {
    while time::timeout(REFRESH, stopped(&mut stop)).await.is_err() {
        desk.borrow_mut().service.refresh();
    }
}

/// Resolves when the server ends.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that the sender is gone, and so is the server.
    let _ = stop.wait_for(|&stop| stop).await;
}

async fn accept<F: ServiceFactory>(
    listener: TcpListener,
    desk: Rc<RefCell<Desk<F>>>,
    shared: Arc<Shared>,
) {
    let mut stop = shared.stop.clone();
    let mut connections = JoinSet::new();
    let mut pause = PAUSE;
    loop {
        let accepted = tokio::select! {
            biased;
            () = stopped(&mut stop) => break,
            Some(ended) = connections.join_next() => {
                report(ended);
                continue;
            }
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, remote)) => {
                pause = PAUSE;
                if let Some(connection) = admit(stream, remote, &shared) {
                    connections.spawn_local(connection.serve(Rc::clone(&desk)));
                }
            }
            // The client has gone already; nothing of ours is short.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                // Out of files or memory: the same error would come at once and for ever.
                if pause == PAUSE {
                    tracing::warn!(%error, "TCP accept fails; trying again");
                }
                let _ = time::timeout(pause, stopped(&mut stop)).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
    drop(listener);
    let all_ended = async {
        while let Some(ended) = connections.join_next().await {
            report(ended);
        }
    };
    let _ = time::timeout(GRACE, all_ended).await;
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a TCP connection ended");
    }
}

fn admit(stream: TcpStream, remote: SocketAddr, shared: &Arc<Shared>) -> Option<Connection> {
    let is_proxy = shared.proxies.contains(remote.ip());
    let mut limits = shared.limits;
    if is_proxy {
        // All clients of a proxy come from its address; keeping them apart is its affair.
        limits.per_address = limits.connections;
    }
    let admission = shared.registry.admit(remote.ip(), &limits, time::Instant::now().into());
    let tally = &shared.tally;
    let place = match admission {
        Admission::Place(place) => place,
        Admission::GivenUp(place) => {
            Tally::add(&tally.gave_way, 1);
            place
        }
        Admission::Full => {
            Tally::add(&tally.full, 1);
            return None;
        }
        Admission::FullForAddress => {
            Tally::add(&tally.full_for_address, 1);
            return None;
        }
    };
    Tally::add(&tally.connections, 1);
    let local = stream.local_addr().ok()?;
    // Answers are written in one piece; waiting for more would only delay them.
    stream.set_nodelay(true).ok()?;
    let peer = Peer { remote, local, protocol: Protocol::Tcp };
    Some(Connection::new(stream, peer, is_proxy, place, Arc::clone(shared)))
}
