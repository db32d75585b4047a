//! `[tenants.NAME]`: who owns which zones, and where they come from.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use halfmoon_wire::NameBuf;
use serde::de::{Error, IgnoredAny};
use serde::{Deserialize, Deserializer};
use toml::Spanned;

use super::{GitConfig, GuardsConfig, KeyConfig, TargetsConfig, TokenConfig, admin, value};

/// So many tenants can be named.
const MOST: usize = 1000;
/// The longest name of one, in octets.
const LONGEST_NAME: usize = 64;

/// `[tenants.NAME]`: a tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TenantConfig {
    /// Zones that it owns, whether they are there or not.
    #[serde(deserialize_with = "value::names")]
    pub apexes: Vec<NameBuf>,
    /// Names that it owns as zones with all zones below them, but for what is named for another tenant.
    #[serde(deserialize_with = "value::names")]
    pub below: Vec<NameBuf>,
    /// A folder of its own zone files. Relative to the folder of the configuration file.
    pub path: Option<PathBuf>,
    /// A repository of its own, instead of a folder.
    pub git: Option<GitConfig>,
    /// What holds a commit of it, or a change of its folder; as `zones.guards` if not set.
    pub guards: Option<GuardsConfig>,
    /// Keys whose holders may have its zones, and no others, from wherever they ask (TSIG, RFC 8945).
    pub keys: Vec<KeyConfig>,
    /// Tokens of the admin interface whose holders see and change what is of its zones, and nothing
    /// else.
    #[serde(deserialize_with = "tokens")]
    pub tokens: Vec<TokenConfig>,
    /// How many records its zones may have together.
    pub records: Option<u32>,
    /// How many record programs.
    pub programs: Option<u32>,
    /// How many octets of memory zones and programs may take, about.
    #[serde(deserialize_with = "some_size")]
    pub memory: Option<usize>,
    /// How many checks there may be for it.
    pub checks: Option<u32>,
    /// How many probes a second these may come to.
    pub probes_per_second: Option<u32>,
    /// Which addresses may be probed for it, besides `health.targets`.
    pub targets: Option<TargetsConfig>,
}

impl TenantConfig {
    /// Whether its zones come from a place of their own; else they stand among those of `[zones]`.
    #[must_use]
    pub const fn has_source(&self) -> bool {
        self.path.is_some() || self.git.is_some()
    }
}

fn tokens<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<TokenConfig>, D::Error> {
    let tokens = admin::tokens(from)?;
    match tokens.iter().find(|token| !token.beats.is_empty()) {
        Some(token) => Err(D::Error::custom(format_args!(
            "token {:?} lists `beats`; heartbeats are of the whole server: list them in `[[admin.tokens]]`",
            token.name
        ))),
        None => Ok(tokens),
    }
}

/// Tenants by name.
pub(super) fn tenants<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<BTreeMap<String, TenantConfig>, D::Error> {
    let named = BTreeMap::<TenantName, TenantConfig>::deserialize(from)?;
    if named.len() > MOST {
        let message = format_args!("{} tenants are more than there can be: {MOST}", named.len());
        return Err(D::Error::custom(message));
    }
    Ok(named.into_iter().map(|(TenantName(name), tenant)| (name, tenant)).collect())
}

fn some_size<'de, D: Deserializer<'de>>(from: D) -> Result<Option<usize>, D::Error> {
    value::positive_size(from).map(Some)
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct TenantName(String);

impl<'de> Deserialize<'de> for TenantName {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let name = String::deserialize(from)?;
        let is_plain = |octet: u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
        if (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(is_plain) {
            return Ok(Self(name));
        }
        Err(D::Error::custom(format_args!(
            "{name:?} is no name of a tenant; write 1 to {LONGEST_NAME} letters, digits, - and _"
        )))
    }
}

/// What is wrong with tenants that are right each for itself: where it stands, and what to write.
///
/// The text is read once more, as places of keys are not kept.
pub(super) fn wrong(
    tenants: &BTreeMap<String, TenantConfig>,
    text: &str,
) -> Option<(usize, String)> {
    if tenants.is_empty() {
        return None;
    }
    let mut owned: Vec<(Spanned<String>, String)> = Vec::new();
    for (tenant, places) in toml::from_str::<All>(text).ok()?.tenants {
        let Places { apexes, below, path, git, guards } = places;
        match (path, git, guards) {
            (Some(_), Some(git), _) => {
                let message = format!(
                    "zones of tenant {tenant} come from a folder or from Git; remove `path` or `git`"
                );
                return Some((git.span().start, message));
            }
            (None, None, Some(guards)) => {
                let message = "guards hold what comes from a place of its own, and there is none; set `path` or `git`, or remove them";
                return Some((guards.span().start, message.to_owned()));
            }
            _ => {}
        }
        owned.extend(apexes.into_iter().chain(below).map(|name| (name, tenant.clone())));
    }
    owned.sort_by_key(|(name, _)| name.span().start);
    let mut first: HashMap<NameBuf, String> = HashMap::new();
    for (name, tenant) in owned {
        let owned = name.get_ref().parse::<NameBuf>().ok()?;
        let Some(other) = first.insert(owned, tenant.clone()) else {
            continue;
        };
        let message = if other == tenant {
            format!("{owned} is named twice for tenant {tenant}; keep one")
        } else {
            format!("{owned} belongs to tenant {other} already; name it for one of them")
        };
        return Some((name.span().start, message));
    }
    None
}

#[derive(Deserialize)]
struct All {
    tenants: BTreeMap<String, Places>,
}

#[derive(Deserialize)]
struct Places {
    #[serde(default)]
    apexes: Vec<Spanned<String>>,
    #[serde(default)]
    below: Vec<Spanned<String>>,
    path: Option<IgnoredAny>,
    git: Option<Spanned<IgnoredAny>>,
    guards: Option<Spanned<IgnoredAny>>,
}
