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
use super::proxy::{Header, Proxies};
use super::sys::{BATCH, Batch, DATAGRAM, Datagram};
use super::{Peer, Protocol, ServiceFactory, Verdict};

/// The pause after an error that may last, so that it does not become a busy loop.
const ERROR_PAUSE: Duration = Duration::from_millis(20);

/// Of fewer datagrams than these the service is told one by one.
const FEW: usize = 4;

/// What a thread serves.
#[derive(Debug)]
pub(super) struct Site {
    /// The address its socket is bound to.
    pub(super) bound: SocketAddr,
    pub(super) proxies: Arc<Proxies>,
    /// Its own counts.
    pub(super) tally: Arc<Tally>,
    pub(super) stop: Arc<AtomicBool>,
}

/// Serves one socket until told to stop.
pub(super) fn serve<F: ServiceFactory>(socket: &UdpSocket, site: &Site, factory: Arc<F>) {
    let tally = &site.tally;
    let mut service = Guarded::new(factory);
    let mut batch = Batch::new();
    let mut is_failing = false;
    while !site.stop.load(Ordering::Relaxed) {
        let received = match batch.receive(socket.as_fd()) {
            Ok(received) => received,
            Err(error) => {
                use std::io::ErrorKind::{Interrupted, WouldBlock};
                if !matches!(error.kind(), Interrupted | WouldBlock) {
                    if !is_failing {
                        tracing::error!(address = %site.bound, %error, "UDP receive fails");
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
        answer_all(&mut batch, received, &mut service, site);
        let result = batch.send(socket.as_fd());
        Tally::add(&tally.answers, result.sent);
        Tally::add(&tally.unsent, result.failed);
    }
}

fn answer_all<F: ServiceFactory>(
    batch: &mut Batch,
    received: usize,
    service: &mut Guarded<F>,
    site: &Site,
) {
    let (mut queries, mut refused, mut panics) = (0, 0, 0);
    if received >= FEW {
        let mut messages = [&[][..]; BATCH];
        service.foresee(batch.queries(&mut messages));
    }
    for at in 0..received.min(BATCH) {
        let Some(datagram) = batch.datagram(at) else {
            break;
        };
        let Some((peer, query)) = peer(&datagram, site) else {
            refused += 1;
            service.pass_over();
            continue;
        };
        queries += 1;
        match service.answer(query, &peer, DATAGRAM, datagram.answer) {
            Ok(Verdict::Reply(octets)) => batch.reply(at, octets),
            // Many messages are for streams.
            Ok(Verdict::Drop | Verdict::Stream) => {}
            Err(_) => panics += 1,
        }
    }
    Tally::add(&site.tally.queries, queries);
    Tally::add(&site.tally.refused, refused);
    Tally::add(&site.tally.panics, panics);
}

/// Who asks, and what; `None` if a datagram must not be answered.
///
/// A query larger than any that makes sense, one from port 0, which cannot be answered, and one
/// that claims to come from our own socket, which would loop, are left alone; and so is what
/// comes from a proxy without its header.
fn peer<'b>(datagram: &Datagram<'b>, site: &Site) -> Option<(Peer, &'b [u8])> {
    let remote = datagram.remote?;
    let mut local = site.bound;
    if let Some(ip) = datagram.local {
        local.set_ip(ip);
    }
    let is_own = remote.port() == local.port() && remote.ip() == local.ip();
    if datagram.is_truncated || remote.port() == 0 || local.ip().is_multicast() || is_own {
        return None;
    }
    let peer = Peer { remote, local, protocol: Protocol::Udp };
    if !site.proxies.contains(remote.ip()) {
        return Some((peer, datagram.query));
    }
    let header = Header::parse(datagram.query).ok()??;
    Some((header.apply(peer), &datagram.query[header.octets..]))
}
