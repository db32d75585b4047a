//! `pickrandom`: one value, each equally likely.

use crate::binder::{Binder, Refused};
use crate::eval::{Bound, Eval, Item, Outcome};
use crate::functions::{Function, Gives, Kind};
use crate::value::Arg;

pub(super) const PICKRANDOM: Function = Function {
    name: "pickrandom",
    usage: "pickrandom({'192.0.2.1', '192.0.2.2'})",
    parameters: &[Kind::Table],
    required: 1,
    gives: Gives::Text,
    bind,
};

#[derive(Debug)]
struct Random(Vec<Item>);

fn bind(args: &[Arg], binder: &mut Binder<'_>) -> Result<Box<dyn Bound>, Refused> {
    let [list] = args else { return Err(Refused) };
    Ok(Box::new(Random(binder.items(list)?)))
}

impl Bound for Random {
    fn items(&self) -> &[Item] {
        &self.0
    }

    fn eval(&self, eval: &mut Eval<'_>) -> Result<Outcome, &'static str> {
        Ok(Outcome::One(eval.random(self.0.len())))
    }
}
