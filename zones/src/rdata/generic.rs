//! The generic form of record data, `\# 4 0a000001` (RFC 3597 section 5).

use halfmoon_wire::Type;

use super::words::{Word, Words};
use super::{RdataFault, encoding, number, schema};

/// Whether `word` announces the generic form.
pub(super) fn is_marker(word: &Word<'_>) -> bool {
    !word.quoted && word.text == b"\\#"
}

/// Reads what stands behind the marker at `at`. Data of known types has to be right as well.
pub(super) fn read(
    rtype: Type,
    at: usize,
    words: &mut Words<'_>,
    out: &mut Vec<u8>,
) -> Result<(), RdataFault> {
    let begin = out.len();
    let word = words.need_plain("the number of octets")?;
    let length = usize::from(number::u16(&word)?);
    encoding::read_hex(words, out)?;
    let found = out.len() - begin;
    if found != length {
        let message = format!("{found} octets of data where {length} are announced");
        return Err(RdataFault::new("generic-length", word.at, message));
    }
    schema::check(rtype, &out[begin..]).map_err(|fault| {
        let message =
            format!("not data of type {rtype}: {} (octet {})", fault.message, fault.offset);
        RdataFault { rule: fault.rule, offset: at, message: message.into(), help: fault.help }
    })
}
