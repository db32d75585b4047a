//! `halfmoon explain`: why an answer is what it is.

use std::net::IpAddr;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use halfmoon_wire::{NameBuf, Type};
use ipnet::IpNet;

use super::paper::PaperArgs;
use super::{Format, fail, say};
use crate::date;
use crate::explain::{Explanation, Rest, Wish, explain};
use crate::offline::Offline;
use crate::overrides::Target;
use crate::tenants::Realm;

const EXAMPLES: &str = "\
Examples:
  halfmoon explain www.example.org A --client 192.0.2.7
  halfmoon explain www.example.org A --client 192.0.2.53 --subnet 198.51.100.0/24
  halfmoon explain www.example.org A --server http://127.0.0.1:8053 --format json
  halfmoon explain www.example.org A --config halfmoon.toml --down region:fsn
  halfmoon explain www.example.org A --config zones/ --at 2026-12-24T18:00:00Z

Without --config, a running server is asked. With it, files are read and nothing is probed:
nothing is known of endpoints then, or they are what --down and --all-up suppose.";

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
    #[command(flatten)]
    by: PaperArgs,
}

pub(super) fn run(args: &Args) -> ExitCode {
    let explained = match args.by.offline() {
        Ok(Some(offline)) => from_files(&offline, args),
        Ok(None) => from_server(args),
        Err(why) => Err(why),
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

fn from_files(offline: &Offline, args: &Args) -> Result<Explanation, String> {
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
    Ok(explain(&Realm::whole(&offline.shared), &wish, &down, rest))
}

fn no_type(text: &str) -> String {
    format!("{text:?} is no type of records; write A or AAAA")
}

fn no_time(text: &str) -> String {
    format!("{text:?} is no time; write 2026-12-24T18:00:00Z")
}

fn from_server(args: &Args) -> Result<Explanation, String> {
    let remote = args.by.remote()?;
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
        query.push(("down", args.down.join("\n")));
    }
    remote.get("/api/v1/explain", &query, Duration::ZERO)
}
