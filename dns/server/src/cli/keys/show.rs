//! What `halfmoon keys` prints.

use std::fmt;
use std::time::{Duration, SystemTime};

use data_encoding::{BASE64, HEXUPPER};
use halfmoon_dnssec::{Key, Roll, Uses, ZoneKeys};
use serde::Serialize;

use super::{Format, say};
use crate::date::date;
use crate::signing::seconds;

/// A key, as JSON.
#[derive(Serialize)]
struct KeyLine {
    zone: String,
    role: &'static str,
    algorithm: u8,
    mnemonic: &'static str,
    tag: u16,
    made: Option<u64>,
    is_published: bool,
    signs_keys: bool,
    signs_data: bool,
    has_ds: bool,
    dnskey: String,
    /// With the key that comes.
    #[serde(skip_serializing_if = "Option::is_none")]
    roll: Option<RollLine>,
}

/// A roll, as JSON. Times are seconds since 1970.
#[derive(Serialize)]
struct RollLine {
    method: &'static str,
    leaving: Vec<u16>,
    step: &'static str,
    number: usize,
    of: usize,
    since: Option<u64>,
    ends: Option<u64>,
    awaits_parent: bool,
    parent_looked: Option<u64>,
    parent_asked: usize,
    parent_lacking: Vec<String>,
    waits_for: String,
}

/// A DS record, as JSON.
#[derive(Serialize)]
struct DsLine {
    zone: String,
    tag: u16,
    algorithm: u8,
    digest_type: u8,
    digest: String,
}

pub(super) fn list(zones: &[ZoneKeys], format: Format) {
    let lines = |zone: &ZoneKeys| zone.keys().iter().map(|key| line(zone, key)).collect();
    let lines: Vec<Vec<KeyLine>> = zones.iter().map(lines).collect();
    if format == Format::Json {
        return json(&lines.into_iter().flatten().collect::<Vec<_>>());
    }
    let longest = lines.iter().flatten().map(|line| line.zone.len()).max().unwrap_or(0).max(4);
    say(format_args!("{:longest$}  ROLE  TAG    {:20}  STATE", "ZONE", "ALGORITHM"));
    for (zone, lines) in zones.iter().zip(&lines) {
        for (line, key) in lines.iter().zip(zone.keys()) {
            let algorithm = format!("{} ({})", line.mnemonic, line.algorithm);
            let state = state(zone, key);
            let KeyLine { zone, role, tag, .. } = line;
            say(format_args!("{zone:longest$}  {role:4}  {tag:<5}  {algorithm:20}  {state}"));
        }
        if let Some(roll) = zone.roll() {
            say(describe(roll));
        }
    }
}

fn uses(zone: &ZoneKeys, key: &Key) -> Uses {
    let rolled = zone.roll().and_then(|roll| roll.uses(key.tag()));
    rolled.unwrap_or_else(|| Uses::of(key.role()))
}

fn line(zone: &ZoneKeys, key: &Key) -> KeyLine {
    let Uses { is_published, signs_keys, signs_data, has_ds } = uses(zone, key);
    let roll = zone.roll().filter(|roll| roll.coming() == key.tag());
    KeyLine {
        zone: zone.apex().to_string(),
        role: key.role().word(),
        algorithm: key.algorithm().number(),
        mnemonic: key.algorithm().mnemonic(),
        tag: key.tag(),
        made: key.made(),
        is_published,
        signs_keys,
        signs_data,
        has_ds,
        dnskey: BASE64.encode(key.dnskey().get(4..).unwrap_or_default()),
        roll: roll.map(roll_line),
    }
}

fn roll_line(roll: &Roll) -> RollLine {
    let (step, number, of) = roll.step();
    let parent = roll.parent();
    RollLine {
        method: roll.method().word(),
        leaving: roll.leaving().to_vec(),
        step,
        number,
        of,
        since: roll.served().map(|(since, _)| since),
        ends: roll.ends(),
        awaits_parent: roll.awaits_parent(),
        parent_looked: (parent.looked > 0).then_some(parent.looked),
        parent_asked: parent.asked,
        parent_lacking: parent.lacking.clone(),
        waits_for: waits_for(roll),
    }
}

/// What a key does, in words.
fn state(zone: &ZoneKeys, key: &Key) -> String {
    let Some(uses) = zone.roll().and_then(|roll| roll.uses(key.tag())) else {
        return "in use".to_owned();
    };
    let part = if zone.roll().is_some_and(|roll| roll.coming() == key.tag()) {
        "coming"
    } else {
        "leaving"
    };
    let words = [
        (uses.is_published, "published"),
        (uses.signs_keys, "signs keys"),
        (uses.signs_data, "signs data"),
        (uses.has_ds, "DS wanted"),
    ];
    let words: Vec<&str> =
        words.into_iter().filter(|(is_so, _)| *is_so).map(|(_, word)| word).collect();
    format!("{part}: {}", words.join(", "))
}

/// A roll, for people.
fn describe(roll: &Roll) -> impl fmt::Display {
    let (step, number, of) = roll.step();
    let since = match roll.served() {
        Some((since, _)) => format!(", since {}", when(since)),
        None => String::new(),
    };
    let waits = waits_for(roll);
    format!(
        "  {} roll by {}, step {number} of {of} ({step}){since}:\n  {waits}",
        roll.role().word(),
        roll.method().word(),
    )
}

/// What a roll waits for, in words.
fn waits_for(roll: &Roll) -> String {
    let Some((_, until)) = roll.served() else {
        return "waits for a server that serves the zone with these keys".to_owned();
    };
    let caches = format!("waits until {}, when caches have forgotten what was before", when(until));
    if !roll.awaits_parent() {
        return caches;
    }
    let (tag, parent) = (roll.coming(), roll.parent());
    match (parent.since, parent.looked) {
        (Some(_), _) => match roll.ends() {
            Some(ends) => format!(
                "all servers of the parent have DS {tag}; waits until {}, when caches have forgotten the DS before",
                when(ends)
            ),
            None => caches,
        },
        (None, 0) => {
            format!("waits for DS {tag} at all servers of the parent, which were not asked yet")
        }
        (None, looked) => {
            let lacking = parent.lacking.join("; ");
            format!(
                "waits for DS {tag} at all servers of the parent; at {}: {lacking}",
                when(looked)
            )
        }
    }
}

/// A time in seconds since 1970, and how far off it is.
fn when(at: u64) -> String {
    let text = date(SystemTime::UNIX_EPOCH + Duration::from_secs(at));
    match at.saturating_sub(seconds()) {
        0 => text,
        left @ ..60 => format!("{text} (in {left} s)"),
        left @ ..3600 => format!("{text} (in {} min)", left / 60),
        left => format!("{text} (in {} h)", left / 3600),
    }
}

pub(super) fn ds(zone: &ZoneKeys, format: Format) {
    let lines: Vec<DsLine> = zone
        .ds()
        .iter()
        .filter_map(|rdata| {
            let (&[high, low, algorithm, digest_type], digest) = rdata.split_first_chunk()?;
            Some(DsLine {
                zone: zone.apex().to_string(),
                tag: u16::from_be_bytes([high, low]),
                algorithm,
                digest_type,
                digest: HEXUPPER.encode(digest),
            })
        })
        .collect();
    if format == Format::Json {
        return json(&lines);
    }
    for DsLine { zone, tag, algorithm, digest_type, digest } in lines {
        say(format_args!("{zone} IN DS {tag} {algorithm} {digest_type} {digest}"));
    }
}

fn json(lines: &impl Serialize) {
    // Names, numbers and text: nothing that JSON has no form for.
    if let Ok(text) = serde_json::to_string_pretty(lines) {
        say(text);
    }
}
