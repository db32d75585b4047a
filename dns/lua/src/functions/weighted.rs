//! `pickwrandom`, `pickwhashed`, `picknamehashed`: one value, each as likely as its weight says.

use std::sync::Arc;

use halfmoon_healthcheck::Member;

use crate::binder::{Binder, Refused};
use crate::eval::{Bound, Eval, Item, Outcome};
use crate::functions::unchecked::{Left, Unchecked};
use crate::functions::{Function, Gives, Kind};
use crate::story::Finding;
use crate::value::Arg;

pub(super) const PICKWRANDOM: Function = Function {
    name: "pickwrandom",
    usage: "pickwrandom({{80, '192.0.2.1'}, {20, '192.0.2.2'}})",
    parameters: &[Kind::Table],
    required: 1,
    gives: Gives::Text,
    bind: |args, binder| bind(args, binder, By::Chance),
};

pub(super) const PICKWHASHED: Function = Function {
    name: "pickwhashed",
    usage: "pickwhashed({{80, '192.0.2.1'}, {20, '192.0.2.2'}})",
    parameters: &[Kind::Table],
    required: 1,
    gives: Gives::Text,
    bind: |args, binder| bind(args, binder, By::Client),
};

pub(super) const PICKNAMEHASHED: Function = Function {
    name: "picknamehashed",
    usage: "picknamehashed({{80, '192.0.2.1'}, {20, '192.0.2.2'}})",
    parameters: &[Kind::Table],
    required: 1,
    gives: Gives::Text,
    bind: |args, binder| bind(args, binder, By::Name),
};

/// What decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Chance,
    Client,
    Name,
}

#[derive(Debug)]
struct Weighted {
    by: By,
    offer: Unchecked,
    /// Sums of weights up to and with an item, and the item, in the peer's order.
    sums: Vec<(u64, usize)>,
}

fn bind(args: &[Arg], binder: &mut Binder<'_>, by: By) -> Result<Box<dyn Bound>, Refused> {
    let [list] = args else { return Err(Refused) };
    let entries = entries(list, binder)?;
    let mut sum = 0;
    let mut sums = Vec::with_capacity(entries.len());
    for number in peer_order(entries.len()) {
        if let Some((weight, _)) = entries.get(number) {
            sum += weight;
            sums.push((sum, number));
        }
    }
    let items = entries.into_iter().map(|(_, item)| item).collect();
    Ok(Box::new(Weighted { by, offer: Unchecked::bind(items, binder), sums }))
}

/// Reads `{{weight, value}, …}`.
pub(super) fn entries(list: &Arg, binder: &mut Binder<'_>) -> Result<Vec<(u64, Item)>, Refused> {
    let args = binder.full_list(list, "the list of weights")?;
    let read: Vec<_> = args.iter().map(|arg| entry(arg, binder)).collect();
    let entries = read.into_iter().collect::<Result<Vec<_>, _>>()?;
    let entries: Vec<_> = entries.into_iter().flatten().collect();
    binder.some_left(list, entries.is_empty())?;
    Ok(entries)
}

fn entry(arg: &Arg, binder: &mut Binder<'_>) -> Result<Option<(u64, Item)>, Refused> {
    let pair = binder.list(arg, "a weight and its value")?;
    // The peer looks at nothing else.
    let pair = if binder.is_halfmoon() { pair } else { pair.get(..2).unwrap_or(pair) };
    let [weight, value] = pair else {
        let message = "a weight and its value are two items";
        return Err(binder.refuse_with(arg, message, "write {80, '192.0.2.1'}"));
    };
    let number = weight_of(weight, binder)?;
    let item = binder.item(value)?;
    Ok(item.map(|item| (u64::from(number), item)))
}

pub(super) fn weight_of(arg: &Arg, binder: &mut Binder<'_>) -> Result<u32, Refused> {
    let number = binder.integer(arg, "a weight")?;
    match u32::try_from(number) {
        Ok(weight) if weight > 0 => Ok(weight),
        _ => {
            let message = format!("a weight has to be from 1 to 4294967295, not {number}");
            Err(binder.refuse(arg, message))
        }
    }
}

impl Bound for Weighted {
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
        let [.., (total, _)] = *self.sums else {
            return Err("there is nothing to choose from");
        };
        let left = self.offer.left(eval)?;
        let total = if left == Left::All { total } else { self.total(left, eval) };
        if left.count(self.sums.len()) < 2 {
            return Ok(left.one(0, eval));
        }
        let point = match self.by {
            By::Chance => eval.draw(total),
            By::Client => u64::from(eval.hash_client()) % total.max(1),
            By::Name => u64::from(eval.hash_name()) % total.max(1),
        };
        eval.scratch.tell(|| Finding::Point { value: point, below: total });
        if left != Left::All {
            return Ok(Outcome::One(self.at(point, left, eval)));
        }
        let found = self.sums.partition_point(|(sum, _)| *sum <= point);
        let number = self.sums.get(found).map_or(0, |(_, number)| *number);
        Ok(Outcome::One(number))
    }
}

impl Weighted {
    /// The weights of those that are left, in the peer's order, with their numbers.
    fn weights(&self, left: Left, eval: &Eval<'_>) -> impl Iterator<Item = (u64, usize)> {
        let mut before = 0;
        let weights = self.sums.iter().map(move |(sum, number)| {
            let weight = sum - before;
            before = *sum;
            (weight, *number)
        });
        weights.filter(move |(_, number)| left.has(*number as u32, eval))
    }

    fn total(&self, left: Left, eval: &Eval<'_>) -> u64 {
        self.weights(left, eval).map(|(weight, _)| weight).sum()
    }

    /// Whom of those that are left their weights, added up, have at `point`.
    fn at(&self, point: u64, left: Left, eval: &Eval<'_>) -> usize {
        let mut sum = 0;
        let mut passed = self.weights(left, eval).skip_while(|(weight, _)| {
            sum += weight;
            sum <= point
        });
        passed.next().map_or(0, |(_, number)| number)
    }
}

/// How many buckets the peer's hash table has, one growth after another.
const BUCKETS: [usize; 12] = [13, 29, 59, 127, 257, 541, 1109, 2357, 5087, 10273, 20753, 42043];

/// The order in which the peer adds the weights of a list of `count` entries up.
///
/// It keeps them in a hash table of the GNU C++ library under the keys 1, 2, 3…, and goes through
/// that. A new key goes to the front, and each growth of the table turns what is in it round.
/// Which client gets which value depends on this, so it is part of what a program means.
pub(super) fn peer_order(count: usize) -> impl Iterator<Item = usize> {
    let mut order = std::collections::VecDeque::with_capacity(count);
    let mut buckets = BUCKETS.into_iter();
    let mut room = 0;
    for number in 0..count {
        if number >= room {
            room = buckets.next().unwrap_or(usize::MAX);
            order.make_contiguous().reverse();
        }
        order.push_front(number);
    }
    order.into_iter()
}

#[cfg(test)]
mod tests {
    use super::peer_order;

    #[test]
    fn weights_add_up_in_the_order_of_the_peer() {
        let ranges = |ranges: &[(usize, usize)]| -> Vec<usize> {
            let run = |&(from, to): &(usize, usize)| -> Vec<usize> {
                if from > to { (to..=from).rev().collect() } else { (from..=to).collect() }
            };
            ranges.iter().flat_map(run).collect()
        };
        for (count, expected) in [
            (1, vec![(1, 1)]),
            (2, vec![(2, 1)]),
            (13, vec![(13, 1)]),
            (14, vec![(14, 14), (1, 13)]),
            (29, vec![(29, 14), (1, 13)]),
            (30, vec![(30, 30), (13, 1), (14, 29)]),
            (59, vec![(59, 30), (13, 1), (14, 29)]),
            (60, vec![(60, 60), (29, 14), (1, 13), (30, 59)]),
            (127, vec![(127, 60), (29, 14), (1, 13), (30, 59)]),
        ] {
            let order: Vec<usize> = peer_order(count).map(|number| number + 1).collect();
            assert_eq!(order, ranges(&expected), "{count}");
        }
    }
}
