//! Sets of record types, as in NSEC (RFC 4034 section 4.1.2).

use super::words::Words;
use super::{RdataFault, mnemonic};

/// Reads types up to the end of the record. There may be none.
pub(super) fn read(words: &mut Words<'_>, out: &mut Vec<u8>) -> Result<(), RdataFault> {
    let mut types = Vec::new();
    while let Some(word) = words.next()? {
        types.push(mnemonic::rtype(&word)?.0);
    }
    types.sort_unstable();
    types.dedup();
    for window in types.chunk_by(|a, b| a >> 8 == b >> 8) {
        let mut bits = [0u8; 32];
        let mut length = 0;
        for rtype in window {
            let low = usize::from(rtype & 0xff);
            bits[low / 8] |= 0x80 >> (low % 8);
            length = low / 8 + 1;
        }
        out.extend_from_slice(&[(window[0] >> 8) as u8, length as u8]);
        out.extend_from_slice(&bits[..length]);
    }
    Ok(())
}

/// Checks the windows from `at` to the end.
pub(super) fn check(rdata: &[u8], mut at: usize) -> Result<usize, RdataFault> {
    let mut before = None;
    while let Some(&[window, length]) = rdata.get(at..at + 2) {
        let end = at + 2 + usize::from(length);
        let bits = rdata.get(at + 2..end).unwrap_or(&[]);
        let whole = (1..=32).contains(&length) && bits.last().is_some_and(|&last| last != 0);
        if !whole || before.is_some_and(|before| before >= window) {
            return Err(bad(at));
        }
        before = Some(window);
        at = end;
    }
    if at == rdata.len() { Ok(at) } else { Err(bad(at)) }
}

fn bad(at: usize) -> RdataFault {
    RdataFault::new("bad-type-bitmap", at, "the set of record types is malformed")
        .help("windows rise, and hold 1 to 32 octets of which the last is not zero")
}
