//! The text that is compiled: the program's, with call sites numbered and its variables named.

use crate::globals::Variable;
use crate::{globals, syntax::Script};

/// What stands in the place of a call that was bound at load.
pub(crate) const SITE: &str = "__site";

/// A call that was bound at load: which of the script's calls, in order of text.
pub(crate) type Site = usize;

/// The text to compile, and what the program has to be called with.
///
/// `text` is the program's without a leading `;`, `offset` where in the whole text it starts.
/// Lines stay where they are, so that those in messages are right. Where globals are kept
/// (`shared`), variables are globals as well: a function that was kept sees those of the query at
/// hand, not those of the one that made it.
pub(crate) fn rewrite(
    text: &str,
    offset: usize,
    is_expression: bool,
    script: &Script,
    sites: &[Site],
    shared: bool,
) -> (String, Vec<Variable>) {
    let named: Vec<(&str, Variable)> = globals::VARIABLES
        .into_iter()
        .filter(|(name, _)| {
            let is_named = script.reads.iter().any(|(read, _)| **read == **name);
            !shared && (is_named || script.is_assigned(name))
        })
        .collect();
    let mut code = String::with_capacity(text.len() + 64);
    if !named.is_empty() {
        let names: Vec<&str> = named.iter().map(|(name, _)| *name).collect();
        code.push_str(&format!("local {} = ... ", names.join(", ")));
    }
    if is_expression {
        code.push_str("return ");
    }
    let mut at = 0;
    for (number, site) in sites.iter().enumerate() {
        let Some(call) = script.calls.get(*site) else {
            continue;
        };
        let (start, end) =
            (call.span.start.saturating_sub(offset), call.span.end.saturating_sub(offset));
        let (Some(before), Some(replaced)) = (text.get(at..start), text.get(start..end)) else {
            continue;
        };
        code.push_str(before);
        code.push_str(&format!("{SITE}({number}"));
        code.extend(replaced.chars().filter(|c| *c == '\n'));
        code.push(')');
        at = end;
    }
    code.push_str(text.get(at..).unwrap_or(""));
    (code, named.into_iter().map(|(_, variable)| variable).collect())
}
