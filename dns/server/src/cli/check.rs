//! `halfmoon check`: all that is wrong with zones and their programs, without serving them.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use halfmoon_geo::Source;
use halfmoon_healthcheck::Health;
use halfmoon_zones::{Fault, FileReport, Files, Level, Loaded, Loader, Place};
use serde::Serialize;

use super::{budgets, fail};
use crate::admin;
use crate::config::{Config, Dialect};
use crate::counted::counted;
use crate::events;
use crate::expect::Examiner;
use crate::publish::{Compile, Place as Origin, SourceError, ZoneBudgets, stray, units};
use crate::serve::{cookies, lua_settings, policy, targets};
use crate::shared::Served;
use crate::tenants::Tenants;
use crate::tsig::Keys;

mod excerpt;
mod progress;
mod sarif;

use excerpt::Excerpts;
use progress::{Counted, Progress};

const EXAMPLES: &str = "\
Examples:
  halfmoon check zones/
  halfmoon check zones/example.org.zone zones/example.net.zone
  halfmoon check --format json zones/ | jq -r .message
  halfmoon check --format sarif zones/ > halfmoon.sarif
  halfmoon check --dialect powerdns zones/
  halfmoon check --test zones/                     run the tests beside zones, too
  halfmoon check --budget zones/                   how long a failover of each record takes
  halfmoon check /etc/halfmoon.toml                the configuration, and the zones it names

Each fault is a line `file:line:column: level: what is wrong; what to write instead`, or with
`--format json` an object a line with file, line, column, level, rule, message, help and zone.
With `--budget`, a table follows of how long a failover takes at worst, record by record: `interval × fall + timeout + TTL`
of the slowest check; with `--format json` an object a line, with `budget` in seconds and what it is made of.
Rules have levels under `check.rules` in the configuration: error, warning, off.
Exit status 1 if there are errors; warnings alone keep no zone from being served.";

/// Say what is wrong with zone files and their programs
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Zone files, their settings (*.health.toml) or tests (*.test.toml), folders of them, configuration files (*.toml)
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
    /// How faults are printed [default: full on a terminal, else text]
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,
    /// Whose defaults and quirks apply, instead of what the configuration says
    #[arg(long, value_enum, value_name = "DIALECT")]
    dialect: Option<Dialect>,
    /// Run the tests beside zones (*.test.toml), as the server does before it serves them
    #[arg(long)]
    test: bool,
    /// Print how long a failover of each record takes, too
    #[arg(long)]
    budget: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// A line, what to write instead, the rule, and the place in the zone file
    Full,
    /// A line for people and editors
    Text,
    /// A JSON object a line
    Json,
    /// One SARIF 2.1.0 document, for code hosts
    Sarif,
}

impl Format {
    fn by_default() -> Self {
        if io::stdout().is_terminal() { Self::Full } else { Self::Text }
    }

    /// Whether people read it.
    const fn is_for_people(self) -> bool {
        matches!(self, Self::Full | Self::Text)
    }
}

/// Where findings go.
struct Output<W> {
    out: W,
    format: Format,
    excerpts: Excerpts,
    /// What is printed at the end.
    results: Vec<sarif::Found>,
}

/// What was found so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    files: usize,
    records: u64,
    errors: usize,
    warnings: usize,
    /// How many tests were run.
    tests: usize,
}

/// A fault as a machine reads it.
#[derive(Debug, Serialize)]
struct Line<'a> {
    file: String,
    line: u32,
    column: u32,
    level: String,
    rule: &'static str,
    message: &'a str,
    help: Option<&'a str>,
    zone: &'a str,
}

pub(super) fn run(args: &Args) -> ExitCode {
    let format = args.format.unwrap_or_else(Format::by_default);
    if args.budget && format == Format::Sarif {
        return fail("SARIF has no budgets: leave --budget out, or write --format json");
    }
    let mut output = Output::new(BufWriter::new(io::stdout().lock()), format);
    let mut tally = Tally::default();
    let mut told = HashSet::new();
    let mut rows = Vec::new();
    let mut are_zones_elsewhere = false;
    for path in &args.paths {
        let Found { loaded, budgets, tests, elsewhere } = match load(path, args) {
            Ok(found) => found,
            Err(why) => {
                // What was found so far is worth reading.
                let _ = output.end();
                return fail(why);
            }
        };
        for of in &elsewhere {
            let _ = writeln!(
                io::stderr(),
                "{}: {of} come from Git; check them in a working tree, as `halfmoon check zones/`",
                path.display()
            );
            are_zones_elsewhere = true;
        }
        tally.tests += tests;
        let mut budgets = budgets.into_iter().peekable();
        for path in loaded.iter().flat_map(|loaded| &loaded.strays) {
            let (fault, files) = stray(path);
            tally.warnings += 1;
            if output.fault(&fault, &files, "").is_err() {
                return tally.status();
            }
        }
        for mut report in loaded.into_iter().flat_map(|loaded| loaded.reports) {
            if format.is_for_people() {
                // A file that many zones include has its faults in each: people read them once.
                let files = &report.files;
                report.faults.retain(|fault| told.insert(fault.display(files).to_string()));
            }
            tally.add(&report);
            // They come in the order of the reports, and for some of those there are none.
            if let Some(zone) = budgets.next_if(|zone| zone.apex == report.apex) {
                rows.extend(budgets::rows(&zone, &report.files));
            }
            let zone = report.apex.to_string();
            for fault in &report.faults {
                if output.fault(fault, &report.files, &zone).is_err() {
                    // Nobody reads on: `check | head`.
                    return tally.status();
                }
            }
        }
    }
    if args.budget {
        let _ = match format {
            Format::Full | Format::Text => budgets::table(&mut output.out, &rows),
            Format::Json => budgets::lines(&mut output.out, &rows),
            // Refused above.
            Format::Sarif => Ok(()),
        };
    }
    let _ = output.end();
    if tally.files == 0 && are_zones_elsewhere {
        return ExitCode::SUCCESS;
    }
    if tally.files == 0 {
        return fail(format_args!("{}: no zone files (*.zone) there", args.paths[0].display()));
    }
    if format.is_for_people() {
        let _ = writeln!(io::stderr(), "{}", tally.summary());
    }
    tally.status()
}

/// What a path holds.
#[derive(Default)]
struct Found {
    /// Its zones as they were read, of one source after the other.
    loaded: Vec<Loaded<Served>>,
    /// The budgets of their records.
    budgets: Vec<ZoneBudgets>,
    /// How many tests were run.
    tests: usize,
    /// Zones that come from Git, in words.
    elsewhere: Vec<String>,
}

/// What the zones of a path are.
fn load(path: &Path, args: &Args) -> Result<Found, String> {
    let mut config = Config::default();
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    let beside = name.strip_suffix(".health.toml").or_else(|| name.strip_suffix(".test.toml"));
    if let Some(zone) = beside {
        // What stands beside a zone is looked at with it.
        config.zones.path = Some(path.with_file_name(format!("{zone}.zone")));
    } else if path.extension() == Some(OsStr::new("toml")) {
        config = Config::load(path).map_err(|fault| fault.to_string())?;
    } else {
        config.zones.path = Some(path.to_owned());
    }
    if let Some(dialect) = args.dialect {
        config.lua.dialect = dialect;
    }
    let geo = Source::open(config.geo.databases.clone()).map_err(|error| error.to_string())?;
    cookies(&config).map_err(|error| error.to_string())?;
    let tenants = Arc::new(Tenants::new(&config.tenants));
    // A server would begin without those of tenants.
    let keys = Keys::open(&config, &tenants).map_err(|error| error.to_string())?;
    keys.lacking().into_iter().next().map_or(Ok(()), Err)?;
    events::check(&config.health.webhook).map_err(|error| error.to_string())?;
    admin::check(&config)?;
    let units = units(&config, &tenants).map_err(|error| match error {
        SourceError::Nowhere => format!("{}: {error}", path.display()),
        error => error.to_string(),
    })?;
    let health = Health::unprobed(targets(&config));
    let mut found = Found::default();
    for unit in units {
        let loader = match unit.place {
            Origin::Folder(loader) => loader,
            Origin::Repository(repository) => {
                repository.check().map_err(|error| error.to_string())?;
                let of = unit
                    .tenant
                    .map(|tenant| format!("the zones of tenant {}", tenants.name(tenant)));
                found.elsewhere.push(of.unwrap_or_else(|| "its zones".to_owned()));
                continue;
            }
        };
        let mut compile = Compile::new(lua_settings(&config, &geo), health.clone())
            .tenants(Arc::clone(&tenants), unit.tenant)
            .rules(config.check.rules.clone())
            .dnssec(config.dnssec.clone())
            .verifying_all();
        if args.budget {
            compile = compile.with_budgets();
        }
        if args.test {
            let policy = policy(&config, lua_settings(&config, &geo));
            let examiner = Examiner::new(targets(&config), geo.same(), policy);
            // Somebody waits for all of it.
            compile = compile.examining(examiner.at_most(None));
        }
        found.add(*loader, compile, &config)?;
    }
    Ok(found)
}

impl Found {
    /// Adds the zones of a source.
    fn add(
        &mut self,
        mut loader: Loader<Served>,
        mut compile: Compile,
        config: &Config,
    ) -> Result<(), String> {
        let mut progress = Progress::new();
        let loaded = loader.load(&mut Counted { compile: &mut compile, progress: &mut progress });
        progress.end();
        let folder = loader.sources().folder.as_deref().unwrap_or_else(|| Path::new(""));
        let mut loaded = loaded.map_err(|error| format!("{}: {error}", folder.display()))?;
        compile.look_across(&mut loaded);
        for report in &mut loaded.reports {
            // Of a zone that cannot be laid out, nobody has judged the faults yet.
            config.check.rules.apply(&mut report.faults);
        }
        self.tests += compile.tests_run();
        self.budgets.extend(compile.into_budgets());
        self.loaded.push(loaded);
        Ok(())
    }
}

impl<W: Write> Output<W> {
    fn new(out: W, format: Format) -> Self {
        Self { out, format, excerpts: Excerpts::default(), results: Vec::new() }
    }

    fn fault(&mut self, fault: &Fault, files: &Files, zone: &str) -> io::Result<()> {
        let out = &mut self.out;
        let path = files.path(fault.place.file);
        let Place { line, column, .. } = fault.place;
        match self.format {
            Format::Text => writeln!(out, "{}", fault.display(files)),
            Format::Full => {
                let Fault { level, message, rule, .. } = fault;
                writeln!(out, "{}:{line}:{column}: {level}: {message} [{rule}]", path.display())?;
                if let Some(excerpt) = self.excerpts.of(path, line, column) {
                    writeln!(out, "{excerpt}")?;
                }
                match &fault.help {
                    Some(help) => writeln!(out, "  help: {help}\n"),
                    None => writeln!(out),
                }
            }
            Format::Json => {
                serde_json::to_writer(&mut *out, &Line::new(fault, files, zone))?;
                writeln!(out)
            }
            Format::Sarif => {
                let column = self.excerpts.letters(path, line, column);
                self.results.push(sarif::Found::new(fault, path, column, zone));
                Ok(())
            }
        }
    }

    fn end(&mut self) -> io::Result<()> {
        if self.format == Format::Sarif {
            serde_json::to_writer_pretty(&mut self.out, &sarif::log(&self.results))?;
            writeln!(self.out)?;
        }
        self.out.flush()
    }
}

impl<'a> Line<'a> {
    fn new(fault: &'a Fault, files: &Files, zone: &'a str) -> Self {
        Self {
            file: files.path(fault.place.file).display().to_string(),
            line: fault.place.line,
            column: fault.place.column,
            level: fault.level.to_string(),
            rule: fault.rule,
            message: &fault.message,
            help: fault.help.as_deref(),
            zone,
        }
    }
}

impl Tally {
    fn add(&mut self, report: &FileReport) {
        let of = |level| report.faults.iter().filter(|fault| fault.level == level).count();
        self.files += 1;
        self.records += u64::from(report.records);
        self.errors += of(Level::Error);
        self.warnings += of(Level::Warning);
    }

    fn summary(self) -> String {
        let Self { files, records, errors, warnings, tests } = self;
        let tests = if tests > 0 { format!(", {}", counted(tests, "test")) } else { String::new() };
        let (zones, records) = (counted(files, "zone"), counted(records, "record"));
        let (errors, warnings) = (counted(errors, "error"), counted(warnings, "warning"));
        format!("{zones}, {records}{tests}: {errors}, {warnings}")
    }

    fn status(self) -> ExitCode {
        if self.errors > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}
