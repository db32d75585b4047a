//! The configuration file: one TOML file, every key optional, every unknown key an error.
//!
//! A key is read only if something obeys it. Keys of parts that do not exist yet are refused by
//! name rather than ignored.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use halfmoon_healthcheck::{Labels, Options};
use halfmoon_lua::Defaults;
use halfmoon_wire::NameBuf;
use ipnet::IpNet;
use serde::Deserialize;

use crate::shared::AnyAnswers;
use crate::transport::Steering;

mod admin;
mod checks;
mod cookies;
mod denial;
mod dnssec;
mod error;
mod git;
mod health;
mod limits;
mod named_twice;
mod overrides;
mod rules;
mod tenants;
mod transfer;
mod value;
mod webhook;
mod zone;

pub use admin::{AdminConfig, Right, TokenConfig};
pub use checks::{
    DnsConfig, GrpcConfig, HttpConfig, PushConfig, StaleConfig, TlsConfig, Verification,
};
pub use cookies::CookiesConfig;
pub use denial::{Denial, HowSigned, Nsec3Config, SignedZoneConfig};
pub use dnssec::{DnssecConfig, ZonePattern};
pub use error::ConfigError;
pub(crate) use error::position;
pub use git::{GitConfig, GuardsConfig, SerialOf, Verify};
pub use health::{HealthConfig, TargetsConfig};
pub use limits::LimitsConfig;
pub use overrides::{OverridesConfig, SafetyConfig};
pub use rules::{CheckConfig, RULES, RuleLevel, Rules, TENANT_RULES};
pub use tenants::TenantConfig;
pub use transfer::{KeyAlgorithm, KeyConfig, TransferConfig};
pub use value::{address, duration, size};
pub use webhook::WebhookConfig;
pub(crate) use zone::toml_fault;
pub use zone::{ZoneFault, ZoneHealth};

/// Where a server listens that was not told otherwise.
pub const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 5300);

/// Everything an operator can set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Sockets and threads.
    pub server: ServerConfig,
    /// How zones are judged.
    pub check: CheckConfig,
    /// Where the zones are.
    pub zones: ZonesConfig,
    /// How record programs are read and what they may cost.
    pub lua: LuaConfig,
    /// How endpoints are probed.
    pub health: HealthConfig,
    /// Which geography databases are asked.
    pub geo: GeoConfig,
    /// EDNS options.
    pub edns: EdnsConfig,
    /// DNS cookies.
    pub cookies: CookiesConfig,
    /// Signed zones.
    pub dnssec: DnssecConfig,
    /// Response rate limiting.
    pub limits: LimitsConfig,
    /// Zone transfers.
    pub transfer: TransferConfig,
    /// The interface for operators; there is none without the section.
    pub admin: Option<AdminConfig>,
    /// Who owns which zones, by name: 1 to 64 letters, digits, `-` and `_`.
    #[serde(deserialize_with = "tenants::tenants")]
    pub tenants: BTreeMap<String, TenantConfig>,
}

/// `[server]`: sockets and threads.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerConfig {
    /// Addresses that are served, each over UDP and TCP. Port 0 takes any free port.
    #[serde(deserialize_with = "value::addresses")]
    pub listen: Vec<SocketAddr>,
    /// UDP threads for each address; 0: one a core.
    #[serde(deserialize_with = "value::threads")]
    pub workers: usize,
    /// Which of the UDP threads of one address takes a datagram.
    pub steering: Steering,
    /// TCP threads, for all addresses together; 0: half as many as cores, at least one.
    #[serde(deserialize_with = "value::threads")]
    pub tcp_workers: usize,
    /// TCP connections at a time, at least 1.
    pub tcp_max: NonZeroU32,
    /// TCP connections at a time from one IPv4 address or one IPv6 /64, at least 1.
    pub tcp_max_per_address: NonZeroU32,
    /// How long a TCP connection may be without a query before it is closed; at least a millisecond.
    #[serde(deserialize_with = "value::positive_duration")]
    pub tcp_idle: Duration,
    /// Networks of proxies, whose PROXY header (version 2) is believed, and demanded.
    #[serde(deserialize_with = "value::networks")]
    pub proxy_protocol_from: Vec<IpNet>,
    /// Networks whose clients are told over DNS why an answer is what it is.
    #[serde(deserialize_with = "value::networks")]
    pub explain_to: Vec<IpNet>,
    /// What type ANY gets over UDP (RFC 8482).
    pub any: AnyAnswers,
    /// The answer to `version.bind` and `version.server`, 1 to 255 octets.
    #[serde(deserialize_with = "value::character_string")]
    pub version: Option<String>,
    /// The answer to `hostname.bind` and `id.server`, 1 to 255 octets.
    #[serde(deserialize_with = "value::character_string")]
    pub identity: Option<String>,
    /// The name server identifier (RFC 5001), 1 to 128 octets.
    #[serde(deserialize_with = "value::nsid")]
    pub nsid: Option<String>,
}

/// `[zones]`: where the zones are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ZonesConfig {
    /// A folder of zone files. Relative to the folder of the configuration file.
    pub path: Option<PathBuf>,
    /// Where relative paths of `$INCLUDE` start in listed files, and the folder that they cannot
    /// leave; each file's own folder if not set. Relative to the folder of the configuration file.
    pub include_root: Option<PathBuf>,
    /// Zones that are listed, with their files, wherever these are. No name is there twice.
    #[serde(deserialize_with = "value::listed")]
    pub zone: Vec<ZoneConfig>,
    /// A repository that zones come from, instead of a folder and a list.
    pub git: Option<GitConfig>,
    /// What holds a commit of it; the defaults if not set. With a folder, what holds a change of it; nothing if
    /// not set.
    pub guards: Option<GuardsConfig>,
}

/// `[[zones.zone]]`: one zone.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZoneConfig {
    /// The name of the zone, which owns the SOA in the file.
    #[serde(deserialize_with = "value::name")]
    pub name: NameBuf,
    /// Its file. Relative to the folder of the configuration file.
    pub file: PathBuf,
}

/// How record programs are to be understood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// Halfmoon's own defaults; faults are found at load.
    #[default]
    Halfmoon,
    /// Every default and quirk as PowerDNS has it.
    Powerdns,
}

/// `[lua]`: how record programs are read and what one evaluation may cost.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LuaConfig {
    /// Whose defaults and quirks apply.
    pub dialect: Dialect,
    /// Whether the character-strings of one record are joined with spaces between them.
    pub insert_whitespace: bool,
    /// Steps of one evaluation, at least 1.
    pub fuel: NonZeroU32,
    /// Octets that one evaluation may take beyond the VM at rest.
    #[serde(deserialize_with = "value::positive_size")]
    pub memory: usize,
    /// Whether globals that a program sets are kept for the next one of its zone.
    pub shared: bool,
    /// Time of one evaluation.
    #[serde(deserialize_with = "value::positive_duration")]
    pub time: Duration,
}

/// `[geo]`: which databases say where an address is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GeoConfig {
    /// mmdb files, asked in this order. Relative to the folder of the configuration file.
    pub databases: Vec<PathBuf>,
}

/// `[edns]`: EDNS options.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EdnsConfig {
    /// Whether EDNS Client Subnet is believed and answered (RFC 7871).
    pub client_subnet: bool,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: vec![DEFAULT_LISTEN],
            workers: 0,
            steering: Steering::default(),
            tcp_workers: 0,
            tcp_max: at_least_one(1000),
            tcp_max_per_address: at_least_one(100),
            tcp_idle: Duration::from_secs(10),
            proxy_protocol_from: Vec::new(),
            explain_to: Vec::new(),
            any: AnyAnswers::default(),
            version: None,
            identity: None,
            nsid: None,
        }
    }
}

impl Default for LuaConfig {
    fn default() -> Self {
        Self {
            dialect: Dialect::default(),
            insert_whitespace: false,
            fuel: at_least_one(20_000),
            memory: 64 * 1024,
            shared: false,
            time: Duration::from_millis(1),
        }
    }
}

impl Default for EdnsConfig {
    fn default() -> Self {
        Self { client_subnet: true }
    }
}

const fn at_least_one(n: u32) -> NonZeroU32 {
    match NonZeroU32::new(n) {
        Some(n) => n,
        None => NonZeroU32::MIN,
    }
}

impl Config {
    /// Reads a file. Relative paths in it become relative to its folder.
    ///
    /// # Errors
    /// If it cannot be read, or holds what is not a configuration; with position and remedy.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        Self::parse(&text, path)
    }

    /// Understands a text that was read from `path`.
    ///
    /// # Errors
    /// If it is not a configuration; with position and remedy.
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let mut config: Self =
            toml::from_str(text).map_err(|fault| error::locate(&fault, text, path))?;
        let wrong = tenants::wrong(&config.tenants, text);
        if let Some((at, message)) = wrong.or_else(|| named_twice::key(text)) {
            let (line, column) = position(text, at);
            return Err(ConfigError::Wrong { path: path.to_owned(), line, column, message });
        }
        let folder = path.parent().unwrap_or_else(|| Path::new(""));
        let anchored = |relative: &mut PathBuf| {
            // Through its components, so that `.` leaves no trace in messages.
            *relative = folder.join(&*relative).components().collect();
        };
        config.zones.path.iter_mut().for_each(anchored);
        config.zones.include_root.iter_mut().for_each(anchored);
        config.zones.zone.iter_mut().map(|zone| &mut zone.file).for_each(anchored);
        config.health.state.iter_mut().for_each(anchored);
        let of_tenants = config.tenants.values_mut();
        let repositories = of_tenants.filter_map(|tenant| {
            tenant.path.iter_mut().for_each(anchored);
            tenant.git.as_mut()
        });
        for git in config.zones.git.iter_mut().chain(repositories) {
            git.anchor(anchored);
        }
        config.geo.databases.iter_mut().for_each(anchored);
        config.health.files.iter_mut().for_each(anchored);
        config.cookies.secrets.iter_mut().for_each(anchored);
        config.dnssec.keys.iter_mut().for_each(anchored);
        let of_tenants = config.tenants.values_mut().flat_map(|tenant| &mut tenant.keys);
        let keys = config.transfer.keys.iter_mut().chain(of_tenants);
        keys.map(|key| &mut key.secret_file).for_each(anchored);
        config.health.changes.iter_mut().for_each(anchored);
        let hooks = config.health.webhook.iter_mut();
        hooks.filter_map(|hook| hook.secret_file.as_mut()).for_each(anchored);
        let of_tenants = config.tenants.values_mut().flat_map(|tenant| &mut tenant.tokens);
        let tokens = config.admin.iter_mut().flat_map(|admin| &mut admin.tokens).chain(of_tenants);
        tokens.map(|token| &mut token.secret_file).for_each(anchored);
        Ok(config)
    }

    /// Failures in a row before an endpoint is down: as set, or as the dialect has it.
    #[must_use]
    pub fn fall(&self) -> u32 {
        self.health.fall.map_or_else(|| if self.is_powerdns() { 1 } else { 3 }, NonZeroU32::get)
    }

    /// Successes in a row before an endpoint is up again: as set, or as the dialect has it.
    #[must_use]
    pub fn rise(&self) -> u32 {
        self.health.rise.map_or_else(|| if self.is_powerdns() { 1 } else { 2 }, NonZeroU32::get)
    }

    /// How endpoints are probed where a program does not say: `options` as the dialect has them, with
    /// what is set.
    #[must_use]
    pub fn checks(&self, options: Options) -> Options {
        self.defaults(&Defaults { checks: options, ..Defaults::default() }).checks
    }

    /// What holds of pools and their checks where a program does not say otherwise: `base` as the
    /// dialect has it, with what is set.
    #[must_use]
    pub fn defaults(&self, base: &Defaults) -> Defaults {
        let mut defaults = base.clone();
        self.health.apply(&mut defaults);
        defaults.labels = Labels::new(self.health.labels.clone());
        defaults
    }

    /// What part of all endpoints has to fail at once for the server to suspect itself, in
    /// thousandths: as set, or as the dialect has it. `None`: it never does.
    #[must_use]
    pub fn suspect(&self) -> Option<u16> {
        let by_default = if self.is_powerdns() { 0 } else { 800 };
        Some(self.health.suspect.unwrap_or(by_default)).filter(|part| *part > 0)
    }

    /// Whether every default and quirk is as PowerDNS has it.
    #[must_use]
    pub fn is_powerdns(&self) -> bool {
        self.lua.dialect == Dialect::Powerdns
    }
}
