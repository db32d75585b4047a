//! `halfmoon keys`: the keys of signed zones.
//!
//! Works on the key folder alone: servers that are running notice what changes in it.

mod portable;
mod show;

use std::path::PathBuf;
use std::process::ExitCode;

use halfmoon_dnssec::{KeyFolder, Method, Role, Turn, ZoneKeys};
use halfmoon_wire::{Name, NameBuf};

use super::{Format, fail, say};
use crate::config::Config;
use crate::signing::seconds;

const EXAMPLES: &str = "\
Examples:
  halfmoon keys --config halfmoon.toml list              the keys of all zones, and what rolls wait for
  halfmoon keys --config halfmoon.toml make example.org  make keys before the zone is served
  halfmoon keys --config halfmoon.toml ds example.org    the DS records for the parent
  halfmoon keys --config halfmoon.toml roll example.org --key zsk
  halfmoon keys --config halfmoon.toml import example.org Kexample.org.+013+12345.private
  halfmoon keys --config halfmoon.toml export example.org --out backup/";

const ROLL: &str = "\
A roll goes on by itself while a server serves the zone: `halfmoon keys list` says which step it is in and
what it waits for. Without --method a zsk is published before it signs (pre-publish), and the
others sign side by side until all servers of the parent have the new DS (double-signature).";

/// Show, make, roll and move the keys of signed zones
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// One key for everything
    Csk,
    /// The key that signs the keys, and that the parent's DS points at
    Ksk,
    /// The key that signs the rest
    Zsk,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum How {
    /// The new zsk is published before it signs
    PrePublish,
    /// Old and new key sign the keys until the parent has the new DS
    DoubleSignature,
    /// The parent has the DS of both before the new key is used
    DoubleDs,
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
    /// Begin to replace a key of a zone by a new one
    #[command(after_help = ROLL)]
    Roll {
        /// The zone
        zone: NameBuf,
        /// Which key; needed where a zone has several
        #[arg(long, value_enum)]
        key: Option<Kind>,
        /// How
        #[arg(long, value_enum)]
        method: Option<How>,
        /// Take back the roll under way, while nobody relies on the new key
        #[arg(long, conflicts_with_all = ["key", "method"])]
        abandon: bool,
        /// Say that all servers of the parent have the new DS, where this server cannot ask them; its
        /// TTL in seconds
        #[arg(long, value_name = "TTL", conflicts_with_all = ["key", "method", "abandon"])]
        ds_seen: Option<u32>,
    },
    /// Take the keys of a zone over from other software
    Import {
        /// The zone, which has no keys here yet
        zone: NameBuf,
        /// Private keys: of BIND, NSD, Knot or PowerDNS (Private-key-format), or PKCS #8 in PEM
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// What the keys are for; otherwise the .key file beside each file says so
        #[arg(long, value_enum)]
        key: Option<Kind>,
    },
    /// Write the keys of a zone as BIND has them, private and public
    Export {
        /// The zone
        zone: NameBuf,
        /// The folder to write to
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Only the key with this tag
        #[arg(long)]
        tag: Option<u16>,
    },
}

impl From<Kind> for Role {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Csk => Self::Csk,
            Kind::Ksk => Self::Ksk,
            Kind::Zsk => Self::Zsk,
        }
    }
}

impl From<How> for Method {
    fn from(how: How) -> Self {
        match how {
            How::PrePublish => Self::PrePublish,
            How::DoubleSignature => Self::DoubleSignature,
            How::DoubleDs => Self::DoubleDs,
        }
    }
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
            show::list(&keys.collect::<Result<Vec<_>, _>>()?, args.format);
        }
        Verb::Make { zone } => {
            let how = config.dnssec.of(zone.as_name());
            let keys = folder
                .load_or_make(zone.as_name(), how.algorithm, how.split, seconds())
                .map_err(|error| error.to_string())?;
            show::list(&[keys], args.format);
        }
        Verb::Ds { zone } => show::ds(&known(&folder, zone.as_name())?, args.format),
        Verb::Roll { zone, abandon: true, .. } => {
            let keys = folder.abandon(zone.as_name(), seconds());
            show::list(&[keys.map_err(|error| error.to_string())?], args.format);
        }
        Verb::Roll { zone, ds_seen: Some(ttl), .. } => {
            let keys = ds_seen(&folder, zone.as_name(), *ttl)?;
            show::list(&[keys], args.format);
        }
        Verb::Roll { zone, key, method, .. } => {
            let what = (key.map(Role::from), method.map(Method::from));
            let keys = folder.roll(zone.as_name(), what, seconds());
            show::list(&[keys.map_err(|error| error.to_string())?], args.format);
        }
        Verb::Import { zone, files, key } => {
            let keys = portable::import(zone.as_name(), files, key.map(Role::from))?;
            folder.import(&keys, seconds()).map_err(|error| error.to_string())?;
            show::list(&[keys], args.format);
        }
        Verb::Export { zone, out, tag } => {
            portable::export(&known(&folder, zone.as_name())?, out, *tag)?;
        }
    }
    Ok(())
}

/// Takes the operator's word that the parent has what a roll waits for.
fn ds_seen(folder: &KeyFolder, zone: Name<'_>, ttl: u32) -> Result<ZoneKeys, String> {
    let mut waits = false;
    let turned = folder.turn(zone, seconds(), |roll| {
        waits = roll.awaits_parent();
        if waits {
            roll.trust(seconds(), ttl);
        }
        Turn::Stay
    });
    let (keys, _) = turned.map_err(|error| error.to_string())?;
    if waits { Ok(keys) } else { Err(format!("{zone}: the roll does not wait for the parent now")) }
}

fn known(folder: &KeyFolder, zone: Name<'_>) -> Result<ZoneKeys, String> {
    match folder.load(zone) {
        Ok(Some(keys)) => Ok(keys),
        Ok(None) => Err(format!("{zone} has no keys; `halfmoon keys make {zone}` makes some")),
        Err(error) => Err(error.to_string()),
    }
}
