//! What was found as SARIF 2.1.0 (OASIS), which code hosts show beside the lines of a change.

use std::collections::BTreeSet;
use std::path::Path;

use halfmoon_zones::Fault;
use serde_json::{Value, json};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// A fault as a result of the log.
pub(super) struct Found {
    rule: &'static str,
    result: Value,
}

impl Found {
    /// `column` counts letters, as SARIF does.
    pub(super) fn new(fault: &Fault, path: &Path, column: u32, zone: &str) -> Self {
        let text = match &fault.help {
            Some(help) => format!("{}; {help}", fault.message),
            None => fault.message.clone(),
        };
        let result = json!({
            "ruleId": fault.rule,
            "level": fault.level.to_string(),
            "message": { "text": text },
            "locations": [{ "physicalLocation": {
                "artifactLocation": { "uri": uri(&path.to_string_lossy()) },
                "region": { "startLine": fault.place.line.max(1), "startColumn": column.max(1) },
            } }],
            "properties": { "zone": zone },
        });
        Self { rule: fault.rule, result }
    }
}

/// The log of one run.
pub(super) fn log(found: &[Found]) -> Value {
    let rules: BTreeSet<&str> = found.iter().map(|found| found.rule).collect();
    let rules: Vec<Value> = rules.iter().map(|rule| json!({ "id": rule })).collect();
    let results: Vec<&Value> = found.iter().map(|found| &found.result).collect();
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "halfmoon",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

/// A path as a URI: relative as it is, so that it is found in the checkout; absolute with its scheme.
fn uri(path: &str) -> String {
    let mut uri = String::from(if path.starts_with('/') { "file://" } else { "" });
    for octet in path.strip_prefix("./").unwrap_or(path).bytes() {
        match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => {
                uri.push(char::from(octet));
            }
            _ => uri.push_str(&format!("%{octet:02X}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::uri;

    #[test]
    fn paths_become_uris() {
        for (path, expected) in [
            ("zones/example.org.zone", "zones/example.org.zone"),
            ("./a.zone", "a.zone"),
            ("/srv/my zones/ä.zone", "file:///srv/my%20zones/%C3%A4.zone"),
        ] {
            assert_eq!(uri(path), expected);
        }
    }
}
