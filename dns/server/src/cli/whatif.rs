//! `halfmoon whatif`: what would become of answers if targets were down.

use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use super::paper::PaperArgs;
use super::{Format, fail, say};
use crate::admin::view::WhatIf;
use crate::explain::Rest;
use crate::offline::Offline;
use crate::overrides::Target;
use crate::tenants::Realm;
use crate::whatif::{Outcome, Sample, Trial, try_out};

const EXAMPLES: &str = "\
Examples:
  halfmoon whatif --down region:fsn                       on the running server, as things are
  halfmoon whatif --down 192.0.2.0/24 --down https://www.example.org/health
  halfmoon whatif --down region:fsn --config halfmoon.toml --client clients.txt
  halfmoon whatif --down region:fsn --config halfmoon.toml --fail-on change --format json

A file of clients has a network or an address a line, and behind it how much it counts, if not 1.
Without one, 320 networks are asked for that lie evenly in the address space of the Internet.
With --config, everything that is not down is supposed to be up.

Exit status 0: nothing is lost. 1: a record has nothing up, or less than its `min_answers`, or a name has no
records that had some (with `--fail-on change`: an answer changes). 2: it could not be tried.";

/// Say what would become of answers if something were down
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// What is down: an address, a network, a label (region:fsn), a check, a URL, a record, a zone
    #[arg(long, value_name = "TARGET", required = true)]
    down: Vec<String>,
    /// Networks of clients [default: some that are spread evenly]
    #[arg(long, value_name = "FILE")]
    client: Option<PathBuf>,
    /// Suppose that everything else is up, whatever is known of it; with --config that is so
    #[arg(long)]
    all_up: bool,
    /// When the exit status is 1
    #[arg(long, value_enum, value_name = "WHEN", default_value_t)]
    fail_on: FailOn,
    /// How it is printed
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: Format,
    #[command(flatten)]
    by: PaperArgs,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum FailOn {
    /// Something is lost
    #[default]
    Loss,
    /// An answer changes
    Change,
    /// Never
    Never,
}

pub(super) fn run(args: &Args) -> ExitCode {
    let outcome = match tried(args) {
        Ok(outcome) => outcome,
        Err(why) => return fail(why),
    };
    match args.format {
        Format::Text => say(outcome.to_string().trim_end()),
        Format::Json => say(serde_json::to_string(&outcome).unwrap_or_default()),
    }
    let is_bad = match args.fail_on {
        FailOn::Loss => outcome.is_harm(),
        FailOn::Change => outcome.is_harm() || !outcome.changed.is_empty(),
        FailOn::Never => false,
    };
    if is_bad { ExitCode::from(1) } else { ExitCode::SUCCESS }
}

fn tried(args: &Args) -> Result<Outcome, String> {
    let sample = match &args.client {
        None => Sample::built_in(),
        Some(path) => {
            let name = path.display().to_string();
            let text = fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
            Sample::parse(&name, &text)?
        }
    };
    match args.by.offline()? {
        Some(offline) => with_files(&offline, args, sample),
        None => by_server(args, &sample),
    }
}

fn with_files(offline: &Offline, args: &Args, sample: Sample) -> Result<Outcome, String> {
    let down = args.down.iter().map(|text| Target::parse(text)).collect::<Result<_, _>>()?;
    let trial = Trial { down, rest: Rest::Up, sample, at: None };
    let mut meter = Meter::new();
    try_out(&Realm::whole(&offline.shared), &trial, &mut |done, all| {
        meter.show(&format!("{done} of {all} names"));
        ControlFlow::Continue(())
    })
}

fn by_server(args: &Args, sample: &Sample) -> Result<Outcome, String> {
    let wish = WhatIf {
        down: args.down.clone(),
        all_up: args.all_up,
        clients: args.client.as_ref().map(|_| sample.clients().collect()),
    };
    let mut meter = Meter::new();
    meter.wait = Duration::ZERO;
    meter.show("the server is asked");
    let mut outcome: Outcome = args.by.remote()?.post_for("/api/v1/whatif", &wish, LONGEST)?;
    if args.client.is_some() {
        sample.name().clone_into(&mut outcome.sample);
    }
    Ok(outcome)
}

/// How long a server may take for it.
const LONGEST: Duration = Duration::from_secs(40);

/// How far it is, on a terminal, if it takes more than a second.
struct Meter {
    started: Instant,
    shown: Option<Instant>,
    wait: Duration,
    is_shown: bool,
}

impl Meter {
    fn new() -> Self {
        let is_shown = io::stderr().is_terminal();
        Self { started: Instant::now(), shown: None, wait: Duration::from_secs(1), is_shown }
    }

    fn show(&mut self, text: &str) {
        let is_fresh = self.shown.is_some_and(|shown| shown.elapsed() < Duration::from_millis(200));
        if self.is_shown && !is_fresh && self.started.elapsed() >= self.wait {
            // Nobody minds if it cannot be seen.
            let _ = write!(io::stderr(), "\r\x1b[K{text}").and_then(|()| io::stderr().flush());
            self.shown = Some(Instant::now());
        }
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if self.shown.is_some() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
