//! `pickselfweighted`: one address, as likely as the number it answers a check with says.

use halfmoon_healthcheck::{CheckId, Choice, PoolId};

use crate::Dialect;
use crate::binder::{Binder, Refused};
use crate::eval::{Bound, Eval, Item, Outcome};
use crate::functions::member::Member;
use crate::functions::options::{Options, Target};
use crate::functions::pooled::Pooled;
use crate::functions::selector::Selector;
use crate::functions::{Function, Gives, Kind, ifup, ifurlup};
use crate::value::{Arg, Value};

pub(super) const PICKSELFWEIGHTED: Function = Function {
    name: "pickselfweighted",
    usage: "pickselfweighted('https://www.example.com/weight', {'192.0.2.1', '192.0.2.2'})",
    parameters: &[Kind::Text, Kind::Table, Kind::Options],
    required: 2,
    gives: Gives::Text,
    bind,
};

#[derive(Debug)]
struct SelfWeighted {
    dialect: Dialect,
    items: Vec<Item>,
    checks: Vec<Option<CheckId>>,
    pooled: Pooled,
}

fn bind(args: &[Arg], binder: &mut Binder<'_>) -> Result<Box<dyn Bound>, Refused> {
    let [url, list, rest @ ..] = args else {
        return Err(Refused);
    };
    let url = ifurlup::read_url(url, binder)?;
    let mut options = Options::read(rest.first(), Target::Url, binder)?;
    let url = url.filter(|_| !options.never);
    if options.chooses() && binder.is_halfmoon() {
        let message = "pickselfweighted chooses by the weights that the checks find";
        let at = rest.first().unwrap_or(list);
        return Err(binder.refuse_with(at, message, "leave selector and backupSelector out"));
    }
    // There is no choice but by weight.
    options.selector = Some(Selector::Random);
    let entries = binder.full_list(list, "the list of addresses")?;
    if entries.iter().any(|entry| !Member::is_one(entry, binder)) {
        return Err(binder.refuse(list, "pickselfweighted takes no groups"));
    }
    let groups = ifup::groups(list, &options, binder)?;
    let members = groups.first().map_or(&[][..], Vec::as_slice);
    let (mut items, mut all) = (Vec::new(), Vec::new());
    for member in members {
        if matches!(member.arg.value, Value::Table(_)) {
            let message = "the weights of pickselfweighted come from the checks: write the address";
            return Err(binder.refuse(member.arg, message));
        }
        let check =
            url.as_ref().map(|url| ifurlup::check(url, Some(member.address), &options.checks));
        all.push(binder.member(member.arg, (member.address, 1), check)?);
        items.push(binder.address_item(member.address));
    }
    binder.some_left(list, items.is_empty())?;
    let group = 0..all.len() as u32;
    Ok(Box::new(SelfWeighted {
        dialect: binder.dialect(),
        items,
        checks: all.iter().map(|member| member.check).collect(),
        pooled: Pooled::bind(all, vec![group], &options, binder),
    }))
}

impl SelfWeighted {
    /// One that is in whatever its check says weighs as little as one that says nothing of it.
    fn weight(&self, member: u32, eval: &Eval<'_>) -> u64 {
        let check = self.checks.get(member as usize).copied().flatten();
        check.map_or(1, |id| u64::from(eval.health.verdict(id).weight.max(1)))
    }
}

impl Bound for SelfWeighted {
    fn items(&self) -> &[Item] {
        &self.items
    }

    fn pool(&self) -> Option<(u32, PoolId)> {
        self.pooled.place()
    }

    fn eval(&self, eval: &mut Eval<'_>) -> Result<Outcome, &'static str> {
        match self.pooled.choose(true, eval)? {
            Choice::Selected | Choice::Backup if eval.scratch.ahead.is_asked => {
                eval.scratch.ahead.size = Some(1);
                return Ok(Outcome::Many);
            }
            Choice::Selected => {}
            Choice::Everything | Choice::Nothing | Choice::Failure => return Ok(Outcome::Many),
            Choice::Backup => {
                let count = eval.scratch.chosen.len();
                return match self.dialect {
                    Dialect::Halfmoon => {
                        let place = eval.random(count);
                        let chosen = eval.scratch.chosen.get(place).copied();
                        Ok(chosen.map_or(Outcome::Many, |number| Outcome::One(number as usize)))
                    }
                    Dialect::PowerDns => Err("no address is up, and the sum of weights is zero"),
                };
            }
        }
        let chosen = || eval.scratch.chosen.iter().copied();
        let total: u64 = chosen().map(|member| self.weight(member, eval)).sum();
        let mut point = 0;
        if total > 0 {
            point = u64::from(eval.hash_client()) % total;
        }
        for place in 0..eval.scratch.chosen.len() {
            let Some(member) = eval.scratch.chosen.get(place).copied() else { break };
            let weight = self.weight(member, eval);
            if point < weight {
                return Ok(Outcome::One(member as usize));
            }
            point -= weight;
        }
        Ok(Outcome::Many)
    }
}
