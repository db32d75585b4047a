//! HTTP endpoints that can be told to fail.

use std::collections::BTreeSet;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Answers every request with one status. Closed when dropped.
#[derive(Debug)]
pub struct Endpoint {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    status: AtomicU16,
    /// How many of the next requests are answered 503.
    failures: AtomicUsize,
    body: Mutex<String>,
    requests: AtomicUsize,
    hosts: Mutex<BTreeSet<String>>,
    is_closed: AtomicBool,
}

impl Endpoint {
    /// Opens one on any free port of `ip` that answers 200.
    pub fn open(ip: &str) -> Self {
        let ip: IpAddr = ip.parse().unwrap();
        Self::open_at(SocketAddr::new(ip, 0)).unwrap()
    }

    /// Opens one exactly there, as after [`Endpoint::close`].
    pub fn open_at(address: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            status: AtomicU16::new(200),
            failures: AtomicUsize::new(0),
            body: Mutex::new("ok\n".into()),
            requests: AtomicUsize::new(0),
            hosts: Mutex::default(),
            is_closed: AtomicBool::new(false),
        });
        let own = Arc::clone(&shared);
        let thread = thread::spawn(move || serve(&listener, &own));
        Ok(Self { address, shared, thread: Some(thread) })
    }

    /// Answers with this status from now on.
    pub fn answer(&self, status: u16) {
        self.shared.status.store(status, Ordering::SeqCst);
    }

    /// Answers the next `count` requests with 503, and then as before.
    pub fn fail(&self, count: usize) {
        self.shared.failures.store(count, Ordering::SeqCst);
    }

    /// How many requests are still to be answered with 503.
    pub fn failures_left(&self) -> usize {
        self.shared.failures.load(Ordering::SeqCst)
    }

    /// Says this from now on.
    pub fn say(&self, body: &str) {
        body.clone_into(&mut self.shared.body.lock().unwrap());
    }

    /// The Host headers that requests came with, sorted.
    pub fn hosts(&self) -> Vec<String> {
        self.shared.hosts.lock().unwrap().iter().cloned().collect()
    }

    /// How many requests were answered.
    pub fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// Accepts no more connections; returns the address to open it at again.
    pub fn close(self) -> SocketAddr {
        self.address
    }
}

/// Three endpoints on three addresses and one port, as of one service in three regions. No two
/// calls in a process use the same addresses.
pub fn regions() -> [Endpoint; 3] {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let net = NEXT.fetch_add(1, Ordering::SeqCst);
    let at = |host: u8, port: u16| SocketAddr::from(([127, 0, net, host], port));
    loop {
        let first = Endpoint::open_at(at(11, 0)).unwrap();
        let port = first.address.port();
        // Somebody else may have the port there; then another one is tried.
        if let (Ok(second), Ok(third)) =
            (Endpoint::open_at(at(12, port)), Endpoint::open_at(at(13, port)))
        {
            return [first, second, third];
        }
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.shared.is_closed.store(true, Ordering::SeqCst);
        // Wakes the thread from its accept.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(listener: &TcpListener, shared: &Shared) {
    while let Ok((stream, _)) = listener.accept() {
        if shared.is_closed.load(Ordering::SeqCst) {
            return;
        }
        // One at a time is enough for a probe; one that sends nothing, as a TCP check, is let go.
        let _ = answer(&stream, shared);
    }
}

fn answer(mut stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    let mut lines = BufReader::new(stream).lines();
    loop {
        match lines.next() {
            Some(Ok(line)) if line.is_empty() => break,
            Some(Ok(line)) => {
                if let Some((name, host)) = line.split_once(": ")
                    && name.eq_ignore_ascii_case("host")
                {
                    shared.hosts.lock().unwrap().insert(host.to_owned());
                }
            }
            Some(Err(error)) => return Err(error),
            None => return Ok(()),
        }
    }
    let take = |left: usize| left.checked_sub(1);
    let status = match shared.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take) {
        Ok(_) => 503,
        Err(_) => shared.status.load(Ordering::SeqCst),
    };
    let body = shared.body.lock().unwrap().clone();
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )?;
    shared.requests.fetch_add(1, Ordering::SeqCst);
    Ok(())
}
