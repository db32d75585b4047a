//! Places on earth, `52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m` (RFC 1876).

use super::words::{Word, Words};
use super::{RdataFault, field, quoted, show};

/// 2³¹ in the field is the equator or the prime meridian.
const MIDDLE: u32 = 1 << 31;
/// Altitudes count centimetres from 100 km below the ellipsoid.
const BELOW: u64 = 10_000_000;
/// The largest precision, 9 × 10⁹ cm.
const LARGEST: u64 = 9_000_000_000;
/// Size 1 m, horizontal precision 10 km, vertical precision 10 m.
const DEFAULTS: [u8; 3] = [0x12, 0x16, 0x13];
const LENGTH: usize = 16;

pub(super) fn read(words: &mut Words<'_>, out: &mut Vec<u8>) -> Result<(), RdataFault> {
    let latitude = read_angle(words, "a latitude", 90, [b'N', b'S'])?;
    let longitude = read_angle(words, "a longitude", 180, [b'E', b'W'])?;
    let word = words.need_plain("an altitude")?;
    let altitude = altitude(&word).ok_or_else(|| bad(&word, "an altitude in metres"))?;
    let mut precisions = DEFAULTS;
    for precision in &mut precisions {
        let Some(word) = words.next()? else { break };
        let centimetres = centimetres(metres(word.text)).filter(|&length| length <= LARGEST);
        *precision = encode(centimetres.ok_or_else(|| bad(&word, "a length in metres"))?);
    }
    out.push(0);
    out.extend_from_slice(&precisions);
    field::push32(out, latitude);
    field::push32(out, longitude);
    field::push32(out, altitude);
    Ok(())
}

/// Checks the 16 octets at `at`. Other versions than 0 may have any form.
pub(super) fn check(rdata: &[u8], at: usize) -> Result<usize, RdataFault> {
    let malformed = |message| Err(RdataFault::new("bad-location", at, message));
    let rest = rdata.get(at..).unwrap_or(&[]);
    match rest.first() {
        None => return malformed("the location is missing"),
        Some(0) => {}
        Some(_) => return Ok(rdata.len()),
    }
    let Some(octets) = rest.get(..LENGTH) else {
        return malformed("the location is cut short");
    };
    if octets[1..4].iter().any(|precision| precision >> 4 > 9 || precision & 0x0f > 9) {
        return malformed("a precision is not made of two decimal digits");
    }
    let angle = |from: usize| {
        let value = octets[from..from + 4].iter().fold(0u32, |v, &octet| v << 8 | u32::from(octet));
        value.abs_diff(MIDDLE)
    };
    if angle(4) > 90 * 3_600_000 || angle(8) > 180 * 3_600_000 {
        return malformed("a latitude or longitude is out of range");
    }
    Ok(at + LENGTH)
}

/// Writes the octets of version 0; of others nothing is known.
pub(super) fn put<'d>(data: &'d [u8], out: &mut Vec<u8>) -> Option<&'d [u8]> {
    let (octets, rest) = data.split_first_chunk::<LENGTH>()?;
    let [0, precisions @ .., _, _, _, _, _, _, _, _, _, _, _, _] = octets else { return None };
    let value = |from: usize| octets.get(from..from + 4)?.try_into().ok().map(u32::from_be_bytes);
    for (from, [positive, negative]) in [(4, ['N', 'S']), (8, ['E', 'W'])] {
        let angle = value(from)?;
        let way = if angle >= MIDDLE { positive } else { negative };
        let thousandths = angle.abs_diff(MIDDLE);
        let (degrees, minutes) = (thousandths / 3_600_000, thousandths / 60_000 % 60);
        let (seconds, fraction) = (thousandths / 1000 % 60, thousandths % 1000);
        show::write(out, format_args!("{degrees} {minutes} {seconds}.{fraction:03} {way} "));
    }
    let altitude = i64::from(value(12)?) - BELOW as i64;
    let sign = if altitude < 0 { "-" } else { "" };
    let length = altitude.unsigned_abs();
    show::write(out, format_args!("{sign}{}.{:02}m", length / 100, length % 100));
    for precision in precisions {
        let length = u64::from(precision >> 4) * 10u64.checked_pow(u32::from(precision & 0x0f))?;
        show::write(out, format_args!(" {}.{:02}m", length / 100, length % 100));
    }
    Some(rest)
}

/// Degrees, perhaps minutes, perhaps seconds, and one of the two `ways`.
fn read_angle(
    words: &mut Words<'_>,
    what: &str,
    most: u64,
    ways: [u8; 2],
) -> Result<u32, RdataFault> {
    let first = words.need_plain(what)?;
    let mut word = first;
    let mut thousandths = 0u64;
    for (part, unit) in [3_600_000u64, 60_000, 1_000].into_iter().enumerate() {
        if part > 0 && way(&word, ways).is_some() {
            break;
        }
        // Only seconds have a fraction.
        let value = if part == 2 { decimal(word.text, 3) } else { decimal(word.text, 0) };
        let limit = [most + 1, 60, 60_000][part];
        let value = value.filter(|&value| value < limit).ok_or_else(|| bad(&word, what))?;
        thousandths += if part == 2 { value } else { value * unit };
        word = words.need_plain(&format!("{} or {}", char::from(ways[0]), char::from(ways[1])))?;
    }
    let positive = way(&word, ways).ok_or_else(|| bad(&word, what))?;
    if thousandths > most * 3_600_000 {
        return Err(bad(&first, what));
    }
    let thousandths = thousandths as u32;
    Ok(if positive { MIDDLE + thousandths } else { MIDDLE - thousandths })
}

/// Whether the word is the first of the two `ways`; `None` if it is neither.
fn way(word: &Word<'_>, ways: [u8; 2]) -> Option<bool> {
    match word.text {
        [letter] => {
            let letter = letter.to_ascii_uppercase();
            ways.contains(&letter).then_some(letter == ways[0])
        }
        _ => None,
    }
}

fn altitude(word: &Word<'_>) -> Option<u32> {
    let (below, text) = match word.text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        text => (false, text),
    };
    let length = centimetres(metres(text))?;
    let value = if below { BELOW.checked_sub(length)? } else { BELOW.checked_add(length)? };
    u32::try_from(value).ok()
}

fn metres(text: &[u8]) -> &[u8] {
    text.strip_suffix(b"m").or_else(|| text.strip_suffix(b"M")).unwrap_or(text)
}

fn centimetres(text: &[u8]) -> Option<u64> {
    decimal(text, 2)
}

/// A number with at most `places` digits behind the point, times ten to the power of `places`.
fn decimal(text: &[u8], places: usize) -> Option<u64> {
    let (whole, fraction) = match text.iter().position(|&octet| octet == b'.') {
        None => (text, &b""[..]),
        Some(_) if places == 0 => return None,
        Some(point) => (&text[..point], &text[point + 1..]),
    };
    if whole.is_empty() || whole.len() > 12 || fraction.len() > places {
        return None;
    }
    let padding = std::iter::repeat_n(&b'0', places - fraction.len());
    whole.iter().chain(fraction).chain(padding).try_fold(0u64, |value, octet| {
        octet.is_ascii_digit().then(|| value * 10 + u64::from(octet - b'0'))
    })
}

/// A length in centimetres as one digit and a power of ten.
fn encode(mut centimetres: u64) -> u8 {
    let mut power = 0;
    while centimetres > 9 {
        centimetres /= 10;
        power += 1;
    }
    (centimetres as u8) << 4 | power
}

fn bad(word: &Word<'_>, what: &str) -> RdataFault {
    RdataFault::new("bad-location", word.at, format!("{} is not {what}", quoted(word.text)))
        .help("write it as 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m")
}
