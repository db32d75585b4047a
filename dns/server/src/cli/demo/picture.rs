//! What is so at one moment: the regions, the verdicts on them, and what the names answer.

use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use halfmoon_healthcheck::{Health, Probe, State};

use super::ask;
use super::endpoint::{Behaviour, Region};

/// The names that are asked for: those whose answers do not change by chance.
const NAMES: [&str; 3] = ["www", "all", "sticky"];

const GREEN: &str = "\x1b[32m";
const RED: &str = "\x1b[31m";
const GREY: &str = "\x1b[90m";
const PLAIN: &str = "\x1b[0m";

/// The state of everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Picture {
    regions: Vec<(&'static str, Behaviour, State)>,
    names: Vec<(&'static str, Option<Vec<Ipv4Addr>>)>,
}

impl Picture {
    pub(super) async fn take(
        health: &Health,
        regions: &[Region],
        server: Option<SocketAddr>,
    ) -> Self {
        let checks = health.checks();
        let verdict = |region: &Region| {
            let of_region = checks.iter().find(|report| {
                matches!(report.check.probe, Probe::Http(_))
                    && report.check.address() == Some(region.address.ip())
            });
            of_region.map_or(State::Unknown, |report| report.verdict.state)
        };
        let regions = regions
            .iter()
            .map(|region| (region.name, region.behaviour(), verdict(region)))
            .collect();
        let mut names = Vec::new();
        for name in NAMES {
            let addresses = match server {
                Some(server) => ask::addresses(server, &format!("{name}.failover.test")).await,
                None => None,
            };
            names.push((name, addresses));
        }
        Self { regions, names }
    }

    /// One line: time since the start, each region's verdict, each name's answer.
    pub(super) fn line(&self, since: Duration, has_colour: bool) -> String {
        let paint = |colour: &'static str| if has_colour { colour } else { "" };
        let mut line = format!("{:7.1} s", since.as_secs_f64());
        for &(name, behaviour, state) in &self.regions {
            let colour = match state {
                State::Up => GREEN,
                State::Down => RED,
                State::Unknown => GREY,
            };
            let (colour, plain) = (paint(colour), paint(PLAIN));
            // The verdict, and what it does not know yet.
            let ahead = match (behaviour, state) {
                (Behaviour::Serve, State::Down) => " (healed)",
                (Behaviour::Fail, State::Up | State::Unknown) => " (answers 503)",
                (Behaviour::Cut, State::Up | State::Unknown) => " (cut off)",
                _ => "",
            };
            let _ = write!(line, "   {name} {colour}{state}{plain}{ahead}");
        }
        for (name, addresses) in &self.names {
            let answer = match addresses.as_deref() {
                None => "no answer".into(),
                Some([]) => "nothing".into(),
                Some(addresses) => {
                    let texts: Vec<String> = addresses.iter().map(Ipv4Addr::to_string).collect();
                    texts.join(" ")
                }
            };
            let separator = if *name == NAMES[0] { "   |" } else { "," };
            let _ = write!(line, "{separator} {name}: {answer}");
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_one_line() {
        let address = |last| Ipv4Addr::new(127, 0, 0, last);
        let picture = Picture {
            regions: vec![
                ("fra", Behaviour::Fail, State::Up),
                ("iad", Behaviour::Cut, State::Down),
                ("sin", Behaviour::Serve, State::Down),
            ],
            names: vec![
                ("www", Some(vec![address(11)])),
                ("all", Some(vec![address(11), address(13)])),
                ("sticky", None),
            ],
        };
        assert_eq!(
            picture.line(Duration::from_millis(12_345), false),
            "   12.3 s   fra up (answers 503)   iad down   sin down (healed)   | \
             www: 127.0.0.11, all: 127.0.0.11 127.0.0.13, sticky: no answer"
        );
        assert!(picture.line(Duration::ZERO, true).contains("iad \x1b[31mdown\x1b[0m"));
    }
}
