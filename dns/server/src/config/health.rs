//! `[health]`: how endpoints are probed and what pools make of it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use halfmoon_healthcheck::{AllDown, Damping, Flap, Policy, Resume, Unknown, Velocity};
use halfmoon_lua::TtlRange;
use ipnet::IpNet;
use serde::{Deserialize, Deserializer};

use super::{
    DnsConfig, GrpcConfig, HttpConfig, OverridesConfig, PushConfig, SafetyConfig, TlsConfig,
    WebhookConfig, at_least_one, value,
};

/// `[health]`: how endpoints are probed, where a record does not say.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HealthConfig {
    /// From the start of one probe to the start of the next.
    #[serde(deserialize_with = "value::positive_duration")]
    pub interval: Duration,
    /// How long one probe may take.
    #[serde(deserialize_with = "value::positive_duration")]
    pub timeout: Duration,
    /// Failures in a row before an endpoint is down, if set; see [`super::Config::fall`].
    pub fall: Option<NonZeroU32>,
    /// Successes in a row before it is up again, if set; see [`super::Config::rise`].
    pub rise: Option<NonZeroU32>,
    /// The local address to probe from.
    pub source: Option<IpAddr>,
    /// Checks of URLs.
    pub http: HttpConfig,
    /// Certificates.
    pub tls: TlsConfig,
    /// Checks of name servers.
    pub dns: DnsConfig,
    /// Checks by the gRPC health service.
    pub grpc: GrpcConfig,
    /// Heartbeats and files.
    pub push: PushConfig,
    /// The folder whose files say of endpoints whether they are up. Relative to the folder of the
    /// configuration file.
    pub files: Option<PathBuf>,
    /// The shortest time from going down to coming back.
    #[serde(deserialize_with = "value::any_duration")]
    pub hold_down: Duration,
    /// When an endpoint that answers again counts as up.
    #[serde(deserialize_with = "resume")]
    pub resume: Resume,
    /// How long it takes to get its whole share again.
    #[serde(deserialize_with = "value::any_duration")]
    pub ramp: Duration,
    /// What is done about endpoints that go down again and again; as the dialect has it if not set.
    #[serde(deserialize_with = "flap")]
    pub flap: Option<Option<Flap>>,
    /// How long after a change the TTL stays low.
    #[serde(deserialize_with = "value::any_duration")]
    pub fresh: Duration,
    /// What an endpoint counts as while nothing is known of it.
    #[serde(deserialize_with = "unknown")]
    pub unknown: Unknown,
    /// What is answered when nothing is up.
    #[serde(deserialize_with = "all_down")]
    pub all_down: AllDown,
    /// Fewer than so many are never answered.
    pub min_answers: u8,
    /// A group of which less than this part is up is not believed; in thousandths.
    #[serde(deserialize_with = "part")]
    pub panic: u16,
    /// How fast members may leave a pool.
    #[serde(deserialize_with = "velocity")]
    pub velocity: Option<Velocity>,
    /// The bounds between which TTLs follow the state.
    #[serde(deserialize_with = "ttl")]
    pub ttl: Option<TtlRange>,
    /// What addresses in some networks are called by.
    #[serde(deserialize_with = "labels")]
    pub labels: BTreeMap<String, Vec<IpNet>>,
    /// How long a check that a program computed is kept after a query last looked for it.
    #[serde(deserialize_with = "value::positive_duration")]
    pub lease: Duration,
    /// How many checks that programs compute are held for one zone, at least 1; of more, those not
    /// asked for longest go.
    pub computed_per_zone: NonZeroU32,
    /// The folder in which what is known of endpoints is kept. Relative to the folder of the
    /// configuration file.
    pub state: Option<PathBuf>,
    /// What part of all endpoints has to fail at once for the server to suspect itself, in
    /// thousandths; as the dialect has it if not set.
    #[serde(deserialize_with = "some_part")]
    pub suspect: Option<u16>,
    /// Which addresses may be probed at all.
    pub targets: TargetsConfig,
    /// The folder of the log of changes. Relative to the folder of the configuration file.
    pub changes: Option<PathBuf>,
    /// Who is told what happens.
    pub webhook: Vec<WebhookConfig>,
    /// What operators say against health.
    pub overrides: OverridesConfig,
    /// What no override may take out.
    pub safety: Vec<SafetyConfig>,
}

/// `[health] targets`: which addresses may be probed. An address has to be in `allow` and not
/// in `deny`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TargetsConfig {
    /// Networks that may be probed.
    #[serde(deserialize_with = "value::networks")]
    pub allow: Vec<IpNet>,
    /// Networks among them that may not.
    #[serde(deserialize_with = "value::networks")]
    pub deny: Vec<IpNet>,
}

impl Default for HealthConfig {
    fn default() -> Self {
        let Damping { hold_down, resume, ramp, fresh, .. } = Damping::default();
        Self {
            interval: Duration::from_secs(5),
            timeout: Duration::from_secs(2),
            fall: None,
            rise: None,
            source: None,
            http: HttpConfig::default(),
            tls: TlsConfig::default(),
            dns: DnsConfig::default(),
            grpc: GrpcConfig::default(),
            push: PushConfig::default(),
            files: None,
            hold_down,
            resume,
            ramp,
            flap: None,
            fresh,
            unknown: Unknown::default(),
            all_down: AllDown::default(),
            min_answers: 0,
            panic: 0,
            velocity: None,
            ttl: None,
            labels: BTreeMap::new(),
            lease: Duration::from_secs(3600),
            computed_per_zone: at_least_one(1000),
            state: None,
            suspect: None,
            targets: TargetsConfig::default(),
            changes: None,
            webhook: Vec::new(),
            overrides: OverridesConfig::default(),
            safety: Vec::new(),
        }
    }
}

impl Default for TargetsConfig {
    fn default() -> Self {
        let networks =
            |texts: [&str; 2]| texts.iter().filter_map(|text| text.parse().ok()).collect();
        Self {
            allow: networks(["0.0.0.0/0", "::/0"]),
            deny: networks(["169.254.0.0/16", "fe80::/10"]),
        }
    }
}

impl HealthConfig {
    /// How endpoints come back; `base` as the dialect has it.
    pub(super) fn damping(&self, base: Damping) -> Damping {
        let Self { hold_down, resume, ramp, fresh, .. } = *self;
        Damping { hold_down, resume, ramp, fresh, flap: self.flap.unwrap_or(base.flap) }
    }

    /// What pools make of verdicts.
    pub(super) fn policy(&self) -> Policy {
        Policy {
            unknown: self.unknown,
            all_down: self.all_down,
            min_answers: u32::from(self.min_answers),
            panic: self.panic,
            velocity: self.velocity,
        }
    }
}

fn resume<'de, D: Deserializer<'de>>(from: D) -> Result<Resume, D::Error> {
    let text = String::deserialize(from)?;
    match &*text {
        "auto" => Ok(Resume::Auto),
        "manual" => Ok(Resume::Manual),
        _ => value::duration(&text).map(Resume::After).map_err(|_| {
            let message = "write \"auto\", \"manual\" or a duration, as in \"10m\"";
            serde::de::Error::custom(format_args!("{text:?} is none of them; {message}"))
        }),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FlapTable {
    #[serde(deserialize_with = "value::positive_duration", default = "half_life")]
    half_life: Duration,
    #[serde(default = "suppress")]
    suppress: u32,
    #[serde(default = "reuse")]
    reuse: u32,
}

fn half_life() -> Duration {
    Flap::default().half_life
}

fn suppress() -> u32 {
    Flap::default().suppress
}

fn reuse() -> u32 {
    Flap::default().reuse
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "write false, or { half_life = \"5m\", suppress = 3000, reuse = 1000 }"
)]
enum FlapOrNone {
    Is(bool),
    Table(FlapTable),
}

fn flap<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<Flap>>, D::Error> {
    Ok(Some(match FlapOrNone::deserialize(from)? {
        FlapOrNone::Is(is) => is.then(Flap::default),
        FlapOrNone::Table(FlapTable { half_life, suppress, reuse }) => {
            if reuse == 0 || reuse >= suppress {
                let message = "reuse has to be above 0 and below suppress";
                return Err(serde::de::Error::custom(message));
            }
            Some(Flap { half_life, suppress, reuse })
        }
    }))
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum UnknownWord {
    Last,
    Up,
    Down,
}

fn unknown<'de, D: Deserializer<'de>>(from: D) -> Result<Unknown, D::Error> {
    Ok(match UnknownWord::deserialize(from)? {
        UnknownWord::Last => Unknown::Last,
        UnknownWord::Up => Unknown::Up,
        UnknownWord::Down => Unknown::Down,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum AllDownWord {
    All,
    Backup,
    First,
    Last,
    None,
    Servfail,
}

fn all_down<'de, D: Deserializer<'de>>(from: D) -> Result<AllDown, D::Error> {
    Ok(match AllDownWord::deserialize(from)? {
        AllDownWord::All => AllDown::All,
        AllDownWord::Backup => AllDown::Backup,
        AllDownWord::First => AllDown::First,
        AllDownWord::Last => AllDown::Last,
        AllDownWord::None => AllDown::None,
        AllDownWord::Servfail => AllDown::Servfail,
    })
}

fn part<'de, D: Deserializer<'de>>(from: D) -> Result<u16, D::Error> {
    let part = f64::deserialize(from)?;
    if (0.0..=1.0).contains(&part) {
        return Ok((part * 1000.0).round() as u16);
    }
    Err(serde::de::Error::custom(format_args!("{part} is no part; write 0.3 for 30 %")))
}

fn some_part<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u16>, D::Error> {
    part(from).map(Some)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VelocityTable {
    #[serde(deserialize_with = "part")]
    part: u16,
    #[serde(deserialize_with = "value::positive_duration")]
    window: Duration,
}

fn velocity<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Velocity>, D::Error> {
    let VelocityTable { part, window } = VelocityTable::deserialize(from)?;
    Ok(Some(Velocity { part, window }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TtlTable {
    min: u32,
    max: u32,
}

fn ttl<'de, D: Deserializer<'de>>(from: D) -> Result<Option<TtlRange>, D::Error> {
    let TtlTable { min, max } = TtlTable::deserialize(from)?;
    // RFC 2181 section 8.
    if min > max || max > i32::MAX as u32 {
        let message = "min has to be at most max, and max at most 2147483647";
        return Err(serde::de::Error::custom(message));
    }
    Ok(Some(TtlRange { min, max }))
}

struct Networks(Vec<IpNet>);

impl<'de> Deserialize<'de> for Networks {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        value::networks(from).map(Self)
    }
}

fn labels<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, Vec<IpNet>>, D::Error> {
    let labels = BTreeMap::<String, Networks>::deserialize(from)?;
    Ok(labels.into_iter().map(|(label, Networks(networks))| (label, networks)).collect())
}
