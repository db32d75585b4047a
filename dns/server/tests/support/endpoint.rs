//! HTTP endpoints that can be told to fail.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering};
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
    requests: AtomicUsize,
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
            requests: AtomicUsize::new(0),
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

    /// How many requests were answered.
    pub fn requests(&self) -> usize {
        self.shared.requests.load(Ordering::SeqCst)
    }

    /// Accepts no more connections; returns the address to open it at again.
    pub fn close(self) -> SocketAddr {
        self.address
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
            Some(Ok(_)) => {}
            Some(Err(error)) => return Err(error),
            None => return Ok(()),
        }
    }
    let status = shared.status.load(Ordering::SeqCst);
    write!(stream, "HTTP/1.1 {status} X\r\ncontent-length: 3\r\nconnection: close\r\n\r\nok\n")?;
    shared.requests.fetch_add(1, Ordering::SeqCst);
    Ok(())
}
