//! Formats of reverse names: text with places for the parts of an address.
//!
//! A place is `%3%` for the third part, or `%s` for the next one; `%%` is a percent sign. A format
//! has places of one kind only. Parts it leaves out are left out, places too many are empty.

/// A format, taken apart.
#[derive(Debug)]
pub(super) struct Format(Vec<Piece>);

#[derive(Debug)]
enum Piece {
    Literal(Box<str>),
    /// The part of this number, from 0.
    Part(usize),
}

impl Format {
    /// Takes a format apart; `None` if it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let (mut next, mut numbered) = (0, false);
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('%') {
            literal.push_str(before);
            if let Some(tail) = after.strip_prefix('%') {
                literal.push('%');
                rest = tail;
                continue;
            }
            let digits = after.bytes().take_while(u8::is_ascii_digit).count();
            let (number, tail) = after.split_at_checked(digits)?;
            let (part, tail) = if number.is_empty() {
                // Whatever the conversion, the parts are text.
                let tail = tail.strip_prefix(['s', 'd', 'x', 'i', 'u'])?;
                next += 1;
                (next - 1, tail)
            } else {
                let tail = tail.strip_prefix('%').or_else(|| tail.strip_prefix("$s"))?;
                numbered = true;
                (number.parse::<usize>().ok()?.checked_sub(1)?, tail)
            };
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal).into()));
            }
            pieces.push(Piece::Part(part));
            rest = tail;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Literal(literal.into()));
        }
        (next == 0 || !numbered).then_some(Self(pieces))
    }

    /// Writes the text, with `put` for the parts.
    pub(super) fn write(&self, to: &mut String, mut put: impl FnMut(usize, &mut String)) {
        for piece in &self.0 {
            match piece {
                Piece::Literal(text) => to.push_str(text),
                Piece::Part(number) => put(*number, to),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_taken_apart() {
        for (format, expected) in [
            ("", Some("")),
            ("plain", Some("plain")),
            ("%1%.%2%.%3%", Some("a.b.c")),
            ("%3%%1%", Some("ca")),
            ("%1%%%%2%", Some("a%b")),
            ("100%%", Some("100%")),
            ("%9%x", Some("x")),
            ("%s-%s", Some("a-b")),
            ("%d-%x", Some("a-b")),
            ("%2$s", Some("b")),
            ("%", None),
            ("%1", None),
            ("%1-%2", None),
            ("%0%", None),
            ("%q", None),
            ("%1%%s", None),
            ("%99999999999999999999999%", None),
        ] {
            let found = Format::parse(format).map(|format| {
                let mut text = String::new();
                format.write(&mut text, |number, to| {
                    to.push_str(["a", "b", "c"].get(number).copied().unwrap_or(""));
                });
                text
            });
            assert_eq!(found.as_deref(), expected, "{format}");
        }
    }
}
