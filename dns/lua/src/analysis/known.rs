//! What names stand for: those that are set once, to a literal, and not changed after that.
//!
//! A table is known as long as it is handed to host functions only, which change nothing, or put into
//! another table of which that holds. What else is done with it may add to it.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};

use crate::analysis::Analysis;
use crate::functions;
use crate::syntax::{Expr, Node, Script};
use crate::value::{Arg, Value};

/// How deep names stand for names.
const DEEPEST: usize = 8;
/// How many literals are put in the place of names in one program.
const MOST: usize = 4096;

/// The names of a program that stand for a literal.
pub(super) struct Known<'s> {
    values: HashMap<&'s str, &'s Expr>,
    left: Cell<usize>,
}

impl<'s> Known<'s> {
    pub(super) fn of(script: &'s Script, analysis: &Analysis<'_>) -> Self {
        let mut values: HashMap<&str, Option<&Expr>> = HashMap::new();
        if !analysis.settings.shared {
            for (name, value) in &script.settings {
                // A second one makes it unknown which.
                values.entry(name).and_modify(|known| *known = None).or_insert(Some(value));
            }
        }
        for name in script.unclear.iter().chain(&analysis.included) {
            values.remove(&**name);
        }
        let mut values: HashMap<&str, &Expr> =
            values.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        for name in changeable(script, &values, analysis) {
            values.remove(name);
        }
        Self { values, left: Cell::new(MOST) }
    }

    /// The value of an expression, if it is a literal but for names that stand for one. One with a nil in
    /// a list is none: what the list is then is not known.
    pub(super) fn literal(&self, expr: &Expr) -> Option<Arg> {
        self.replaced(expr, 0)?.constant()
    }

    fn replaced(&self, expr: &Expr, depth: usize) -> Option<Expr> {
        self.left.set(self.left.get().checked_sub(1)?);
        let node = match &expr.node {
            Node::Constant(_) => return Some(expr.clone()),
            Node::Name(name) if depth < DEEPEST => {
                return self.replaced(self.values.get(&**name)?, depth + 1);
            }
            Node::Table(entries) => {
                let mut replaced = Vec::with_capacity(entries.len());
                for (key, value) in entries {
                    let value = self.replaced(value, depth)?;
                    if key.is_none() && matches!(value.node, Node::Constant(Value::Nil)) {
                        return None;
                    }
                    replaced.push((key.clone(), value));
                }
                Node::Table(replaced)
            }
            _ => return None,
        };
        Some(Expr { node, at: expr.at })
    }
}

/// The names of tables with which something is done that may change them.
fn changeable<'s>(
    script: &'s Script,
    values: &HashMap<&'s str, &'s Expr>,
    analysis: &Analysis<'_>,
) -> Vec<&'s str> {
    let is_table = |name: &&str| values.get(name).is_some_and(|v| !is_scalar(v));
    // How often a name stands where nothing can happen to it.
    let mut safe: HashMap<&str, usize> = HashMap::new();
    for call in &script.calls {
        let is_other = call.local
            || script.is_bound(&call.name)
            || analysis.included.contains(&call.name)
            || functions::find(&call.name, analysis.settings.dialect).is_none();
        if !is_other {
            call.args.iter().for_each(|arg| count(arg, &mut safe));
        }
    }
    let mut within: HashMap<&str, HashMap<&str, usize>> = HashMap::new();
    for (name, value) in values.iter().filter(|(_, value)| matches!(value.node, Node::Table(_))) {
        let names = within.entry(*name).or_default();
        count(value, names);
        for (name, times) in names {
            *safe.entry(*name).or_default() += *times;
        }
    }
    let seen = |name: &str| script.mentions.get(name).copied().unwrap_or(0);
    let is_safe = |name: &str, safe: &HashMap<&str, usize>| {
        safe.get(name).copied().unwrap_or(0) >= seen(name)
    };
    let mut due: Vec<&str> =
        values.keys().copied().filter(is_table).filter(|name| !is_safe(name, &safe)).collect();
    let mut found: HashSet<&str> = due.iter().copied().collect();
    // What stands in a table that changes is no longer safe there.
    while let Some(name) = due.pop() {
        for (inner, times) in within.get(name).into_iter().flatten() {
            if let Some(uses) = safe.get_mut(inner) {
                *uses = uses.saturating_sub(*times);
            }
            if is_table(inner) && !is_safe(inner, &safe) && found.insert(inner) {
                due.push(inner);
            }
        }
    }
    found.into_iter().collect()
}

const fn is_scalar(expr: &Expr) -> bool {
    matches!(expr.node, Node::Constant(_))
}

/// Counts the names in an expression, but for those in calls, which are counted there.
fn count<'s>(expr: &'s Expr, found: &mut HashMap<&'s str, usize>) {
    match &expr.node {
        Node::Name(name) => *found.entry(name).or_default() += 1,
        Node::Table(entries) => {
            for (key, value) in entries {
                key.iter().for_each(|key| count(key, found));
                count(value, found);
            }
        }
        Node::And(left, right) | Node::Or(left, right) => {
            count(left, found);
            count(right, found);
        }
        _ => {}
    }
}
