//! `all`: every value.

use crate::binder::{Binder, Refused};
use crate::eval::{Bound, Eval, Item, Outcome};
use crate::functions::{Function, Gives, Kind};
use crate::value::Arg;

pub(super) const ALL: Function = Function {
    name: "all",
    usage: "all({'192.0.2.1', '192.0.2.2'})",
    parameters: &[Kind::Table],
    required: 1,
    gives: Gives::Table,
    bind,
};

#[derive(Debug)]
struct All(Vec<Item>);

fn bind(args: &[Arg], binder: &mut Binder<'_>) -> Result<Box<dyn Bound>, Refused> {
    let [list] = args else { return Err(Refused) };
    Ok(Box::new(All(binder.items(list)?)))
}

impl Bound for All {
    fn items(&self) -> &[Item] {
        &self.0
    }

    fn eval(&self, eval: &mut Eval<'_>) -> Result<Outcome, &'static str> {
        eval.scratch.chosen.clear();
        eval.scratch.chosen.extend(0..self.0.len() as u32);
        Ok(Outcome::Many)
    }
}
