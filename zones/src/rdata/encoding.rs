//! Octets written in hexadecimal, base64 and base32.
//!
//! What takes the rest of a record may be cut into words anywhere, so these
//! decode word by word; `data-encoding` wants the whole text in one piece.

use super::words::{Word, Words};
use super::{RdataFault, quoted};

fn hex_digit(octet: u8) -> Option<u8> {
    match octet {
        b'0'..=b'9' => Some(octet - b'0'),
        b'a'..=b'f' => Some(octet - b'a' + 10),
        b'A'..=b'F' => Some(octet - b'A' + 10),
        _ => None,
    }
}

/// Reads hexadecimal digits up to the end of the record.
pub(super) fn read_hex(words: &mut Words<'_>, out: &mut Vec<u8>) -> Result<(), RdataFault> {
    let mut high = None;
    let mut last = words.offset();
    while let Some(word) = words.next()? {
        last = word.at;
        push_hex(&word, &mut high, out)?;
    }
    whole_octets(high, last)
}

/// Reads one word of hexadecimal digits.
pub(super) fn hex_word(word: &Word<'_>, out: &mut Vec<u8>) -> Result<(), RdataFault> {
    let mut high = None;
    push_hex(word, &mut high, out)?;
    whole_octets(high, word.at)
}

fn push_hex(word: &Word<'_>, high: &mut Option<u8>, out: &mut Vec<u8>) -> Result<(), RdataFault> {
    for (i, &octet) in word.text.iter().enumerate() {
        let digit = hex_digit(octet).filter(|_| !word.quoted).ok_or_else(|| {
            let message = format!("{} is not hexadecimal", quoted(word.text));
            RdataFault::new("bad-hex", word.offset(i), message)
                .help("write pairs of the digits 0-9 and a-f")
        })?;
        match high.take() {
            None => *high = Some(digit),
            Some(high) => out.push(high << 4 | digit),
        }
    }
    Ok(())
}

fn whole_octets(high: Option<u8>, at: usize) -> Result<(), RdataFault> {
    match high {
        None => Ok(()),
        Some(_) => Err(RdataFault::new("bad-hex", at, "an odd number of hexadecimal digits")
            .help("write two digits for each octet")),
    }
}

/// Base64 that comes in pieces (RFC 4648 section 4, padding required).
#[derive(Debug, Default)]
struct Base64 {
    bits: u32,
    digits: u32,
    padding: u32,
}

impl Base64 {
    /// Takes one character; `false` if it cannot stand here.
    fn push(&mut self, octet: u8, out: &mut Vec<u8>) -> bool {
        let value = match octet {
            b'A'..=b'Z' => octet - b'A',
            b'a'..=b'z' => octet - b'a' + 26,
            b'0'..=b'9' => octet - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' => return self.pad(out),
            _ => return false,
        };
        if self.padding > 0 {
            return false;
        }
        self.bits = self.bits << 6 | u32::from(value);
        self.digits += 1;
        if self.digits == 4 {
            out.extend_from_slice(&self.bits.to_be_bytes()[1..]);
            (self.bits, self.digits) = (0, 0);
        }
        true
    }

    fn pad(&mut self, out: &mut Vec<u8>) -> bool {
        self.padding += 1;
        match (self.digits, self.padding) {
            (2, 1) => true,
            (2, 2) => {
                out.push((self.bits >> 4) as u8);
                self.digits = 0;
                true
            }
            (3, 1) => {
                out.extend_from_slice(&[(self.bits >> 10) as u8, (self.bits >> 2) as u8]);
                self.digits = 0;
                true
            }
            _ => false,
        }
    }
}

/// Reads base64 up to the end of the record; there may be none.
pub(super) fn read_base64(words: &mut Words<'_>, out: &mut Vec<u8>) -> Result<(), RdataFault> {
    let mut state = Base64::default();
    let mut last = words.offset();
    while let Some(word) = words.next()? {
        last = word.at;
        push_base64(&word, &mut state, out)?;
    }
    whole_groups(&state, last)
}

/// Reads one word of base64.
pub(super) fn base64_word(word: &Word<'_>, out: &mut Vec<u8>) -> Result<(), RdataFault> {
    let mut state = Base64::default();
    push_base64(word, &mut state, out)?;
    whole_groups(&state, word.at)
}

fn push_base64(word: &Word<'_>, state: &mut Base64, out: &mut Vec<u8>) -> Result<(), RdataFault> {
    for (i, &octet) in word.text.iter().enumerate() {
        if !state.push(octet, out) {
            let message = format!("{} is not base64", quoted(word.text));
            return Err(RdataFault::new("bad-base64", word.offset(i), message)
                .help("write groups of four of A-Z a-z 0-9 + /, the last filled up with ="));
        }
    }
    Ok(())
}

fn whole_groups(state: &Base64, at: usize) -> Result<(), RdataFault> {
    if state.digits == 0 {
        return Ok(());
    }
    Err(RdataFault::new("bad-base64", at, "base64 ends within a group of four characters")
        .help("fill the last group up with ="))
}

/// Reads one word of base32 with the extended hexadecimal alphabet, without padding
/// (RFC 4648 section 7, RFC 5155 section 3.3).
pub(super) fn base32hex_word(word: &Word<'_>, out: &mut Vec<u8>) -> Result<(), RdataFault> {
    let (mut bits, mut count) = (0u32, 0u32);
    for (i, &octet) in word.text.iter().enumerate() {
        let value = match octet {
            b'0'..=b'9' => octet - b'0',
            b'a'..=b'v' => octet - b'a' + 10,
            b'A'..=b'V' => octet - b'A' + 10,
            _ => {
                let message = format!("{} is not base32", quoted(word.text));
                return Err(RdataFault::new("bad-base32", word.offset(i), message)
                    .help("write the digits 0-9 and a-v, without padding"));
            }
        };
        bits = bits << 5 | u32::from(value);
        count += 5;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
        }
    }
    // A whole digit left over means that one was lost.
    if count >= 5 {
        return Err(RdataFault::new("bad-base32", word.at, "base32 of an impossible length"));
    }
    Ok(())
}
