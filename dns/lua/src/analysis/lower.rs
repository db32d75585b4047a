//! From statements to a plan, for the programs that need no Lua.
//!
//! What is accepted here has to do exactly what Lua would do; everything else is left to Lua.

use crate::Dialect;
use crate::analysis::Analysis;
use crate::eval::Item;
use crate::functions::{self, Gives};
use crate::plan::{Plan, Test};
use crate::rdata;
use crate::remark::Remark;
use crate::syntax::{Expr, Node, Script, Step};
use crate::value::Value;

/// How many branches a plan has: they hang on one another, and are dropped the same way.
const MOST_BRANCHES: usize = 256;

impl Analysis<'_> {
    /// The plan, if there is one. `None` is no fault.
    pub(super) fn lower(&mut self, script: &Script) -> Option<Plan> {
        self.steps(&script.body, script)
    }

    fn steps(&mut self, steps: &[Step], script: &Script) -> Option<Plan> {
        let Some((first, rest)) = steps.split_first() else {
            return Some(Plan::Nothing);
        };
        match first {
            // Only the first result counts.
            Step::Return(results) => match results.as_slice() {
                [] => Some(Plan::Nothing),
                [first, others @ ..] => {
                    let plain = |other: &Expr| matches!(other.node, Node::Constant(_));
                    others.iter().all(plain).then(|| self.result(first, script))?
                }
            },
            Step::If(arms, otherwise) => {
                let mut plan = match otherwise {
                    Some(steps) => self.arm(steps, rest, script)?,
                    None => self.steps(rest, script)?,
                };
                self.branches += arms.len();
                if self.branches > MOST_BRANCHES {
                    return None;
                }
                for (test, steps) in arms.iter().rev() {
                    plan = Plan::If {
                        test: self.test(test, script)?,
                        then: Box::new(self.arm(steps, rest, script)?),
                        otherwise: Box::new(plan),
                    };
                }
                Some(plan)
            }
            Step::Opaque => None,
        }
    }

    /// A branch after which `rest` would go on, if the branch did not always return.
    fn arm(&mut self, steps: &[Step], rest: &[Step], script: &Script) -> Option<Plan> {
        if !rest.is_empty() && !always_returns(steps) {
            return None;
        }
        self.steps(steps, script)
    }

    fn result(&mut self, expr: &Expr, script: &Script) -> Option<Plan> {
        match &expr.node {
            Node::Call(number) => match self.gives(*number, script)? {
                (site, Gives::Text | Gives::Table | Gives::Denial) => Some(Plan::Call(site)),
                (_, Gives::Truth) => None,
            },
            // `a and b or c`, where b is never false or nil.
            Node::Or(left, otherwise) => {
                let Node::And(test, then) = &left.node else {
                    return None;
                };
                if !self.is_true(then, script) {
                    return None;
                }
                Some(Plan::If {
                    test: self.test(test, script)?,
                    then: Box::new(self.result(then, script)?),
                    otherwise: Box::new(self.result(otherwise, script)?),
                })
            }
            _ => self.constant(expr),
        }
    }

    fn constant(&mut self, expr: &Expr) -> Option<Plan> {
        let arg = expr.constant()?;
        let parts = match &arg.value {
            Value::Table(table) if table.fields.is_empty() => table.items.as_slice(),
            Value::Text(_) | Value::Number(_) => std::slice::from_ref(&arg),
            _ => return None,
        };
        let mut items = Vec::with_capacity(parts.len());
        for part in parts {
            let text = match &part.value {
                Value::Text(octets) => octets.clone(),
                // How Lua writes the others is Lua's affair.
                Value::Number(number) if number.fract() == 0.0 && number.abs() < 1e15 => {
                    part.value.as_text()?.as_bytes().into()
                }
                _ => return None,
            };
            let mut data = Vec::new();
            let rdata = match rdata::encode(self.inner, &text, &mut data) {
                Ok(()) => Some(data.into()),
                Err(why) => {
                    self.no_data(part.at, &text, &why);
                    None
                }
            };
            items.push(Item { text, rdata });
        }
        if items.len() > self.settings.answers {
            let message = format!("{} records, more than {}", items.len(), self.settings.answers);
            self.remarks.push(Remark::error("lua-result", arg.at, message));
        }
        Some(Plan::Constant(items))
    }

    fn no_data(&mut self, at: usize, text: &[u8], why: &str) {
        if self.settings.dialect == Dialect::Halfmoon {
            let text = String::from_utf8_lossy(text);
            let message = format!("'{text}' is no data of a record of type {}: {why}", self.inner);
            self.remarks.push(Remark::error("lua-result", at, message));
        }
    }

    fn test(&mut self, expr: &Expr, script: &Script) -> Option<Test> {
        Some(match &expr.node {
            Node::Constant(value) => {
                Test::Constant(!matches!(value, Value::Nil | Value::Bool(false)))
            }
            Node::Call(number) => match self.gives(*number, script)? {
                (site, Gives::Truth) => Test::Call(site),
                _ => return None,
            },
            Node::Not(inner) => Test::Not(Box::new(self.test(inner, script)?)),
            Node::And(left, right) => {
                Test::And(Box::new(self.test(left, script)?), Box::new(self.test(right, script)?))
            }
            Node::Or(left, right) => {
                Test::Or(Box::new(self.test(left, script)?), Box::new(self.test(right, script)?))
            }
            Node::Same { left, right, negated } => {
                let (call, text) = match (&left.node, &right.node) {
                    (Node::Call(call), Node::Constant(Value::Text(text)))
                    | (Node::Constant(Value::Text(text)), Node::Call(call)) => (*call, text),
                    _ => return None,
                };
                let (site, Gives::Text) = self.gives(call, script)? else {
                    return None;
                };
                let same = Test::Same { site, text: text.clone() };
                if *negated { Test::Not(Box::new(same)) } else { same }
            }
            _ => return None,
        })
    }

    /// Whether an expression can be neither false nor nil.
    fn is_true(&self, expr: &Expr, script: &Script) -> bool {
        match &expr.node {
            Node::Constant(value) => !matches!(value, Value::Nil | Value::Bool(false)),
            Node::Table(_) => true,
            Node::Call(number) => {
                matches!(self.gives(*number, script), Some((_, gives)) if gives != Gives::Truth)
            }
            _ => false,
        }
    }

    /// The number of the site that a call became, and what it gives.
    fn gives(&self, call: usize, script: &Script) -> Option<(usize, Gives)> {
        let site = self.sites.iter().position(|site| *site == call)?;
        let name = &script.calls.get(call)?.name;
        functions::find(name, self.settings.dialect).map(|function| (site, function.gives))
    }
}

fn always_returns(steps: &[Step]) -> bool {
    steps.iter().any(|step| match step {
        Step::Return(_) => true,
        Step::If(arms, Some(otherwise)) => {
            always_returns(otherwise) && arms.iter().all(|(_, steps)| always_returns(steps))
        }
        _ => false,
    })
}
