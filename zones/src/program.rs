//! The text of a record program, as the zone file holds it.
//!
//! This crate joins the character-strings of a LUA record to one text and
//! remembers where each piece stood. What the text means is not its affair.

use halfmoon_wire::Type;

use crate::Place;

/// A record program: the type of record it makes, and its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramSource {
    /// The type of the records the program returns.
    pub inner: Type,
    /// The code, its character-strings joined a leading `;` included.
    pub text: String,
    /// The TTL of the record, in seconds, as it is served.
    pub ttl: u32,
    /// Where the pieces of `text` stand, in order of `at`; the first has `at == 0`.
    pub spans: Vec<Span>,
}

/// From octet `at` of the program's text on, text and file run in parallel from `place`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Offset into [`ProgramSource::text`].
    pub at: u32,
    /// Where that octet stands in the zone file.
    pub place: Place,
}

impl ProgramSource {
    /// How many octets of memory it takes.
    #[must_use]
    pub fn size(&self) -> usize {
        size_of::<Self>() + self.text.len() + size_of_val(&*self.spans)
    }

    /// Where octet `offset` of the text stands in the zone file. Newlines inside a quoted
    /// string are counted.
    #[must_use]
    pub fn place(&self, offset: usize) -> Place {
        let Some(span) = self.spans.iter().rev().find(|span| span.at as usize <= offset) else {
            return Place::default();
        };
        let between = self.text.as_bytes().get(span.at as usize..offset).unwrap_or(&[]);
        let mut place = span.place;
        for &octet in between {
            if octet == b'\n' {
                place.line += 1;
                place.column = 1;
            } else {
                place.column += 1;
            }
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::FileId;

    #[test]
    fn places_follow_pieces_and_newlines() {
        let place = |line, column| Place { file: FileId(0), line, column };
        let source = ProgramSource {
            inner: Type::A,
            text: "ab\ncd".into(),
            ttl: 60,
            spans: vec![Span { at: 0, place: place(3, 10) }, Span { at: 4, place: place(7, 2) }],
        };
        assert_eq!(source.place(1), place(3, 11));
        assert_eq!(source.place(3), place(4, 1));
        assert_eq!(source.place(4), place(7, 2));
    }
}
