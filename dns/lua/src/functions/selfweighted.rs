//! `pickselfweighted`: one address, as likely as the number it answers a check with says.

use halfmoon_healthcheck::{CheckId, State};

use crate::Dialect;
use crate::answers::Reads;
use crate::binder::{Binder, Refused};
use crate::burtle;
use crate::eval::{Bound, Eval, Item, Outcome};
use crate::functions::member::Member;
use crate::functions::options::{Options, Target};
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
    fails_unknown: bool,
    ttl: Option<u32>,
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
    let mut bound = SelfWeighted {
        dialect: binder.dialect(),
        items: Vec::new(),
        checks: Vec::new(),
        fails_unknown: options.fails_unknown,
        ttl: options.ttl,
    };
    for member in members {
        if matches!(member.arg.value, Value::Table(_)) {
            let message = "the weights of pickselfweighted come from the checks: write the address";
            return Err(binder.refuse(member.arg, message));
        }
        let check =
            url.as_ref().map(|url| ifurlup::check(url, Some(member.address), &options.checks));
        let watched = match check {
            Some(check) => binder.watch(member.arg, check)?,
            None => None,
        };
        bound.checks.push(watched);
        bound.items.push(binder.address_item(member.address));
    }
    binder.some_left(list, bound.items.is_empty())?;
    Ok(Box::new(bound))
}

impl SelfWeighted {
    /// Whether nothing is known of any of them.
    fn is_unknown(&self, eval: &mut Eval<'_>) -> bool {
        self.checks.iter().all(|check| eval.state(*check) == State::Unknown)
    }

    fn weight(&self, place: usize, eval: &Eval<'_>) -> u64 {
        let Some(id) = self.checks.get(place).copied().flatten() else {
            return 0;
        };
        let verdict = eval.health.verdict(id);
        match verdict.state {
            State::Up => u64::from(verdict.weight.max(1)),
            State::Down | State::Unknown => 0,
        }
    }
}

impl Bound for SelfWeighted {
    fn items(&self) -> &[Item] {
        &self.items
    }

    fn eval(&self, eval: &mut Eval<'_>) -> Result<Outcome, &'static str> {
        eval.trace.read(Reads::HEALTH);
        eval.trace.ttl(self.ttl);
        let total: u64 = (0..self.items.len()).map(|place| self.weight(place, eval)).sum();
        if total == 0 {
            if self.fails_unknown && self.is_unknown(eval) {
                return Err(ifup::UNKNOWN);
            }
            return match self.dialect {
                Dialect::Halfmoon => Ok(Outcome::One(eval.random(self.items.len()))),
                Dialect::PowerDns => Err("no address is up, and the sum of weights is zero"),
            };
        }
        let mut point = u64::from(burtle::hash_address(eval.whole_client())) % total;
        for place in 0..self.items.len() {
            let weight = self.weight(place, eval);
            if point < weight {
                return Ok(Outcome::One(place));
            }
            point -= weight;
        }
        Ok(Outcome::One(0))
    }
}
