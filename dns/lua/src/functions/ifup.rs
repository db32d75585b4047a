//! What `ifportup`, `ifurlup` and the other functions by health have in common: groups in order of preference,
//! the members of which are checked, and a choice among those that are up.

use std::collections::HashSet;
use std::net::IpAddr;

use halfmoon_healthcheck::{Check, Choice, PoolId};

use crate::Dialect;
use crate::binder::{Binder, Refused};
use crate::burtle;
use crate::eval::{Bound, Eval, Item, Outcome};
use crate::functions::checks;
use crate::functions::member::{Member, Own};
use crate::functions::options::Options;
use crate::functions::pooled::Pooled;
use crate::functions::selector::Selector;
use crate::functions::{closest, hashed, sample};
use crate::story::Finding;
use crate::value::{Arg, Value};

/// Groups of addresses, and where their verdicts are.
#[derive(Debug)]
pub(super) struct IfUp {
    dialect: Dialect,
    items: Vec<Item>,
    addresses: Vec<IpAddr>,
    weights: Vec<u32>,
    pooled: Pooled,
    selector: Selector,
    backup: Selector,
}

/// Reads a flat list of addresses, or a list of groups.
pub(super) fn groups<'v>(
    arg: &'v Arg,
    options: &Options,
    binder: &mut Binder<'_>,
) -> Result<Vec<Vec<Member<'v>>>, Refused> {
    let list = binder.full_list(arg, "the list of addresses")?;
    let nested = list.iter().filter(|item| !Member::is_one(item, binder)).count();
    if nested == 0 {
        if list.len() > 1 && options.selector.is_none() && binder.is_halfmoon() {
            let message =
                "a flat list without a selector: one of those that are up is picked at random";
            let help = "write selector='first' or groups {{a}, {b}} for a preference, \
                        selector='random' if chance is meant";
            binder.warn("lua-flat-list", arg, message, help);
        }
        return Ok(vec![group(list, binder)?]);
    }
    if nested < list.len() {
        let odd = list.iter().find(|item| Member::is_one(item, binder));
        let message = "addresses and groups of addresses are mixed in one list";
        return Err(binder.refuse_with(
            odd.unwrap_or(arg),
            message,
            "write {'192.0.2.1'} for a group of one",
        ));
    }
    let mut groups = Vec::with_capacity(list.len());
    let mut result = Ok(());
    for item in list {
        let read = binder.list(item, "a group").and_then(|members| group(members, binder));
        if matches!(&item.value, Value::Table(table) if table.items.is_empty()) {
            let help = "write addresses in it, or leave it out";
            binder.warn("lua-empty-group", item, "a group without addresses is never chosen", help);
        }
        match read {
            Ok(members) => groups.push(members),
            Err(refused) => result = Err(refused),
        }
    }
    result.map(|()| groups)
}

fn group<'v>(list: &'v [Arg], binder: &mut Binder<'_>) -> Result<Vec<Member<'v>>, Refused> {
    let read: Vec<_> = list.iter().map(|arg| Member::read(arg, binder)).collect();
    let read = read.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(read.into_iter().flatten().collect())
}

/// Starts or finds the checks of all members.
pub(super) fn bind(
    list: &Arg,
    groups: Vec<Vec<Member<'_>>>,
    options: &Options,
    binder: &mut Binder<'_>,
    check: impl Fn(&Member<'_>) -> Option<Check>,
) -> Result<Box<dyn Bound>, Refused> {
    warn_of_repetition(&groups, binder);
    let has_weights = groups.iter().flatten().any(|member| member.weight.is_some());
    let (mut items, mut all, mut ranges) = (Vec::new(), Vec::new(), Vec::new());
    for members in groups {
        let start = all.len() as u32;
        for member in &members {
            let check = match &member.check {
                None => check(member),
                Some(Own::Subject(subject)) => {
                    Some(subject.check(member.address, None, &options.checks))
                }
                Some(Own::Written(arg)) => checks::read(arg, member.address, options, binder)?,
            };
            let known = (member.address, member.weight.unwrap_or(1));
            all.push(binder.member(member.arg, known, check)?);
            items.push(binder.address_item(member.address));
        }
        let end = all.len() as u32;
        ranges.extend((start < end).then_some(start..end));
    }
    binder.some_left(list, ranges.is_empty())?;
    let bound = IfUp {
        dialect: binder.dialect(),
        items,
        addresses: all.iter().map(|member| member.address).collect(),
        weights: all.iter().map(|member| member.weight).collect(),
        pooled: Pooled::bind(all, ranges, options, binder),
        selector: options.selector(),
        backup: options.backup(),
    };
    bound.warn_of_weights(list, has_weights, binder);
    if [bound.selector, bound.backup].contains(&Selector::Closest) {
        closest::warn_if_blind(list, binder);
    }
    Ok(Box::new(bound))
}

/// An address that stands twice is mostly a slip of the pen for another one.
fn warn_of_repetition(groups: &[Vec<Member<'_>>], binder: &mut Binder<'_>) {
    if !binder.at_load() {
        return;
    }
    let mut seen = HashSet::new();
    for member in groups.iter().flatten() {
        if !seen.insert(member.address) {
            let message = format!("{} is in the list already", member.address);
            let help = "leave it out, or write the address that was meant";
            binder.warn("lua-address-twice", member.arg, message, help);
        }
    }
}

impl IfUp {
    fn warn_of_weights(&self, list: &Arg, has_weights: bool, binder: &mut Binder<'_>) {
        if has_weights && !self.selector.weighs() && !self.backup.weighs() {
            let message = "the weights count for nothing";
            binder.warn("lua-weights", list, message, "write selector='weighted'");
        }
        let wants = |selector| matches!(selector, Selector::Weighted | Selector::WeightedHashed);
        if !has_weights && wants(self.selector) {
            let message = "no address has a weight: all are equally likely";
            binder.warn(
                "lua-weights",
                list,
                message,
                "write {{80, '192.0.2.1'}, {20, '192.0.2.2'}}",
            );
        }
    }

    fn select(&self, selector: Selector, eval: &mut Eval<'_>) -> Outcome {
        let count = eval.scratch.chosen.len();
        if count == 0 {
            // An operator has put all of them out.
            return Outcome::Many;
        }
        if eval.scratch.ahead.is_asked && selector.is_one_of() {
            eval.scratch.ahead.size = Some(1);
            return Outcome::Many;
        }
        let place = match selector {
            Selector::All => return Outcome::Many,
            Selector::Empty => {
                eval.scratch.chosen.clear();
                return Outcome::Many;
            }
            Selector::First => 0,
            Selector::Random => eval.random(count),
            Selector::Hashed => hashed::of_client(eval, count),
            Selector::Closest => eval.closest(&self.addresses, self.dialect),
            Selector::Consistent => self.consistent(eval),
            Selector::Sample(size) if eval.scratch.ahead.is_asked => {
                eval.scratch.ahead.size = Some(size as usize);
                return Outcome::Many;
            }
            Selector::Sample(size) => {
                sample::shuffle(size as usize, eval);
                return Outcome::Many;
            }
            Selector::Weighted if count > 1 => {
                let sum = self.sum(eval);
                let point = eval.draw(sum);
                self.at(point, eval)
            }
            Selector::WeightedHashed if count > 1 => {
                let point = u64::from(eval.hash_client());
                self.at(point % self.sum(eval).max(1), eval)
            }
            Selector::Weighted | Selector::WeightedHashed => 0,
        };
        eval.scratch.chosen.swap(0, place.min(count - 1));
        eval.scratch.chosen.truncate(1);
        Outcome::Many
    }

    fn weight(&self, member: u32) -> u32 {
        self.weights.get(member as usize).copied().unwrap_or(1)
    }

    fn sum(&self, eval: &Eval<'_>) -> u64 {
        eval.scratch.chosen.iter().map(|member| u64::from(self.weight(*member))).sum()
    }

    /// Which of those in question the weights, added up in the order written, have at `point`.
    fn at(&self, point: u64, eval: &mut Eval<'_>) -> usize {
        if eval.scratch.story.is_some() {
            let below = self.sum(eval);
            eval.scratch.tell(|| Finding::Point { value: point, below });
        }
        let mut sum = 0;
        let passed = eval.scratch.chosen.iter().take_while(|member| {
            sum += u64::from(self.weight(**member));
            sum <= point
        });
        passed.count()
    }

    /// Rendezvous hashing: every address draws a number for the client, and the lowest wins. An
    /// address that goes leaves all other draws as they are, so only its own clients move.
    fn consistent(&self, eval: &mut Eval<'_>) -> usize {
        if eval.scratch.chosen.len() < 2 {
            return 0;
        }
        let client = eval.hash_client();
        if let Some(story) = &mut eval.scratch.story {
            for member in &eval.scratch.chosen {
                let Some(address) = self.addresses.get(*member as usize) else { continue };
                let value = draw(client, *address) / f64::from(self.weight(*member));
                story.find(Finding::Draw { of: *address, value });
            }
        }
        let mut best = (f64::INFINITY, 0);
        for (place, member) in eval.scratch.chosen.iter().enumerate() {
            let Some(address) = self.addresses.get(*member as usize) else { continue };
            let draw = draw(client, *address) / f64::from(self.weight(*member));
            if draw < best.0 {
                best = (draw, place);
            }
        }
        best.1
    }
}

/// A number that depends on nothing but the two, exponentially distributed: divided by weights,
/// each of several is the lowest as often as its weight says.
fn draw(client: u32, address: IpAddr) -> f64 {
    // The finish of SplitMix64 (Steele, Lea, Flood 2014), which leaves no pattern of its input.
    let mut bits = (u64::from(client) << 32) | u64::from(burtle::hash_address(address));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    // From just above 0 to 1.
    let even = ((bits >> 11) + 1) as f64 / (1u64 << 53) as f64;
    -even.ln()
}

impl Bound for IfUp {
    fn items(&self) -> &[Item] {
        &self.items
    }

    fn pool(&self) -> Option<(u32, PoolId)> {
        self.pooled.place()
    }

    fn is_by_health(&self) -> bool {
        matches!(self.selector, Selector::All | Selector::Empty | Selector::First)
    }

    fn eval(&self, eval: &mut Eval<'_>) -> Result<Outcome, &'static str> {
        match self.pooled.choose(self.selector.is_sticky(), eval)? {
            Choice::Selected => Ok(self.select(self.selector, eval)),
            Choice::Backup => Ok(self.select(self.backup, eval)),
            Choice::Everything | Choice::Nothing | Choice::Failure => Ok(Outcome::Many),
        }
    }
}
