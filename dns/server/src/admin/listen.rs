//! Takes connections, and bounds what each may cost: their number, in all and from one address, the
//! time for a request, its size, and how long a connection lives.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet, spawn_blocking};
use tokio::time::{self, MissedTickBehavior};

use super::State;
use super::access::From;
use super::routes;

/// Connections at a time.
const MOST: usize = 256;
/// Of one IPv4 address or IPv6 /64, unless it is this machine's.
const MOST_FROM_ONE: usize = 32;
/// How long the head of a request may take, and how long a connection may wait for one.
const HEAD: Duration = Duration::from_secs(15);
/// The longest head of a request, in octets.
const HEAD_SIZE: usize = 16 * 1024;
/// After so long a connection ends when its request is answered.
const LIFE: Duration = Duration::from_secs(120);
/// After so long more it ends in any case: an answer that nobody takes must not stay.
const GRACE: Duration = Duration::from_secs(60);
/// Between two looks at the files of tokens.
const LOOK: Duration = Duration::from_secs(5);
/// After the system has refused to give a connection.
const PAUSE: Duration = Duration::from_millis(100);

/// Binds a socket that is to be listened on.
pub(super) fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        // As the addresses of queries: `[::]` is IPv6 alone, and says so.
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(128)?;
    Ok(socket.into())
}

/// Answers until it is told to stop.
pub(super) async fn serve(
    socket: std::net::TcpListener,
    state: &Arc<State>,
    mut stop: watch::Receiver<bool>,
) {
    let listener = match tokio::net::TcpListener::from_std(socket) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "the admin interface does not start"),
    };
    let router = routes::router(state);
    let places = Arc::new(Places::default());
    let mut connections = JoinSet::new();
    let mut looking: Option<JoinHandle<()>> = None;
    let mut look = time::interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = stop.changed() => break,
            _ = look.tick() => {
                // Many files, on a disk that may be slow: nobody waits for that.
                if looking.as_ref().is_none_or(JoinHandle::is_finished) {
                    let state = Arc::clone(state);
                    let look = move || state.access.tokens.reload().log("tokens");
                    looking = Some(spawn_blocking(look));
                }
            }
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    // Beyond the limit it is closed: whoever waits for nothing learns it at once.
                    if let Some(place) = Places::take(&places, peer.ip()) {
                        connections.spawn(talk(stream, peer, router.clone(), place, stop.clone()));
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, "no connection from the admin socket");
                    time::sleep(PAUSE).await;
                }
            },
        }
    }
    // Those that answer something at the moment may finish.
    let end = async { while connections.join_next().await.is_some() {} };
    let _ = time::timeout(Duration::from_secs(1), end).await;
}

async fn talk(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    _place: Place,
    mut stop: watch::Receiver<bool>,
) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(From(peer));
        let mut router = router.clone();
        async move { tower_service::Service::call(&mut router, request).await }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_SIZE)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        _ = connection.as_mut() => true,
        _ = stop.changed() => false,
        () = time::sleep(LIFE) => false,
    };
    if !ended {
        connection.as_mut().graceful_shutdown();
        let _ = time::timeout(GRACE, connection).await;
    }
}

/// How many connections there are from where.
#[derive(Debug, Default)]
struct Places(Mutex<HashMap<IpAddr, usize>>);

/// One of them, for as long as the connection lasts.
#[derive(Debug)]
struct Place {
    places: Arc<Places>,
    source: IpAddr,
}

impl Places {
    fn take(places: &Arc<Self>, from: IpAddr) -> Option<Place> {
        let source = match from.to_canonical() {
            IpAddr::V6(address) if !address.is_loopback() => {
                IpAddr::from((u128::from(address) >> 64 << 64).to_be_bytes())
            }
            other => other,
        };
        let mut counts = places.0.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = counts.values().sum();
        let count = counts.get(&source).copied().unwrap_or_default();
        if all >= MOST || (count >= MOST_FROM_ONE && !source.is_loopback()) {
            return None;
        }
        counts.insert(source, count + 1);
        drop(counts);
        Some(Place { places: Arc::clone(places), source })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_cannot_take_all_connections() {
        let places = Arc::new(Places::default());
        let take = |from: &str| Places::take(&places, from.parse().unwrap());
        let mut taken: Vec<Place> = (0..MOST_FROM_ONE).filter_map(|_| take("192.0.2.1")).collect();
        assert_eq!(taken.len(), MOST_FROM_ONE);
        assert!(take("192.0.2.1").is_none() && take("::ffff:192.0.2.1").is_none());
        assert!(take("192.0.2.2").is_some());
        taken.pop();
        assert!(take("192.0.2.1").is_some());
        // A /64 is one house.
        let house: Vec<Place> =
            (1..=MOST_FROM_ONE).filter_map(|host| take(&format!("2001:db8::{host:x}"))).collect();
        assert!(take("2001:db8::ffff").is_none() && take("2001:db8:0:1::1").is_some());
        drop((taken, house));
        let own: Vec<Place> = (0..MOST).filter_map(|_| take("127.0.0.1")).collect();
        assert_eq!(own.len(), MOST);
        assert!(take("127.0.0.1").is_none() && take("192.0.2.1").is_none());
        drop(own);
        assert!(places.0.lock().unwrap().is_empty());
    }
}
