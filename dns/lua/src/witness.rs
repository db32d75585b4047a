//! A program that says how it goes on: compiled anew, with each condition handed to the host on its way.
//!
//! Only for people who ask why an answer is what it is, and only while they do: what is served is not
//! slowed down by what could be told of it.

use std::ops::Range;

use crate::analysis::bytecode;
use crate::compiler;
use crate::globals::Variable;
use crate::program::Program;
use crate::rewrite::{Tests, rewrite};
use crate::story;
use crate::syntax::{Shape, nesting};

/// Code that says what its conditions come to.
pub(crate) struct Witness {
    pub(crate) bytecode: Vec<u8>,
    pub(crate) variables: Vec<Variable>,
    /// The conditions as they are written, by number.
    pub(crate) tests: Vec<String>,
}

impl Witness {
    /// That of a program; `None` if there is nothing to be told of it. `shared`: whether globals are kept.
    pub(crate) fn of(program: &Program, shared: bool) -> Option<Self> {
        let text = &*program.text;
        compiler::with_stack(nesting(text), text.len(), || Self::compile(program, shared)).flatten()
    }

    fn compile(program: &Program, shared: bool) -> Option<Self> {
        let shape = Shape::of(&program.text, program.inner);
        let script = shape.read().ok()?;
        if script.tests.is_empty() {
            return None;
        }
        // The calls are those that were bound at load: they are known by where they stand.
        let at =
            |start: u32| script.calls.iter().position(|call| call.span.start == start as usize);
        let sites: Option<Vec<usize>> = program.spans.iter().map(|span| at(span.start)).collect();
        let name = (0..).map(|number| format!("test{number}"));
        let name = name.into_iter().find(|name| !program.text.contains(name.as_str()))?;
        let tests = Tests { name: &name, spans: &script.tests };
        let (code, variables) = rewrite(shape, &script, &sites?, Some(tests), shared);
        let shown = |span: &Range<usize>| {
            let text = program.text.get(span.clone()).unwrap_or("?");
            story::cut(&text.split_whitespace().collect::<Vec<_>>().join(" "))
        };
        let tests = script.tests.iter().map(shown).collect();
        Some(Self { bytecode: bytecode(&code).ok()?, variables, tests })
    }
}
