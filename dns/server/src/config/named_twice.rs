//! Names that stand twice in different sections of a configuration.
//!
//! The text is read once more for it, as the places of names are not kept.

use std::collections::BTreeMap;

use halfmoon_wire::NameBuf;
use serde::Deserialize;
use toml::Spanned;

#[derive(Default, Deserialize)]
#[serde(default)]
struct All {
    transfer: Keyed,
    tenants: BTreeMap<String, Keyed>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Keyed {
    keys: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    name: Spanned<String>,
}

/// A key of the name of another one, of whomever, if there is one: where it stands, and what to write.
pub(super) fn key(text: &str) -> Option<(usize, String)> {
    let All { transfer, tenants } = toml::from_str(text).ok()?;
    let sections = std::iter::once(transfer).chain(tenants.into_values());
    let mut names: Vec<Spanned<String>> =
        sections.flat_map(|section| section.keys).map(|key| key.name).collect();
    names.sort_by_key(|name| name.span().start);
    let mut seen: Vec<NameBuf> = Vec::with_capacity(names.len());
    for name in names {
        let key = name.get_ref().parse::<NameBuf>().ok()?;
        if seen.iter().any(|other| other.as_name() == key.as_name()) {
            let message =
                format!("a key is called {key} already; queries name a key, so give each its own");
            return Some((name.span().start, message));
        }
        seen.push(key);
    }
    None
}
