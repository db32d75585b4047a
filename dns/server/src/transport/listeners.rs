//! The life of all listeners of a server: bind, start, end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use ipnet::IpNet;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use super::counters::{Counters, Tallies, Tally};
use super::proxy::Proxies;
use super::sockets::{self, BindError, Endpoint};
use super::steering::{self, Steering};
use super::{ServiceFactory, TcpLimits, sys, tcp, udp};

/// Luau's parser and a service's own recursion fit into this.
const STACK: usize = 4 << 20;

/// What is listened on, and with how many threads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Addresses, each served over UDP and TCP. Port 0 takes a port that is free for both.
    pub listen: Vec<SocketAddr>,
    /// UDP threads for each address; 0: one for each processor this process may use.
    pub udp_threads: usize,
    /// Which of them takes a datagram.
    pub steering: Steering,
    /// TCP threads for all addresses together; 0: one for every two processors, at least one.
    pub tcp_threads: usize,
    /// What TCP clients may take.
    pub tcp: TcpLimits,
    /// Networks of proxies, whose PROXY header (version 2) is believed, and demanded.
    pub proxies: Vec<IpNet>,
}

/// Sockets that are bound. Nothing is answered yet; what arrives waits.
#[derive(Debug)]
pub struct Bound {
    endpoints: Vec<Endpoint>,
    tcp_threads: usize,
    limits: TcpLimits,
    proxies: Arc<Proxies>,
    processors: Vec<usize>,
    steering: Steering,
}

/// Running listeners. They end when [`Listeners::shutdown`] is called, or when dropped.
#[derive(Debug)]
pub struct Listeners {
    addresses: Vec<SocketAddr>,
    stop_udp: Arc<AtomicBool>,
    stop_tcp: watch::Sender<bool>,
    threads: Vec<JoinHandle<()>>,
    /// Of each UDP thread.
    udp: Vec<Arc<Tally>>,
    tcp: Arc<Tally>,
}

/// Raises the limit of open files to the most this process may set, and returns it. To be called
/// once at the start of a server: each connection and each probe takes a file.
///
/// # Errors
/// What the system says.
pub fn raise_open_files() -> io::Result<u64> {
    sys::raise_open_files()
}

/// Ends a child that leads a process group and was not waited for, and all others in the group.
pub(crate) fn end_group(child: u32) {
    sys::end_group(child);
}

/// Ends this process at once.
pub(crate) fn leave(status: i32) -> ! {
    sys::leave(status)
}

/// Gives the system back what was freed. It takes milliseconds, in which other threads may wait for memory.
pub(crate) fn give_back() {
    sys::give_back();
}

/// Lets others go before the calling thread.
///
/// # Errors
/// The system does not let it.
pub(crate) fn step_back() -> io::Result<()> {
    sys::step_back()
}

impl Bound {
    /// Binds all sockets, or none.
    ///
    /// # Errors
    /// The first address that cannot be had, and why.
    pub fn bind(settings: &Settings) -> Result<Self, BindError> {
        let processors = sys::processors();
        let count = |wanted: usize, default: usize| if wanted == 0 { default } else { wanted };
        let udp_threads = count(settings.udp_threads, processors.len()).max(1);
        let tcp_threads = count(settings.tcp_threads, processors.len() / 2).max(1);
        for (at, &address) in settings.listen.iter().enumerate() {
            if address.port() != 0 && settings.listen[..at].contains(&address) {
                return Err(BindError::Twice { address });
            }
        }
        // No thread would take what comes in on a processor that it shares with the one before.
        let most = processors.len().max(1);
        if settings.steering == Steering::Processor && udp_threads > most {
            return Err(BindError::TooManyThreads { udp_threads, processors: most });
        }
        let theirs = processors.get(..udp_threads).unwrap_or_default();
        let bind = |&address| {
            let endpoint = sockets::bind(address, udp_threads)?;
            if settings.steering == Steering::Processor {
                sockets::steer(&endpoint, theirs)?;
            }
            Ok(endpoint)
        };
        let endpoints = settings.listen.iter().map(bind).collect::<Result<_, _>>()?;
        Ok(Self {
            endpoints,
            tcp_threads,
            limits: settings.tcp,
            proxies: Arc::new(Proxies::new(settings.proxies.clone())),
            processors,
            steering: settings.steering,
        })
    }

    /// The addresses as bound, in the order asked for, their ports chosen.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.endpoints.iter().map(|endpoint| endpoint.address)
    }

    /// How many threads will answer.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.endpoints.iter().map(|endpoint| endpoint.udp.len()).sum::<usize>() + self.tcp_threads
    }

    /// Starts all threads.
    ///
    /// # Errors
    /// If a thread cannot be had; those already started have ended then.
    pub fn start<F: ServiceFactory>(self, factory: F) -> Result<Listeners, BindError> {
        let (stop_tcp, stop) = watch::channel(false);
        let mut listeners = Listeners {
            addresses: self.addresses().collect(),
            stop_udp: Arc::default(),
            stop_tcp,
            threads: Vec::new(),
            udp: Vec::new(),
            tcp: Arc::default(),
        };
        let shared = tcp::Shared {
            limits: self.limits,
            proxies: Arc::clone(&self.proxies),
            registry: tcp::Registry::default(),
            tally: Arc::clone(&listeners.tcp),
            stop,
        };
        // Should one fail, dropping `listeners` ends the ones before.
        let factory = Arc::new(factory);
        self.start_all(&mut listeners, &factory, &Arc::new(shared))
            .map_err(|source| BindError::Threads { source })?;
        Ok(listeners)
    }

    fn start_all<F: ServiceFactory>(
        self,
        listeners: &mut Listeners,
        factory: &Arc<F>,
        shared: &Arc<tcp::Shared>,
    ) -> io::Result<()> {
        for number in 0..self.tcp_threads {
            let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
            let sockets = self.endpoints.iter().map(|endpoint| endpoint.tcp.try_clone());
            let sockets = registered(&runtime, sockets)?;
            let (factory, shared) = (Arc::clone(factory), Arc::clone(shared));
            listeners.spawn(format!("tcp-{number}"), move || {
                tcp::serve(&runtime, sockets, factory, &shared);
            })?;
        }
        let (mut number, mut groups) = (0, Vec::new());
        for Endpoint { address, udp, tcp: _ } in self.endpoints {
            let pins = Pins { processors: &self.processors, threads: udp.len() };
            let tallies: Vec<Arc<Tally>> = udp.iter().map(|_| Arc::default()).collect();
            listeners.udp.extend(tallies.iter().cloned());
            // Threads that share a processor cannot be told apart by it.
            let processors =
                self.processors.get(..udp.len()).filter(|processors| processors.len() > 1);
            if let (Steering::Auto, Some(processors)) = (self.steering, processors) {
                groups.push(steering::Group {
                    address,
                    socket: udp[0].try_clone()?,
                    processors: processors.to_vec(),
                    tallies: tallies.clone(),
                });
            }
            for (at, (socket, tally)) in udp.into_iter().zip(tallies).enumerate() {
                let (factory, pin) = (Arc::clone(factory), pins.of(at));
                let site = udp::Site {
                    bound: address,
                    proxies: Arc::clone(&self.proxies),
                    tally,
                    stop: Arc::clone(&listeners.stop_udp),
                };
                listeners.spawn(format!("udp-{number}"), move || {
                    if let Some(Err(error)) = pin.map(sys::pin) {
                        tracing::debug!(%error, "a UDP thread is not pinned");
                    }
                    udp::serve(&socket, &site, factory);
                })?;
                number += 1;
            }
        }
        if !groups.is_empty() {
            let stop = Arc::clone(&listeners.stop_udp);
            listeners.spawn("steering".to_owned(), move || steering::watch(groups, &stop))?;
        }
        Ok(())
    }
}

fn registered(
    runtime: &Runtime,
    sockets: impl Iterator<Item = io::Result<std::net::TcpListener>>,
) -> io::Result<Vec<TcpListener>> {
    let _context = runtime.enter();
    sockets.map(|socket| TcpListener::from_std(socket?)).collect()
}

/// Which thread goes on which processor.
struct Pins<'p> {
    processors: &'p [usize],
    threads: usize,
}

impl Pins<'_> {
    /// A single thread on a machine of many processors is better left to the scheduler.
    fn of(&self, thread: usize) -> Option<usize> {
        if self.threads == 1 && self.processors.len() != 1 {
            return None;
        }
        self.processors.iter().copied().cycle().nth(thread)
    }
}

impl Listeners {
    /// The addresses served, in the order asked for, their ports chosen.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where both transports count.
    #[must_use]
    pub fn tallies(&self) -> Tallies {
        Tallies { udp: self.udp.clone(), tcp: Arc::clone(&self.tcp) }
    }

    /// What UDP has seen.
    #[must_use]
    pub fn udp(&self) -> Counters {
        Tally::read(&self.udp)
    }

    /// What TCP has seen.
    #[must_use]
    pub fn tcp(&self) -> Counters {
        Tally::read(std::slice::from_ref(&self.tcp))
    }

    /// Ends all threads: batches begun are answered, open connections get about a second. Returns when all
    /// have ended.
    pub fn shutdown(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stop_udp.store(true, Ordering::Relaxed);
        let _ = self.stop_tcp.send(true);
        for thread in self.threads.drain(..) {
            let name = thread.thread().name().unwrap_or_default().to_owned();
            if thread.join().is_err() {
                tracing::error!(thread = name, "a listener thread had panicked");
            }
        }
    }

    fn spawn(&mut self, name: String, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let thread = thread::Builder::new().name(name).stack_size(STACK).spawn(body)?;
        self.threads.push(thread);
        Ok(())
    }
}

impl Drop for Listeners {
    fn drop(&mut self) {
        self.end();
    }
}
