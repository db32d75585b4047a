//! `halfmoon serve`: a folder of zone files, or what a configuration file says.

use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::signals::{Heard, Wish};
use super::{fail, say};
use crate::config::{self, Config};
use crate::logging::Log;
use crate::serve::Server;

const EXAMPLES: &str = "\
Examples:
  halfmoon serve zones/                            on 127.0.0.1:5300
  halfmoon serve zones/ --listen 0.0.0.0:53 --listen '[::]:53'
  halfmoon serve zones/ --admin 127.0.0.1:8053     with metrics, state and overrides over HTTP
  halfmoon serve /etc/halfmoon.toml

A change in the zone folder is loaded at once; SIGHUP makes it look. A zone that cannot be right
leaves its old version in force. SIGUSR1 logs what was counted. SIGINT and SIGTERM end the server,
with status 0.";

/// Serve a folder of zone files, or what a configuration file says
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// A folder of zone files (*.zone), or a configuration file (*.toml)
    #[arg(value_name = "DIR|FILE.toml")]
    path: PathBuf,
    /// Listen here, over UDP and TCP, instead of where the configuration says; may be repeated.
    /// Port 0 takes a free port
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = config::address)]
    listen: Vec<SocketAddr>,
    /// Offer metrics, state and overrides over HTTP here, instead of where the configuration says.
    /// Port 0 takes a free port
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = config::address)]
    admin: Option<SocketAddr>,
}

pub(super) fn run(args: Args, log: Log) -> ExitCode {
    match configuration(&args.path) {
        Ok(mut config) => {
            if !args.listen.is_empty() {
                config.server.listen = args.listen;
            }
            if let Some(listen) = args.admin {
                config.admin.get_or_insert_default().listen = listen;
            }
            serve(&config, log)
        }
        Err(why) => fail(why),
    }
}

/// The configuration that a path means: a file's own, or the defaults with a folder of zones.
pub(super) fn configuration(path: &Path) -> Result<Config, String> {
    let shown = path.display();
    let kind = std::fs::metadata(path).map_err(|error| format!("{shown}: {error}"))?;
    if kind.is_dir() {
        let mut config = Config::default();
        config.zones.path = Some(path.to_owned());
        return Ok(config);
    }
    if path.extension() != Some(OsStr::new("toml")) {
        return Err(format!(
            "{shown}: neither a folder of zone files nor a configuration; its name would end in .toml"
        ));
    }
    Config::load(path).map_err(|fault| fault.to_string())
}

fn serve(config: &Config, log: Log) -> ExitCode {
    let signals = match Heard::begin(log) {
        Ok(signals) => signals,
        Err(error) => return fail(error),
    };
    let server = match Server::start(config) {
        Ok(server) => server,
        Err(error) => return fail(error),
    };
    signals.have_started();
    for address in server.addresses() {
        say(format_args!("listening on {address}"));
    }
    if let Some(address) = server.admin_address() {
        say(format_args!("admin on http://{address}/"));
    }
    loop {
        match signals.next() {
            Wish::End => break,
            Wish::Reload => {
                tracing::info!("SIGHUP: looking at the zones again");
                server.reload();
            }
            Wish::Count => tracing::info!("counted since the start: {}", server.counters()),
        }
    }
    tracing::info!("ending");
    server.shutdown();
    ExitCode::SUCCESS
}
