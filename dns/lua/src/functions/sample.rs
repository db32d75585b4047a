//! `pickrandomsample`: some values, without repetition.

use std::sync::Arc;

use halfmoon_healthcheck::Member;

use crate::binder::{Binder, Refused};
use crate::eval::{Bound, Eval, Item, Outcome};
use crate::functions::unchecked::Unchecked;
use crate::functions::{Function, Gives, Kind};
use crate::value::Arg;

pub(super) const PICKRANDOMSAMPLE: Function = Function {
    name: "pickrandomsample",
    usage: "pickrandomsample(2, {'192.0.2.1', '192.0.2.2', '192.0.2.3'})",
    parameters: &[Kind::Text, Kind::Table],
    required: 2,
    gives: Gives::Table,
    bind,
};

#[derive(Debug)]
struct Sample {
    count: usize,
    offer: Unchecked,
}

fn bind(args: &[Arg], binder: &mut Binder<'_>) -> Result<Box<dyn Bound>, Refused> {
    let [count, list] = args else {
        return Err(Refused);
    };
    let number = binder.integer(count, "the size of the sample")?;
    if number < 0 && binder.is_halfmoon() {
        return Err(binder.refuse(count, "the size of the sample is negative"));
    }
    // The peer takes a negative size for a very large one.
    let size = usize::try_from(number).unwrap_or(usize::MAX);
    let offer = Unchecked::bind(binder.items(list)?, binder);
    Ok(Box::new(Sample { count: size, offer }))
}

impl Bound for Sample {
    fn items(&self) -> &[Item] {
        &self.offer.items
    }

    fn choice(&self) -> Option<(&Arc<[Member]>, bool)> {
        Some(self.offer.members())
    }

    fn eval(&self, eval: &mut Eval<'_>) -> Result<Outcome, &'static str> {
        self.offer.left(eval)?.gather(self.offer.items.len(), eval);
        shuffle(self.count, eval);
        Ok(Outcome::Many)
    }
}

/// Leaves `count` of those in question, in any order.
pub(super) fn shuffle(count: usize, eval: &mut Eval<'_>) {
    let all = eval.scratch.chosen.len();
    let count = count.min(all);
    for place in 0..count {
        let other = place + eval.random(all - place);
        eval.scratch.chosen.swap(place, other);
    }
    eval.scratch.chosen.truncate(count);
}
