//! The objects of the peer: names, addresses, networks.

use std::net::{IpAddr, SocketAddr};

use halfmoon_wire::{Name, NameBuf};
use mlua::{
    FromLua, FromLuaMulti, Lua, MetaMethod, MultiValue, UserData, UserDataMethods, UserDataRef,
    Value,
};

use crate::address::{self, Mask, truncate};
use crate::settings::Dialect;
use crate::value::number_text;
use crate::vm::host::read_transport;

/// A domain name.
#[derive(Clone, Copy)]
pub(super) struct DnsName(pub(super) NameBuf);

/// An address with a port.
#[derive(Clone, Copy)]
pub(super) struct Address(pub(super) SocketAddr);

/// A network.
#[derive(Clone, Copy)]
pub(super) struct Netmask(pub(super) Mask);

/// What `nxdomain()` gives: an answer that there is no such name.
pub(super) struct Denial;

impl UserData for Denial {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_meta_method(MetaMethod::ToString, |_, _, ()| Ok("nxdomain"));
    }
}

impl DnsName {
    pub(super) fn read(text: &str) -> mlua::Result<Self> {
        text.parse().map(Self).map_err(|why| wrong("a name", text, &why))
    }

    fn name(&self) -> Name<'_> {
        self.0.as_name()
    }

    fn without_dot(&self) -> String {
        let text = self.0.to_string();
        text.strip_suffix('.').unwrap_or(&text).to_owned()
    }
}

impl Address {
    pub(super) fn read(text: &str) -> mlua::Result<Self> {
        match address::parse(text, Dialect::PowerDns) {
            Some((ip, port)) => Ok(Self(SocketAddr::new(ip, port.unwrap_or(0)))),
            None => Err(wrong("an address", text, &"")),
        }
    }

    /// The address of four or sixteen octets.
    pub(super) fn from_raw(octets: &[u8], port: u16) -> mlua::Result<Self> {
        let ip = if let Ok(octets) = <[u8; 4]>::try_from(octets) {
            IpAddr::from(octets)
        } else if let Ok(octets) = <[u8; 16]>::try_from(octets) {
            IpAddr::from(octets)
        } else {
            return Err(mlua::Error::runtime("an address has 4 or 16 octets"));
        };
        Ok(Self(SocketAddr::new(ip, port)))
    }

    pub(super) const fn ip(&self) -> IpAddr {
        self.0.ip()
    }
}

impl Netmask {
    pub(super) fn read(text: &str) -> mlua::Result<Self> {
        // As on the peer, nothing is left of an address in the network.
        let masked = |mask: Mask| Self(Mask { address: mask.network(), bits: mask.bits });
        Mask::parse(text).map(masked).ok_or_else(|| wrong("a network", text, &""))
    }

    fn text(&self) -> String {
        format!("{}/{}", self.0.address, self.0.bits)
    }
}

pub(super) fn wrong(what: &str, text: &str, why: &dyn std::fmt::Display) -> mlua::Error {
    let text: String = text.chars().take(60).collect();
    mlua::Error::runtime(format!("'{text}' is not {what} {why}").trim_end().to_owned())
}

impl FromLua for DnsName {
    fn from_lua(value: Value, lua: &Lua) -> mlua::Result<Self> {
        match &value {
            Value::UserData(object) => Ok(*object.borrow::<Self>()?),
            _ => Self::read(&Text::from_lua(value, lua)?.0),
        }
    }
}

impl UserData for DnsName {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_method("toString", |_, this, End| Ok(this.0.to_string()));
        methods.add_method("toStringNoDot", |_, this, End| Ok(this.without_dot()));
        methods.add_method("countLabels", |_, this, End| Ok(this.name().label_count()));
        for name in ["wirelength", "wireLength"] {
            methods.add_method(name, |_, this, End| Ok(this.name().as_wire().len()));
        }
        methods.add_method("getRawLabels", |lua, this, End| {
            let table = lua.create_table()?;
            for label in this.name().labels() {
                table.raw_push(lua.create_string(label)?)?;
            }
            Ok(table)
        });
        methods.add_method("isPartOf", |_, this, (other, End): (UserDataRef<Self>, End)| {
            Ok(this.name().is_at_or_below(other.name()))
        });
        methods.add_method("makeRelative", |lua, this, (other, End): (UserDataRef<Self>, End)| {
            if !this.name().is_at_or_below(other.name()) {
                return Ok(Value::Nil);
            }
            let relative = NameBuf::substitute(this.name(), other.name(), Name::ROOT)
                .map_err(mlua::Error::external)?;
            lua.create_userdata(Self(relative)).map(Value::UserData)
        });
        methods.add_method("equal", |_, this, (other, End): (Value, End)| match &other {
            Value::UserData(other) => Ok(other.borrow::<Self>()?.0 == this.0),
            Value::String(text) => {
                let text = text.to_string_lossy();
                Ok(text.parse::<NameBuf>().is_ok_and(|name| name == this.0))
            }
            _ => Err(mlua::Error::runtime("equal takes a name or a string")),
        });
        methods.add_method("canonCompare", |_, this, (other, End): (UserDataRef<Self>, End)| {
            Ok(this.name().canonical_cmp(other.name()).is_lt())
        });
        methods.add_method_mut("chopOff", |_, this, End| match this.name().parent() {
            Some(parent) => {
                let parent = parent.to_buf();
                this.0 = parent;
                Ok(true)
            }
            None => Ok(false),
        });
        methods.add_meta_method(MetaMethod::ToString, |_, this, ()| Ok(this.0.to_string()));
        methods.add_meta_method(MetaMethod::Eq, |_, this, other: UserDataRef<Self>| {
            Ok(this.0 == other.0)
        });
        methods.add_meta_method(MetaMethod::Lt, |_, this, other: UserDataRef<Self>| {
            Ok(this.name().canonical_cmp(other.name()).is_lt())
        });
    }
}

impl UserData for Address {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        for name in ["toString", "toStringNoInterface"] {
            methods.add_method(name, |_, this, End| Ok(this.ip().to_string()));
        }
        // The port is another with each query.
        methods.add_method("toStringWithPort", |lua, this, End| {
            read_transport(lua);
            Ok(this.0.to_string())
        });
        methods.add_method("toStringReversed", |_, this, End| Ok(reversed(this.ip())));
        methods.add_method("getPort", |lua, this, End| {
            read_transport(lua);
            Ok(this.0.port())
        });
        methods.add_method("getRaw", |lua, this, End| match this.ip() {
            IpAddr::V4(ip) => lua.create_string(ip.octets()),
            IpAddr::V6(ip) => lua.create_string(ip.octets()),
        });
        for name in ["isIPv4", "isIpv4"] {
            methods.add_method(name, |_, this, End| Ok(this.ip().is_ipv4()));
        }
        for name in ["isIPv6", "isIpv6"] {
            methods.add_method(name, |_, this, End| Ok(this.ip().is_ipv6()));
        }
        methods.add_method("isMappedIPv4", |_, this, End| {
            Ok(matches!(this.ip(), IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some()))
        });
        methods.add_method("mapToIPv4", |_, this, End| match this.ip() {
            IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some() => {
                Ok(Self(SocketAddr::new(this.ip().to_canonical(), this.0.port())))
            }
            _ => Err(mlua::Error::runtime("not an IPv4 address mapped into IPv6")),
        });
        methods.add_method_mut("truncate", |_, this, (bits, End): (u32, End)| {
            this.0.set_ip(truncate(this.ip(), u8::try_from(bits).unwrap_or(u8::MAX)));
            Ok(())
        });
        methods.add_method("equal", |_, this, (other, End): (UserDataRef<Self>, End)| {
            Ok(this.ip() == other.ip())
        });
        methods.add_meta_method(MetaMethod::ToString, |_, this, ()| Ok(this.ip().to_string()));
        methods.add_meta_method(MetaMethod::Eq, |lua, this, other: UserDataRef<Self>| {
            read_transport(lua);
            Ok(this.0 == other.0)
        });
    }
}

impl UserData for Netmask {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_method("getNetwork", |_, this, End| Ok(Address((this.0.address, 0).into())));
        methods.add_method("getMaskedNetwork", |_, this, End| {
            Ok(Address((this.0.network(), 0).into()))
        });
        methods.add_method("getBits", |_, this, End| Ok(this.0.bits));
        for name in ["isIPv4", "isIpv4"] {
            methods.add_method(name, |_, this, End| Ok(this.0.address.is_ipv4()));
        }
        for name in ["isIPv6", "isIpv6"] {
            methods.add_method(name, |_, this, End| Ok(this.0.address.is_ipv6()));
        }
        methods.add_method("match", |_, this, (text, End): (Value, End)| {
            let address = match &text {
                Value::UserData(object) => object.borrow::<Address>()?.ip(),
                Value::String(text) => Address::read(&text.to_string_lossy())?.ip(),
                _ => return Err(mlua::Error::runtime("match takes an address")),
            };
            Ok(this.0.holds(address))
        });
        methods.add_method("empty", |_, _, End| Ok(false));
        methods.add_method("toString", |_, this, End| Ok(this.text()));
        methods.add_meta_method(MetaMethod::ToString, |_, this, ()| Ok(this.text()));
        methods.add_meta_method(MetaMethod::Eq, |_, this, other: UserDataRef<Self>| {
            Ok(this.0 == other.0)
        });
    }
}

/// The address in the order of names for reverse look-ups, without their suffix.
fn reversed(address: IpAddr) -> String {
    match address {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            format!("{d}.{c}.{b}.{a}")
        }
        IpAddr::V6(ip) => {
            let digits = format!("{:032x}", ip.to_bits());
            let digits: Vec<String> = digits.chars().rev().map(String::from).collect();
            digits.join(".")
        }
    }
}

/// No more arguments: one too many is an error, as on the peer.
pub(super) struct End;

impl FromLuaMulti for End {
    fn from_lua_multi(values: MultiValue, _: &Lua) -> mlua::Result<Self> {
        if values.is_empty() { Ok(Self) } else { Err(mlua::Error::runtime("too many arguments")) }
    }
}

/// Text, from a string or a number; nothing else is one.
pub(super) struct Text(pub(super) String);

impl FromLua for Text {
    fn from_lua(value: Value, _: &Lua) -> mlua::Result<Self> {
        match value {
            Value::String(text) => Ok(Self(text.to_string_lossy())),
            Value::Integer(number) => Ok(Self(number.to_string())),
            Value::Number(number) => Ok(Self(number_text(number))),
            other => {
                let message = format!("a string is wanted, not {}", other.type_name());
                Err(mlua::Error::runtime(message))
            }
        }
    }
}
