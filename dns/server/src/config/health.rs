//! `[health]`: how endpoints are probed and what pools make of it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use halfmoon_healthcheck::{AllDown, Damping, Flap, Pace, Resume, Unknown, Velocity};
use halfmoon_lua::{Defaults, TtlRange};
use ipnet::IpNet;
use serde::{Deserialize, Deserializer};

use super::checks::set;
use super::{
    DnsConfig, GrpcConfig, HttpConfig, OverridesConfig, PushConfig, SafetyConfig, TlsConfig,
    WebhookConfig, at_least_one, value,
};
use crate::overrides::Target;

/// `[health]`: how endpoints are probed, where a record does not say.
///
/// What is an option here is left as it is where it is not set: a zone's settings, which are a part of
/// the same table, change those of the server, and a record changes those of its zone.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HealthConfig {
    /// From the start of one probe to the start of the next.
    #[serde(deserialize_with = "some_positive")]
    pub interval: Option<Duration>,
    /// How long one probe may take.
    #[serde(deserialize_with = "some_positive")]
    pub timeout: Option<Duration>,
    /// Failures in a row before an endpoint is down.
    pub fall: Option<NonZeroU32>,
    /// Successes in a row before it is up again.
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
    #[serde(deserialize_with = "some_week")]
    pub hold_down: Option<Duration>,
    /// When an endpoint that answers again counts as up.
    #[serde(deserialize_with = "resume")]
    pub resume: Option<Resume>,
    /// How long it takes to get its whole share again.
    #[serde(deserialize_with = "some_week")]
    pub ramp: Option<Duration>,
    /// What is done about endpoints that go down again and again.
    #[serde(deserialize_with = "flap")]
    pub flap: Option<Option<Flap>>,
    /// How long after a change the TTL stays low.
    #[serde(deserialize_with = "some_week")]
    pub fresh: Option<Duration>,
    /// What an endpoint counts as while nothing is known of it.
    #[serde(deserialize_with = "unknown")]
    pub unknown: Option<Unknown>,
    /// What is answered when nothing is up.
    #[serde(deserialize_with = "all_down")]
    pub all_down: Option<AllDown>,
    /// Fewer than so many are never answered.
    pub min_answers: Option<u8>,
    /// A group of which less than this part is up is not believed; in thousandths.
    #[serde(deserialize_with = "some_part")]
    pub panic: Option<u16>,
    /// How fast members may leave a pool.
    #[serde(deserialize_with = "velocity")]
    pub velocity: Option<Option<Velocity>>,
    /// The bounds between which TTLs follow the state.
    #[serde(deserialize_with = "ttl")]
    pub ttl: Option<Option<TtlRange>>,
    /// How long after the failure of an endpoint everybody has the right answer, at worst.
    #[serde(deserialize_with = "rto")]
    pub rto: Option<Option<Duration>>,
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
        Self {
            interval: None,
            timeout: None,
            fall: None,
            rise: None,
            source: None,
            http: HttpConfig::default(),
            tls: TlsConfig::default(),
            dns: DnsConfig::default(),
            grpc: GrpcConfig::default(),
            push: PushConfig::default(),
            files: None,
            hold_down: None,
            resume: None,
            ramp: None,
            flap: None,
            fresh: None,
            unknown: None,
            all_down: None,
            min_answers: None,
            panic: None,
            velocity: None,
            ttl: None,
            rto: None,
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
    /// Puts what is said of records in the place of what was, but for labels.
    pub(super) fn apply(&self, defaults: &mut Defaults) {
        let Defaults { checks, policy, ttl, rto, labels: _ } = defaults;
        let Pace { interval, timeout, fall, rise, damping } = &mut checks.pace;
        set(interval, &self.interval);
        set(timeout, &self.timeout);
        set(fall, &self.fall.map(NonZeroU32::get));
        set(rise, &self.rise.map(NonZeroU32::get));
        set(&mut damping.hold_down, &self.hold_down);
        set(&mut damping.resume, &self.resume);
        set(&mut damping.ramp, &self.ramp);
        set(&mut damping.flap, &self.flap);
        set(&mut damping.fresh, &self.fresh);
        checks.source = self.source.or(checks.source);
        self.http.apply(checks);
        self.tls.apply(checks);
        self.dns.apply(checks);
        self.grpc.apply(checks);
        self.push.apply(checks);
        set(&mut policy.unknown, &self.unknown);
        set(&mut policy.all_down, &self.all_down);
        set(&mut policy.min_answers, &self.min_answers.map(u32::from));
        set(&mut policy.panic, &self.panic);
        set(&mut policy.velocity, &self.velocity);
        set(ttl, &self.ttl);
        set(rto, &self.rto);
    }
}

fn some_positive<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    value::positive_duration(from).map(Some)
}

/// A duration of at most a week, as long as anything about coming back may take.
fn some_week<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    let duration = value::any_duration(from)?;
    if duration > Damping::LONGEST {
        let hours = Damping::LONGEST.as_secs() / 3600;
        return Err(serde::de::Error::custom(format_args!("is too long: at most \"{hours}h\"")));
    }
    Ok(Some(duration))
}

fn resume<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Resume>, D::Error> {
    let text = String::deserialize(from)?;
    let refused = |message: &str| {
        let message = format_args!("{text:?} {message}");
        serde::de::Error::custom(message)
    };
    match &*text {
        "auto" => Ok(Some(Resume::Auto)),
        "manual" => Ok(Some(Resume::Manual)),
        _ => match value::duration(&text) {
            Ok(after) if after <= Damping::LONGEST => Ok(Some(Resume::After(after))),
            Ok(_) => Err(refused("is too long: at most \"168h\"")),
            Err(_) => Err(refused(
                "is none of them; write \"auto\", \"manual\" or a duration, as in \"10m\"",
            )),
        },
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

fn unknown<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Unknown>, D::Error> {
    Ok(Some(match UnknownWord::deserialize(from)? {
        UnknownWord::Last => Unknown::Last,
        UnknownWord::Up => Unknown::Up,
        UnknownWord::Down => Unknown::Down,
    }))
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

fn all_down<'de, D: Deserializer<'de>>(from: D) -> Result<Option<AllDown>, D::Error> {
    Ok(Some(match AllDownWord::deserialize(from)? {
        AllDownWord::All => AllDown::All,
        AllDownWord::Backup => AllDown::Backup,
        AllDownWord::First => AllDown::First,
        AllDownWord::Last => AllDown::Last,
        AllDownWord::None => AllDown::None,
        AllDownWord::Servfail => AllDown::Servfail,
    }))
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

#[derive(Deserialize)]
#[serde(untagged, expecting = "write false, or { part = 0.34, window = \"5m\" }")]
enum VelocityOrNone {
    Is(False),
    Table(VelocityTable),
}

fn velocity<'de, D>(from: D) -> Result<Option<Option<Velocity>>, D::Error>
where
    D: Deserializer<'de>,
{
    Ok(Some(match VelocityOrNone::deserialize(from)? {
        VelocityOrNone::Is(False) => None,
        VelocityOrNone::Table(VelocityTable { part, window }) => Some(Velocity { part, window }),
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TtlTable {
    min: u32,
    max: u32,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "write false, or { min = 10, max = 300 }")]
enum TtlOrNone {
    Is(False),
    Table(TtlTable),
}

fn ttl<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<TtlRange>>, D::Error> {
    let TtlOrNone::Table(TtlTable { min, max }) = TtlOrNone::deserialize(from)? else {
        return Ok(Some(None));
    };
    // RFC 2181 section 8.
    if min > max || max > i32::MAX as u32 {
        let message = "min has to be at most max, and max at most 2147483647";
        return Err(serde::de::Error::custom(message));
    }
    Ok(Some(Some(TtlRange { min, max })))
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "write false, or a duration, as in \"60s\"")]
enum RtoOrNone {
    Is(False),
    Text(String),
}

fn rto<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<Duration>>, D::Error> {
    let RtoOrNone::Text(text) = RtoOrNone::deserialize(from)? else {
        return Ok(Some(None));
    };
    match value::duration(&text).map_err(serde::de::Error::custom)? {
        Duration::ZERO => Err(serde::de::Error::custom("must be longer than 0")),
        rto if rto > Damping::LONGEST => {
            Err(serde::de::Error::custom("is too long: at most \"168h\""))
        }
        rto => Ok(Some(Some(rto))),
    }
}

/// `false`, which takes back what the server has for all zones.
struct False;

impl<'de> Deserialize<'de> for False {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match bool::deserialize(from)? {
            false => Ok(Self),
            true => Err(serde::de::Error::custom("true says nothing")),
        }
    }
}

struct Networks(Vec<IpNet>);

impl<'de> Deserialize<'de> for Networks {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        value::networks(from).map(Self)
    }
}

fn labels<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, Vec<IpNet>>, D::Error> {
    let labels = BTreeMap::<String, Networks>::deserialize(from)?;
    // One that looks like something else could never be named in an override.
    let is_label = |text: &str| matches!(Target::parse(text), Ok(Target::Label(_)));
    if let Some(odd) = labels.keys().find(|text| !is_label(text)) {
        let message = format_args!("{odd:?} is no label; write a kind and a name, \"region:fsn\"");
        return Err(serde::de::Error::custom(message));
    }
    Ok(labels.into_iter().map(|(label, Networks(networks))| (label, networks)).collect())
}
