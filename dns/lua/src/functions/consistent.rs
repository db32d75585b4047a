//! `pickchashed`: one value, as likely as its weight says, so that few clients move when the list
//! changes.

use crate::binder::{Binder, Refused};
use crate::burtle;
use crate::eval::{Bound, Eval, Item, Outcome};
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
    items: Vec<Item>,
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
    Ok(Box::new(Consistent { items, points }))
}

impl Bound for Consistent {
    fn items(&self) -> &[Item] {
        &self.items
    }

    fn eval(&self, eval: &mut Eval<'_>) -> Result<Outcome, &'static str> {
        if self.items.len() == 1 {
            return Ok(Outcome::One(0));
        }
        let point = eval.hash_client();
        let found = self.points.partition_point(|(at, _)| *at < point);
        // Past the last point the circle begins again.
        let owner = self.points.get(found).or_else(|| self.points.first());
        Ok(Outcome::One(owner.map_or(0, |(_, number)| *number as usize)))
    }
}
