//! The interface for operators over HTTP: whether the server is well, metrics, and what is known of
//! endpoints and zones.
//!
//! It runs on a thread of its own and takes what it shows from the same snapshots as everybody:
//! nothing here is on the way of a query. `listen` takes connections and bounds what they may cost,
//! `access` says who may do what, and each other module is what stands at some of the paths.

mod access;
mod accounts;
mod answer;
mod aside;
mod asker;
mod changes;
mod checks;
mod crowd;
mod error;
mod explain;
mod health;
mod heartbeat;
mod listen;
mod metrics;
mod overrides;
mod page;
mod pools;
mod publish;
mod routes;
mod sight;
mod tenants;
mod tokens;
mod usage;
pub mod view;
mod whatif;
mod zones;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;

use crate::config::Config;
use crate::secret::{SecretError, log_lacking};
use crate::shared::Shared;
use crate::tenants::Tenants;
use crate::transport::Tallies;

use access::Access;
use aside::Aside;
use asker::Asker;
use crowd::Crowd;
use health::Readiness;
use usage::Usage;

/// How long what is done aside is waited for at the end.
const END: Duration = Duration::from_secs(2);

/// Why the interface is not to be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdminError {
    /// The address cannot be had.
    #[error("admin.listen {address}: {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// A secret is not usable.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Tokens of a tenant are for nothing.
    #[error("tenants.{tenant}.tokens: there is no admin interface; add the section `[admin]`")]
    Absent {
        /// The tenant.
        tenant: String,
    },
    /// Others could reach it, and nobody could show who they are.
    #[error(
        "admin.listen {address} can be reached from other machines; \
         list `admin.tokens`, or listen on 127.0.0.1 or ::1"
    )]
    Open {
        /// The address.
        address: SocketAddr,
    },
}

/// The interface with its socket, before there is anything to show. What arrives waits.
#[derive(Debug)]
pub struct Bound {
    socket: TcpListener,
    address: SocketAddr,
    access: Access,
    ready_within: Duration,
}

/// The running interface. It ends when dropped.
#[derive(Debug)]
pub struct Admin {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

/// What the handlers work with.
#[derive(Debug)]
struct State {
    shared: Arc<Shared>,
    transports: Tallies,
    access: Access,
    readiness: Readiness,
    usage: Usage,
    aside: Aside,
    crowd: Crowd,
    /// For single answers.
    asker: Asker,
    /// For what takes longer: explanations, and what is tried on paper.
    paper: Asker,
    /// For single answers and explanations to tenants.
    for_tenants: Asker,
    /// For what tenants try on paper, which takes much longer.
    trials: Asker,
    /// Requests that wait for something to happen.
    waiting: AtomicUsize,
    started: Instant,
}

/// Says what is wrong with the section and the files that it and tenants name.
///
/// # Errors
/// What is wrong first.
pub fn check(config: &Config) -> Result<(), String> {
    let access = access(config, &Tenants::new(&config.tenants));
    let access = access.map_err(|error| error.to_string())?;
    let lacking = access.map(|access| access.tokens.lacking()).unwrap_or_default();
    lacking.into_iter().next().map_or(Ok(()), Err)
}

fn access(config: &Config, tenants: &Tenants) -> Result<Option<Access>, AdminError> {
    let Some(admin) = &config.admin else {
        return match config.tenants.iter().find(|(_, tenant)| !tenant.tokens.is_empty()) {
            Some((tenant, _)) => Err(AdminError::Absent { tenant: tenant.clone() }),
            None => Ok(None),
        };
    };
    let of_tenants = tenants.iter().flat_map(|(id, name)| {
        let tokens = config.tenants.get(name).into_iter().flat_map(|tenant| &tenant.tokens);
        tokens.map(move |token| (token.clone(), Some(id)))
    });
    let own = admin.tokens.iter().map(|token| (token.clone(), None));
    let tokens: Vec<_> = own.chain(of_tenants).collect();
    if !admin.listen.ip().to_canonical().is_loopback() && tokens.is_empty() {
        return Err(AdminError::Open { address: admin.listen });
    }
    Ok(Some(Access::open(admin, tokens)?))
}

impl Bound {
    /// Binds the socket and reads the secrets, those of tenants among them. `None`: there is no such
    /// section.
    ///
    /// # Errors
    /// The address cannot be had, or a secret is not usable that is not a tenant's.
    pub fn bind(config: &Config, tenants: &Tenants) -> Result<Option<Self>, AdminError> {
        let (Some(admin), Some(access)) = (&config.admin, access(config, tenants)?) else {
            return Ok(None);
        };
        let failed = |source| AdminError::Bind { address: admin.listen, source };
        log_lacking(&access.tokens.lacking(), "tokens");
        let socket = listen::bind(admin.listen).map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        Ok(Some(Self { socket, address, access, ready_within: admin.ready_within }))
    }

    /// Starts to answer.
    ///
    /// # Errors
    /// No thread is to be had.
    pub fn start(self, shared: Arc<Shared>, transports: Tallies) -> io::Result<Admin> {
        let (stop, stopped) = watch::channel(false);
        let runtime = runtime()?;
        let state = Arc::new(State {
            aside: Aside::new(&shared.tenants),
            crowd: Crowd::new(&shared.tenants),
            shared,
            transports,
            access: self.access,
            readiness: Readiness::new(self.ready_within),
            usage: Usage::default(),
            asker: Asker::default(),
            paper: Asker::default(),
            for_tenants: Asker::default(),
            trials: Asker::default(),
            waiting: AtomicUsize::new(0),
            started: Instant::now(),
        });
        let (socket, address) = (self.socket, self.address);
        let thread = thread::Builder::new().name("admin".to_owned()).spawn(move || {
            runtime.block_on(listen::serve(socket, &state, stopped));
            // The file of a token may lie on a mount that hangs.
            runtime.shutdown_timeout(END);
        })?;
        Ok(Admin { address, stop, thread: Some(thread) })
    }
}

/// What is done aside has threads of it that are as urgent as those that probe: they hold locks which those
/// need, and would hold them for long if they had to let everybody go first.
fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_io().enable_time().build()
}

impl Admin {
    /// Where it listens, the port as chosen.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        // Whoever is gone has nothing to stop.
        let _ = self.stop.send(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::behind::tests::niceness;

    #[test]
    fn what_is_done_aside_is_as_urgent_as_what_waits_for_its_locks() {
        let runtime = super::runtime().unwrap();
        let aside = runtime.block_on(runtime.spawn_blocking(niceness)).unwrap();
        assert_eq!(aside, niceness());
    }
}
