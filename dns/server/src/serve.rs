//! The life of a server: bind, load, answer, reload, end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use halfmoon_geo::{GeoError, Source};
use halfmoon_healthcheck::{Health, TargetPolicy};
use halfmoon_lua::Settings;

use crate::admin::{self, Admin, AdminError};
use crate::config::{Config, Dialect};
use crate::cookies::Cookies;
use crate::counters::Counters;
use crate::events::{self, Recorder};
use crate::expect::Examiner;
use crate::limit::Limits;
use crate::meter::Meters;
use crate::overrides::{Keeper, Overrides, StoreError};
use crate::publish::{
    self, Compile, Loads, PublishError, Publisher, Publishing, SourceError, Unit,
};
use crate::secret::{SecretError, log_lacking};
use crate::shared::{Policy, Presentation, Shared};
use crate::signing::{Ahead, Renewer, Roller, Signing, SigningError};
use crate::tenants::Tenants;
use crate::transfer::Slots;
use crate::transport::{self, BindError, Bound, Listeners, TcpLimits};
use crate::tsig::Keys;
use crate::worker::Worker;

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// An address cannot be had.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The interface for operators is not to be had.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// There are no zones to serve.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// There are no zones to serve, or nobody who publishes them.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// A geo database is not usable.
    #[error(transparent)]
    Geo(#[from] GeoError),
    /// A secret for cookies or of a key is not usable.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// Zones cannot be signed.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The overrides that were in force cannot be read.
    #[error(transparent)]
    Overrides(#[from] StoreError),
    /// What happens cannot be recorded.
    #[error(transparent)]
    Events(#[from] events::StartError),
    /// Probing cannot begin.
    #[error(transparent)]
    Health(#[from] halfmoon_healthcheck::StartError),
    /// No thread is to be had.
    #[error("cannot start a thread: {0}")]
    Thread(#[source] io::Error),
}

/// A running server. It ends when dropped.
#[derive(Debug)]
pub struct Server {
    admin: Option<Admin>,
    listeners: Listeners,
    publisher: Publisher,
    signers: Option<(Renewer, Ahead, Roller)>,
    shared: Arc<Shared>,
    keeper: Keeper,
    recorder: Recorder,
}

impl Server {
    /// Starts a server: sockets first, so that a port that is taken shows before any work is
    /// done; then the zones; then the answers.
    ///
    /// # Errors
    /// What is missing, in one line.
    pub fn start(config: &Config) -> Result<Self, StartError> {
        let files = open_files();
        let tenants = Arc::new(Tenants::new(&config.tenants));
        let units = publish::units(config, &tenants)?;
        // What is quickly seen to be wrong is told before the work begins.
        let (cookies, keys) = (cookies(config)?, Keys::open(config, &tenants)?);
        log_lacking(&keys.lacking(), "keys");
        let bound = Bound::bind(&transport::Settings {
            listen: config.server.listen.clone(),
            udp_threads: config.server.workers,
            steering: config.server.steering,
            tcp_threads: config.server.tcp_workers,
            proxies: config.server.proxy_protocol_from.clone(),
            tcp: TcpLimits {
                connections: config.server.tcp_max.get(),
                per_address: config.server.tcp_max_per_address.get(),
                idle: config.server.tcp_idle,
                ..TcpLimits::default()
            },
        })?;
        let admin = admin::Bound::bind(config, &tenants)?;
        let geo = Source::open(config.geo.databases.clone())?;
        let defaults = halfmoon_healthcheck::Settings::default();
        let health = Health::start(halfmoon_healthcheck::Settings {
            // Half of what may be open stays for probes under way, and for those who ask.
            max_kept: defaults.max_kept.min(files / 2),
            targets: targets(config),
            lease: config.health.lease,
            computed_per_zone: config.health.computed_per_zone.get() as usize,
            state: config.health.state.clone(),
            suspect: config.suspect(),
            ..defaults
        })?;
        // Before anything is probed: the first verdicts are changes, too.
        let folder = config.health.changes.as_ref().or(config.health.state.as_ref());
        let recorder = Recorder::start(health.subscribe(), folder, &config.health.webhook)?;
        // Before there are pools: none of them answers once without them.
        let overrides = Arc::new(Overrides::open(
            health.clone(),
            Arc::clone(recorder.events()),
            config.health.state.clone(),
            (config.health.overrides.max, config.health.safety.clone()),
            Arc::clone(&tenants),
        )?);
        let keeper = Keeper::start(Arc::clone(&overrides)).map_err(StartError::Thread)?;
        let lua = lua_settings(config, &geo);
        let signing = Signing::new(config)?;
        let keys_folder = signing.as_ref().map(|signing| signing.folder().clone());
        let shared = Arc::new(Shared {
            zones: Arc::default(),
            health,
            geo,
            cookies,
            keys,
            policy: policy(config, lua.clone()),
            meters: Meters::default(),
            loads: Loads::default(),
            publishing: Publishing::default(),
            events: Arc::clone(recorder.events()),
            overrides,
            tenants,
        });
        let labels = shared.policy.lua.defaults.labels.clone();
        shared.overrides.look_at(Arc::clone(&shared.zones), labels);
        let threads = bound.threads();
        let compile = |number, unit: &Unit| {
            let policy = policy(config, lua.clone());
            let mut examiner = Examiner::new(targets(config), shared.geo.same(), policy);
            if unit.tenant.is_none() {
                // What the operator has tested may take its time; tenants are not to hold others up.
                examiner = examiner.at_most(None);
            }
            Compile::new(lua.clone(), shared.health.clone())
                .tenants(Arc::clone(&shared.tenants), unit.tenant)
                .guarded(unit.guards)
                .rules(config.check.rules.clone())
                .dnssec(config.dnssec.clone())
                .threads(threads)
                .examining(examiner.lenient())
                .signing(signing.as_ref().map(|signing| signing.of_source(number)))
        };
        let publisher = Publisher::start(units, compile, &shared)?;
        // Reading took more than what was read does.
        transport::give_back();
        let signers = match keys_folder {
            Some(folder) => {
                let renewer = Renewer::start(Arc::clone(&shared)).map_err(StartError::Thread)?;
                let ahead = Ahead::start(Arc::clone(&shared)).map_err(StartError::Thread)?;
                let (shared, renew) = (Arc::clone(&shared), publisher.renewer());
                let roller = Roller::start(shared, folder, &config.dnssec, renew);
                Some((renewer, ahead, roller.map_err(StartError::Thread)?))
            }
            None => None,
        };
        let workers = Arc::clone(&shared);
        let listeners = bound.start(move || Worker::new(&workers))?;
        let start = |admin: admin::Bound| admin.start(Arc::clone(&shared), listeners.tallies());
        let admin = admin.map(start).transpose().map_err(StartError::Thread)?;
        Ok(Self { admin, listeners, publisher, signers, shared, keeper, recorder })
    }

    /// Where the interface for operators listens, if there is one.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(Admin::address)
    }

    /// The addresses that are served, ports as chosen.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        self.listeners.addresses()
    }

    /// The checks and their verdicts.
    #[must_use]
    pub fn health(&self) -> &Health {
        &self.shared.health
    }

    /// What was answered, limited and refused since the start: all counts there are, in one place.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let (udp, tcp) = (self.listeners.udp(), self.listeners.tcp());
        Counters::new(udp, tcp, &self.shared.meters.read())
    }

    /// How many zones are served.
    #[must_use]
    pub fn zone_count(&self) -> usize {
        self.shared.zones.load().zones().len()
    }

    /// Looks at all sources of zones again.
    pub fn reload(&self) {
        self.publisher.reload();
    }

    /// Answers what has arrived, then ends.
    pub fn shutdown(self) {
        let Self { admin, listeners, publisher, signers, shared, keeper, recorder } = self;
        listeners.shutdown();
        drop(admin);
        drop(publisher);
        drop(signers);
        drop(keeper);
        // Who still holds it, as a thread that a folder keeps, is not waited for.
        shared.health.close();
        drop(shared);
        drop(recorder);
    }
}

/// How many files may be open, as many as the process may have.
fn open_files() -> usize {
    match transport::raise_open_files() {
        Ok(files) => usize::try_from(files).unwrap_or(usize::MAX),
        Err(error) => {
            tracing::warn!(%error, "the limit on open files stays as it is");
            // What nearly every system allows.
            1024
        }
    }
}

/// By what cookies are made.
///
/// # Errors
/// A file named for it is not usable.
pub fn cookies(config: &Config) -> Result<Cookies, SecretError> {
    let config = &config.cookies;
    match (config.enabled, config.secrets.is_empty()) {
        (false, _) => Ok(Cookies::unused()),
        (true, true) => Ok(Cookies::random()),
        (true, false) => Cookies::open(config.secrets.clone()),
    }
}

/// What workers need to know.
#[must_use]
pub fn policy(config: &Config, lua: Settings) -> Policy {
    let server = &config.server;
    Policy {
        client_subnet: config.edns.client_subnet,
        any: server.any,
        limits: Limits {
            rate: config.limits.responses_per_second,
            slip: config.limits.slip,
            program_time: match config.limits.program_time {
                Duration::ZERO => None,
                time => Some(u32::try_from(time.as_micros()).unwrap_or(u32::MAX).max(1)),
            },
            exempt: config.limits.exempt.as_slice().into(),
        },
        transfers: config.transfer.allow.as_slice().into(),
        explains_to: server.explain_to.as_slice().into(),
        transfer_slots: Slots::new(config.transfer.max.get()),
        signatures_per_source: config.dnssec.signatures_per_source,
        presentation: Presentation {
            version: server.version.clone(),
            identity: server.identity.clone(),
            nsid: server.nsid.clone(),
        },
        tcp_idle: u16::try_from(server.tcp_idle.as_millis() / 100).unwrap_or(u16::MAX),
        ..Policy::new(lua)
    }
}

/// What may be probed.
#[must_use]
pub fn targets(config: &Config) -> TargetPolicy {
    let health = &config.health;
    let tokens = config.admin.iter().flat_map(|admin| &admin.tokens);
    let beats = tokens.flat_map(|token| &token.beats).map(|name| name.as_str().into());
    let policy = TargetPolicy::new(health.targets.allow.clone(), health.targets.deny.clone())
        .with_beats(beats);
    match &health.files {
        Some(folder) => policy.with_files(folder.clone()),
        None => policy,
    }
}

/// How programs are compiled and run.
#[must_use]
pub fn lua_settings(config: &Config, geo: &Source) -> Settings {
    let dialect = match config.lua.dialect {
        Dialect::Halfmoon => halfmoon_lua::Dialect::Halfmoon,
        Dialect::Powerdns => halfmoon_lua::Dialect::PowerDns,
    };
    let settings = Settings::of(dialect);
    Settings {
        defaults: Arc::new(config.defaults(&settings.defaults)),
        fuel: u64::from(config.lua.fuel.get()),
        memory: config.lua.memory,
        shared: config.lua.shared,
        time: config.lua.time,
        places: geo.current().attributes(),
        ..settings
    }
}
