//! What the peer has besides the host functions: what makes objects, and a few helpers.

use std::rc::Rc;

use mlua::Lua;

use crate::vm::host::Host;
use crate::vm::objects::{Address, DnsName, End, Netmask, Text};
use crate::vm::sets::{AddressSet, Netmasks, Texts};

/// Puts them there.
pub(super) fn functions(lua: &Lua, host: &Rc<Host>) -> mlua::Result<()> {
    objects(lua)?;
    let globals = lua.globals();
    let shared = Rc::clone(host);
    let random = move |_: &Lua, (bound, End): (Option<u32>, End)| {
        let bound = bound.map_or(4_294_967_296.0, f64::from);
        Ok((shared.random() * bound).floor())
    };
    globals.raw_set("pdnsrandom", lua.create_function(random)?)
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
    let group = |_: &Lua, (texts, End): (Option<Texts>, End)| match texts {
        Some(texts) => Netmasks::of(&texts),
        None => Ok(Netmasks::default()),
    };
    globals.raw_set("newNMG", lua.create_function(group)?)
}
