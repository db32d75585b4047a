//! Values of a program as the host functions see them: read from literals at load, or raw from
//! the virtual machine at run time. The same shape, so that both go through one binding.

use std::borrow::Cow;
use std::sync::Arc;

use crate::address::Group;

/// A value, with where its text stands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Arg {
    pub(crate) value: Value,
    /// Offset into the program's text; 0 for a value made at run time.
    pub(crate) at: usize,
}

/// A Lua value, as far as host functions take any.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Nil,
    Bool(bool),
    Number(f64),
    Text(Box<[u8]>),
    Table(Table),
    /// A group of networks, which is an object of its own.
    Networks(Arc<Group>),
    /// A function, a userdata: its Lua type.
    Other(&'static str),
}

/// A table: what stands at 1..n in order, and the rest.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Table {
    pub(crate) items: Vec<Arg>,
    pub(crate) fields: Vec<(Arg, Arg)>,
}

impl Value {
    pub(crate) fn text(text: &str) -> Self {
        Self::Text(text.as_bytes().into())
    }

    /// The type's name, for the person who wrote the program.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::Table(_) => "a table",
            Self::Networks(_) => "a group of networks",
            Self::Other(kind) => kind,
        }
    }

    /// The value as a string; numbers are one as well, as everywhere in Lua.
    pub(crate) fn as_text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(octets) => Some(String::from_utf8_lossy(octets)),
            Self::Number(number) => Some(Cow::Owned(number_text(*number))),
            _ => None,
        }
    }

    /// The value as an integer; a string that is one as well.
    pub(crate) fn as_integer(&self) -> Option<i64> {
        let number = match self {
            Self::Number(number) => *number,
            Self::Text(octets) => {
                let text = std::str::from_utf8(octets).ok()?.trim();
                return text.parse().ok();
            }
            _ => return None,
        };
        // Above 2^53 a number does not say which integer is meant.
        (number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0).then_some(number as i64)
    }
}

impl Arg {
    pub(crate) const fn new(value: Value, at: usize) -> Self {
        Self { value, at }
    }
}

/// A number as Lua writes it: integers without a fraction.
pub(crate) fn number_text(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < 1e15 {
        format!("{}", number as i64)
    } else {
        format!("{number}")
    }
}
