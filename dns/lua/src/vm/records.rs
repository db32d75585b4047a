//! Record types, records, and the header of the query.

use halfmoon_wire::{Name, NameBuf, Type};
use mlua::{
    FromLua, Lua, MetaMethod, UserData, UserDataFields, UserDataMethods, UserDataRef, Value,
};

use crate::rdata;
use crate::vm::host;
use crate::vm::objects::{Address, DnsName, End, Text, wrong};

/// A record type.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct QType(pub(super) Type);

/// A record of a message.
#[derive(Clone)]
pub(super) struct DnsRecord {
    pub(super) name: NameBuf,
    pub(super) rtype: Type,
    pub(super) ttl: u32,
    /// The data, as text.
    pub(super) content: String,
    /// The section: 0 for the question, 1 for answers.
    pub(super) place: i64,
}

/// A record of a zone, as `resolve` finds it.
#[derive(Clone)]
pub(super) struct ResourceRecord {
    pub(super) name: NameBuf,
    pub(super) rtype: Type,
    pub(super) ttl: u32,
    pub(super) content: String,
    pub(super) zone: i64,
    pub(super) auth: bool,
}

/// The header of the query (RFC 1035 section 4.1.1).
#[derive(Clone, Copy)]
pub(super) struct Header(pub(super) [u8; 12]);

impl QType {
    /// Reads a mnemonic, `TYPE5` or `#5`.
    pub(super) fn read(text: &str) -> mlua::Result<Self> {
        let found = match text.strip_prefix('#') {
            Some(number) => number.parse().ok().map(Type),
            None => text.parse().ok(),
        };
        found.map(Self).ok_or_else(|| wrong("a record type", text, &""))
    }
}

impl UserData for QType {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_method("getCode", |_, this, End| Ok(this.0.0));
        methods.add_method("getName", |_, this, End| Ok(this.0.to_string()));
        methods.add_meta_method(MetaMethod::ToString, |_, this, ()| Ok(this.0.to_string()));
        methods.add_meta_method(MetaMethod::Eq, |_, this, other: UserDataRef<Self>| {
            Ok(this.0 == other.0)
        });
    }
}

impl FromLua for QType {
    fn from_lua(value: Value, lua: &Lua) -> mlua::Result<Self> {
        match &value {
            Value::UserData(object) => Ok(*object.borrow::<Self>()?),
            Value::Integer(_) | Value::Number(_) => Ok(Self(Type(u16::from_lua(value, lua)?))),
            _ => Self::read(&Text::from_lua(value, lua)?.0),
        }
    }
}

/// Reads data as text and gives it back as we would write it.
fn content(lua: &Lua, rtype: Type, text: &str) -> mlua::Result<String> {
    host::charge(lua, 16 + text.len() as u64 / 16)?;
    let mut data = Vec::new();
    rdata::read(rtype, text.as_bytes(), &mut data)
        .map_err(|why| wrong(&format!("data of a record of type {rtype}:"), text, &why))?;
    let mut shown = Vec::new();
    rdata::show(rtype, &data, &mut shown);
    Ok(String::from_utf8_lossy(&shown).into_owned())
}

impl DnsRecord {
    pub(super) fn make(
        lua: &Lua,
        (name, rtype, ttl, text, place, End): (DnsName, QType, u32, Text, i64, End),
    ) -> mlua::Result<Self> {
        let content = content(lua, rtype.0, &text.0)?;
        Ok(Self { name: name.0, rtype: rtype.0, ttl, content, place })
    }
}

impl UserData for DnsRecord {
    fn add_fields<F: UserDataFields<Self>>(fields: &mut F) {
        fields.add_field_method_get("name", |_, this| Ok(DnsName(this.name)));
        fields.add_field_method_set("name", |_, this, name: DnsName| {
            this.name = name.0;
            Ok(())
        });
        fields.add_field_method_get("type", |_, this| Ok(this.rtype.0));
        fields.add_field_method_set("type", |_, this, rtype: u16| {
            this.rtype = Type(rtype);
            Ok(())
        });
        fields.add_field_method_get("ttl", |_, this| Ok(this.ttl));
        fields.add_field_method_set("ttl", |_, this, ttl: u32| {
            this.ttl = ttl;
            Ok(())
        });
        fields.add_field_method_get("place", |_, this| Ok(this.place));
        fields.add_field_method_set("place", |_, this, place: i64| {
            this.place = place;
            Ok(())
        });
    }

    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_method("getContent", |_, this, End| Ok(this.content.clone()));
        methods.add_method("getCA", |_, this, End| match this.rtype {
            Type::A | Type::AAAA => Address::read(&this.content).map(Some),
            _ => Ok(None),
        });
        methods.add_method_mut("changeContent", |lua, this, (text, End): (Text, End)| {
            this.content = content(lua, this.rtype, &text.0)?;
            Ok(())
        });
    }
}

/// The arguments of `newDRR`.
type Parts = (DnsName, QType, u32, Text, Option<i64>, Option<bool>, End);

impl ResourceRecord {
    pub(super) fn make(
        lua: &Lua,
        (name, rtype, ttl, text, zone, auth, End): Parts,
    ) -> mlua::Result<Self> {
        let content = content(lua, rtype.0, &text.0)?;
        let (zone, auth) = (zone.unwrap_or(0), auth.unwrap_or(true));
        Ok(Self { name: name.0, rtype: rtype.0, ttl, content, zone, auth })
    }

    pub(super) fn found(name: Name<'_>, rtype: Type, ttl: u32, content: String) -> Self {
        Self { name: name.to_buf(), rtype, ttl, content, zone: 0, auth: true }
    }
}

impl UserData for ResourceRecord {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        for name in ["toString", "content"] {
            methods.add_method(name, |_, this, End| Ok(this.content.clone()));
        }
        for name in ["qname", "wildcardName"] {
            methods.add_method(name, |_, this, End| Ok(DnsName(this.name)));
        }
        methods.add_method("qtype", |_, this, End| Ok(QType(this.rtype)));
        methods.add_method("ttl", |_, this, End| Ok(this.ttl));
        methods.add_method("zoneId", |_, this, End| Ok(this.zone));
        methods.add_method("auth", |_, this, End| Ok(this.auth));
        methods.add_meta_method(MetaMethod::ToString, |_, this, ()| Ok(this.content.clone()));
    }
}

impl Header {
    fn word(self, at: usize) -> u16 {
        let octet = |at: usize| self.0.get(at).copied().unwrap_or(0);
        u16::from_be_bytes([octet(at), octet(at + 1)])
    }
}

impl UserData for Header {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        for (name, at) in [
            ("getID", 0),
            ("getQDCOUNT", 4),
            ("getANCOUNT", 6),
            ("getNSCOUNT", 8),
            ("getARCOUNT", 10),
        ] {
            methods.add_method(name, move |_, this, End| Ok(this.word(at)));
        }
        for (name, bit) in
            [("getAA", 10), ("getTC", 9), ("getRD", 8), ("getRA", 7), ("getAD", 5), ("getCD", 4)]
        {
            methods.add_method(name, move |_, this, End| Ok(this.word(2) >> bit & 1 == 1));
        }
        methods.add_method("getOPCODE", |_, this, End| Ok(this.word(2) >> 11 & 0xf));
        methods.add_method("getRCODE", |_, this, End| Ok(this.word(2) & 0xf));
    }
}
