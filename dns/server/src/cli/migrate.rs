//! `halfmoon migrate`: a configuration of Halfmoon's from that of another server.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::fail;
use crate::migrate::{self, Migration};

const EXAMPLES: &str = "\
Examples:
  halfmoon migrate powerdns /etc/powerdns
  halfmoon migrate powerdns --out /etc/halfmoon.toml /etc/powerdns
  halfmoon migrate powerdns /etc/powerdns --local-address=127.0.0.1 --local-port=5300

The configuration is printed or written, and the zone files are served where they lie. Each setting
that is not carried over is a line on standard error. All from the first option of PowerDNS on
belongs to PowerDNS: options of Halfmoon come before.";

/// Write a configuration that serves what another server serves
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    server: Server,
}

#[derive(Debug, clap::Subcommand)]
enum Server {
    Powerdns(PowerdnsArgs),
}

/// From PowerDNS: its pdns.conf, and the named.conf and zone files of its bind backend
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
struct PowerdnsArgs {
    /// The folder of pdns.conf, or the file itself
    #[arg(value_name = "CONFIG_DIR")]
    path: PathBuf,
    /// Write the configuration here instead of printing it
    #[arg(long, value_name = "FILE.toml")]
    out: Option<PathBuf>,
    /// Write over a file that is there
    #[arg(long, requires = "out")]
    force: bool,
    /// Options as pdns_server takes them; they win over pdns.conf
    #[arg(value_name = "--SETTING=VALUE", trailing_var_arg = true, allow_hyphen_values = true)]
    options: Vec<String>,
}

pub(super) fn run(args: Args) -> ExitCode {
    let Server::Powerdns(args) = args.server;
    match powerdns(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => fail(why),
    }
}

fn powerdns(args: &PowerdnsArgs) -> Result<(), String> {
    let own = |option: &&String| {
        let name = option.split('=').next().unwrap_or(option);
        matches!(name, "--out" | "--force" | "--log" | "--log-format")
    };
    if let Some(option) = args.options.iter().find(own) {
        return Err(format!("`{option}` comes before the options of PowerDNS"));
    }
    let home = args.out.as_deref().map(|out| match out.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    });
    let Migration { text, notes } =
        migrate::powerdns(&args.path, &args.options, home).map_err(|error| error.to_string())?;
    match &args.out {
        Some(out) => write(out, &text, args.force)
            .map_err(|error| format!("{}: {}", out.display(), remedy(&error)))?,
        // Nobody reading is no reason to fail.
        None => drop(io::stdout().write_all(text.as_bytes())),
    }
    for note in notes {
        let _ = writeln!(io::stderr(), "{note}");
    }
    Ok(())
}

fn write(path: &Path, text: &str, force: bool) -> io::Result<()> {
    if force {
        return fs::write(path, text);
    }
    File::create_new(path)?.write_all(text.as_bytes())
}

fn remedy(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AlreadyExists => "is there already; `--force` writes over it".to_owned(),
        _ => error.to_string(),
    }
}
