//! The variables of a program: what the query is.

use halfmoon_wire::NameBuf;
use mlua::{Lua, Value};

use super::{Host, Running, idle};
use crate::address::{Mask, truncate};
use crate::answers::Reads;
use crate::globals::{VARIABLES, Variable};
use crate::vm::Arguments;
use crate::vm::objects::{Address, DnsName, Netmask};
use crate::vm::records::Header;

impl Host {
    /// The values of the variables a program names.
    pub(in crate::vm) fn arguments(
        &self,
        lua: &Lua,
        variables: &[Variable],
    ) -> mlua::Result<Arguments> {
        let running = self.running.try_borrow().map_err(mlua::Error::external)?;
        let running = running.as_ref().ok_or_else(idle)?;
        variables.iter().map(|variable| self.variable(lua, *variable, running)).collect()
    }

    /// The value of a variable, if `name` is one.
    pub(in crate::vm) fn named(&self, lua: &Lua, name: &[u8]) -> mlua::Result<Value> {
        let running = self.running.try_borrow().map_err(mlua::Error::external)?;
        let known = VARIABLES.iter().find(|(known, _)| known.as_bytes() == name);
        match (known, running.as_ref()) {
            (Some((_, variable)), Some(running)) => self.variable(lua, *variable, running),
            _ => Ok(Value::Nil),
        }
    }

    fn variable(&self, lua: &Lua, variable: Variable, running: &Running) -> mlua::Result<Value> {
        let client = &running.client;
        let mut trace = self.trace.get();
        let address = |address| lua.create_userdata(Address(address)).map(Value::UserData);
        let name = |name: NameBuf| lua.create_userdata(DnsName(name)).map(Value::UserData);
        let value = match variable {
            Variable::BestWho => {
                let best = trace.whole_client(client);
                let port = if client.ecs.is_some() { 0 } else { client.peer.port() };
                address((best, port).into())?
            }
            Variable::EcsWho => match client.ecs {
                Some(network) => {
                    trace.client(network.prefix);
                    let mask = Mask {
                        address: truncate(network.addr, network.prefix),
                        bits: network.prefix,
                    };
                    lua.create_userdata(Netmask(mask)).map(Value::UserData)?
                }
                None => {
                    trace.read(Reads::TRANSPORT);
                    Value::Nil
                }
            },
            Variable::Who => {
                if client.ecs.is_some() {
                    // Whom the resolver asks for does not matter; which resolver it is does.
                    trace.read(Reads::TRANSPORT);
                } else {
                    trace.whole_client(client);
                }
                address(client.peer)?
            }
            Variable::LocalWho => {
                trace.read(Reads::TRANSPORT);
                match client.local {
                    Some(local) => address(local)?,
                    None => Value::Nil,
                }
            }
            Variable::Dh => {
                trace.read(Reads::TRANSPORT);
                lua.create_userdata(Header(client.header)).map(Value::UserData)?
            }
            Variable::DnssecOk => {
                trace.read(Reads::TRANSPORT);
                Value::Boolean(client.dnssec_ok)
            }
            Variable::Tcp => {
                trace.read(Reads::TRANSPORT);
                Value::Boolean(client.tcp)
            }
            Variable::EdnsSize => {
                trace.read(Reads::TRANSPORT);
                Value::Number(client.edns_size.map_or(-1.0, f64::from))
            }
            Variable::QName => {
                trace.read(Reads::NAME);
                name(running.qname)?
            }
            Variable::Zone => name(running.zone)?,
            // There are no numbers for zones here, so each has the same for ever.
            Variable::ZoneId => {
                Value::Number(f64::from(crate::burtle::hash_name(running.zone.as_name()) >> 1))
            }
        };
        self.trace.set(trace);
        self.tell_variable(variable, running);
        Ok(value)
    }

    /// Notes the value of a variable that a program was given, if somebody wants to know.
    fn tell_variable(&self, variable: Variable, running: &Running) {
        let Ok(mut scratch) = self.scratch.try_borrow_mut() else {
            return;
        };
        let Some(story) = &mut scratch.story else {
            return;
        };
        let client = &running.client;
        let value = match variable {
            Variable::BestWho => client.best().to_string(),
            Variable::EcsWho => match client.ecs {
                Some(network) => format!("{}/{}", network.addr, network.prefix),
                None => "nil".to_owned(),
            },
            Variable::Who => client.peer.ip().to_string(),
            Variable::LocalWho => {
                client.local.map_or_else(|| "nil".to_owned(), |local| local.to_string())
            }
            Variable::Dh => "the header of the query".to_owned(),
            Variable::DnssecOk => client.dnssec_ok.to_string(),
            Variable::Tcp => client.tcp.to_string(),
            Variable::EdnsSize => {
                client.edns_size.map_or_else(|| "-1".to_owned(), |size| size.to_string())
            }
            Variable::QName => running.qname.to_string(),
            Variable::Zone => running.zone.to_string(),
            Variable::ZoneId => "the number of the zone".to_owned(),
        };
        let known = VARIABLES.iter().find(|(_, known)| *known == variable);
        story.variable(known.map_or("?", |(name, _)| name), &value);
    }
}
