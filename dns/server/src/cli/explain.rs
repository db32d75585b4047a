//! `halfmoon explain`: why an answer is what it is.

use std::net::IpAddr;
use std::process::ExitCode;
use std::time::Duration;

use ipnet::IpNet;

use super::paper::PaperArgs;
use super::{Format, fail, say};
use crate::explain::{Asked, Explanation, Rest, explain};
use crate::offline::Offline;
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
    #[arg(long, value_name = "TARGET", value_parser = target)]
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

impl Args {
    fn asked(&self) -> Asked {
        Asked {
            name: self.name.clone(),
            rtype: self.rtype.clone(),
            client: self.client,
            subnet: self.subnet,
            at: self.at.clone(),
            seed: self.seed,
            down: self.down.join("\n"),
            all_up: self.all_up,
        }
    }
}

/// Targets are sent a line each, where one that is empty would be none.
fn target(text: &str) -> Result<String, &'static str> {
    match text.trim() {
        "" => Err(
            "the target is empty; write an address, a network, a label (region:fsn), a check or a URL",
        ),
        _ => Ok(text.to_owned()),
    }
}

fn from_files(offline: &Offline, args: &Args) -> Result<Explanation, String> {
    let (wish, down) = args.asked().parse()?;
    let rest = if args.all_up || !down.is_empty() { Rest::Up } else { Rest::AsItIs };
    Ok(explain(&Realm::whole(&offline.shared), &wish, &down, rest))
}

fn from_server(args: &Args) -> Result<Explanation, String> {
    args.by.remote()?.get("/api/v1/explain", &args.asked().query(), Duration::ZERO)
}
