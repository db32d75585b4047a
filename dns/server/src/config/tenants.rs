//! `[tenants.NAME]`: who owns which zones.

use std::collections::{BTreeMap, HashMap};

use halfmoon_wire::NameBuf;
use serde::{Deserialize, Deserializer, de::Error};
use toml::Spanned;

use super::{KeyConfig, TargetsConfig, TokenConfig, admin, value};

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

/// A name that is owned twice, if there is one: where it stands for the second time, and what to write.
pub(super) fn owned_twice(
    tenants: &BTreeMap<String, TenantConfig>,
    text: &str,
) -> Option<(usize, String)> {
    let mut names = tenants.values().flat_map(|tenant| tenant.apexes.iter().chain(&tenant.below));
    let mut seen = std::collections::HashSet::new();
    if names.all(|name| seen.insert(name.as_name().to_lower())) {
        return None;
    }
    // Read once more, as the places of names are not kept.
    let mut owned: Vec<(Spanned<String>, String)> = Vec::new();
    for (tenant, Places { apexes, below }) in toml::from_str::<All>(text).ok()?.tenants {
        owned.extend(apexes.into_iter().chain(below).map(|name| (name, tenant.clone())));
    }
    owned.sort_by_key(|(name, _)| name.span().start);
    let mut first: HashMap<NameBuf, String> = HashMap::new();
    for (name, tenant) in owned {
        let owned = name.get_ref().parse::<NameBuf>().ok()?;
        let lower = owned.as_name().to_lower();
        let Some(other) = first.insert(lower, tenant.clone()) else {
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
}
