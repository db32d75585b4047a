//! What a program finds in its state, and what it does not.

use std::rc::Rc;

use halfmoon_wire::Type;
use mlua::{Function, Lua, LuaOptions, MultiValue, StdLib, Table, Value};

use crate::functions;
use crate::globals::{self, ATTRIBUTES, BASE, LIBRARIES};
use crate::rewrite::SITE;
use crate::vm::free;
use crate::vm::host::Host;

/// A state with what [`crate::globals`] names and nothing else, none of which can be changed.
pub(super) fn build(host: &Rc<Host>) -> mlua::Result<Lua> {
    let libraries = StdLib::STRING | StdLib::TABLE | StdLib::MATH | StdLib::OS | StdLib::BIT;
    let lua = Lua::new_with(libraries, LuaOptions::new())?;
    let globals = lua.globals();
    lua.set_app_data(Rc::clone(host));
    let pages: Table = lua.load(PAGES).set_name("=pages").call(())?;
    lua.set_named_registry_value("pages", pages)?;
    wrap(&lua, host)?;
    globals.raw_set("bit", bit(&lua)?)?;
    keep_known(&globals)?;
    functions(&lua, host)?;
    free::functions(&lua, host)?;
    tables(&lua)?;
    lua.sandbox(true)?;
    lua.globals().set_readonly(true);
    let shared = Rc::clone(host);
    lua.set_interrupt(move |_| shared.tick());
    Ok(lua)
}

/// What conditions are handed to that are to be told of: it hands them on. No program can name it.
pub(super) fn test(lua: &Lua, host: &Rc<Host>) -> mlua::Result<Function> {
    let shared = Rc::clone(host);
    lua.create_function(move |_, (number, value): (usize, Value)| {
        shared.test(number, !matches!(value, Value::Nil | Value::Boolean(false)));
        Ok(value)
    })
}

/// A table that takes the globals a program assigns, and has all others.
pub(super) fn environment(lua: &Lua, host: &Rc<Host>, shared: bool) -> mlua::Result<Table> {
    let environment = lua.create_table()?;
    let others = if shared { with_variables(lua, host)? } else { lua.globals() };
    environment.set_metatable(Some(index(lua, others)?))?;
    Ok(environment)
}

/// All globals, and the variables of the query at hand, each from when it is first looked at. A
/// function that was kept from an earlier query sees those of the present one.
fn with_variables(lua: &Lua, host: &Rc<Host>) -> mlua::Result<Table> {
    let globals = lua.globals();
    let others = lua.create_table()?;
    for name in globals::all(host.dialect()).chain([SITE]) {
        others.raw_set(name, globals.get::<Value>(name)?)?;
    }
    let shared = Rc::clone(host);
    let variable = move |lua: &Lua, (_, name): (Value, Value)| match name {
        Value::String(name) => shared.named(lua, &name.as_bytes()),
        _ => Ok(Value::Nil),
    };
    let variable = lua.create_function(variable)?;
    // Whoever changes one, as `qname:chopOff()` does, finds it changed: it is kept until the end of
    // the run, outside of what programs can see.
    let values = lua.create_table()?;
    lua.set_named_registry_value(VALUES, &values)?;
    let remember: Function = lua.load(REMEMBER).call((values, variable))?;
    others.set_metatable(Some(index(lua, remember)?))?;
    others.set_readonly(true);
    Ok(others)
}

const REMEMBER: &str = r"
local values, variable = ...
return function(t, name)
  local value = values[name]
  if value == nil then
    value = variable(t, name)
    if value ~= nil then values[name] = value end
  end
  return value
end
";

/// Where the variables are that the run at hand has looked at.
pub(super) const VALUES: &str = "values";

/// A metatable that says where to look for what is not there.
fn index(lua: &Lua, others: impl mlua::IntoLua) -> mlua::Result<Table> {
    let metatable = lua.create_table()?;
    metatable.raw_set("__index", others)?;
    metatable.raw_set("__metatable", false)?;
    metatable.set_readonly(true);
    Ok(metatable)
}

/// Luau takes memory in pages of 16 KiB and more, one or several for each size of object. The first
/// of each is taken here, and something kept in it for ever: the first program that needs an object
/// of some size would be charged for a whole page.
const PAGES: &str = r"
local kept = {}
for size = 1, 1000 do
  if size < 256 and size % 8 == 0 or size % 32 == 0 then
    table.insert(kept, string.rep('p', size))
  end
end
for count = 1, 64 do
  if count <= 16 or count % 4 == 0 or count < 32 and count % 2 == 0 then
    table.insert(kept, table.create(count, 0))
  end
end
return kept
";

/// Lua functions that behave otherwise than in the Lua programs are written for.
fn wrap(lua: &Lua, host: &Rc<Host>) -> mlua::Result<()> {
    let shared = Rc::clone(host);
    let reads_clock = lua.create_function(move |_, ()| {
        // Nothing where the clock is the system's.
        Ok(shared.clock())
    })?;
    let shared = Rc::clone(host);
    let random = lua.create_function(move |_, ()| Ok(shared.random()))?;
    lua.load(WRAPPERS).set_name("=wrappers").call::<()>((reads_clock, random))
}

/// `tostring` shows no addresses of memory; `format` takes what is no string as Lua 5.1 does;
/// `rep` knows a separator; `random` draws from the host's generator, which no program can seed.
const WRAPPERS: &str = r"
local reads_clock, draw = ...
local type, select, getmetatable, rawget, error = type, select, getmetatable, rawget, error
local pack, unpack, floor = table.pack, table.unpack, math.floor
local plain_tostring, plain_format, plain_rep = tostring, string.format, string.rep
local time, date = os.time, os.date

local hidden = { table = true, ['function'] = true, thread = true, buffer = true }

function tostring(...)
  if select('#', ...) == 0 then error('tostring wants a value', 2) end
  local value = ...
  local kind = type(value)
  if hidden[kind] then
    local meta = getmetatable(value)
    if type(meta) ~= 'table' or rawget(meta, '__tostring') == nil then return kind end
  end
  return plain_tostring(value)
end

local show = tostring

function string.format(form, ...)
  local count = select('#', ...)
  local values = pack(...)
  local changed = false
  for i = 1, count do
    local kind = type(values[i])
    if kind ~= 'string' and kind ~= 'number' then
      values[i] = show(values[i])
      changed = true
    end
  end
  if changed then return plain_format(form, unpack(values, 1, count)) end
  return plain_format(form, ...)
end

function string.rep(text, count, separator)
  if separator == nil or separator == '' or count < 2 then return plain_rep(text, count) end
  return plain_rep(text .. separator, count - 1) .. text
end

function math.random(low, high)
  if low == nil then return draw() end
  if high == nil then low, high = 1, low end
  low, high = floor(low), floor(high)
  if low > high then error('the interval of random is empty', 2) end
  return low + floor(draw() * (high - low + 1))
end

function os.time(...)
  local now = reads_clock()
  if now ~= nil and select('#', ...) == 0 then return now end
  return time(...)
end

function os.date(form, at, ...)
  local now = reads_clock()
  if now ~= nil and at == nil then at = now end
  if at ~= nil then return date(form, at, ...) end
  if form ~= nil then return date(form) end
  return date()
end
";

/// Takes away everything that is not on the list.
fn keep_known(globals: &Table) -> mlua::Result<()> {
    let mut names = Vec::new();
    globals.for_each(|name: String, _: Value| {
        names.push(name);
        Ok(())
    })?;
    for name in names {
        let members = LIBRARIES.iter().find(|(library, _)| *library == name);
        match members {
            Some((_, members)) => keep_members(&globals.raw_get(name)?, members)?,
            None if BASE.contains(&name.as_str()) => {}
            None => globals.raw_set(name, Value::Nil)?,
        }
    }
    Ok(())
}

fn keep_members(library: &Table, members: &[&str]) -> mlua::Result<()> {
    let mut names = Vec::new();
    library.for_each(|name: String, _: Value| {
        names.push(name);
        Ok(())
    })?;
    for name in names {
        if !members.contains(&name.as_str()) {
            library.raw_set(name, Value::Nil)?;
        }
    }
    Ok(())
}

fn functions(lua: &Lua, host: &Rc<Host>) -> mlua::Result<()> {
    let globals = lua.globals();
    let shared = Rc::clone(host);
    globals.raw_set(SITE, lua.create_function(move |lua, number| shared.site(lua, number))?)?;
    for function in functions::of(host.dialect()) {
        let shared = Rc::clone(host);
        let call = move |lua: &Lua, args: MultiValue| shared.call(lua, function, &args);
        globals.raw_set(function.name, lua.create_function(call)?)?;
    }
    Ok(())
}

fn tables(lua: &Lua) -> mlua::Result<()> {
    let attributes = lua.create_table()?;
    for (name, attribute) in ATTRIBUTES {
        attributes.raw_set(name, attribute.number())?;
    }
    attributes.set_readonly(true);
    lua.globals().raw_set("GeoIPQueryAttribute", attributes)?;
    let pdns = lua.create_table()?;
    for number in (0..=264).chain([32768, 32769, Type::LUA.0]) {
        if let Some(name) = Type(number).mnemonic() {
            pdns.raw_set(name, number)?;
        }
    }
    for (name, number) in [
        ("NOERROR", 0),
        ("FORMERR", 1),
        ("SERVFAIL", 2),
        ("NXDOMAIN", 3),
        ("NOTIMP", 4),
        ("REFUSED", 5),
        ("YXDOMAIN", 6),
        ("YXRRSET", 7),
        ("NXRRSET", 8),
        ("NOTAUTH", 9),
        ("NOTZONE", 10),
        ("DROP", -2),
    ] {
        pdns.raw_set(name, number)?;
    }
    let place = [("QUESTION", 0), ("ANSWER", 1), ("AUTHORITY", 2), ("ADDITIONAL", 3)];
    pdns.raw_set("place", numbers(lua, &place)?)?;
    let levels = [
        ("All", 32767),
        ("Alert", 1),
        ("Critical", 2),
        ("Error", 3),
        ("Warning", 4),
        ("Notice", 5),
        ("Info", 6),
        ("Debug", 7),
        ("None", 31337),
    ];
    pdns.raw_set("loglevels", numbers(lua, &levels)?)?;
    pdns.set_readonly(true);
    lua.globals().raw_set("pdns_features", numbers(lua, &[])?)?;
    lua.globals().raw_set("pdns", pdns)
}

fn numbers(lua: &Lua, entries: &[(&str, u32)]) -> mlua::Result<Table> {
    let table = lua.create_table()?;
    for (name, number) in entries {
        table.raw_set(*name, *number)?;
    }
    table.set_readonly(true);
    Ok(table)
}

/// The bit operations of LuaJIT: on 32 bits, with signed results.
fn bit(lua: &Lua) -> mlua::Result<Table> {
    fn bits(number: f64) -> i32 {
        // Modulo 2^32, as LuaJIT has it; NaN and infinities are 0.
        number.rem_euclid(4_294_967_296.0) as u32 as i32
    }
    let table = lua.create_table()?;
    let fold = |step: fn(i32, i32) -> i32| {
        lua.create_function(move |_, (first, rest): (f64, mlua::Variadic<f64>)| {
            Ok(rest.iter().fold(bits(first), |value, next| step(value, bits(*next))))
        })
    };
    table.raw_set("band", fold(|a, b| a & b)?)?;
    table.raw_set("bor", fold(|a, b| a | b)?)?;
    table.raw_set("bxor", fold(|a, b| a ^ b)?)?;
    let shift = |step: fn(i32, u32) -> i32| {
        lua.create_function(move |_, (value, by): (f64, f64)| {
            Ok(step(bits(value), bits(by) as u32 & 31))
        })
    };
    table.raw_set("lshift", shift(|a, by| a << by)?)?;
    table.raw_set("rshift", shift(|a, by| ((a as u32) >> by) as i32)?)?;
    table.raw_set("arshift", shift(|a, by| a >> by)?)?;
    table.raw_set("rol", shift(i32::rotate_left)?)?;
    table.raw_set("ror", shift(i32::rotate_right)?)?;
    let single = |step: fn(i32) -> i32| lua.create_function(move |_, a: f64| Ok(step(bits(a))));
    table.raw_set("bnot", single(|a| !a)?)?;
    table.raw_set("bswap", single(i32::swap_bytes)?)?;
    table.raw_set("tobit", single(|a| a)?)?;
    let tohex = |_: &Lua, (value, digits): (f64, Option<f64>)| {
        let digits = digits.unwrap_or(8.0);
        let count = digits.abs().min(8.0) as usize;
        let text = format!("{:08x}", bits(value));
        let text = text.get(8 - count..).unwrap_or("").to_owned();
        Ok(if digits < 0.0 { text.to_uppercase() } else { text })
    };
    table.raw_set("tohex", lua.create_function(tohex)?)?;
    Ok(table)
}
