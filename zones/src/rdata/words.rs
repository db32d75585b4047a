//! Cuts the text of a zone file into words (RFC 1035 section 5.1).
//!
//! A word borrows the text as it is written, escapes and all; nothing is
//! copied. Parentheses, comments and ends of lines are dealt with here and are
//! seen by nobody else.

use super::RdataFault;

/// How many records may run to the end of the file for want of a `)` or `"` before the rest of
/// the file is given up: each of them costs a walk over the rest.
const MAX_UNCLOSED: u32 = 16;

/// A word of a record, as it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Word<'t> {
    /// The octets, without the quotes around them; escapes as written.
    pub(crate) text: &'t [u8],
    /// The offset of the first octet, or of the opening quote.
    pub(crate) at: usize,
    /// Whether it stands in quotes.
    pub(crate) quoted: bool,
}

impl Word<'_> {
    /// The offset of octet `inside` of the word.
    pub(crate) fn offset(&self, inside: usize) -> usize {
        self.at + usize::from(self.quoted) + inside
    }

    /// Whether the word is `text`, unquoted, in either case.
    pub(crate) fn is(&self, text: &str) -> bool {
        !self.quoted && self.text.eq_ignore_ascii_case(text.as_bytes())
    }
}

/// What an octet means outside of quotes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Octet {
    Plain,
    Escape,
    Blank,
    Newline,
    Comment,
    Open,
    Close,
    Quote,
}

static OCTETS: [Octet; 256] = {
    let mut table = [Octet::Plain; 256];
    table[b'\\' as usize] = Octet::Escape;
    table[b' ' as usize] = Octet::Blank;
    table[b'\t' as usize] = Octet::Blank;
    table[b'\r' as usize] = Octet::Blank;
    table[b'\n' as usize] = Octet::Newline;
    table[b';' as usize] = Octet::Comment;
    table[b'(' as usize] = Octet::Open;
    table[b')' as usize] = Octet::Close;
    table[b'"' as usize] = Octet::Quote;
    table
};

/// An offset whose line is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    at: usize,
    /// The line, from 1.
    pub(crate) line: u32,
    line_start: usize,
}

impl Mark {
    /// The column of an offset in the same line.
    pub(crate) fn column(&self, offset: usize) -> u32 {
        u32::try_from(offset.saturating_sub(self.line_start) + 1).unwrap_or(u32::MAX)
    }
}

/// The words of a text, one record after the other.
#[derive(Debug)]
pub(crate) struct Words<'t> {
    text: &'t [u8],
    at: usize,
    line: u32,
    line_start: usize,
    /// How many parentheses are open, and where the outermost stands.
    depth: u32,
    open: usize,
    start: Mark,
    /// The first string of the record that runs over the end of a line.
    string_over_lines: Option<usize>,
    /// A word that was put back.
    pending: Option<Word<'t>>,
    /// The text is one record's data and not a file: comments have no place in it.
    fragment: bool,
    /// The record ran to the end of the text because something was not closed.
    unclosed: bool,
    unclosed_records: u32,
}

impl<'t> Words<'t> {
    /// The words of `text`, from its start; a byte order mark is passed over.
    pub(crate) fn new(text: &'t [u8]) -> Self {
        let at = if text.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        Self {
            text,
            at,
            line: 1,
            line_start: at,
            depth: 0,
            open: 0,
            start: Mark { at, line: 1, line_start: at },
            string_over_lines: None,
            pending: None,
            fragment: false,
            unclosed: false,
            unclosed_records: 0,
        }
    }

    /// The words of one record's data. It has no comments: a `;` that is meant as one and a `;`
    /// whose quotes were forgotten look the same, and the second must not be cut off in silence.
    pub(crate) fn of_data(text: &'t [u8]) -> Self {
        Self { fragment: true, ..Self::new(text) }
    }

    /// Goes to the next line with something on it, and says whether there is one.
    pub(crate) fn begin(&mut self) -> bool {
        loop {
            match self.text.get(self.at) {
                None => return false,
                Some(b'\n') => self.newline(),
                Some(b';') => self.skip_comment(),
                Some(_) => break,
            }
        }
        self.start = Mark { at: self.at, line: self.line, line_start: self.line_start };
        self.string_over_lines = None;
        self.pending = None;
        true
    }

    /// Whether the record starts with a blank, so that its owner is that of the record before.
    pub(crate) fn starts_blank(&self) -> bool {
        let rest = self.text.get(self.start.at..).unwrap_or(&[]);
        let first = rest.iter().copied().find(|&octet| octet != b'(');
        first.is_none_or(|octet| matches!(octet, b' ' | b'\t' | b'\r' | b'\n'))
    }

    /// The next word of the record; `None` at its end.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<Option<Word<'t>>, RdataFault> {
        if self.pending.is_some() {
            return Ok(self.pending.take());
        }
        loop {
            let Some(&octet) = self.text.get(self.at) else {
                return self.end_of_text();
            };
            match OCTETS[usize::from(octet)] {
                Octet::Plain | Octet::Escape => return self.plain().map(Some),
                Octet::Blank => self.at += 1,
                Octet::Newline if self.depth == 0 => return Ok(None),
                Octet::Newline => self.newline(),
                Octet::Comment if self.fragment => {
                    self.at += 1;
                    return Err(RdataFault::new(
                        "bare-semicolon",
                        self.at - 1,
                        "`;` outside of quotes",
                    )
                    .help("put the text in quotes, or write `\\;`"));
                }
                Octet::Comment => self.skip_comment(),
                Octet::Quote => return self.string().map(Some),
                Octet::Open => {
                    if self.depth == 0 {
                        self.open = self.at;
                    }
                    self.depth += 1;
                    self.at += 1;
                }
                Octet::Close => {
                    self.at += 1;
                    self.depth = self.depth.checked_sub(1).ok_or_else(|| {
                        RdataFault::new(
                            "unopened-parenthesis",
                            self.at - 1,
                            "`)` closes a parenthesis that is not open",
                        )
                        .help("remove it, or write `\\)` where it belongs to the text")
                    })?;
                }
            }
        }
    }

    /// Puts a word back: it is what [`Self::next`] gives next.
    pub(crate) fn put_back(&mut self, word: Word<'t>) {
        self.pending = Some(word);
    }

    /// The next word, which has to be there; `what` names it.
    pub(crate) fn need(&mut self, what: &str) -> Result<Word<'t>, RdataFault> {
        match self.next()? {
            Some(word) => Ok(word),
            None => Err(RdataFault::new("missing-field", self.at, format!("{what} is missing"))),
        }
    }

    /// The next word, which has to be there, without quotes.
    pub(crate) fn need_plain(&mut self, what: &str) -> Result<Word<'t>, RdataFault> {
        let word = self.need(what)?;
        if word.quoted {
            return Err(RdataFault::new(
                "unexpected-quotes",
                word.at,
                format!("{what} stands in quotes"),
            )
            .help("write it without the quotes"));
        }
        Ok(word)
    }

    /// Whether a quoted string follows without a blank between.
    pub(crate) fn is_quote_next(&self) -> bool {
        self.text.get(self.at) == Some(&b'"')
    }

    /// Where reading stands.
    pub(crate) fn offset(&self) -> usize {
        self.at
    }

    /// The offset of the quoted string of this record that first runs over several lines.
    pub(crate) fn string_over_lines(&self) -> Option<usize> {
        self.string_over_lines
    }

    /// Leaves the record, whatever is left of it. A fault on the way is returned if it changes
    /// where the next record starts.
    pub(crate) fn leave(&mut self) -> Option<RdataFault> {
        let mut fault = None;
        loop {
            match self.next() {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(found) if self.unclosed => {
                    fault = Some(found);
                    break;
                }
                Err(_) => {}
            }
        }
        if self.unclosed {
            self.unclosed = false;
            self.unclosed_records += 1;
            self.resume_at_next_line();
        }
        fault
    }

    /// Whether so much is not closed that the rest of the text was given up.
    pub(crate) fn gave_up(&self) -> bool {
        self.unclosed_records >= MAX_UNCLOSED
    }

    /// Line and column of an offset at or behind the start of the record.
    pub(crate) fn line_and_column(&self, offset: usize) -> (u32, u32) {
        let mark = self.mark_at(self.start, offset);
        (mark.line, mark.column(offset))
    }

    /// The start of the record.
    pub(crate) fn mark(&self) -> Mark {
        self.start
    }

    /// The mark of an offset at or behind `from`. Places that are asked for in order cost one
    /// walk over the record.
    pub(crate) fn mark_at(&self, from: Mark, offset: usize) -> Mark {
        let mut mark = from;
        let between = self.text.get(from.at..offset.min(self.text.len())).unwrap_or(&[]);
        for (i, _) in between.iter().enumerate().filter(|(_, octet)| **octet == b'\n') {
            mark.line += 1;
            mark.line_start = from.at + i + 1;
        }
        mark.at = offset.max(from.at);
        mark
    }

    #[inline]
    fn plain(&mut self) -> Result<Word<'t>, RdataFault> {
        let start = self.at;
        let mut at = start;
        while let Some(&octet) = self.text.get(at) {
            match OCTETS[usize::from(octet)] {
                Octet::Plain => at += 1,
                Octet::Escape => {
                    if matches!(self.text.get(at + 1), None | Some(b'\n' | b'\r')) {
                        self.at = at + 1;
                        return Err(RdataFault::new(
                            "bad-escape",
                            at,
                            "a backslash with nothing behind it",
                        )
                        .help("write `\\\\` for a backslash"));
                    }
                    at += 2;
                }
                _ => break,
            }
        }
        self.at = at;
        Ok(Word { text: &self.text[start..at], at: start, quoted: false })
    }

    fn string(&mut self) -> Result<Word<'t>, RdataFault> {
        let quote = self.at;
        let mut at = quote + 1;
        let mut over_lines = false;
        while let Some(&octet) = self.text.get(at) {
            match octet {
                b'"' => {
                    self.at = at + 1;
                    if over_lines {
                        self.string_over_lines.get_or_insert(quote);
                    }
                    return Ok(Word { text: &self.text[quote + 1..at], at: quote, quoted: true });
                }
                // What is escaped may be the end of a line.
                b'\\' if self.text.get(at + 1).is_some_and(|&next| next != b'\n') => at += 2,
                b'\n' => {
                    at += 1;
                    over_lines = true;
                    self.line += 1;
                    self.line_start = at;
                }
                _ => at += 1,
            }
        }
        self.at = self.text.len();
        self.unclosed = true;
        let suspect = self.string_over_lines.unwrap_or(quote);
        Err(RdataFault::new("unclosed-string", suspect, "a quoted string is not closed")
            .help("write the closing `\"`"))
    }

    fn end_of_text(&mut self) -> Result<Option<Word<'t>>, RdataFault> {
        if self.depth == 0 {
            return Ok(None);
        }
        self.depth = 0;
        self.unclosed = true;
        Err(RdataFault::new("unclosed-parenthesis", self.open, "`(` is not closed")
            .help("write `)` behind the last word of the record"))
    }

    fn newline(&mut self) {
        self.at += 1;
        self.line += 1;
        self.line_start = self.at;
    }

    fn skip_comment(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.iter().position(|&octet| octet == b'\n').unwrap_or(rest.len());
    }

    fn resume_at_next_line(&mut self) {
        self.depth = 0;
        if self.gave_up() {
            self.at = self.text.len();
            return;
        }
        (self.at, self.line, self.line_start) =
            (self.start.at, self.start.line, self.start.line_start);
        let rest = &self.text[self.at..];
        self.at += rest.iter().position(|&octet| octet == b'\n').unwrap_or(rest.len());
    }
}
