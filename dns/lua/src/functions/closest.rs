//! `pickclosest`: the address that is closest to the client.

use std::net::IpAddr;
use std::sync::Arc;

use halfmoon_healthcheck::Member;

use halfmoon_geo::Attribute;

use crate::Dialect;
use crate::binder::{Binder, Refused};
use crate::eval::{Bound, Eval, Item, Outcome};
use crate::functions::unchecked::Unchecked;
use crate::functions::{Function, Gives, Kind};
use crate::value::Arg;

pub(super) const PICKCLOSEST: Function = Function {
    name: "pickclosest",
    usage: "pickclosest({'192.0.2.1', '198.51.100.1'})",
    parameters: &[Kind::Table],
    required: 1,
    gives: Gives::Text,
    bind,
};

#[derive(Debug)]
struct Closest {
    dialect: Dialect,
    addresses: Vec<IpAddr>,
    offer: Unchecked,
}

fn bind(args: &[Arg], binder: &mut Binder<'_>) -> Result<Box<dyn Bound>, Refused> {
    let [list] = args else { return Err(Refused) };
    warn_if_blind(list, binder);
    let args = binder.full_list(list, "the list of addresses")?;
    let read: Vec<_> = args.iter().map(|arg| binder.address(arg)).collect();
    let read = read.into_iter().collect::<Result<Vec<_>, _>>()?;
    let addresses: Vec<IpAddr> = read.into_iter().flatten().map(|(address, _)| address).collect();
    binder.some_left(list, addresses.is_empty())?;
    let items = addresses.iter().map(|address| binder.address_item(*address)).collect();
    let offer = Unchecked::bind(items, binder);
    Ok(Box::new(Closest { dialect: binder.dialect(), addresses, offer }))
}

/// Warns that without a database all addresses are equally far.
pub(super) fn warn_if_blind(arg: &Arg, binder: &mut Binder<'_>) {
    if !binder.settings.places.has(Attribute::Location) {
        binder.warn(
            "lua-no-coordinates",
            arg,
            "no database with coordinates is loaded: all addresses are equally far",
            "name one under geo.databases",
        );
    }
}

impl Bound for Closest {
    fn items(&self) -> &[Item] {
        &self.offer.items
    }

    fn choice(&self) -> Option<(&Arc<[Member]>, bool)> {
        Some(self.offer.members())
    }

    fn eval(&self, eval: &mut Eval<'_>) -> Result<Outcome, &'static str> {
        let left = self.offer.left(eval)?;
        left.gather(self.addresses.len(), eval);
        let place = eval.closest(&self.addresses, self.dialect);
        Ok(left.one(place, eval))
    }
}
