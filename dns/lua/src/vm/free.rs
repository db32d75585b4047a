//! What the peer has besides the host functions: what makes objects, and a few helpers.

use std::rc::Rc;

use halfmoon_wire::{Name, NameBuf, Type};
use mlua::{FromLua, Lua, Value};

use crate::vm::convert::ENTRY;
use crate::vm::host::Host;
use crate::vm::objects::{Address, DnsName, End, Netmask, Text};
use crate::vm::records::{DnsRecord, QType, ResourceRecord};
use crate::vm::sets::{AddressSet, Netmasks, Texts};
use crate::{Dialect, rdata};

/// Puts them there.
pub(super) fn functions(lua: &Lua, host: &Rc<Host>) -> mlua::Result<()> {
    objects(lua)?;
    let globals = lua.globals();
    let shared = Rc::clone(host);
    let random = move |_: &Lua, (bound, End): (Option<u32>, End)| {
        let bound = bound.map_or(4_294_967_296.0, f64::from);
        Ok((shared.random() * bound).floor())
    };
    globals.raw_set("pdnsrandom", lua.create_function(random)?)?;
    let shared = Rc::clone(host);
    let include = move |lua: &Lua, (text, End): (Text, End)| shared.include(lua, &text.0);
    globals.raw_set("include", lua.create_function(include)?)?;
    let shared = Rc::clone(host);
    let log = move |_: &Lua, (text, level, End): (Text, Option<u32>, End)| {
        shared.note(level.unwrap_or(WARNING), &text.0);
        Ok(())
    };
    globals.raw_set("pdnslog", lua.create_function(log)?)?;
    let shared = Rc::clone(host);
    let find = move |lua: &Lua, (name, rtype, End): (Text, Value, End)| {
        // A number in text is a number; the peer takes nothing else.
        let rtype = match lua.coerce_number(rtype.clone())? {
            Some(number) => Type(u16::from_lua(Value::Number(number), lua)?),
            None if shared.dialect() == Dialect::Halfmoon => QType::from_lua(rtype, lua)?.0,
            None => return Err(mlua::Error::runtime("the type has to be a number")),
        };
        resolve(&shared, &DnsName::read(&name.0)?.0, rtype)
    };
    globals.raw_set("resolve", lua.create_function(find)?)
}

/// The level of what is logged without one.
const WARNING: u32 = 4;
/// How many records `resolve` gives.
const MOST: usize = 256;
/// How many aliases it follows.
const ALIASES: usize = 8;

/// What the zones on this server say. Nobody else is asked: the thread that answers does not wait.
fn resolve(host: &Host, name: &NameBuf, rtype: Type) -> mlua::Result<Vec<ResourceRecord>> {
    let data = host.data()?;
    let mut target = *name;
    for _ in 0..=ALIASES {
        host.charge(ENTRY)?;
        let mut found = Vec::new();
        let is_ours = data.lookup(target.as_name(), rtype, &mut |ttl, octets| {
            let mut shown = Vec::new();
            rdata::show(rtype, octets, &mut shown);
            let content = String::from_utf8_lossy(&shown).into_owned();
            found.push(ResourceRecord::found(target.as_name(), rtype, ttl, content));
            found.len() < MOST
        });
        if !is_ours {
            let text = format!("resolve: no zone on this server answers for {target}");
            host.note(WARNING, &text);
        }
        if !found.is_empty() || !is_ours {
            host.charge(ENTRY * found.len() as u64)?;
            return Ok(found);
        }
        let mut next = None;
        data.lookup(target.as_name(), Type::CNAME, &mut |_, octets| {
            next = Name::from_wire(octets).ok().map(Name::to_buf);
            false
        });
        match next {
            Some(next) => target = next,
            None => break,
        }
    }
    Ok(Vec::new())
}

fn objects(lua: &Lua) -> mlua::Result<()> {
    let globals = lua.globals();
    let name = lua.create_function(|_, (text, End): (Text, End)| DnsName::read(&text.0))?;
    globals.raw_set("newDN", name)?;
    let address = lua.create_function(|_, (text, End): (Text, End)| Address::read(&text.0))?;
    globals.raw_set("newCA", address)?;
    let raw = |_: &Lua, (octets, port, End): (mlua::LuaString, Option<u16>, End)| {
        Address::from_raw(&octets.as_bytes(), port.unwrap_or(0))
    };
    globals.raw_set("newCAFromRaw", lua.create_function(raw)?)?;
    let set = lua.create_function(|_, End| Ok(AddressSet::default()))?;
    globals.raw_set("newCAS", set)?;
    let mask = lua.create_function(|_, (text, End): (Text, End)| Netmask::read(&text.0))?;
    globals.raw_set("newNetmask", mask)?;
    let record = |lua: &Lua, parts| DnsRecord::make(lua, parts);
    globals.raw_set("newDR", lua.create_function(record)?)?;
    let record = |lua: &Lua, parts| ResourceRecord::make(lua, parts);
    globals.raw_set("newDRR", lua.create_function(record)?)?;
    let rtype = lua.create_function(|_, (text, End): (Text, End)| QType::read(&text.0))?;
    globals.raw_set("newQType", rtype)?;
    let group = |_: &Lua, (texts, End): (Option<Texts>, End)| match texts {
        Some(texts) => Netmasks::of(&texts),
        None => Ok(Netmasks::default()),
    };
    globals.raw_set("newNMG", lua.create_function(group)?)
}
