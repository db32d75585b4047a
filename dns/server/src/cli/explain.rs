//! `halfmoon explain`: why an answer is what it is.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use halfmoon_wire::{NameBuf, Type};
use halfmoon_zones::Outcome;
use ipnet::IpNet;

use super::remote::{Remote, ServerArgs};
use super::{fail, say};
use crate::config::{Config, Right};
use crate::date;
use crate::explain::{Explanation, Rest, Wish, explain};
use crate::offline::Offline;
use crate::overrides::Target;

const EXAMPLES: &str = "\
Examples:
  halfmoon explain www.example.org A --client 192.0.2.7
  halfmoon explain www.example.org A --client 192.0.2.53 --subnet 198.51.100.0/24
  halfmoon explain www.example.org A --server http://127.0.0.1:8053 --format json
  halfmoon explain www.example.org A --config halfmoon.toml --down region:fsn
  halfmoon explain www.example.org A --config zones/ --at 2026-12-24T18:00:00Z

Without --config, a running server is asked. With it, the files are read and nothing is probed: nothing
is known of endpoints then, or with --down or --all-up, they are what is supposed.";

/// Say why an answer is what it is
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The name in question
    #[arg(value_name = "NAME")]
    name: String,
    /// The type in question
    #[arg(value_name = "TYPE", default_value = "A")]
    rtype: String,
    /// Who asks
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    client: IpAddr,
    /// For whom a resolver asks (EDNS Client Subnet)
    #[arg(long, value_name = "NETWORK")]
    subnet: Option<IpNet>,
    /// What the clock of programs shows, as 2026-12-24T18:00:00Z [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    /// Suppose that this is down: an address, a network, a label (region:fsn), a check, a URL
    #[arg(long, value_name = "TARGET")]
    down: Vec<String>,
    /// Suppose that everything is up, but for what is down; with --config and --down that is so
    #[arg(long)]
    all_up: bool,
    /// The course that chance takes
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seed: u64,
    /// How it is printed
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: Format,
    /// A configuration, a zone file or a folder of them, instead of a running server
    #[arg(long, value_name = "FILE", conflicts_with = "server")]
    config: Option<PathBuf>,
    /// Zone files instead of those that the configuration names, as a working tree of its repository
    #[arg(long, value_name = "PATH", requires = "config")]
    zones: Option<PathBuf>,
    /// The admin interface of the server [default: http://127.0.0.1:8053]
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// A file with a token for it
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    token_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people
    #[default]
    Text,
    /// A JSON object
    Json,
}

pub(super) fn run(args: &Args) -> ExitCode {
    let explained = match &args.config {
        Some(path) => from_files(path, args),
        None => from_server(args),
    };
    match explained {
        Ok(explanation) => {
            match args.format {
                Format::Text => say(explanation.to_string().trim_end()),
                Format::Json => say(serde_json::to_string(&explanation).unwrap_or_default()),
            }
            ExitCode::SUCCESS
        }
        Err(why) => fail(why),
    }
}

fn from_files(path: &Path, args: &Args) -> Result<Explanation, String> {
    let offline = load(path, args.zones.as_deref())?;
    let name: NameBuf = args.name.parse().map_err(|_| format!("{:?} is no name", args.name))?;
    let rtype: Type = args.rtype.parse().map_err(|_| no_type(&args.rtype))?;
    let at: Option<SystemTime> = match &args.at {
        Some(text) => Some(date::parse(text).ok_or_else(|| no_time(text))?),
        None => None,
    };
    let down = args.down.iter().map(|text| Target::parse(text)).collect::<Result<Vec<_>, _>>()?;
    let rest = if args.all_up || !down.is_empty() { Rest::Up } else { Rest::AsItIs };
    if rtype.is_meta() && rtype != Type::ANY {
        return Err(no_type(&args.rtype));
    }
    let wish = Wish { name, rtype, client: args.client, subnet: args.subnet, at, seed: args.seed };
    Ok(explain(&offline.shared, &wish, &down, rest))
}

pub(super) fn no_type(text: &str) -> String {
    format!("{text:?} is no type of records; write A or AAAA")
}

pub(super) fn no_time(text: &str) -> String {
    format!("{text:?} is no time; write 2026-12-24T18:00:00Z")
}

/// The zones of a configuration, a folder or a file. All of them have to be right.
pub(super) fn load(path: &Path, zones: Option<&Path>) -> Result<Offline, String> {
    let mut config = Config::default();
    if path.extension().is_some_and(|ending| ending == "toml") {
        config = Config::load(path).map_err(|fault| fault.to_string())?;
    } else {
        config.zones.path = Some(path.to_owned());
    }
    if let Some(zones) = zones {
        (config.zones.path, config.zones.git) = (Some(zones.to_owned()), None);
    }
    if config.zones.git.is_some() {
        return Err(format!(
            "{}: its zones come from Git; name a working tree with `--zones PATH`, or ask the server",
            path.display()
        ));
    }
    let offline = Offline::unsigned(&config).map_err(|error| error.to_string())?;
    let refused = offline.reports.iter().find(|report| report.outcome != Outcome::Loaded);
    match refused {
        Some(report) => Err(format!(
            "{}: zone {} is refused; `halfmoon check {}` says why",
            report.path.display(),
            report.apex,
            path.display()
        )),
        None => Ok(offline),
    }
}

fn from_server(args: &Args) -> Result<Explanation, String> {
    let server = ServerArgs {
        config: None,
        server: args.server.clone(),
        token_file: args.token_file.clone(),
    };
    let remote = Remote::find(&server, Right::Read)?;
    let mut query = vec![
        ("name", args.name.clone()),
        ("type", args.rtype.clone()),
        ("client", args.client.to_string()),
        ("seed", args.seed.to_string()),
        ("all_up", args.all_up.to_string()),
    ];
    query.extend(args.subnet.map(|subnet| ("subnet", subnet.to_string())));
    query.extend(args.at.clone().map(|at| ("at", at)));
    if !args.down.is_empty() {
        query.push(("down", args.down.join(",")));
    }
    remote.get("/api/v1/explain", &query, Duration::ZERO)
}
