//! The text of `LUA` records (`owner LUA A "code" "more code"`).
//!
//! The wire form is that of a TXT record behind the inner type. The program is
//! what stands in the file between the quotes, escapes not undone: PowerDNS
//! does so, and programs are written for it.

use halfmoon_wire::Type;

use super::reader::Source;
use crate::rdata::{self, RdataFault, Word, Words, quoted};
use crate::{Place, ProgramSource, Span};

/// How the character-strings of one program are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Join {
    /// One after the other; a piece of exactly one space is dropped.
    Plain,
    /// With one space behind each piece, and one between two strings, which gets one as well.
    Spaced,
}

/// Reads inner type and chunks, and writes the wire form to `out`.
pub(super) fn read(
    words: &mut Words<'_>,
    source: Source,
    join: Join,
    out: &mut Vec<u8>,
) -> Result<ProgramSource, RdataFault> {
    let first = words.need_plain("the type of the records that the program makes")?;
    if first.text == b"\\#" {
        words.put_back(first);
        return read_generic(first.at, words, source, out);
    }
    let inner = inner_type(&first)?;
    out.extend_from_slice(&inner.0.to_be_bytes());
    let mut program = Program {
        join,
        source: ProgramSource { inner, text: String::new(), ttl: 0, spans: Vec::new() },
        text: Vec::new(),
    };
    let mut mark = words.mark();
    let mut octets = Vec::new();
    let mut chunk = words.need("the program")?;
    let mut is_first = true;
    loop {
        octets.clear();
        rdata::push_text(&chunk, &mut octets)?;
        rdata::push_split(&octets, out);
        if std::str::from_utf8(chunk.text).is_err() {
            return Err(not_utf8(&chunk));
        }
        if !is_first {
            // What stands between two strings counts as one space, whatever it is.
            let place = at(words, &mut mark, source, chunk.at);
            program.push(b" ", place);
        }
        is_first = false;
        let mut inside = 0;
        for piece in chunk.text.split(|&octet| octet == b'"') {
            let place = at(words, &mut mark, source, chunk.offset(inside));
            program.push(piece, place);
            inside += piece.len() + 1;
        }
        match words.next()? {
            Some(next) => chunk = next,
            None => break,
        }
    }
    if out.len() > usize::from(u16::MAX) {
        let message = "the program is longer than 65535 octets";
        return Err(RdataFault::new("rdata-too-long", first.at, message));
    }
    // Every chunk was looked at above.
    program.source.text = String::from_utf8(program.text).unwrap_or_default();
    Ok(program.source)
}

struct Program {
    join: Join,
    source: ProgramSource,
    text: Vec<u8>,
}

impl Program {
    /// Adds what stands between two quotes.
    fn push(&mut self, piece: &[u8], place: Place) {
        if piece.is_empty() || (self.join == Join::Plain && piece == b" ") {
            return;
        }
        self.source.spans.push(Span { at: self.text.len() as u32, place });
        self.text.extend_from_slice(piece);
        if self.join == Join::Spaced {
            self.text.push(b' ');
        }
    }
}

/// In the generic form there is no text to keep: the octets of the strings are the program.
fn read_generic(
    start: usize,
    words: &mut Words<'_>,
    source: Source,
    out: &mut Vec<u8>,
) -> Result<ProgramSource, RdataFault> {
    let mut warnings = Vec::new();
    let mut cx = rdata::Context { origin: None, out: &mut *out, warnings: &mut warnings };
    rdata::read(Type::LUA, words, &mut cx)?;
    let bad = |message: &'static str| RdataFault::new("bad-program", start, message);
    let (inner, mut rest) = out.split_first_chunk().ok_or_else(|| bad("the program is missing"))?;
    let inner = Type(u16::from_be_bytes(*inner));
    if inner.is_meta() {
        return Err(bad("the program makes records of a type that no zone holds"));
    }
    let mut text = Vec::new();
    while let Some((&length, tail)) = rest.split_first() {
        let (chunk, tail) = tail.split_at_checked(length.into()).unwrap_or((tail, &[]));
        text.extend_from_slice(chunk);
        rest = tail;
    }
    let text = String::from_utf8(text).map_err(|_| bad("the program is not valid UTF-8"))?;
    let mut mark = words.mark();
    let spans = vec![Span { at: 0, place: at(words, &mut mark, source, start) }];
    Ok(ProgramSource { inner, text, ttl: 0, spans })
}

fn inner_type(word: &Word<'_>) -> Result<Type, RdataFault> {
    let help = "write the type of the records that the program makes, as in LUA A \"...\"";
    let inner = rdata::type_word(word).map_err(|fault| fault.help(help))?;
    if inner.is_meta() {
        let message = format!("a program cannot make {} records", quoted(word.text));
        return Err(RdataFault::new("meta-type", word.at, message).help(help));
    }
    Ok(inner)
}

fn not_utf8(chunk: &Word<'_>) -> RdataFault {
    let inside = std::str::from_utf8(chunk.text).map_or_else(|error| error.valid_up_to(), str::len);
    RdataFault::new("program-not-utf8", chunk.offset(inside), "the program is not valid UTF-8")
        .help("save the file as UTF-8, or write `\\ddd` in a Lua string")
}

/// The place of an offset, and from there on.
fn at(words: &Words<'_>, mark: &mut rdata::Mark, source: Source, offset: usize) -> Place {
    match source {
        Source::File(file) => {
            *mark = words.mark_at(*mark, offset);
            Place { file, line: mark.line, column: mark.column(offset) }
        }
        Source::Generated(place, _) => place,
    }
}
