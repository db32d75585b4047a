//! `halfmoon delegation`: whether the zone above delegates a zone as the zone says.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

use halfmoon_wire::NameBuf;

use super::{Format, fail, say};
use crate::config::{self, Config};
use crate::delegation::{self, Finding, Level, Report};
use crate::parent::Parents;

const EXAMPLES: &str = "\
Examples:
  halfmoon delegation example.org --config /etc/halfmoon.toml
  halfmoon delegation example.org --ask 192.0.2.1:53 --resolver 192.0.2.53:53
  halfmoon delegation a.example b.example --parent 192.0.2.2:53 --format json

The servers of the parent are found as a roll of keys finds them: `dnssec.parents` names them, or the
NS records of the zone above do, for which the resolver is asked.

Exit status: 0 the parent says what the zone says, 1 it does not, 2 it could not be found out.";

/// Compare NS, glue and DS records of zones with what the servers of their parents serve
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The zones
    #[arg(value_name = "ZONE", required = true)]
    zones: Vec<NameBuf>,
    /// The server's configuration: where it listens, `dnssec.parents` and `dnssec.resolver`
    #[arg(long, value_name = "FILE.toml")]
    config: Option<PathBuf>,
    /// The server that has the zones, instead of where the configuration says it listens [default: 127.0.0.1:53]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = config::address)]
    ask: Option<SocketAddr>,
    /// Ask this server for the delegations, and no others; may be given several times
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = config::address)]
    parent: Vec<SocketAddr>,
    /// Who knows the servers of parents [default: the configuration's, or the system's]
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = config::address)]
    resolver: Option<SocketAddr>,
    /// The form of the output
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

pub(super) fn run(args: &Args) -> ExitCode {
    match work(args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => fail(why),
    }
}

/// Whether all is right.
fn work(args: &Args) -> Result<bool, String> {
    let settings = match &args.config {
        Some(path) => Config::load(path).map_err(|error| error.to_string())?,
        None => Config::default(),
    };
    let listens = settings.server.listen.iter().find(|_| args.config.is_some()).copied();
    let own = args.ask.or(listens).unwrap_or_else(|| SocketAddr::from((Ipv4Addr::LOCALHOST, 53)));
    let mut parents = Parents::new(&settings.dnssec);
    parents.resolver = args.resolver.or(parents.resolver);
    if !args.parent.is_empty() {
        parents.given = vec![(NameBuf::root(), args.parent.clone())];
    }
    let mut is_right = true;
    let mut trouble = Vec::new();
    for zone in &args.zones {
        match delegation::look(&parents, reachable(own), zone.as_name()) {
            Ok(report) => {
                is_right &= !report.has_errors();
                show(&report, args.format);
            }
            // The others are looked at all the same.
            Err(why) => trouble.push(format!("{zone}: {why}")),
        }
    }
    if trouble.is_empty() { Ok(is_right) } else { Err(trouble.join("; ")) }
}

/// An address to ask where a server listens on all.
fn reachable(own: SocketAddr) -> SocketAddr {
    match own {
        SocketAddr::V4(at) if at.ip().is_unspecified() => {
            SocketAddr::from((Ipv4Addr::LOCALHOST, at.port()))
        }
        SocketAddr::V6(at) if at.ip().is_unspecified() => {
            SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, at.port()))
        }
        other => other,
    }
}

fn show(report: &Report, format: Format) {
    if format == Format::Json {
        return say(serde_json::to_string(report).unwrap_or_default());
    }
    let Report { zone, asked, parents, findings } = report;
    say(format_args!("{zone} as {asked} has it; its parent's servers: {}", parents.join(", ")));
    for Finding { level, kind, text, help, at } in findings {
        let level = match level {
            Level::Error => "error",
            Level::Warning => "warning",
        };
        say(format_args!("  {level}: {text} [{kind}]"));
        if at.len() < parents.len() {
            say(format_args!("    only at {}", at.join(", ")));
        }
        say(format_args!("    help: {help}"));
    }
    if findings.is_empty() {
        say("  the same");
    }
}
