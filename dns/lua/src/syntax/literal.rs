//! What the literals of Lua mean.

use full_moon::tokenizer::{StringLiteralQuoteType, TokenReference, TokenType};

/// The number a token spells, if we know how.
pub(super) fn number(token: &TokenReference) -> Option<f64> {
    let TokenType::Number { text } = token.token_type() else {
        return None;
    };
    let text = text.as_str();
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        // Up to 2^53, where every integer is exact.
        Some(digits) => {
            let number = u64::from_str_radix(digits, 16).ok()?;
            (number <= 1 << 53).then_some(number as f64)
        }
        None => text.parse().ok().filter(|number: &f64| number.is_finite()),
    }
}

/// The octets a string token stands for, if we know how.
pub(super) fn string(token: &TokenReference) -> Option<Box<[u8]>> {
    let TokenType::StringLiteral { literal, quote_type, .. } = token.token_type() else {
        return None;
    };
    let text = literal.as_bytes();
    if text.contains(&b'\r') {
        return None;
    }
    match quote_type {
        StringLiteralQuoteType::Brackets => Some(text.strip_prefix(b"\n").unwrap_or(text).into()),
        StringLiteralQuoteType::Single | StringLiteralQuoteType::Double => unescape(text),
        _ => None,
    }
}

fn unescape(mut text: &[u8]) -> Option<Box<[u8]>> {
    let mut octets = Vec::with_capacity(text.len());
    while let Some((&octet, rest)) = text.split_first() {
        text = rest;
        if octet != b'\\' {
            octets.push(octet);
            continue;
        }
        let (&escape, rest) = text.split_first()?;
        text = rest;
        octets.push(match escape {
            b'a' => 7,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 11,
            b'\\' | b'\'' | b'"' | b'\n' => escape,
            b'0'..=b'9' => {
                let more = text.iter().take(2).take_while(|o| o.is_ascii_digit()).count();
                let (digits, rest) = text.split_at_checked(more)?;
                text = rest;
                let value = digits
                    .iter()
                    .fold(u32::from(escape - b'0'), |value, o| value * 10 + u32::from(o - b'0'));
                u8::try_from(value).ok()?
            }
            // `\x`, `\z` and `\u` are not Lua 5.1, and flavours disagree about the rest.
            _ => return None,
        });
    }
    Some(octets.into())
}
