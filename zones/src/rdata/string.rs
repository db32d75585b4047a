//! Escapes, character-strings and names in text.

use halfmoon_wire::{Name, NameBuf, NameError};

use super::words::Word;
use super::{Context, RdataFault, quoted};

/// The longest character-string.
const MAX_STRING: usize = 255;

/// Appends the octets a word means, its escapes undone.
pub(crate) fn push_text(word: &Word<'_>, out: &mut Vec<u8>) -> Result<(), RdataFault> {
    let mut rest = word.text;
    while let Some(at) = rest.iter().position(|&octet| octet == b'\\') {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        let (value, length) = match rest {
            [a @ b'0'..=b'2', b @ b'0'..=b'9', c @ b'0'..=b'9', ..] => {
                let value = u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10;
                (u8::try_from(value + u16::from(c - b'0')).ok(), 3)
            }
            [b'0'..=b'9', ..] | [] => (None, 0),
            [octet, ..] => (Some(*octet), 1),
        };
        let Some(value) = value else {
            let inside = word.text.len() - rest.len() - 1;
            return Err(RdataFault::new("bad-escape", word.offset(inside), "a bad escape")
                .help("write `\\DDD` with three digits up to 255, or `\\` and the character"));
        };
        out.push(value);
        rest = &rest[length..];
    }
    out.extend_from_slice(rest);
    Ok(())
}

/// Appends a word as a character-string: its length in one octet, and the octets.
pub(super) fn push_string(word: &Word<'_>, out: &mut Vec<u8>) -> Result<(), RdataFault> {
    let begin = out.len();
    out.push(0);
    push_text(word, out)?;
    let length = out.len() - begin - 1;
    out[begin] = u8::try_from(length).map_err(|_| {
        let message = format!("a character-string of {length} octets");
        RdataFault::new("string-too-long", word.at, message).help("255 octets are the most")
    })?;
    Ok(())
}

/// Appends a word as one of several character-strings. A long one is cut, as PowerDNS does and
/// BIND, NSD and Knot do not: where the strings are joined by their reader, as in TXT, the cut
/// changes nothing.
pub(super) fn push_strings(word: &Word<'_>, cx: &mut Context<'_>) -> Result<(), RdataFault> {
    let begin = cx.out.len();
    cx.out.push(0);
    push_text(word, cx.out)?;
    let length = cx.out.len() - begin - 1;
    if let Ok(octet) = u8::try_from(length) {
        cx.out[begin] = octet;
        return Ok(());
    }
    let message = format!("a character-string of {length} octets is cut into pieces of 255");
    cx.warnings.push(
        RdataFault::new("string-cut", word.at, message)
            .help("other name servers refuse it; write several quoted strings"),
    );
    let whole = cx.out.split_off(begin);
    push_split(&whole[1..], cx.out);
    Ok(())
}

/// Appends octets as as many character-strings as it takes, at least one.
pub(crate) fn push_split(octets: &[u8], out: &mut Vec<u8>) {
    if octets.is_empty() {
        out.push(0);
    }
    for piece in octets.chunks(MAX_STRING) {
        out.push(piece.len() as u8);
        out.extend_from_slice(piece);
    }
}

/// Appends the wire form of a name in text; a relative one is completed with `origin`.
pub(crate) fn push_name(
    word: &Word<'_>,
    origin: Option<Name<'_>>,
    out: &mut Vec<u8>,
) -> Result<(), RdataFault> {
    if word.quoted {
        return Err(RdataFault::new("unexpected-quotes", word.at, "a name stands in quotes")
            .help("write it without the quotes"));
    }
    let begin = out.len();
    if push_plain_name(word.text, origin, out).is_none() {
        out.truncate(begin);
        let name = text_name(word, origin)?;
        out.extend_from_slice(name.as_name().as_wire());
    }
    Ok(())
}

/// The name a word means.
pub(crate) fn text_name(word: &Word<'_>, origin: Option<Name<'_>>) -> Result<NameBuf, RdataFault> {
    NameBuf::from_text(word.text, origin).map_err(|error| {
        let (rule, help) = match error {
            NameError::TooLong => ("name-too-long", "shorten it, its origin included"),
            NameError::LabelTooLong => ("label-too-long", "put a dot into it or shorten it"),
            NameError::EmptyLabel => ("empty-label", "write one dot between two labels"),
            NameError::NoOrigin => ("no-origin", "end it with a dot"),
            _ => ("bad-name", "a name is labels of 1 to 63 octets with dots between them"),
        };
        RdataFault::new(rule, word.at, format!("{}: {error}", quoted(word.text))).help(help)
    })
}

/// Appends a name without escapes: labels are copied as they are. `None` for everything else,
/// faults included, which [`NameBuf::from_text`] is asked about.
fn push_plain_name(text: &[u8], origin: Option<Name<'_>>, out: &mut Vec<u8>) -> Option<()> {
    const MAX_LABEL: usize = 63;
    const MAX_NAME: usize = 255;
    if matches!(text, b"" | b"." | b"@") || text.len() >= MAX_NAME {
        return None;
    }
    let begin = out.len();
    let mut start = begin;
    out.push(0);
    for &octet in text {
        match octet {
            b'\\' => return None,
            b'.' => {
                let length = out.len() - start - 1;
                if length == 0 || length > MAX_LABEL {
                    return None;
                }
                out[start] = length as u8;
                start = out.len();
                out.push(0);
            }
            _ => out.push(octet),
        }
    }
    let length = out.len() - start - 1;
    if length > 0 {
        if length > MAX_LABEL {
            return None;
        }
        out[start] = length as u8;
        out.extend_from_slice(origin?.as_wire());
    }
    (out.len() - begin <= MAX_NAME).then_some(())
}
