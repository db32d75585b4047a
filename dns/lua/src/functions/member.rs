//! Members of a group: an address as it is answered, its weight, and what says whether it is up.

use std::net::IpAddr;

use url::Url;

use crate::address;
use crate::binder::{Binder, Refused};
use crate::functions::checks::{self, Subject};
use crate::functions::{ifurlup, weighted};
use crate::value::{Arg, Table, Value};

/// A member of a group, and where it is written.
#[derive(Debug)]
pub(super) struct Member<'v> {
    pub(super) arg: &'v Arg,
    pub(super) address: IpAddr,
    /// A port of its own.
    pub(super) port: Option<u16>,
    /// `None`: not given, which is 1.
    pub(super) weight: Option<u32>,
    /// What is probed in place of the address.
    pub(super) probe: Option<(IpAddr, Option<u16>)>,
    /// What is asked for in place of the URL of all.
    pub(super) url: Option<Url>,
    /// What is checked in place of what the function says.
    pub(super) check: Option<Own<'v>>,
}

/// The check of a member.
#[derive(Debug)]
pub(super) enum Own<'v> {
    /// As it is written, since it depends on the options of the call.
    Written(&'v Arg),
    Subject(Subject),
}

const HELP: &str = "write {80, '192.0.2.1'}, or {'192.0.2.1', weight=80, probe='192.0.2.9:8080'}";

impl<'v> Member<'v> {
    /// An address and nothing else.
    pub(super) const fn plain(arg: &'v Arg, address: IpAddr, port: Option<u16>) -> Self {
        Self { arg, address, port, weight: None, probe: None, url: None, check: None }
    }

    /// Whether this is a member and not a group: a table that begins with a weight, or says
    /// something of an address by name. The peer knows no such thing.
    pub(super) fn is_one(arg: &Arg, binder: &Binder<'_>) -> bool {
        let Value::Table(Table { items, fields }) = &arg.value else {
            return true;
        };
        let has_weight = items.first().is_some_and(|item| matches!(item.value, Value::Number(_)));
        binder.is_halfmoon() && (has_weight || !fields.is_empty())
    }

    /// Reads one. `None`: of the family this record cannot carry.
    pub(super) fn read(arg: &'v Arg, binder: &mut Binder<'_>) -> Result<Option<Self>, Refused> {
        let Value::Table(Table { items, fields }) = &arg.value else {
            let read = binder.address(arg)?;
            return Ok(read.map(|(address, port)| Self::plain(arg, address, port)));
        };
        let (weight, address) = match items.as_slice() {
            [address] => (None, address),
            [weight, address] => (Some(weight), address),
            _ => {
                let message = "a member of a group is an address, maybe with a weight before it";
                return Err(binder.refuse_with(arg, message, HELP));
            }
        };
        let read = binder.address(address)?;
        let mut weight = weight.map(|weight| weighted::weight_of(weight, binder)).transpose()?;
        let (mut probe, mut url, mut check) = (None, None, None);
        for (key, value) in fields {
            match &*binder.text(key, "the name of a member's option")? {
                "weight" => weight = Some(weighted::weight_of(value, binder)?),
                "probe" => probe = Some(target(value, binder)?),
                "url" => url = ifurlup::read_url(value, binder)?,
                name @ ("beat" | "check" | "file") => {
                    let own = match name {
                        "beat" => Own::Subject(Subject::Beat(checks::beat(value, binder)?)),
                        "file" => Own::Subject(Subject::File(checks::file(value, binder)?)),
                        _ => Own::Written(value),
                    };
                    if check.replace(own).is_some() {
                        let message = "beat, check and file exclude each other";
                        let help = "write check={'all', {'beat', 'fra'}, {'file', 'fra'}} for both";
                        return Err(binder.refuse_with(key, message, help));
                    }
                }
                other => {
                    let message = format!("a member of a group has no {other}");
                    return Err(binder.refuse_with(key, message, HELP));
                }
            }
        }
        Ok(read.map(|(address, port)| Self { arg, address, port, weight, probe, url, check }))
    }

    /// The port that is probed in place of the port of all.
    pub(super) fn own_port(&self) -> Option<u16> {
        self.probe.and_then(|(_, port)| port).or(self.port)
    }

    /// What is probed.
    pub(super) fn probed(&self) -> IpAddr {
        self.probe.map_or(self.address, |(address, _)| address)
    }
}

fn target(arg: &Arg, binder: &mut Binder<'_>) -> Result<(IpAddr, Option<u16>), Refused> {
    let text = binder.text(arg, "the address to probe")?;
    match address::parse(&text, binder.dialect()) {
        Some(target) => Ok(target),
        None => Err(binder.refuse(arg, format!("'{text}' is not an address"))),
    }
}
