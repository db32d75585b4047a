//! `answer` and `nxdomain`: what the peer gives a program no say in, the TTL and the RCODE.

use crate::binder::{Binder, Refused, shown};
use crate::eval::{Bound, Eval, Item, Outcome};
use crate::functions::{Function, Gives, Kind, values};
use crate::value::{Arg, Table, Value};

pub(super) const ANSWER: Function = Function {
    name: "answer",
    usage: "answer({'192.0.2.1', '192.0.2.2'}, {ttl=30})",
    parameters: &[Kind::OneOrMore, Kind::Table],
    required: 1,
    gives: Gives::Table,
    bind,
};

pub(super) const NXDOMAIN: Function = Function {
    name: "nxdomain",
    usage: "nxdomain()",
    parameters: &[],
    required: 0,
    gives: Gives::Denial,
    bind: |_, _| Ok(Box::new(NxDomain)),
};

#[derive(Debug)]
struct Answer {
    items: Vec<Item>,
    ttl: Option<u32>,
}

fn bind(args: &[Arg], binder: &mut Binder<'_>) -> Result<Box<dyn Bound>, Refused> {
    let [list, rest @ ..] = args else { return Err(Refused) };
    let is_empty = |table: &Table| table.items.is_empty() && table.fields.is_empty();
    let items = match &list.value {
        Value::Table(table) if is_empty(table) => Vec::new(),
        Value::Table(_) => binder.items(list)?,
        _ => binder.item(list)?.into_iter().collect(),
    };
    let ttl = rest.first().map(|options| ttl(options, binder)).transpose()?.flatten();
    Ok(Box::new(Answer { items, ttl }))
}

fn ttl(arg: &Arg, binder: &mut Binder<'_>) -> Result<Option<u32>, Refused> {
    let Value::Table(Table { items, fields }) = &arg.value else {
        return Ok(None);
    };
    let mut ttl = None;
    for (key, value) in fields {
        if key.value.as_text().as_deref() != Some("ttl") {
            let message = format!("{} is no option of answer", shown(key));
            return Err(binder.refuse_with(key, message, "write {ttl=30}"));
        }
        ttl = Some(values::ttl(value, binder)?);
    }
    match items.first() {
        Some(item) => Err(binder.refuse_with(item, "an option has a name", "write {ttl=30}")),
        None => Ok(ttl),
    }
}

impl Bound for Answer {
    fn items(&self) -> &[Item] {
        &self.items
    }

    fn is_by_health(&self) -> bool {
        true
    }

    fn eval(&self, eval: &mut Eval<'_>) -> Result<Outcome, &'static str> {
        eval.trace.ttl(self.ttl);
        eval.scratch.chosen.clear();
        eval.scratch.chosen.extend(0..self.items.len() as u32);
        Ok(Outcome::Many)
    }
}

#[derive(Debug)]
struct NxDomain;

impl Bound for NxDomain {
    fn eval(&self, _: &mut Eval<'_>) -> Result<Outcome, &'static str> {
        Ok(Outcome::Denial)
    }
}
