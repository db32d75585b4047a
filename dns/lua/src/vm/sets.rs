//! Sets of addresses: groups of networks, and plain sets.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use mlua::{FromLua, Lua, UserData, UserDataMethods, Value};

use crate::address::Group;
use crate::vm::convert::ENTRY;
use crate::vm::host;
use crate::vm::objects::{Address, End, Text, wrong};

/// How many entries a set has. What it takes is not the virtual machine's memory.
const MOST: usize = 4096;

/// A group of networks.
#[derive(Clone, Default)]
pub(super) struct Netmasks(pub(super) Arc<Group>);

/// A set of addresses.
#[derive(Clone, Default)]
pub(super) struct AddressSet(BTreeSet<IpAddr>);

/// Strings in a table.
pub(super) struct Texts(Vec<String>);

/// An address, or the text of one.
pub(super) struct Whom(pub(super) IpAddr);

impl Netmasks {
    pub(super) fn of(texts: &Texts) -> mlua::Result<Self> {
        let mut group = Self::default();
        group.add(&texts.0)?;
        Ok(group)
    }

    fn add(&mut self, texts: &[String]) -> mlua::Result<()> {
        // A copy of the group is made if anybody else has it.
        let group = Arc::make_mut(&mut self.0);
        for text in texts {
            group.add(text).ok_or_else(|| wrong("a network", text, &""))?;
            full(group.len())?;
        }
        Ok(())
    }
}

fn full(count: usize) -> mlua::Result<()> {
    if count > MOST {
        return Err(mlua::Error::runtime(format!("more than {MOST} entries in a set")));
    }
    Ok(())
}

impl UserData for Netmasks {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_method_mut("addMask", |lua, this, (text, End): (Text, End)| {
            host::charge(lua, ENTRY)?;
            this.add(&[text.0])
        });
        methods
            .add_method_mut("addMasks", |_, this, (texts, End): (Texts, End)| this.add(&texts.0));
        methods.add_method("match", |lua, this, (whom, End): (Whom, End)| {
            host::charge(lua, this.0.len() as u64 / 16)?;
            Ok(this.0.holds(whom.0))
        });
    }
}

impl UserData for AddressSet {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_method_mut("add", |lua, this, (value, End): (Value, End)| {
            match &value {
                Value::Table(_) => {
                    for text in Texts::from_lua(value, lua)?.0 {
                        this.0.insert(Address::read(&text)?.ip());
                    }
                }
                _ => {
                    host::charge(lua, ENTRY)?;
                    this.0.insert(Whom::from_lua(value, lua)?.0);
                }
            }
            full(this.0.len())
        });
        methods
            .add_method("check", |_, this, (whom, End): (Whom, End)| Ok(this.0.contains(&whom.0)));
    }
}

impl FromLua for Texts {
    fn from_lua(value: Value, lua: &Lua) -> mlua::Result<Self> {
        let Value::Table(table) = value else {
            let message = format!("a list of strings is wanted, not {}", value.type_name());
            return Err(mlua::Error::runtime(message));
        };
        let mut texts = Vec::new();
        table.for_each(|_: Value, value: Value| {
            host::charge(lua, ENTRY)?;
            texts.push(Text::from_lua(value, lua)?.0);
            full(texts.len())
        })?;
        Ok(Self(texts))
    }
}

impl FromLua for Whom {
    fn from_lua(value: Value, lua: &Lua) -> mlua::Result<Self> {
        match &value {
            Value::UserData(object) => Ok(Self(object.borrow::<Address>()?.ip())),
            _ => Ok(Self(Address::read(&Text::from_lua(value, lua)?.0)?.ip())),
        }
    }
}
