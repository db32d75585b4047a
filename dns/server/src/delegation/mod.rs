//! Whether the zone above delegates a zone as the zone itself says (RFC 1034 section 4.2.2, RFC 4035 section
//! 2.4): its NS records, the addresses that go with them, and its DS records.
//!
//! Everything is asked over DNS, of the server that has the zone and of each server of its parent: what counts
//! is what resolvers get to see. Waits for the network.

mod compare;
mod view;

use std::net::SocketAddr;

use halfmoon_wire::Name;
use serde::Serialize;

use crate::parent::{Parents, Server};
use crate::shared::Zones;

/// What was found of one zone.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    /// The zone.
    pub(crate) zone: String,
    /// Who was asked for the zone itself.
    pub(crate) asked: SocketAddr,
    /// The servers of the parent that were asked.
    pub(crate) parents: Vec<String>,
    /// What differs, the worst first.
    pub(crate) findings: Vec<Finding>,
}

impl Report {
    /// Whether anything is wrong with the delegation.
    pub(crate) fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.level == Level::Error)
    }
}

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Level {
    /// The delegation is wrong.
    Error,
    /// It works, and something is to be thought of.
    Warning,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    pub(crate) level: Level,
    /// What kind it is, for programs.
    pub(crate) kind: &'static str,
    /// What it is.
    pub(crate) text: String,
    /// What to do about it.
    pub(crate) help: String,
    /// The servers of the parent that show it.
    pub(crate) at: Vec<String>,
}

/// Compares the zone as `own` has it with what the servers of its parent say.
///
/// # Errors
/// The zone, or the servers of its parent, cannot be found.
pub(crate) fn look(parents: &Parents, own: SocketAddr, zone: Name<'_>) -> Result<Report, String> {
    let ours = view::Ours::of(own, zone)?;
    let servers = parents.servers(&Zones::default(), zone)?;
    let addresses = servers.iter().flat_map(|Server { name, addresses }| {
        addresses.iter().map(move |&address| (label(name, address), address))
    });
    let addresses: Vec<(String, SocketAddr)> = addresses.collect();
    let heard: Vec<(String, Result<view::Theirs, String>)> = std::thread::scope(|scope| {
        let asked: Vec<_> = addresses
            .iter()
            .map(|(label, address)| (label, scope.spawn(|| view::Theirs::of(*address, zone))))
            .collect();
        let failed = |_| Err("could not be asked".to_owned());
        asked
            .into_iter()
            .map(|(label, thread)| (label.clone(), thread.join().unwrap_or_else(failed)))
            .collect()
    });
    let findings = compare::compare(zone, &ours, &heard);
    let parents = addresses.into_iter().map(|(label, _)| label).collect();
    Ok(Report { zone: zone.to_string(), asked: own, parents, findings })
}

/// A server as it is called in a report.
fn label(name: &str, address: SocketAddr) -> String {
    if name == address.to_string() {
        name.to_owned()
    } else if address.port() == 53 {
        format!("{name} ({})", address.ip())
    } else {
        format!("{name} ({address})")
    }
}
