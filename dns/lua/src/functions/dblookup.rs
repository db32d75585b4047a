//! `dblookup`: records of the zones on this server, as text.

use halfmoon_wire::{NameBuf, Type};

use crate::binder::{Binder, Refused, shown};
use crate::eval::{Bound, Eval, Outcome};
use crate::functions::{Function, Gives, Kind};
use crate::rdata;
use crate::value::{Arg, Value};

pub(super) const DBLOOKUP: Function = Function {
    name: "dblookup",
    usage: "dblookup('www.example.org', pdns.A)",
    parameters: &[Kind::Text, Kind::Text],
    required: 2,
    gives: Gives::Table,
    bind,
};

/// How many records are looked at: more would be more work than one call may cause, and more than
/// an answer may have.
const MOST: usize = 256;

#[derive(Debug)]
struct Lookup {
    name: NameBuf,
    rtype: Type,
}

fn bind(args: &[Arg], binder: &mut Binder<'_>) -> Result<Box<dyn Bound>, Refused> {
    let [name, rtype] = args else { return Err(Refused) };
    let text = binder.text(name, "a name")?;
    let Ok(parsed) = text.parse() else {
        return Err(binder.refuse(name, format!("{} is not a name", shown(name))));
    };
    let found = match &rtype.value {
        Value::Text(octets) if binder.is_halfmoon() => {
            std::str::from_utf8(octets).ok().and_then(|text| text.parse().ok())
        }
        _ => None,
    };
    let rtype = match found {
        Some(rtype) => rtype,
        None => {
            let number = binder.integer(rtype, "the type of the records")?;
            let Ok(number) = u16::try_from(number) else {
                return Err(binder.refuse(rtype, format!("there is no type {number}")));
            };
            Type(number)
        }
    };
    Ok(Box::new(Lookup { name: parsed, rtype }))
}

impl Bound for Lookup {
    fn eval(&self, eval: &mut Eval<'_>) -> Result<Outcome, &'static str> {
        let texts = &mut eval.scratch.texts;
        texts.clear();
        let mut left = MOST;
        eval.data.lookup(self.name.as_name(), self.rtype, &mut |_, data| {
            texts.push(|out| rdata::show(self.rtype, data, out));
            left -= 1;
            left > 0
        });
        Ok(Outcome::Texts)
    }
}
