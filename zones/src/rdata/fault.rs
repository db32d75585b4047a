//! What is wrong with the text or the octets of one record's data.

use std::borrow::Cow;
use std::fmt;

/// A fault in a record's data, by its offset in what was read.
///
/// The reader of zone files turns the offset into a line and a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RdataFault {
    /// A short name of the rule in kebab case.
    pub rule: &'static str,
    /// The offset in octets into the text, or into the wire form where that was checked.
    pub offset: usize,
    /// What is wrong: lower case, no full stop.
    pub message: Cow<'static, str>,
    /// What to write instead, where that can be said.
    pub help: Option<Cow<'static, str>>,
}

impl RdataFault {
    /// A fault without help.
    pub(crate) fn new(
        rule: &'static str,
        offset: usize,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { rule, offset, message: message.into(), help: None }
    }

    /// The same with what to write instead.
    pub(crate) fn help(mut self, help: impl Into<Cow<'static, str>>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for RdataFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for RdataFault {}

/// A piece of the text for a message: at most 40 octets, on one line, in backquotes.
pub(crate) fn quoted(text: &[u8]) -> String {
    const LONGEST: usize = 40;
    let cut = text.get(..LONGEST).unwrap_or(text);
    let mut shown: String = String::from_utf8_lossy(cut)
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if cut.len() < text.len() {
        shown.push('…');
    }
    format!("`{shown}`")
}
