//! Numbers, periods of time, dates and addresses in text.

use std::net::Ipv6Addr;

use super::words::Word;
use super::{RdataFault, quoted};

/// A decimal number without sign, at most `most`.
fn decimal(word: &Word<'_>, most: u64) -> Result<u64, RdataFault> {
    match digits(word.text) {
        Some(number) if !word.quoted && number <= most => Ok(number),
        Some(_) if !word.quoted => Err(RdataFault::new(
            "number-too-large",
            word.at,
            format!("{} is too large", quoted(word.text)),
        )
        .help(format!("the largest number here is {most}"))),
        _ => Err(RdataFault::new(
            "bad-number",
            word.at,
            format!("{} is no number", quoted(word.text)),
        )
        .help(format!("write a decimal number from 0 to {most}"))),
    }
}

pub(super) fn u8(word: &Word<'_>) -> Result<u8, RdataFault> {
    decimal(word, u8::MAX.into()).map(|number| number as u8)
}

pub(super) fn u16(word: &Word<'_>) -> Result<u16, RdataFault> {
    decimal(word, u16::MAX.into()).map(|number| number as u16)
}

pub(super) fn u32(word: &Word<'_>) -> Result<u32, RdataFault> {
    decimal(word, u32::MAX.into()).map(|number| number as u32)
}

pub(super) fn u64(word: &Word<'_>) -> Result<u64, RdataFault> {
    decimal(word, u64::MAX)
}

/// The value of decimal digits; `None` where there are others, or none. Too large a number is
/// held at the largest.
pub(super) fn digits(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |number, octet| {
        octet
            .is_ascii_digit()
            .then(|| number.saturating_mul(10).saturating_add(u64::from(octet - b'0')))
    })
}

/// A period in seconds: `3600`, `1h`, `1w2d3h4m5s` in either case.
///
/// # Errors
/// Text that is no period, or one of more than 2³²-1 seconds.
pub(crate) fn period(word: &Word<'_>) -> Result<u32, RdataFault> {
    let bad = || {
        RdataFault::new("bad-period", word.at, format!("{} is no time", quoted(word.text)))
            .help("write seconds, or weeks, days, hours, minutes and seconds as in 1w2d3h4m5s")
    };
    if word.quoted || word.text.is_empty() {
        return Err(bad());
    }
    let (mut total, mut number, mut has_digits) = (0u64, 0u64, false);
    for &octet in word.text {
        let unit = match octet {
            b'0'..=b'9' => {
                number = number.saturating_mul(10).saturating_add(u64::from(octet - b'0'));
                has_digits = true;
                continue;
            }
            b's' | b'S' => 1,
            b'm' | b'M' => 60,
            b'h' | b'H' => 3_600,
            b'd' | b'D' => 86_400,
            b'w' | b'W' => 604_800,
            _ => return Err(bad()),
        };
        if !has_digits {
            return Err(bad());
        }
        total = total.saturating_add(number.saturating_mul(unit));
        (number, has_digits) = (0, false);
    }
    u32::try_from(total.saturating_add(number)).map_err(|_| {
        RdataFault::new("number-too-large", word.at, format!("{} is too long", quoted(word.text)))
            .help("the longest time is 4294967295 seconds")
    })
}

/// The time of a signature: `YYYYMMDDHHmmSS` in UTC, or seconds since 1970 (RFC 4034 section 3.2).
pub(super) fn time(word: &Word<'_>) -> Result<u32, RdataFault> {
    let bad = || {
        RdataFault::new("bad-time", word.at, format!("{} is no date", quoted(word.text)))
            .help("write YYYYMMDDHHmmSS in UTC, or seconds since 1970")
    };
    if word.text.len() != 14 {
        return if word.text.len() <= 10 { u32(word).map_err(|_| bad()) } else { Err(bad()) };
    }
    let part = |from: usize, to: usize| digits(&word.text[from..to]).ok_or_else(bad);
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (hour, minute, second) = (part(8, 10)?, part(10, 12)?, part(12, 14)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let lengths = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let days_of_month = (month as usize).checked_sub(1).and_then(|month| lengths.get(month));
    let known = year >= 1970
        && days_of_month.is_some_and(|&length| (1..=length).contains(&day))
        && hour < 24
        && minute < 60
        // A leap second is written as 60.
        && second <= 60;
    if !known {
        return Err(bad());
    }
    let leap_days = |year: u64| year / 4 - year / 100 + year / 400;
    let mut days = (year - 1970) * 365 + leap_days(year - 1) - leap_days(1969);
    days += lengths.iter().take(month as usize - 1).sum::<u64>() + day - 1;
    // The field holds the time modulo 2³² (RFC 4034 section 3.1.5).
    Ok((days * 86_400 + hour * 3_600 + minute * 60 + second) as u32)
}

/// Four decimal numbers up to 255 with dots between them.
pub(super) fn ipv4(text: &[u8]) -> Option<[u8; 4]> {
    let mut address = [0u8; 4];
    let (mut part, mut digits, mut value) = (0usize, 0u32, 0u32);
    for &octet in text {
        if octet == b'.' {
            if digits == 0 || part == 3 {
                return None;
            }
            address[part] = value as u8;
            part += 1;
            (digits, value) = (0, 0);
            continue;
        }
        // A leading zero means octal to some and decimal to others.
        if !octet.is_ascii_digit() || (digits > 0 && value == 0) {
            return None;
        }
        value = value * 10 + u32::from(octet - b'0');
        digits += 1;
        if value > 255 {
            return None;
        }
    }
    if part != 3 || digits == 0 {
        return None;
    }
    address[3] = value as u8;
    Some(address)
}

pub(super) fn ipv6(text: &[u8]) -> Option<[u8; 16]> {
    let text = std::str::from_utf8(text).ok()?;
    text.parse::<Ipv6Addr>().ok().map(|address| address.octets())
}

pub(super) fn bad_ipv4(word: &Word<'_>) -> RdataFault {
    let fault = RdataFault::new(
        "bad-address",
        word.at,
        format!("{} is no IPv4 address", quoted(word.text)),
    );
    if ipv6(word.text).is_some() {
        return fault.help("an IPv6 address belongs to an AAAA record");
    }
    fault.help("write four decimal numbers from 0 to 255 without leading zeros, as 192.0.2.1")
}

pub(super) fn bad_ipv6(word: &Word<'_>) -> RdataFault {
    let fault = RdataFault::new(
        "bad-address",
        word.at,
        format!("{} is no IPv6 address", quoted(word.text)),
    );
    if ipv4(word.text).is_some() {
        return fault.help("an IPv4 address belongs to an A record");
    }
    fault.help("write eight groups of hexadecimal digits, or fewer and `::`, as 2001:db8::1")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str) -> Word<'_> {
        Word { text: text.as_bytes(), at: 0, quoted: false }
    }

    #[test]
    fn periods_have_units() {
        for (text, seconds) in [
            ("0", 0),
            ("3600", 3_600),
            ("1h", 3_600),
            ("1W2d3H4m5S", 788_645),
            ("1h30", 3_630),
            ("4294967295", u32::MAX),
        ] {
            assert_eq!(period(&word(text)), Ok(seconds), "{text}");
        }
        for text in ["", "h", "1x", "-1", "1hh", "4294967296", "99999999999999999999w", "1.5h"] {
            assert!(period(&word(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn dates_are_seconds() {
        for (text, seconds) in [
            ("19700101000000", 0),
            ("20040509183619", 1_084_127_779),
            ("20000229000000", 951_782_400),
            ("21060207062816", 0),
            ("1084127779", 1_084_127_779),
        ] {
            assert_eq!(time(&word(text)), Ok(seconds), "{text}");
        }
        for text in [
            "20010229000000",
            "20041301000000",
            "20040132000000",
            "2004050918361x",
            "200405091836190",
        ] {
            assert!(time(&word(text)).is_err(), "{text}");
        }
    }

    #[test]
    fn addresses_are_strict() {
        assert_eq!(ipv4(b"192.0.2.255"), Some([192, 0, 2, 255]));
        for text in [
            "",
            "1.2.3",
            "1.2.3.4.5",
            "1.2.3.256",
            "01.2.3.4",
            "1..2.3",
            "1.2.3.",
            ".1.2.3",
            "1.2.3.4 ",
        ] {
            assert_eq!(ipv4(text.as_bytes()), None, "{text}");
        }
    }
}
