//! `halfmoon demo`: the real server with three regions of its own to fail and heal.
//!
//! What the terminal shows is asked of the server over DNS, as anybody else would ask.

use std::fs;
use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::runtime::Builder;
use tokio::task::LocalSet;
use tokio::time;

use super::signals::{Signals, Wish};
use super::{fail, say};
use crate::config::{self, Config};
use crate::serve::Server;

mod ask;
mod command;
mod endpoint;
mod picture;

use command::{Command, Commands};
use endpoint::Region;
use picture::Picture;

/// The files of `examples/failover/`, so that the binary needs no checkout.
const ZONE: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../examples/failover/failover.test.zone"
));
const CONFIG: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/failover/halfmoon.toml"));
/// The TTL of the zone's records, for the failover budget.
const TTL: Duration = Duration::from_secs(2);
/// The port of the endpoints as the zone file has it.
const PORT: u16 = 5380;
/// How often the terminal looks at what the server answers.
const LOOK: Duration = Duration::from_millis(100);

const EXAMPLES: &str = "\
Examples:
  halfmoon demo
  halfmoon demo --listen 127.0.0.1:5353

Nothing leaves this machine: the server, its three regions and the probes between them are all on
loopback addresses.";

/// Start the server with three regions on this machine, to fail and heal
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Listen here, over UDP and TCP, instead of on 127.0.0.1:5300; may be repeated. Port 0 takes
    /// a free port
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = config::address)]
    listen: Vec<SocketAddr>,
}

pub(super) fn run(args: Args) -> ExitCode {
    let runtime = match Builder::new_current_thread().enable_io().enable_time().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(error),
    };
    match LocalSet::new().block_on(&runtime, demonstrate(args)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => fail(why),
    }
}

async fn demonstrate(args: Args) -> Result<(), String> {
    let mut signals = Signals::catch().map_err(|error| error.to_string())?;
    let regions = endpoint::open(PORT).await?;
    let port = regions[0].address.port();
    let folder =
        write_files(port).map_err(|error| format!("the zone cannot be written: {error}"))?;
    let mut config =
        Config::load(&folder.path().join("halfmoon.toml")).map_err(|fault| fault.to_string())?;
    if !args.listen.is_empty() {
        config.server.listen = args.listen;
    }
    let server = Server::start(&config).map_err(|error| error.to_string())?;
    let mut commands = Commands::read();
    introduce(&server, &config, folder.path());
    let mut screen = Screen::new(&server, &regions);
    screen.look(true).await;
    loop {
        let command = tokio::select! {
            wish = signals.next() => match wish {
                Wish::End => break,
                Wish::Reload => {
                    server.reload();
                    continue;
                }
                Wish::Count => {
                    say(server.counters());
                    continue;
                }
            },
            line = commands.next() => Command::parse(&line, &regions),
            () = time::sleep(LOOK) => {
                screen.look(false).await;
                continue;
            }
        };
        match command {
            Ok(Command::Quit) => break,
            Ok(Command::Status) => screen.look(true).await,
            Ok(Command::Help) => say(command::HELP),
            Ok(Command::Set(region, behaviour)) => {
                say(regions[region].announce(behaviour));
                regions[region].behave(behaviour);
            }
            Ok(Command::Nothing) => {}
            Err(why) => say(why),
        }
    }
    server.shutdown();
    Ok(())
}

/// The example in a folder of its own, with the port that the endpoints have.
fn write_files(port: u16) -> io::Result<TempDir> {
    let folder = tempfile::Builder::new().prefix("halfmoon-demo-").tempdir()?;
    let zone = ZONE.replace(&PORT.to_string(), &port.to_string());
    fs::write(folder.path().join("failover.test.zone"), zone)?;
    fs::write(folder.path().join("halfmoon.toml"), CONFIG)?;
    Ok(folder)
}

fn introduce(server: &Server, config: &Config, folder: &Path) {
    for address in server.addresses() {
        say(format_args!("listening on {address}"));
    }
    let Some(address) = server.addresses().first() else {
        return;
    };
    let dig = format!("dig @{} -p {}", address.ip(), address.port());
    let pace = config.checks(halfmoon_healthcheck::Options::default()).pace;
    let (interval, timeout) = (pace.interval, pace.timeout);
    let budget = interval * pace.fall + timeout + TTL;
    say(format_args!(
        "
The zone is {folder}/failover.test.zone; edit it, and it is loaded at once.
Ask, in another terminal:
  {dig} www.failover.test        the first healthy region
  {dig} all.failover.test        every healthy region
  {dig} sticky.failover.test     one of them, the same for each client
  {dig} whoami.failover.test TXT

Here:
{help}

A region that fails is out of every answer, caches included, within {budget:.1} s:
{fall} probes {interval:?} apart, {timeout:?} for the last of them, and a TTL of {ttl:?}.
",
        folder = folder.display(),
        help = command::HELP,
        budget = budget.as_secs_f64(),
        fall = pace.fall,
        ttl = TTL,
    ));
}

/// Shows what is so, when it changes.
struct Screen<'s> {
    server: &'s Server,
    regions: &'s [Region],
    asked: Option<SocketAddr>,
    shown: Option<Picture>,
    started: Instant,
    has_colour: bool,
}

impl<'s> Screen<'s> {
    fn new(server: &'s Server, regions: &'s [Region]) -> Self {
        Self {
            server,
            regions,
            asked: server.addresses().first().copied(),
            shown: None,
            started: Instant::now(),
            has_colour: io::stdout().is_terminal(),
        }
    }

    /// Looks at the verdicts and asks for the names; says what there is if it is new, or wanted.
    async fn look(&mut self, is_wanted: bool) {
        let picture = Picture::take(self.server.health(), self.regions, self.asked).await;
        if is_wanted || self.shown.as_ref() != Some(&picture) {
            say(picture.line(self.started.elapsed(), self.has_colour));
            self.shown = Some(picture);
        }
    }
}
