//! `all`: every value.

use std::sync::Arc;

use halfmoon_healthcheck::Member;

use crate::binder::{Binder, Refused};
use crate::eval::{Bound, Eval, Item, Outcome};
use crate::functions::unchecked::Unchecked;
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
struct All(Unchecked);

fn bind(args: &[Arg], binder: &mut Binder<'_>) -> Result<Box<dyn Bound>, Refused> {
    let [list] = args else { return Err(Refused) };
    Ok(Box::new(All(Unchecked::bind(binder.items(list)?, binder))))
}

impl Bound for All {
    fn items(&self) -> &[Item] {
        &self.0.items
    }

    fn choice(&self) -> Option<(&Arc<[Member]>, bool)> {
        Some(self.0.members())
    }

    fn is_by_health(&self) -> bool {
        true
    }

    fn eval(&self, eval: &mut Eval<'_>) -> Result<Outcome, &'static str> {
        self.0.left(eval)?.gather(self.0.items.len(), eval);
        Ok(Outcome::Many)
    }
}
