//! The value at the end of a path, of whatever type it is.
//!
//! Asking the decoder for one type makes it format an error message when it finds another,
//! and vendors do not agree on types: coordinates come as doubles, floats and strings. So
//! a leaf takes anything and says afterwards what can be made of it.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// The value at the end of a path.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Leaf<'a> {
    Text(&'a str),
    Integer(u64),
    Number(f64),
    /// A map, an array, octets, a truth value: nothing that is asked for.
    Other,
}

impl<'a> Leaf<'a> {
    /// The text, unless it is empty or `--`, with which databases say that they do not know.
    pub(crate) fn text(self) -> Option<&'a str> {
        match self {
            Self::Text(text) if !text.is_empty() && text != "--" => Some(text),
            _ => None,
        }
    }

    /// A number, also one that is written as text.
    pub(crate) fn number(self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(number),
            // Coordinates and radii are far below 2^53.
            Self::Integer(integer) => Some(integer as f64),
            Self::Text(text) => text.parse().ok(),
            Self::Other => None,
        }
    }

    /// The number of an autonomous system, also as `AS64496`. Zero is reserved (RFC 7607)
    /// and stands for "none".
    pub(crate) fn asn(self) -> Option<u32> {
        let number = match self {
            Self::Integer(integer) => u32::try_from(integer).ok(),
            Self::Text(text) => {
                let has_prefix = text.get(..2).is_some_and(|two| two.eq_ignore_ascii_case("as"));
                text[if has_prefix { 2 } else { 0 }..].parse().ok()
            }
            Self::Number(_) | Self::Other => None,
        };
        number.filter(|&number| number != 0)
    }
}

impl<'de> Deserialize<'de> for Leaf<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LeafVisitor)
    }
}

struct LeafVisitor;

impl<'de> Visitor<'de> for LeafVisitor {
    type Value = Leaf<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Leaf::Text(text))
    }

    fn visit_u64<E>(self, integer: u64) -> Result<Self::Value, E> {
        Ok(Leaf::Integer(integer))
    }

    fn visit_i64<E>(self, integer: i64) -> Result<Self::Value, E> {
        Ok(u64::try_from(integer).map_or(Leaf::Number(integer as f64), Leaf::Integer))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Leaf::Number(number))
    }

    fn visit_u128<E>(self, _: u128) -> Result<Self::Value, E> {
        Ok(Leaf::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Leaf::Other)
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<Self::Value, E> {
        Ok(Leaf::Other)
    }

    // What is inside is left unread: nothing is decoded after a leaf.
    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        Ok(Leaf::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        Ok(Leaf::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_numbers_are_read_in_every_spelling() {
        for (leaf, expected) in [
            (Leaf::Integer(64_496), Some(64_496)),
            (Leaf::Text("AS64496"), Some(64_496)),
            (Leaf::Text("as64496"), Some(64_496)),
            (Leaf::Text("64496"), Some(64_496)),
            (Leaf::Text("AS"), None),
            (Leaf::Text(""), None),
            (Leaf::Text("é1"), None),
            (Leaf::Integer(0), None),
            (Leaf::Integer(1 << 32), None),
            (Leaf::Number(1.0), None),
            (Leaf::Other, None),
        ] {
            assert_eq!(leaf.asn(), expected, "{leaf:?}");
        }
    }

    #[test]
    fn empty_text_and_two_dashes_are_unknown() {
        assert_eq!(Leaf::Text("").text(), None);
        assert_eq!(Leaf::Text("--").text(), None);
        assert_eq!(Leaf::Text("DE").text(), Some("DE"));
        assert_eq!(Leaf::Integer(1).text(), None);
    }

    #[test]
    fn numbers_are_read_from_text_too() {
        assert_eq!(Leaf::Text("-1.25").number(), Some(-1.25));
        assert_eq!(Leaf::Text("east").number(), None);
        assert_eq!(Leaf::Integer(7).number(), Some(7.0));
        assert_eq!(Leaf::Number(0.5).number(), Some(0.5));
        assert_eq!(Leaf::Other.number(), None);
    }
}
