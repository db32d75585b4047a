//! `$GENERATE`, as BIND has it: a range of numbers, put into one record's text.

use std::io::Write as _;

use super::reader::{MAX_GENERATED, Reader, Source};
use crate::rdata::{RdataFault, Word, Words, quoted};

/// The greatest width of a number in the text; a name has no more octets.
const MAX_WIDTH: usize = 255;

/// The numbers from `first` to `last` in steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    first: i64,
    last: i64,
    step: i64,
}

/// How a number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Base {
    Decimal,
    Octal,
    Hex,
    UpperHex,
    /// Hexadecimal digits from the lowest, with dots between, as under `ip6.arpa`.
    Nibbles,
    UpperNibbles,
}

/// A part of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(Vec<u8>),
    Number { offset: i64, width: usize, base: Base },
}

impl Reader<'_> {
    /// `$GENERATE first-last[/step] owner [ttl] [class] type data`
    pub(super) fn generate(
        &mut self,
        at: usize,
        words: &mut Words<'_>,
        source: Source,
    ) -> Result<(), RdataFault> {
        if let Source::Generated(..) = source {
            return Err(RdataFault::new("bad-generate", at, "$GENERATE makes records only"));
        }
        let range = range(&words.need_plain("the range of numbers")?)?;
        let owner = words.need_plain("the owner")?;
        let mut text = Vec::new();
        template(&owner, &mut text)?;
        read_rest(words, &mut text)?;
        text.push(Piece::Literal(b"\n".to_vec()));

        let place = Self::place(words, at, source);
        let outer = self.owner.clone();
        let mut line = Vec::new();
        let mut number = range.first;
        while number <= range.last {
            if self.generated_left == 0 {
                let message = format!("more than {MAX_GENERATED} records are generated");
                return Err(RdataFault::new("generate-count", at, message));
            }
            self.generated_left -= 1;
            line.clear();
            for piece in &text {
                piece.write(number, &mut line);
            }
            // The same fault in each of the records would bury all others.
            if !self.read(&line, Source::Generated(place, number)) {
                break;
            }
            number += range.step;
        }
        self.owner = outer;
        Ok(())
    }
}

/// Reads TTL, class, type and data. Data in one pair of quotes stands without them, as in BIND,
/// whose data is one word.
fn read_rest(words: &mut Words<'_>, text: &mut Vec<Piece>) -> Result<(), RdataFault> {
    loop {
        let word = words.need_plain("the record type")?;
        push(b"\t", text);
        template(&word, text)?;
        let is_ttl = word.text.first().is_some_and(u8::is_ascii_digit);
        if !is_ttl && !word.is("IN") {
            break;
        }
    }
    push(b"\t", text);
    let first = words.need("the data")?;
    let mut next = words.next()?;
    if first.quoted && next.is_none() {
        return template(&first, text);
    }
    push_word(&first, text)?;
    while let Some(word) = next {
        push(b" ", text);
        push_word(&word, text)?;
        next = words.next()?;
    }
    Ok(())
}

fn push_word(word: &Word<'_>, text: &mut Vec<Piece>) -> Result<(), RdataFault> {
    let quotes: &[u8] = if word.quoted { b"\"" } else { b"" };
    push(quotes, text);
    template(word, text)?;
    push(quotes, text);
    Ok(())
}

fn push(octets: &[u8], text: &mut Vec<Piece>) {
    match text.last_mut() {
        Some(Piece::Literal(before)) => before.extend_from_slice(octets),
        _ => text.push(Piece::Literal(octets.to_vec())),
    }
}

fn range(word: &Word<'_>) -> Result<Range, RdataFault> {
    let bad = || {
        let message = format!("{} is no range of numbers", quoted(word.text));
        RdataFault::new("bad-generate", word.at, message)
            .help("write 1-127, or 0-254/2 for every second number")
    };
    let text = std::str::from_utf8(word.text).map_err(|_| bad())?;
    let number = |text: &str| {
        let plain = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
        text.parse::<i64>().ok().filter(|&n| plain && n <= i64::from(i32::MAX)).ok_or_else(bad)
    };
    let (span, step) = text.split_once('/').unwrap_or((text, "1"));
    let (first, last) = span.split_once('-').ok_or_else(bad)?;
    let range = Range { first: number(first)?, last: number(last)?, step: number(step)? };
    if range.first > range.last || range.step == 0 { Err(bad()) } else { Ok(range) }
}

/// Cuts a word at its `$`.
fn template(word: &Word<'_>, pieces: &mut Vec<Piece>) -> Result<(), RdataFault> {
    let mut rest = word.text;
    loop {
        let at = rest.iter().position(|octet| matches!(octet, b'$' | b'\\')).unwrap_or(rest.len());
        push(&rest[..at], pieces);
        rest = &rest[at..];
        match rest {
            [] => return Ok(()),
            // `\$` stays escaped: it may become the first character of the record.
            [b'\\', _, tail @ ..] => {
                push(&rest[..2], pieces);
                rest = tail;
            }
            [b'$', b'$', tail @ ..] => {
                push(b"\\$", pieces);
                rest = tail;
            }
            [b'$', b'{', tail @ ..] => {
                let end = tail.iter().position(|&octet| octet == b'}');
                let piece = end.and_then(|end| modifier(&tail[..end]));
                let (Some(piece), Some(end)) = (piece, end) else {
                    let inside = word.text.len() - rest.len();
                    let message = "a modifier that is not ${offset,width,base}";
                    return Err(RdataFault::new("bad-generate", word.offset(inside), message)
                        .help("write ${0,3,d}; the bases are d, o, x, X, n and N"));
                };
                pieces.push(piece);
                rest = &tail[end + 1..];
            }
            [_, tail @ ..] => {
                pieces.push(Piece::Number { offset: 0, width: 0, base: Base::Decimal });
                rest = tail;
            }
        }
    }
}

/// What stands in the braces: `offset[,width[,base]]`.
fn modifier(text: &[u8]) -> Option<Piece> {
    let text = std::str::from_utf8(text).ok()?;
    let mut parts = text.split(',');
    let offset: i32 = parts.next()?.parse().ok()?;
    let width = parts.next().map_or(Some(0), |width| width.parse().ok())?;
    let base = match parts.next().unwrap_or("d") {
        "d" => Base::Decimal,
        "o" => Base::Octal,
        "x" => Base::Hex,
        "X" => Base::UpperHex,
        "n" => Base::Nibbles,
        "N" => Base::UpperNibbles,
        _ => return None,
    };
    let right = parts.next().is_none() && width <= MAX_WIDTH;
    right.then_some(Piece::Number { offset: offset.into(), width, base })
}

impl Piece {
    fn write(&self, number: i64, out: &mut Vec<u8>) {
        let (value, width, base) = match self {
            Self::Literal(text) => return out.extend_from_slice(text),
            Self::Number { offset, width, base } => (number + offset, *width, *base),
        };
        // Only decimal numbers have a sign; the others show 32 bits of two's complement.
        let bits = value as u32;
        let written = match base {
            Base::Decimal => write!(out, "{value:0width$}"),
            Base::Octal => write!(out, "{bits:0width$o}"),
            Base::Hex => write!(out, "{bits:0width$x}"),
            Base::UpperHex => write!(out, "{bits:0width$X}"),
            Base::Nibbles => return write_nibbles(bits, width, b"0123456789abcdef", out),
            Base::UpperNibbles => return write_nibbles(bits, width, b"0123456789ABCDEF", out),
        };
        debug_assert!(written.is_ok(), "a vector takes all");
    }
}

/// The width counts the dots as well.
fn write_nibbles(mut value: u32, mut width: usize, digits: &[u8; 16], out: &mut Vec<u8>) {
    loop {
        out.push(digits[(value & 15) as usize]);
        value >>= 4;
        width = width.saturating_sub(1);
        if width == 0 && value == 0 {
            return;
        }
        out.push(b'.');
        width = width.saturating_sub(1);
        if width == 0 && value == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(text: &str, number: i64) -> String {
        let word = Word { text: text.as_bytes(), at: 0, quoted: false };
        let mut pieces = Vec::new();
        template(&word, &mut pieces).unwrap();
        let mut out = Vec::new();
        pieces.iter().for_each(|piece| piece.write(number, &mut out));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_are_written_in_their_base() {
        for (text, number, expected) in [
            ("host$", 7, "host7"),
            ("${0,3}", 7, "007"),
            ("${-10}", 7, "-3"),
            ("${20,2,x}", 7, "1b"),
            ("${20,4,X}", 7, "001B"),
            ("${0,0,o}", 9, "11"),
            ("${0,0,n}", 0x1a2b, "b.2.a.1"),
            ("${0,7,N}", 0xab, "B.A.0.0"),
            ("a$b$", 1, "a1b1"),
            (r"\$$$", 1, r"\$\$"),
        ] {
            assert_eq!(expand(text, number), expected, "{text}");
        }
    }

    #[test]
    fn ranges_are_checked() {
        let read = |text: &str| range(&Word { text: text.as_bytes(), at: 0, quoted: false });
        assert_eq!(read("1-3"), Ok(Range { first: 1, last: 3, step: 1 }));
        assert_eq!(read("0-254/2"), Ok(Range { first: 0, last: 254, step: 2 }));
        for text in ["", "1", "3-1", "1-3/0", "-1-3", "1-", "1-99999999999", "a-b", "1-3/2/1"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
