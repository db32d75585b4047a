//! `halfmoon health`: what a running server knows of endpoints.

use std::io::{self, IsTerminal, Write as _};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, SystemTime};

use super::remote::{Remote, ServerArgs};
use super::{Format, fail, say};
use crate::admin::view::{AccountView, ByState, CheckList, CheckView, EventList, OverrideList};
use crate::config::Right;

mod table;

use table::Table;

const EXAMPLES: &str = "\
Examples:
  halfmoon health                                  of the server at http://127.0.0.1:8053
  halfmoon health --config /etc/halfmoon.toml --state down
  halfmoon health --name 192.0.2.1 --format json | jq -r .state
  halfmoon health --watch                          a screen that follows; in a pipe, a line for each change
  halfmoon health --history --name 192.0.2.1       what happened to it lately

Exit status 0: nothing of what is shown is down. 1: something is. 2: it could not be done.";

/// Checks that are asked for at a time.
const PAGE: usize = 1000;
/// Between two looks while watching; changes show at once.
const LOOK: Duration = Duration::from_secs(2);
/// How long the server is told to wait for a change.
const WAIT: Duration = Duration::from_secs(25);
/// After a server has not answered.
const PAUSE: Duration = Duration::from_secs(1);

/// Show what a running server knows of endpoints
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Only checks whose name contains this
    #[arg(long, value_name = "PART", default_value = "", hide_default_value = true)]
    name: String,
    /// Only checks in this state
    #[arg(long, value_enum, value_name = "STATE")]
    state: Option<State>,
    /// Only checks that records of this zone use
    #[arg(long, value_name = "ZONE", default_value = "", hide_default_value = true)]
    zone: String,
    /// How checks are printed
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: Format,
    /// Follow what changes: on a terminal the table is drawn anew, elsewhere each change is a line
    #[arg(long, conflicts_with = "history")]
    watch: bool,
    /// Show the last events instead, as many as this, the newest last
    #[arg(long, value_name = "COUNT", num_args = 0..=1, default_missing_value = "20")]
    history: Option<usize>,
    #[command(flatten)]
    server: ServerArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum State {
    Up,
    Down,
    Unknown,
}

pub(super) fn run(args: &Args) -> ExitCode {
    let done = Remote::find(&args.server, Right::Read).and_then(|remote| {
        match (args.history, args.watch) {
            (Some(count), _) => history(&remote, args, count),
            (None, true) => watch(&remote, args),
            (None, false) => show(&remote, args),
        }
    });
    done.unwrap_or_else(fail)
}

/// Prints the checks once.
fn show(remote: &Remote, args: &Args) -> Result<ExitCode, String> {
    let (counts, checks, accounts) = fetch(remote, args)?;
    if args.format == Format::Json {
        checks.iter().for_each(json);
    } else {
        let table = Table::new(SystemTime::now(), io::stdout().is_terminal());
        say(table.draw(&checks, counts));
        overrides(remote)?.iter().for_each(say);
        accounts.iter().for_each(say);
    }
    let is_down = checks.iter().any(|check| check.state == "down");
    Ok(if is_down { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The overrides in force, a line each.
fn overrides(remote: &Remote) -> Result<Vec<String>, String> {
    let list: OverrideList = remote.get("/api/v1/overrides", &[], Duration::ZERO)?;
    let line = |an| format!("override {}", super::overrides::line(an));
    Ok(list.overrides.iter().map(line).collect())
}

/// How many checks there are, those that are wanted, and what tenants have of them.
type Wanted = (ByState, Vec<CheckView>, Vec<AccountView>);

/// Gets all checks that are wanted, page by page.
fn fetch(remote: &Remote, args: &Args) -> Result<Wanted, String> {
    let mut checks = Vec::new();
    loop {
        let mut query = vec![
            ("name", args.name.clone()),
            ("zone", args.zone.clone()),
            ("limit", PAGE.to_string()),
            ("offset", checks.len().to_string()),
        ];
        let word = |state: State| format!("{state:?}").to_ascii_lowercase();
        query.extend(args.state.map(|state| ("state", word(state))));
        let list: CheckList = remote.get("/api/v1/checks", &query, Duration::ZERO)?;
        let is_last = list.checks.len() < PAGE;
        checks.extend(list.checks);
        if is_last {
            return Ok((list.counts, checks, list.accounts));
        }
    }
}

/// Prints the last events.
fn history(remote: &Remote, args: &Args, count: usize) -> Result<ExitCode, String> {
    let query = [("check", args.name.clone()), ("limit", count.to_string())];
    let list: EventList = remote.get("/api/v1/changes", &query, Duration::ZERO)?;
    print_events(&list, args.format);
    Ok(ExitCode::SUCCESS)
}

fn print_events(list: &EventList, format: Format) {
    for event in &list.changes {
        match format {
            Format::Json => json(event),
            Format::Text => say(event),
        }
    }
}

/// Follows what changes, until somebody ends it.
fn watch(remote: &Remote, args: &Args) -> Result<ExitCode, String> {
    let is_screen = io::stdout().is_terminal() && args.format == Format::Text;
    let wait = if is_screen { LOOK } else { WAIT };
    // The first look says whether there is somebody to ask at all; later ones are patient.
    let mut newest = news(remote, args, None, Duration::ZERO)?.newest;
    loop {
        if is_screen {
            let drawn = fetch(remote, args).and_then(|(counts, checks, _)| {
                let table = Table::new(SystemTime::now(), true);
                Ok(table.screen(&checks, counts, &overrides(remote)?))
            });
            let text = drawn.unwrap_or_else(|why| format!("\x1b[H\x1b[J{why}"));
            let mut out = io::stdout();
            let written = write!(out, "{text}").and_then(|()| out.flush());
            if written.is_err() {
                return Ok(ExitCode::SUCCESS);
            }
        }
        match news(remote, args, Some(newest), wait) {
            Ok(list) => {
                newest = list.newest;
                if !is_screen && !print_or_end(&list, args.format) {
                    return Ok(ExitCode::SUCCESS);
                }
            }
            Err(why) => {
                if !is_screen {
                    let _ = writeln!(io::stderr(), "halfmoon: {why}");
                }
                thread::sleep(PAUSE);
            }
        }
    }
}

/// Prints events; whether somebody still reads.
fn print_or_end(list: &EventList, format: Format) -> bool {
    let mut out = io::stdout().lock();
    list.changes.iter().all(|event| {
        let line = match format {
            Format::Json => serde_json::to_string(event).unwrap_or_default(),
            Format::Text => event.to_string(),
        };
        writeln!(out, "{line}").and_then(|()| out.flush()).is_ok()
    })
}

fn news(
    remote: &Remote,
    args: &Args,
    after: Option<u64>,
    wait: Duration,
) -> Result<EventList, String> {
    let mut query = vec![("check", args.name.clone()), ("wait", wait.as_secs().to_string())];
    match after {
        Some(after) => query.push(("after", after.to_string())),
        None => query.push(("limit", "0".to_owned())),
    }
    remote.get("/api/v1/changes", &query, wait)
}

fn json(value: &impl serde::Serialize) {
    if let Ok(text) = serde_json::to_string(value) {
        say(text);
    }
}
