//! `pickchashed`: one value, as likely as its weight says, so that few clients move when the list
//! changes.

use std::sync::Arc;

use halfmoon_healthcheck::Member;

use crate::binder::{Binder, Refused};
use crate::burtle;
use crate::eval::{Bound, Eval, Item, Outcome};
use crate::functions::unchecked::Unchecked;
use crate::functions::{Function, Gives, Kind, weighted};
use crate::value::Arg;

pub(super) const PICKCHASHED: Function = Function {
    name: "pickchashed",
    usage: "pickchashed({{80, '192.0.2.1'}, {20, '192.0.2.2'}})",
    parameters: &[Kind::Table],
    required: 1,
    gives: Gives::Text,
    bind,
};

/// Each unit of weight is a point on the circle: more of them cost memory and tell nobody apart.
const MOST_POINTS: u64 = 65_536;
/// The same for a list that a program computes, which is laid out at every query.
const MOST_COMPUTED: u64 = 1024;

#[derive(Debug)]
struct Consistent {
    offer: Unchecked,
    /// Points on the circle in order, and whose they are.
    points: Vec<(u32, u32)>,
}

fn bind(args: &[Arg], binder: &mut Binder<'_>) -> Result<Box<dyn Bound>, Refused> {
    let [list] = args else { return Err(Refused) };
    let entries = weighted::entries(list, binder)?;
    let most = if binder.at_load() { MOST_POINTS } else { MOST_COMPUTED };
    if entries.iter().map(|(weight, _)| weight).sum::<u64>() > most {
        let message = format!("the weights add up to more than {most}");
        return Err(binder.refuse_with(list, message, "divide them all by the same number"));
    }
    let mut points = Vec::new();
    for (number, (weight, item)) in entries.iter().enumerate() {
        for point in 0..*weight {
            let key = [&item.text, b"-".as_slice(), point.to_string().as_bytes()].concat();
            points.push((burtle::hash(&key), number as u32));
        }
    }
    points.sort_unstable();
    points.dedup_by_key(|(point, _)| *point);
    let items = entries.into_iter().map(|(_, item)| item).collect();
    Ok(Box::new(Consistent { offer: Unchecked::bind(items, binder), points }))
}

impl Bound for Consistent {
    fn items(&self) -> &[Item] {
        &self.offer.items
    }

    fn choice(&self) -> Option<(&Arc<[Member]>, bool)> {
        Some(self.offer.members())
    }

    fn says_one(&self) -> bool {
        true
    }

    fn eval(&self, eval: &mut Eval<'_>) -> Result<Outcome, &'static str> {
        let left = self.offer.left(eval)?;
        if left.count(self.offer.items.len()) < 2 {
            return Ok(left.one(0, eval));
        }
        let point = eval.hash_client();
        let found = self.points.partition_point(|(at, _)| *at < point);
        // Past the last point the circle begins again. Whose point it was that is put out, its clients go
        // on to the next, and no other client moves.
        let (before, behind) = self.points.split_at(found);
        let owner = behind.iter().chain(before).find(|(_, number)| left.has(*number, eval));
        Ok(Outcome::One(owner.map_or(0, |(_, number)| *number as usize)))
    }
}
