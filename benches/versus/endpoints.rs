//! Endpoints to probe, all at one port of 127.0.0.0/8: some answer HTTP and are up and down in turn.

use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::Result;

/// What is up and down in turn, as long as that is wanted; whatever else is asked is up.
const RESTLESS: u8 = 9;

/// The endpoint of this number that is up and down in turn.
pub(crate) const fn restless(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, RESTLESS, (number >> 8) as u8, number as u8)
}

/// All endpoints; they live until the end of the process.
#[derive(Clone)]
pub(crate) struct Endpoints {
    pub(crate) port: u16,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// Whether those that are restless change at each probe.
    changes: AtomicBool,
    /// How often one of them said something else than the time before.
    changed: AtomicU64,
    /// When one did last, and whether it is up since; by endpoint.
    last: Mutex<HashMap<Ipv4Addr, (Instant, bool)>>,
}

impl Endpoints {
    pub(crate) fn start() -> Result<Self> {
        let listener = TcpListener::bind("0.0.0.0:0")?;
        let port = listener.local_addr()?.port();
        let endpoints = Self { port, state: Arc::default() };
        let state = Arc::clone(&endpoints.state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // Who has gone meanwhile does not matter.
                let _ = state.serve(stream);
            }
        });
        Ok(endpoints)
    }

    /// Lets those that are restless change at each probe, or stay as they are.
    pub(crate) fn let_change(&self, yes: bool) {
        self.state.changes.store(yes, Ordering::Relaxed);
    }

    /// How often one has changed so far.
    pub(crate) fn changed(&self) -> u64 {
        self.state.changed.load(Ordering::Relaxed)
    }

    /// When an endpoint changed last, and whether it is up since.
    pub(crate) fn last(&self, endpoint: Ipv4Addr) -> Option<(Instant, bool)> {
        self.state.last.lock().unwrap_or_else(PoisonError::into_inner).get(&endpoint).copied()
    }
}

impl State {
    fn serve(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let IpAddr::V4(address) = stream.local_addr()?.ip() else {
            return Ok(());
        };
        // The others are connected to, and that is all.
        if address.octets()[1] < 8 {
            return Ok(());
        }
        stream.set_read_timeout(Some(Duration::from_millis(200)))?;
        let (mut request, mut length) = ([0; 2048], 0);
        while !request[..length].ends_with(b"\r\n\r\n") {
            let read = stream.read(&mut request[length..])?;
            if read == 0 {
                return Ok(());
            }
            length += read;
        }
        let is_up = address.octets()[1] != RESTLESS || self.next(address);
        let code = if is_up { "200 OK" } else { "500 Down" };
        let text = format!("HTTP/1.1 {code}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        stream.write_all(text.as_bytes())
    }

    fn next(&self, address: Ipv4Addr) -> bool {
        let mut all = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.entry(address).or_insert_with(|| (Instant::now(), true));
        if self.changes.load(Ordering::Relaxed) {
            *known = (Instant::now(), !known.1);
            self.changed.fetch_add(1, Ordering::Relaxed);
        }
        known.1
    }
}
