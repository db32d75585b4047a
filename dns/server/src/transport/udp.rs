//! The UDP engine: each thread has a socket and a service of its own, takes queries in batches
//! and answers them in batches.

use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use super::counters::Tally;
use super::guarded::Guarded;
use super::sys::{BATCH, Batch, DATAGRAM, Datagram};
use super::{Peer, Protocol, ServiceFactory};

/// The pause after an error that may last, so that it does not become a busy loop.
const ERROR_PAUSE: Duration = Duration::from_millis(20);

/// Serves one socket until `stop` is set; `bound` is the socket's address.
pub(super) fn serve<F: ServiceFactory>(
    socket: &UdpSocket,
    bound: SocketAddr,
    factory: Arc<F>,
    tally: &Tally,
    stop: &AtomicBool,
) {
    let mut service = Guarded::new(factory);
    let mut batch = Batch::new();
    let mut is_failing = false;
    while !stop.load(Ordering::Relaxed) {
        let received = match batch.receive(socket.as_fd()) {
            Ok(received) => received,
            Err(error) => {
                use std::io::ErrorKind::{Interrupted, WouldBlock};
                if !matches!(error.kind(), Interrupted | WouldBlock) {
                    if !is_failing {
                        tracing::error!(address = %bound, %error, "UDP receive fails");
                    }
                    is_failing = true;
                    thread::sleep(ERROR_PAUSE);
                }
                service.refresh();
                continue;
            }
        };
        is_failing = false;
        service.refresh();
        answer_all(&mut batch, received, &mut service, bound, tally);
        let result = batch.send(socket.as_fd());
        Tally::add(&tally.answers, result.sent);
        Tally::add(&tally.unsent, result.failed);
    }
}

fn answer_all<F: ServiceFactory>(
    batch: &mut Batch,
    received: usize,
    service: &mut Guarded<F>,
    bound: SocketAddr,
    tally: &Tally,
) {
    let (mut queries, mut refused, mut panics) = (0, 0, 0);
    for at in 0..received.min(BATCH) {
        let Some(datagram) = batch.datagram(at) else {
            break;
        };
        let Some(peer) = peer(&datagram, bound) else {
            refused += 1;
            continue;
        };
        queries += 1;
        match service.answer(datagram.query, &peer, DATAGRAM, datagram.answer) {
            Ok(Some(octets)) => batch.reply(at, octets),
            Ok(None) => {}
            Err(_) => panics += 1,
        }
    }
    Tally::add(&tally.queries, queries);
    Tally::add(&tally.refused, refused);
    Tally::add(&tally.panics, panics);
}

/// Who sent a datagram; `None` if it must not be answered.
///
/// A query larger than any that makes sense, one from port 0, which cannot be answered, and one
/// that claims to come from our own socket, which would loop, are left alone.
fn peer(datagram: &Datagram<'_>, bound: SocketAddr) -> Option<Peer> {
    let remote = datagram.remote?;
    let mut local = bound;
    if let Some(ip) = datagram.local {
        local.set_ip(ip);
    }
    let is_own = remote.port() == local.port() && remote.ip() == local.ip();
    if datagram.is_truncated || remote.port() == 0 || local.ip().is_multicast() || is_own {
        return None;
    }
    Some(Peer {
        remote,
        local,
        protocol: Protocol::Udp,
    })
}
