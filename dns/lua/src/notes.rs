//! What programs say of themselves, for the log of the server.

/// A line that a program wrote with `pdnslog`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// How urgent the program says it is, as syslog counts: 3 an error, 4 a warning, 7 for
    /// debugging.
    pub level: u32,
    /// The text, at most 300 characters.
    pub text: String,
}

/// How many notes of one evaluation are kept.
const MOST: usize = 8;

impl Note {
    /// Adds a note unless there are enough.
    pub(crate) fn add(notes: &mut Vec<Self>, level: u32, text: &str) {
        if notes.len() < MOST {
            notes.push(Self { level, text: text.chars().take(300).collect() });
        }
    }
}
