//! The command line: what each verb takes, and what it ends with.
//!
//! Exit status 0: done as asked. 1: `check` or `delegation` found errors, or `health` something down. 2: it could not be done, and one line on
//! standard error says why.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use crate::logging::{self, Filter};

mod budgets;
mod check;
mod delegation;
mod demo;
mod explain;
mod health;
mod keys;
mod migrate;
mod overrides;
mod paper;
mod publishing;
mod remote;
mod serve;
mod signals;
mod tenants;
mod whatif;

const EXAMPLES: &str = "\
Examples:
  halfmoon demo                            three regions to fail and heal, on this machine
  halfmoon serve zones/                    serve the zone files in a folder
  halfmoon serve /etc/halfmoon.toml        the same, and all that can be configured
  halfmoon check zones/                    say what is wrong with them, without serving
  halfmoon health                          what a running server knows of endpoints
  halfmoon explain www.example.org A       why a running server answers what it does
  halfmoon whatif --down region:fsn        what would become of answers without it
  halfmoon override list                   what operators said against it
  halfmoon status                          what it serves, and of which commit
  halfmoon tenants                         what tenants have, and what their zones have counted
  halfmoon delegation example.org          whether the parent delegates the zone as it says
  halfmoon keys --config FILE.toml list    the keys of signed zones
  halfmoon migrate powerdns /etc/powerdns  write a configuration that serves what PowerDNS serves

Exit status: 0 done as asked, 1 `check` or `delegation` found errors or `health` something
down, 2 it could not be done.";

/// An authoritative DNS server whose answers follow the health of what they point to
#[derive(Debug, Parser)]
#[command(name = "halfmoon", version, after_help = EXAMPLES, max_term_width = 100)]
struct CommandLine {
    #[command(flatten)]
    log: LogArgs,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Log")]
struct LogArgs {
    /// What is logged to standard error: off, error, warn, info, debug, trace, or a list such as
    /// `warn,halfmoon=debug` [environment: HALFMOON_LOG, RUST_LOG; default: info; for demo: error]
    #[arg(long, value_name = "LEVEL", global = true, value_parser = Filter::parse)]
    log: Option<Filter>,
    /// The form of log lines
    #[arg(long, value_enum, value_name = "FORMAT", global = true, default_value_t)]
    log_format: logging::Format,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Serve(serve::Args),
    Check(check::Args),
    Delegation(Box<delegation::Args>),
    Demo(demo::Args),
    Explain(Box<explain::Args>),
    Health(Box<health::Args>),
    Keys(Box<keys::Args>),
    Migrate(migrate::Args),
    Override(Box<overrides::Args>),
    Publish(Box<publishing::PublishArgs>),
    Rollback(Box<publishing::RollbackArgs>),
    Status(Box<publishing::StatusArgs>),
    Tenants(Box<tenants::Args>),
    Whatif(Box<whatif::Args>),
}

/// How something is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people
    #[default]
    Text,
    /// For programs: JSON, an object a line
    Json,
}

/// Does what the command line of this process asks for.
#[must_use]
pub fn main() -> ExitCode {
    let CommandLine { log, verb } = match CommandLine::try_parse() {
        Ok(line) => line,
        Err(error) if error.use_stderr() && error.kind() != HELP_INSTEAD => {
            return fail(one_line(&error));
        }
        // Help and version are no errors; clap prints them and ends.
        Err(asked) => asked.exit(),
    };
    let by_default = match verb {
        Verb::Serve(_) | Verb::Check(_) | Verb::Keys(_) | Verb::Migrate(_) => Filter::default(),
        _ => Filter::quiet(),
    };
    let filter = match log.log.map_or_else(Filter::from_environment, |filter| Ok(Some(filter))) {
        Ok(filter) => filter.unwrap_or(by_default),
        Err(why) => return fail(why),
    };
    let log = logging::start(&filter, log.log_format);
    match verb {
        Verb::Serve(args) => serve::run(args, log),
        Verb::Check(args) => check::run(&args),
        Verb::Delegation(args) => delegation::run(&args),
        Verb::Demo(args) => demo::run(args),
        Verb::Explain(args) => explain::run(&args),
        Verb::Health(args) => health::run(&args),
        Verb::Keys(args) => keys::run(&args),
        Verb::Override(args) => overrides::run(&args),
        Verb::Publish(args) => publishing::publish(&args),
        Verb::Rollback(args) => publishing::rollback(&args),
        Verb::Status(args) => publishing::status(&args),
        Verb::Tenants(args) => tenants::run(&args),
        Verb::Migrate(args) => migrate::run(args),
        Verb::Whatif(args) => whatif::run(&args),
    }
}

/// The kind of clap's answer to a command line without a verb: the help.
const HELP_INSTEAD: ErrorKind = ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand;

/// What clap says over several paragraphs, in one line: the error, its tips, and where help is.
fn one_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let said: Vec<&str> = text
        .lines()
        .map(str::trim)
        .take_while(|line| !line.starts_with("Usage:"))
        .filter(|line| !line.is_empty() && !line.starts_with("For more information"))
        .map(|line| line.strip_prefix("error: ").unwrap_or(line))
        .collect();
    format!("{}; `--help` says what there is", said.join("; ").replace(":;", ":"))
}

/// Prints a line for people. Nobody reading is no reason to stop.
fn say(line: impl fmt::Display) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Says in one line why something cannot be done.
fn fail(why: impl fmt::Display) -> ExitCode {
    let _ = writeln!(io::stderr(), "halfmoon: {why}");
    ExitCode::from(2)
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::CommandLine;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn an_empty_target_is_refused() {
        for down in ["", " "] {
            let line = ["halfmoon", "explain", "www.example.org", "A", "--down", down];
            let error = CommandLine::try_parse_from(line).unwrap_err().to_string();
            assert!(error.contains("the target is empty; write an address"), "{error}");
        }
    }
}
