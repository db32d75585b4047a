//! The settings beside a zone file, `NAME.health.toml`: the part of `[health]` that speaks of records,
//! for the records of one zone.
//!
//! Whoever writes zones may not be whoever runs the server: what is the server's is refused by name.

use std::path::Path;

use halfmoon_lua::Defaults;
use toml::de::DeTable;

use super::{ConfigError, HealthConfig, error};

/// The keys that a zone may set.
const KEYS: [&str; 23] = [
    "all_down",
    "dns",
    "fall",
    "flap",
    "fresh",
    "grpc",
    "hold_down",
    "http",
    "interval",
    "labels",
    "min_answers",
    "panic",
    "push",
    "ramp",
    "resume",
    "rise",
    "rto",
    "source",
    "timeout",
    "tls",
    "ttl",
    "unknown",
    "velocity",
];

/// What a zone sets for its records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZoneHealth(HealthConfig);

/// What is wrong with the settings of a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ZoneFault {
    /// The line, from 1.
    pub line: u32,
    /// The column in octets, from 1.
    pub column: u32,
    /// What is wrong and what to write.
    pub message: String,
}

impl ZoneHealth {
    /// Understands the text of a file of settings.
    ///
    /// # Errors
    /// What is wrong with it; there is something then.
    pub fn parse(text: &str) -> Result<Self, Vec<ZoneFault>> {
        let at = |fault: &toml::de::Error| vec![toml_fault(fault, text)];
        let table = DeTable::parse(text).map_err(|fault| at(&fault))?;
        let unknown = table.get_ref().keys().filter(|key| !KEYS.contains(&&**key.get_ref()));
        let mut faults: Vec<ZoneFault> = unknown
            .map(|key| {
                let (line, column) = error::position(text, key.span().start);
                let message = refusal(key.get_ref());
                ZoneFault { line: line as u32, column: column as u32, message }
            })
            .collect();
        if !faults.is_empty() {
            faults.sort_by_key(|fault| (fault.line, fault.column));
            return Err(faults);
        }
        toml::from_str(text).map(Self).map_err(|fault| at(&fault))
    }

    /// What holds for the records of the zone, where `server` holds for those of all.
    #[must_use]
    pub fn defaults(&self, server: &Defaults) -> Defaults {
        let mut defaults = server.clone();
        self.0.apply(&mut defaults);
        defaults.labels = server.labels.with_zones(self.0.labels.clone());
        defaults
    }
}

/// What is said of a key that no zone may set.
fn refusal(key: &str) -> String {
    let text = format!("{key} = 0");
    let is_servers = match toml::from_str::<HealthConfig>(&text) {
        Ok(_) => true,
        Err(fault) => !fault.message().starts_with("unknown field"),
    };
    if is_servers {
        return format!(
            "`{key}` is not for a zone to set; it stands under [health] in the configuration of the server"
        );
    }
    if key == "health" {
        return "the settings of a zone have no [health] around them; write `interval = \"5s\"` and \
                [http]"
            .to_owned();
    }
    error::unknown("key", key, &KEYS)
}

/// What the parser says of a file beside a zone.
pub(crate) fn toml_fault(fault: &toml::de::Error, text: &str) -> ZoneFault {
    match error::locate(fault, text, Path::new("")) {
        ConfigError::Wrong { line, column, message, .. } => {
            ZoneFault { line: line as u32, column: column as u32, message }
        }
        other => ZoneFault { line: 1, column: 1, message: other.to_string() },
    }
}
