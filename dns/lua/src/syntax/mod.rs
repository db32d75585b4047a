//! The text of a program as a tree of what we look for in it: returns, conditions, calls of host
//! functions, literals. Everything else is opaque, yet walked through, so that no name in it is missed.
//!
//! Does not judge what it reads, and runs nothing.

mod literal;
mod nesting;
mod reader;

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use halfmoon_wire::Type;

pub(crate) use nesting::nesting;

use crate::value::{Arg, Table, Value};

/// The text with every end of a line written alike, octet for octet. A carriage return alone is one
/// in Lua, and our parser takes it for a blank: what is a comment to one would be code to the other.
///
/// # Errors
/// Where a NUL stands: Luau ends there, our parser does not.
pub(crate) fn plain(text: &str) -> Result<Cow<'_, str>, usize> {
    if let Some(at) = text.find('\0') {
        return Err(at);
    }
    if !text.contains('\r') {
        return Ok(Cow::Borrowed(text));
    }
    Ok(Cow::Owned(text.replace("\r\n", " \n").replace('\r', "\n")))
}

/// The text of a program, taken apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape<'a> {
    /// What is Lua: the text without a leading `;`.
    pub(crate) text: &'a str,
    /// Where in the whole text it starts.
    pub(crate) offset: usize,
    /// Whether it is an expression, and not statements.
    pub(crate) is_expression: bool,
}

impl<'a> Shape<'a> {
    /// That of a program that makes records of this type.
    pub(crate) fn of(whole: &'a str, inner: Type) -> Self {
        let (text, offset) = match whole.strip_prefix(';') {
            Some(statements) => (statements, 1),
            None => (whole, 0),
        };
        // What others include is statements, whatever it begins with.
        Self { text, offset, is_expression: offset == 0 && inner != Type::LUA }
    }

    /// Reads it.
    ///
    /// # Errors
    /// What is no Lua, and the offset where in the whole text.
    pub(crate) fn read(self) -> Result<Script, (usize, String)> {
        if self.is_expression {
            let chunk = format!("{RETURN}{}", self.text);
            reader::read(&chunk, -(RETURN.len() as isize))
        } else {
            reader::read(self.text, self.offset as isize)
        }
    }
}

const RETURN: &str = "return ";

/// A program: its statements, and every name in it.
#[derive(Debug, Default)]
pub(crate) struct Script {
    pub(crate) body: Vec<Step>,
    /// All calls of something named globally, outer before inner; [`Node::Call`] is an index.
    pub(crate) calls: Vec<Call>,
    /// Names read that no local of that name is in scope for.
    pub(crate) reads: Vec<(Box<str>, usize)>,
    /// Fields read of a global: `string`, `format`, and where the field stands.
    pub(crate) fields: Vec<(Box<str>, Box<str>, usize)>,
    /// Names the program declares or assigns anywhere, whatever their scope.
    pub(crate) bound: Vec<Box<str>>,
    /// Globals the program assigns.
    pub(crate) assigned: Vec<Box<str>>,
    /// What names are set to, where that is a literal, a call, or another name.
    pub(crate) settings: Vec<(Box<str>, Expr)>,
    /// Names that are also set to something else.
    pub(crate) unclear: Vec<Box<str>>,
    /// Both sides of every `==` and `~=`.
    pub(crate) comparisons: Vec<(Expr, Expr)>,
    /// Where a nil stands in a list before something else.
    pub(crate) holes: Vec<usize>,
    /// Names that stand in a list before something else, and where.
    pub(crate) listed: Vec<(Box<str>, usize)>,
    /// What decides how a program goes on, in order of text: the conditions of `if`, `elseif`, `while` and
    /// `until`, and outside of these what stands before an `and`.
    pub(crate) tests: Vec<Range<usize>>,
    /// How often each name is read, whatever it stands for there.
    pub(crate) mentions: HashMap<Box<str>, usize>,
}

impl Script {
    pub(crate) fn is_bound(&self, name: &str) -> bool {
        self.bound.iter().any(|bound| **bound == *name)
    }

    pub(crate) fn is_assigned(&self, name: &str) -> bool {
        self.assigned.iter().any(|assigned| **assigned == *name)
    }
}

/// A statement.
#[derive(Debug)]
pub(crate) enum Step {
    Return(Vec<Expr>),
    /// `if` and `elseif` arms, and what `else` says.
    If(Vec<(Expr, Vec<Self>)>, Option<Vec<Self>>),
    Opaque,
}

/// An expression, and where it starts in the program's text.
#[derive(Clone, Debug)]
pub(crate) struct Expr {
    pub(crate) node: Node,
    pub(crate) at: usize,
}

#[derive(Clone, Debug)]
pub(crate) enum Node {
    Constant(Value),
    Name(Box<str>),
    Table(Vec<(Option<Expr>, Expr)>),
    Call(usize),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Not(Box<Expr>),
    Same { left: Box<Expr>, right: Box<Expr>, negated: bool },
    Opaque,
}

/// A call by name.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) name: Box<str>,
    /// From the name to the closing parenthesis.
    pub(crate) span: Range<usize>,
    pub(crate) args: Vec<Expr>,
    /// Whether what is called is a local variable.
    pub(crate) local: bool,
    /// Whether it stands in a function, which may be called by another program where globals are
    /// kept.
    pub(crate) deferred: bool,
}

impl Expr {
    /// The value, if the expression is a literal.
    pub(crate) fn constant(&self) -> Option<Arg> {
        let value = match &self.node {
            Node::Constant(value) => value.clone(),
            Node::Table(entries) => Value::Table(table(entries)?),
            _ => return None,
        };
        Some(Arg::new(value, self.at))
    }
}

fn table(entries: &[(Option<Expr>, Expr)]) -> Option<Table> {
    let mut table = Table::default();
    let mut numbered = Vec::new();
    for (key, entry) in entries {
        let arg = entry.constant()?;
        match key {
            None => table.items.push(arg),
            Some(key) => {
                let key = key.constant()?;
                match key.value.as_integer() {
                    Some(number) if matches!(key.value, Value::Number(_)) => {
                        numbered.push((number, arg));
                    }
                    _ => table.fields.push((key, arg)),
                }
            }
        }
    }
    // A number given twice, or also by position, depends on the order of assignment: not ours to know.
    numbered.sort_by_key(|(number, _)| *number);
    let first = table.items.len() as i64;
    for (expected, (number, arg)) in (first + 1..).zip(numbered) {
        if number != expected {
            return None;
        }
        table.items.push(arg);
    }
    Some(table)
}
