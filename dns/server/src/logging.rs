//! The log: to standard error, one line an event, nothing for each query.

use std::env;
use std::io::{self, IsTerminal};

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Environment variables that say what is logged when the command line does not, in this order.
const VARIABLES: [&str; 2] = ["HALFMOON_LOG", "RUST_LOG"];

/// The form of a log line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, for machines.
    Json,
}

/// What is logged: a level, or a comma-separated list of `target=level`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter(String);

impl Filter {
    /// Understands a filter.
    ///
    /// # Errors
    /// What is wrong with the text, and what to write.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split(',').map(str::trim).collect();
        for part in &parts {
            let level = part.rsplit_once('=').map_or(*part, |(_, level)| level);
            if level.is_empty() || level.parse::<LevelFilter>().is_err() {
                return Err(format!(
                    "{level:?} is not a level; write off, error, warn, info, debug or trace"
                ));
            }
        }
        let text = parts.join(",");
        EnvFilter::try_new(&text).map_err(|error| error.to_string())?;
        Ok(Self(text))
    }

    /// Only what must not be missed: for a terminal that shows the rest in its own way.
    #[must_use]
    pub fn quiet() -> Self {
        Self("error".into())
    }

    /// What the environment says, if it says anything.
    ///
    /// # Errors
    /// Which variable is wrong, and what to write.
    pub fn from_environment() -> Result<Option<Self>, String> {
        for variable in VARIABLES {
            match env::var(variable) {
                Ok(text) if text.is_empty() => {}
                Ok(text) => {
                    let filter = Self::parse(&text);
                    return filter.map(Some).map_err(|why| format!("{variable}: {why}"));
                }
                Err(env::VarError::NotPresent) => {}
                Err(error) => return Err(format!("{variable}: {error}")),
            }
        }
        Ok(None)
    }
}

impl Default for Filter {
    fn default() -> Self {
        Self("info".into())
    }
}

/// Lines that may wait to be written. What comes after is lost: a log that is not read must not
/// hold up an answer.
const WAITING: usize = 16_384;

/// The verifier of certificates logs an error at each probe of an endpoint whose certificate is not good;
/// that the endpoint is down, and why, is said once, by us.
const SILENT: &str = "rustls_platform_verifier=off";

/// Writes what is logged as long as it lives, and what still waits when it is dropped.
#[derive(Debug)]
#[must_use = "nothing is logged when it is dropped"]
pub struct Log(#[expect(dead_code, reason = "dropping it is its use")] WorkerGuard);

/// Begins to log, through a thread of its own. Only the first call in a process has an effect.
pub fn start(filter: &Filter, format: Format) -> Log {
    let (writer, guard) =
        NonBlockingBuilder::default().buffered_lines_limit(WAITING).finish(io::stderr());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(format!("{SILENT},{}", filter.0)))
        .with_writer(writer)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false);
    // An error says that somebody logs already, in tests for instance, which is as good.
    let _ = match format {
        Format::Text => builder.try_init(),
        Format::Json => builder.json().flatten_event(true).with_target(true).try_init(),
    };
    Log(guard)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_lists_are_filters() {
        for text in ["info", "WARN", "off", "info,halfmoon=debug", "warn, halfmoon::publish=trace"]
        {
            assert!(Filter::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn what_names_no_level_is_refused() {
        for (text, wrong) in [("loud", "loud"), ("info,halfmoon=all", "all"), ("", "")] {
            let expected =
                format!("{wrong:?} is not a level; write off, error, warn, info, debug or trace");
            assert_eq!(Filter::parse(text), Err(expected));
        }
    }
}
