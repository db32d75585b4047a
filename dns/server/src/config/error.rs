//! What is wrong with a configuration file, where, and what to write instead.

use std::io;
use std::path::{Path, PathBuf};

/// Why a configuration cannot be used. One line, for the person who wrote the file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file holds what is not a configuration.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column in octets, from 1.
        column: usize,
        /// What is wrong and what to write.
        message: String,
    },
}

/// Turns the parser's error into one line with position and remedy.
pub(super) fn locate(fault: &toml::de::Error, text: &str, path: &Path) -> ConfigError {
    let (line, column) = position(text, fault.span().map_or(0, |span| span.start));
    ConfigError::Wrong { path: path.to_owned(), line, column, message: remedy(fault.message()) }
}

/// The line and the column of an octet.
pub(crate) fn position(text: &str, at: usize) -> (usize, usize) {
    let at = at.min(text.len());
    let before = &text.as_bytes()[..at];
    let line_start = before.iter().rposition(|&octet| octet == b'\n').map_or(0, |at| at + 1);
    (before.iter().filter(|&&octet| octet == b'\n').count() + 1, at - line_start + 1)
}

/// Names the nearest known key or value where the message lists what is known; otherwise the
/// message itself, on one line.
fn remedy(message: &str) -> String {
    for (opening, kind) in [("unknown field `", "key"), ("unknown variant `", "value")] {
        let Some(rest) = message.strip_prefix(opening) else {
            continue;
        };
        let Some((wrong, expected)) = rest.split_once('`') else {
            continue;
        };
        // What is known stands between backticks: every second piece.
        let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
        return unknown(kind, wrong, &known);
    }
    message.trim_end().replace('\n', "; ")
}

/// Names what is known that is spelled most like what is not, or all of it.
pub(super) fn unknown(kind: &str, wrong: &str, known: &[&str]) -> String {
    let nearest = known
        .iter()
        .map(|candidate| (strsim::damerau_levenshtein(wrong, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().max(wrong.len()) / 2)
        .min_by_key(|(distance, _)| *distance);
    match nearest {
        Some((_, nearest)) => format!("unknown {kind} `{wrong}`; did you mean `{nearest}`?"),
        None => format!("unknown {kind} `{wrong}`; known here: {}", known.join(", ")),
    }
}
