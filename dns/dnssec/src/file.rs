//! The file in which the keys of a zone are kept, in JSON. Version 1 is a file without a roll, which
//! is still what a file without one looks like.

use std::sync::Arc;

use data_encoding::BASE64;
use halfmoon_wire::{Name, NameBuf};
use serde::{Deserialize, Serialize};

use crate::roll::Roll;
use crate::{Algorithm, Key, KeyError, Role, ZoneKeys};

/// The file of a zone.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ZoneFile {
    zone: String,
    keys: Vec<KeyEntry>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    roll: Option<Roll>,
}

/// A key of a zone.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyEntry {
    role: Role,
    algorithm: u8,
    tag: u16,
    /// Seconds since 1970.
    made: u64,
    /// PKCS #8, in base64.
    private: String,
}

impl KeyEntry {
    fn key(&self) -> Option<Key> {
        let octets = BASE64.decode(self.private.as_bytes()).ok()?;
        let algorithm = Algorithm::from_number(self.algorithm)?;
        let key = Key::from_pkcs8(&octets, algorithm, self.role).ok()?.made_at(self.made);
        (key.tag() == self.tag).then_some(key)
    }
}

/// The keys of `apex` in the text of its file; or what is wrong with it, without a word of a key.
pub(crate) fn read(text: &str, apex: Name<'_>) -> Result<ZoneKeys, String> {
    // The text of the error could hold a piece of a key: only where it is, is said.
    let zone: ZoneFile = serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        format!("not a file of keys, from line {line}, column {column} on")
    })?;
    let owner: Result<NameBuf, _> = zone.zone.parse();
    if !owner.is_ok_and(|owner| owner == apex.to_buf()) {
        return Err(format!("holds the keys of {}, not those of {apex}", zone.zone));
    }
    let mut keys = Vec::with_capacity(zone.keys.len());
    for entry in &zone.keys {
        let key =
            entry.key().ok_or_else(|| format!("key {} is not one that can be used", entry.tag))?;
        if ZoneKeys::collides(&keys, &key) {
            return Err(format!("two keys have the tag {}", entry.tag));
        }
        keys.push(Arc::new(key));
    }
    if let Some(roll) = &zone.roll {
        let has = |tag: u16| keys.iter().any(|key| key.tag() == tag && key.role() == roll.role());
        if !roll.is_possible() || !has(roll.coming()) || !roll.leaving().iter().all(|tag| has(*tag))
        {
            return Err("the roll in it is not one of its keys".to_owned());
        }
    }
    let keys = ZoneKeys::new(apex.to_buf(), keys, zone.roll);
    if !keys.is_complete() {
        return Err("lacks a key that signs keys, or one that signs the rest".to_owned());
    }
    Ok(keys)
}

/// The file of these keys; those that do not know when they were made, were made `now`.
pub(crate) fn of(keys: &ZoneKeys, now: u64) -> Result<ZoneFile, KeyError> {
    let mut entries = Vec::with_capacity(keys.keys().len());
    for key in keys.keys() {
        entries.push(KeyEntry {
            role: key.role(),
            algorithm: key.algorithm().number(),
            tag: key.tag(),
            made: key.made().unwrap_or(now),
            private: BASE64.encode(&key.to_pkcs8()?),
        });
    }
    Ok(ZoneFile { zone: keys.apex().to_string(), keys: entries, roll: keys.roll().cloned() })
}

/// The zone whose keys a file holds.
pub(crate) fn zone_of(text: &str) -> Option<NameBuf> {
    serde_json::from_str::<ZoneFile>(text).ok()?.zone.parse().ok()
}
