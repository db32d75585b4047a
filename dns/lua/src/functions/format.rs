//! Formats of reverse names: text with places for the parts of an address, as Boost.Format reads
//! them for parts that are text.
//!
//! A place is `%3%` for the third part, `%3$04s` for the third with at least four characters, or `%s`
//! for the next one; with bars around it (`%|3$04|`) the letter may be left out. `%%` is a percent
//! sign. A format has places of one kind only, numbered or not. Parts it leaves out are left out,
//! places too many are empty. Tabulators (`%20t`) are not known: no name has them.

/// The widest that a place is made: no name is longer.
const WIDEST: usize = 255;

/// A format, taken apart.
#[derive(Debug)]
pub(super) struct Format(Vec<Piece>);

#[derive(Debug)]
enum Piece {
    Literal(Box<str>),
    Part(Place),
}

/// Where a part stands, and how it is written.
#[derive(Debug)]
struct Place {
    /// The number of the part, from 0; `None`: the next.
    part: Option<usize>,
    /// The least number of characters.
    width: usize,
    /// What fills it up.
    fill: char,
    align: Align,
    /// The most characters taken from the part.
    most: Option<usize>,
    /// Whether a space stands before it.
    spaced: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Align {
    Right,
    Left,
    Center,
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
            let (mut place, tail) = Place::read(after)?;
            match place.part {
                Some(_) => numbered = true,
                None => {
                    place.part = Some(next);
                    next += 1;
                }
            }
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(&mut literal).into()));
            }
            pieces.push(Piece::Part(place));
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
                Piece::Part(place) => {
                    let start = to.len();
                    put(place.part.unwrap_or_default(), to);
                    place.fit(to, start);
                }
            }
        }
    }
}

impl Place {
    /// Reads what stands behind a percent sign, and gives what is left.
    fn read(text: &str) -> Option<(Self, &str)> {
        let mut place = Self {
            part: None,
            width: 0,
            fill: ' ',
            align: Align::Right,
            most: None,
            spaced: false,
        };
        let (bars, text) = text.strip_prefix('|').map_or((false, text), |tail| (true, tail));
        // A zero in front is a flag, other digits are a number or a width.
        let (digits, mut rest) = match text.starts_with('0') {
            true => ("", text),
            false => digits_of(text),
        };
        if digits.is_empty() {
            rest = place.read_flags(rest);
            rest = place.read_width(rest)?;
        } else if let Some(tail) = rest.strip_prefix('%').filter(|_| !bars) {
            place.part = Some(number(digits)?);
            return Some((place, tail));
        } else if let Some(tail) = rest.strip_prefix('$') {
            place.part = Some(number(digits)?);
            rest = place.read_flags(tail);
            rest = place.read_width(rest)?;
        } else {
            place.width = digits.parse::<usize>().ok()?.min(WIDEST);
        }
        let mut most = None;
        if let Some(tail) = rest.strip_prefix('.') {
            let (digits, tail) = digits_of(tail.strip_prefix('*').unwrap_or(tail));
            most = Some(digits.parse().unwrap_or(0));
            rest = tail;
        }
        rest = rest.trim_start_matches(['h', 'l', 'L']);
        if let Some(tail) = rest.strip_prefix('|').filter(|_| bars) {
            return Some((place, tail));
        }
        let mut letters = rest.chars();
        match letters.next()? {
            's' | 'S' => place.most = most,
            'c' | 'C' => place.most = Some(1),
            // Whatever the conversion, the parts are text.
            'b' | 'p' | 'x' | 'X' | 'o' | 'd' | 'i' | 'u' | 'e' | 'E' | 'f' | 'F' | 'g' | 'G'
            | 'a' | 'A' => {}
            _ => return None,
        }
        let rest = letters.as_str();
        Some((place, if bars { rest.strip_prefix('|')? } else { rest }))
    }

    fn read_flags<'t>(&mut self, text: &'t str) -> &'t str {
        let end = text.find(|c| !"'-=_+# 0".contains(c)).unwrap_or(text.len());
        let (flags, rest) = text.split_at(end);
        let (mut zeros, mut signed) = (false, false);
        for flag in flags.chars() {
            match flag {
                '-' => self.align = Align::Left,
                '=' => self.align = Align::Center,
                '0' => zeros = true,
                '+' => signed = true,
                ' ' => self.spaced = true,
                // Of numbers.
                _ => {}
            }
        }
        // A sign takes the place of the space, and zeros that of both.
        self.spaced &= !signed;
        if zeros && self.align != Align::Left {
            (self.fill, self.align, self.spaced) = ('0', Align::Right, false);
        }
        rest
    }

    fn read_width<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        let (digits, rest) = digits_of(text.strip_prefix('*').unwrap_or(text));
        if !digits.is_empty() {
            self.width = digits.parse::<usize>().ok()?.min(WIDEST);
        }
        Some(rest)
    }

    /// Makes the end of `text`, from octet `start` on, what the place asks for.
    fn fit(&self, text: &mut String, start: usize) {
        if let Some(most) = self.most {
            let most = most.saturating_sub(usize::from(self.spaced));
            if let Some((end, _)) = text[start..].char_indices().nth(most) {
                text.truncate(start + end);
            }
        }
        if self.spaced {
            text.insert(start, ' ');
        }
        let missing = self.width.saturating_sub(text[start..].chars().count());
        let after = match self.align {
            Align::Left => missing,
            Align::Right => 0,
            Align::Center => missing / 2,
        };
        for _ in after..missing {
            text.insert(start, self.fill);
        }
        text.extend(std::iter::repeat_n(self.fill, after));
    }
}

/// The digits that a text begins with, and the rest.
fn digits_of(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().take_while(u8::is_ascii_digit).count())
}

/// The number of a part, from 0.
fn number(digits: &str) -> Option<usize> {
    digits.parse::<usize>().ok()?.checked_sub(1)
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
            ("%1$s%2$d%3$X", Some("abc")),
            ("%1$03s|%1$3s|%1$-3s|%1$=3s|%1$-03s", Some("00a|  a|a  | a |a  ")),
            ("%02x%02x", Some("0a0b")),
            ("%3d%-3d.", Some("  ab  .")),
            ("%|1$4|%|2$-3s|%|3|", None),
            ("%|1$4|%|2$-3s|", Some("   ab  ")),
            ("%|s|%|02|", Some("a0b")),
            ("% d%+d% +d", Some(" abc")),
            ("%.0s%c%.9s", Some("bc")),
            ("%1$ls%2$hhx", Some("ab")),
            ("%1$", None),
            ("%1$3", None),
            ("%|1$3", None),
            ("%|1%|", None),
            ("%5t", None),
            ("%1$99999999999999999999999s", None),
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
