//! From Lua's values to ours: raw, so that no metatable has a say, and bounded.

use std::sync::Arc;

use mlua::MultiValue;

use crate::value::{Arg, Table, Value};
use crate::vm::host::Host;
use crate::vm::objects::{Address, DnsName};
use crate::vm::sets::Netmasks;

/// How deep tables nest in an argument.
const DEEPEST: usize = 6;
/// What an entry of a table costs: taking it in is more work than a step of the program.
pub(super) const ENTRY: u64 = 16;

/// Reads the arguments of one call, and charges for them.
pub(super) struct Reader<'h> {
    host: &'h Host,
}

impl<'h> Reader<'h> {
    pub(super) const fn new(host: &'h Host) -> Self {
        Self { host }
    }

    pub(super) fn arguments(&self, values: &MultiValue) -> mlua::Result<Vec<Arg>> {
        self.host.charge(values.len() as u64)?;
        values.iter().map(|value| self.read(value, DEEPEST)).collect()
    }

    fn read(&self, value: &mlua::Value, deeper: usize) -> mlua::Result<Arg> {
        let value = match value {
            mlua::Value::Nil => Value::Nil,
            mlua::Value::Boolean(truth) => Value::Bool(*truth),
            mlua::Value::Integer(number) => Value::Number(*number as f64),
            mlua::Value::Number(number) => Value::Number(*number),
            mlua::Value::String(text) => {
                let octets = text.as_bytes();
                self.host.charge(octets.len() as u64 / 64)?;
                Value::Text(Box::from(&*octets))
            }
            mlua::Value::Table(table) => Value::Table(self.table(table, deeper)?),
            mlua::Value::UserData(object) => object_text(object),
            other => Value::Other(other.type_name()),
        };
        Ok(Arg::new(value, 0))
    }

    fn table(&self, table: &mlua::Table, deeper: usize) -> mlua::Result<Table> {
        let Some(deeper) = deeper.checked_sub(1) else {
            return Err(mlua::Error::runtime("tables nest too deep"));
        };
        let mut numbered: Vec<(f64, Arg)> = Vec::new();
        let mut fields = Vec::new();
        table.for_each(|key: mlua::Value, value: mlua::Value| {
            self.host.charge(ENTRY)?;
            let value = self.read(&value, deeper)?;
            match key {
                mlua::Value::Integer(number) => numbered.push((number as f64, value)),
                mlua::Value::Number(number) => numbered.push((number, value)),
                key => fields.push((self.read(&key, 0)?, value)),
            }
            Ok(())
        })?;
        numbered.sort_by(|a, b| a.0.total_cmp(&b.0));
        let items = numbered.into_iter().map(|(_, value)| value).collect();
        Ok(Table { items, fields })
    }
}

/// Names and addresses stand for their text where a string is wanted; groups of networks for
/// themselves.
fn object_text(object: &mlua::AnyUserData) -> Value {
    if let Ok(address) = object.borrow::<Address>() {
        return Value::text(&address.0.ip().to_string());
    }
    if let Ok(name) = object.borrow::<DnsName>() {
        return Value::text(&name.0.to_string());
    }
    if let Ok(group) = object.borrow::<Netmasks>() {
        return Value::Networks(Arc::clone(&group.0));
    }
    Value::Other("an object")
}
