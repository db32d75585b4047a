//! The text that is compiled: the program's, with call sites numbered and its variables named.

use std::ops::Range;

use crate::globals;
use crate::globals::Variable;
use crate::syntax::{Script, Shape};

/// What stands in the place of a call that was bound at load.
pub(crate) const SITE: &str = "__site";

/// A call that was bound at load: which of the script's calls, in order of text.
pub(crate) type Site = usize;

/// Conditions that are to be told of.
#[derive(Clone, Copy)]
pub(crate) struct Tests<'t> {
    /// What each of them is handed to, with its number: a local variable, the first that the program is called
    /// with. No name that stands in the program, which must not reach it.
    pub(crate) name: &'t str,
    /// Where they stand in the whole text.
    pub(crate) spans: &'t [Range<usize>],
}

/// What changes in the text, in the order in which it does at the same place.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Edit {
    /// A condition ends.
    Close,
    /// A condition begins, the longer one first: what is left of the text behind its end, and its number.
    Open(usize, usize),
    /// A call that was bound at load begins: its number, and where it ends.
    Site(usize, usize),
}

/// The text to compile, and what the program has to be called with.
///
/// Lines stay where they are, so that those in messages are right. Where globals are kept
/// (`shared`), variables are globals as well: a function that was kept sees those of the query at
/// hand, not those of the one that made it.
pub(crate) fn rewrite(
    shape: Shape<'_>,
    script: &Script,
    sites: &[Site],
    tests: Option<Tests<'_>>,
    shared: bool,
) -> (String, Vec<Variable>) {
    let Shape { text, is_expression, .. } = shape;
    let named: Vec<(&str, Variable)> = globals::VARIABLES
        .into_iter()
        .filter(|(name, _)| {
            let is_named = script.reads.iter().any(|(read, _)| **read == **name);
            !shared && (is_named || script.is_assigned(name))
        })
        .collect();
    let mut code = String::with_capacity(text.len() + 64);
    let told = tests.map(|tests| tests.name);
    let names: Vec<&str> = told.into_iter().chain(named.iter().map(|(name, _)| *name)).collect();
    if !names.is_empty() {
        code.push_str(&format!("local {} = ... ", names.join(", ")));
    }
    if is_expression {
        code.push_str("return ");
    }
    let mut at = 0;
    for (place, edit) in edits(shape, script, sites, tests.map_or(&[], |tests| tests.spans)) {
        let Some(before) = text.get(at..place) else {
            continue;
        };
        code.push_str(before);
        at = place;
        match edit {
            Edit::Close => code.push(')'),
            Edit::Open(_, number) => {
                code.push_str(&format!("{}({number}, ", told.unwrap_or_default()));
            }
            Edit::Site(number, end) => {
                code.push_str(&format!("{SITE}({number}"));
                let replaced = text.get(place..end).unwrap_or("");
                code.extend(replaced.chars().filter(|c| *c == '\n'));
                code.push(')');
                at = end;
            }
        }
    }
    code.push_str(text.get(at..).unwrap_or(""));
    (code, named.into_iter().map(|(_, variable)| variable).collect())
}

/// What changes in a text, and where.
fn edits(
    Shape { text, offset, .. }: Shape<'_>,
    script: &Script,
    sites: &[Site],
    tests: &[Range<usize>],
) -> Vec<(usize, Edit)> {
    let length = text.len();
    let own =
        |span: &Range<usize>| span.start.saturating_sub(offset)..span.end.saturating_sub(offset);
    let calls = sites.iter().enumerate();
    let calls =
        calls.filter_map(|(number, site)| Some((number, own(&script.calls.get(*site)?.span))));
    let mut edits: Vec<(usize, Edit)> =
        calls.map(|(number, span)| (span.start, Edit::Site(number, span.end))).collect();
    let is_whole = |span: &Range<usize>| {
        let is_within = |(start, edit): &(usize, Edit)| {
            matches!(edit, Edit::Site(_, end) if *start < span.end && span.start < *end
                && !(span.start <= *start && *end <= span.end))
        };
        span.start < span.end && span.end <= length && !edits.iter().any(is_within)
    };
    let spans: Vec<_> = tests.iter().map(own).enumerate().filter(|(_, s)| is_whole(s)).collect();
    for (number, span) in spans {
        edits.push((span.start, Edit::Open(length - span.end, number)));
        edits.push((span.end, Edit::Close));
    }
    edits.sort_unstable();
    edits
}
