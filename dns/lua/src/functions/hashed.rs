//! `pickhashed`: one value, the same for the same client.

use std::sync::Arc;

use halfmoon_healthcheck::Member;

use crate::binder::{Binder, Refused};
use crate::eval::{Bound, Eval, Item, Outcome};
use crate::functions::unchecked::Unchecked;
use crate::functions::{Function, Gives, Kind};
use crate::value::Arg;

pub(super) const PICKHASHED: Function = Function {
    name: "pickhashed",
    usage: "pickhashed({'192.0.2.1', '192.0.2.2'})",
    parameters: &[Kind::Table],
    required: 1,
    gives: Gives::Text,
    bind,
};

#[derive(Debug)]
struct Hashed(Unchecked);

fn bind(args: &[Arg], binder: &mut Binder<'_>) -> Result<Box<dyn Bound>, Refused> {
    let [list] = args else { return Err(Refused) };
    Ok(Box::new(Hashed(Unchecked::bind(binder.items(list)?, binder))))
}

impl Bound for Hashed {
    fn items(&self) -> &[Item] {
        &self.0.items
    }

    fn choice(&self) -> Option<(&Arc<[Member]>, bool)> {
        Some(self.0.members())
    }

    fn says_one(&self) -> bool {
        true
    }

    fn eval(&self, eval: &mut Eval<'_>) -> Result<Outcome, &'static str> {
        let left = self.0.left(eval)?;
        let place = of_client(eval, left.count(self.0.items.len()));
        Ok(left.one(place, eval))
    }
}

/// Which of `count` the client's address stands for.
pub(super) fn of_client(eval: &mut Eval<'_>, count: usize) -> usize {
    if count < 2 {
        return 0;
    }
    eval.hash_client() as usize % count
}
