//! `halfmoon keys`: the keys of signed zones.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::SystemTime;

use data_encoding::{BASE64, HEXUPPER};
use halfmoon_dnssec::{KeyFolder, ZoneKeys};
use halfmoon_wire::{Name, NameBuf};
use serde::Serialize;

use super::{fail, say};
use crate::config::Config;

const EXAMPLES: &str = "\
Examples:
  halfmoon keys --config halfmoon.toml list              the keys of all zones
  halfmoon keys --config halfmoon.toml make example.org  make keys before the zone is served
  halfmoon keys --config halfmoon.toml ds example.org    the DS records for the parent";

/// Show and make the keys of signed zones
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// The configuration; `dnssec.keys` in it names the folder of the keys
    #[arg(long, value_name = "FILE.toml")]
    config: PathBuf,
    /// The form of the output
    #[arg(long, value_enum, default_value_t, global = true)]
    format: Format,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
enum Format {
    #[default]
    Text,
    Json,
}

#[derive(Debug, clap::Subcommand)]
enum Verb {
    /// List the keys of a zone, or of all zones
    List {
        /// The zone
        zone: Option<NameBuf>,
    },
    /// Make the keys of a zone, unless it has some
    Make {
        /// The zone
        zone: NameBuf,
    },
    /// Print the DS records of a zone, which its parent has to hold
    Ds {
        /// The zone
        zone: NameBuf,
    },
}

/// A key, as JSON.
#[derive(Serialize)]
struct KeyLine {
    zone: String,
    role: &'static str,
    algorithm: u8,
    mnemonic: &'static str,
    tag: u16,
    dnskey: String,
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

pub(super) fn run(args: &Args) -> ExitCode {
    match work(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => fail(why),
    }
}

fn work(args: &Args) -> Result<(), String> {
    let config = Config::load(&args.config).map_err(|error| error.to_string())?;
    let Some(path) = &config.dnssec.keys else {
        return Err(format!("{}: dnssec.keys is missing", args.config.display()));
    };
    let folder = KeyFolder::open(path).map_err(|error| error.to_string())?;
    match &args.verb {
        Verb::List { zone } => {
            let zones = match zone {
                Some(zone) => vec![*zone],
                None => folder.zones().map_err(|error| error.to_string())?,
            };
            let keys = zones.iter().map(|zone| known(&folder, zone.as_name()));
            list(&keys.collect::<Result<Vec<_>, _>>()?, args.format);
        }
        Verb::Make { zone } => {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            let now = now.map_or(0, |since| since.as_secs());
            let dnssec = &config.dnssec;
            let keys = folder
                .load_or_make(zone.as_name(), dnssec.algorithm, dnssec.split, now)
                .map_err(|error| error.to_string())?;
            list(&[keys], args.format);
        }
        Verb::Ds { zone } => ds(&known(&folder, zone.as_name())?, args.format),
    }
    Ok(())
}

fn known(folder: &KeyFolder, zone: Name<'_>) -> Result<ZoneKeys, String> {
    match folder.load(zone) {
        Ok(Some(keys)) => Ok(keys),
        Ok(None) => Err(format!("{zone} has no keys; `halfmoon keys make {zone}` makes some")),
        Err(error) => Err(error.to_string()),
    }
}

fn list(zones: &[ZoneKeys], format: Format) {
    let lines: Vec<KeyLine> = zones
        .iter()
        .flat_map(|zone| {
            zone.keys().iter().map(|key| KeyLine {
                zone: zone.apex().to_string(),
                role: key.role().word(),
                algorithm: key.algorithm().number(),
                mnemonic: key.algorithm().mnemonic(),
                tag: key.tag(),
                dnskey: BASE64.encode(key.dnskey().get(4..).unwrap_or_default()),
            })
        })
        .collect();
    if matches!(format, Format::Json) {
        return json(&lines);
    }
    let longest = lines.iter().map(|line| line.zone.len()).max().unwrap_or(0).max(4);
    say(format_args!("{:longest$}  ROLE  TAG    ALGORITHM", "ZONE"));
    for line in &lines {
        let KeyLine { zone, role, tag, mnemonic, algorithm, .. } = line;
        say(format_args!("{zone:longest$}  {role:4}  {tag:<5}  {mnemonic} ({algorithm})"));
    }
}

fn ds(zone: &ZoneKeys, format: Format) {
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
    if matches!(format, Format::Json) {
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
