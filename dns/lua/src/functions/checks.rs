//! What is checked: as a function says it, or a member for itself.
//!
//! A member's own check is a table like a call: `{'url', 'https://…', httpcode='200-299'}`,
//! `{'port', 443}`, `{'tls', 443, servername='…'}`, `{'dns', 53, name='…'}`, `{'grpc', 50051}`,
//! `{'ping'}`, `{'beat', 'fra'}`, `{'file', 'fra.state'}`, and `{'any', …}`, `{'all', …}`, `{2, …}` of
//! others.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use halfmoon_healthcheck::{
    BeatProbe, Check, DnsProbe, FileProbe, Group, GrpcProbe, Options as CheckOptions, Probe,
    TlsProbe,
};
use url::Url;

use crate::address;
use crate::binder::{Binder, Refused, shown};
use crate::functions::ifurlup;
use crate::functions::options::{Options, Target};
use crate::remark::nearest;
use crate::value::{Arg, Table, Value};

/// What is checked of an address.
#[derive(Clone, Debug)]
pub(crate) enum Subject {
    Beat(String),
    Dns(u16),
    File(PathBuf),
    Grpc(u16),
    Ping,
    Port(u16),
    Tls(u16),
    Url(Url),
}

const KINDS: [&str; 10] =
    ["all", "any", "beat", "dns", "file", "grpc", "ping", "port", "tls", "url"];
const HELP: &str = "write {'url', 'https://…'}, {'port', 443}, {'tls', 443}, {'dns', 53}, \
                    {'grpc', 50051}, {'ping'}, {'beat', 'name'}, {'file', 'name'}, or {'any', …}, \
                    {'all', …}, {2, …} of such";

impl Subject {
    /// What its options are.
    pub(crate) const fn target(&self) -> Target {
        match self {
            Self::Beat(_) | Self::File(_) => Target::Push,
            Self::Dns(_) => Target::Dns,
            Self::Grpc(_) => Target::Grpc,
            Self::Ping => Target::Ping,
            Self::Port(_) => Target::Port,
            Self::Tls(_) => Target::Tls,
            Self::Url(_) => Target::Url,
        }
    }

    /// The check of an address, with a port of its own if it has one.
    pub(crate) fn check(&self, address: IpAddr, own: Option<u16>, options: &CheckOptions) -> Check {
        let at = |port: u16| SocketAddr::new(address, own.unwrap_or(port));
        let server_name = || options.server_name.clone();
        let probe = match self {
            Self::Beat(name) => Probe::Beat(BeatProbe { name: name.clone(), push: options.push }),
            Self::Dns(port) => {
                Probe::Dns(Box::new(DnsProbe { address: at(*port), dns: options.dns.clone() }))
            }
            Self::File(path) => Probe::File(FileProbe { path: path.clone(), push: options.push }),
            Self::Grpc(port) => Probe::Grpc(Box::new(GrpcProbe {
                address: at(*port),
                service: options.grpc.service.clone(),
                tls: options.grpc.is_tls.then_some(options.tls),
                server_name: server_name(),
            })),
            Self::Ping => Probe::Ping(address),
            Self::Port(port) => Probe::Tcp(at(*port)),
            Self::Tls(port) => Probe::Tls(TlsProbe {
                address: at(*port),
                server_name: server_name(),
                tls: options.tls,
            }),
            Self::Url(url) => return ifurlup::check(url, Some(address), options),
        };
        Check { probe, pace: options.pace, source: options.source }
    }
}

/// Reads the check that a member has for itself. `None`: a URL that no check can succeed with, where
/// the peer takes it.
pub(super) fn read(
    arg: &Arg,
    address: IpAddr,
    options: &Options,
    binder: &mut Binder<'_>,
) -> Result<Option<Check>, Refused> {
    let Value::Table(Table { items, fields }) = &arg.value else {
        let message = format!("a check has to be a table, not {}", arg.value.kind());
        return Err(binder.refuse_with(arg, message, HELP));
    };
    let Some((kind, rest)) = items.split_first() else {
        return Err(binder.refuse_with(arg, "a check begins with what it is", HELP));
    };
    let mut address = address;
    let mut said = Vec::new();
    for field in fields {
        if &*binder.text(&field.0, "the name of an option")? == "address" {
            address = probed(&field.1, binder)?;
        } else {
            said.push(field);
        }
    }
    if let Value::Number(_) = kind.value {
        return group(arg, Some(kind), rest, (address, &said), options, binder);
    }
    let kind_text = binder.text(kind, "what a check is")?;
    let subject = match (&*kind_text, rest) {
        ("all" | "any", parts) => {
            return group(kind, None, parts, (address, &said), options, binder);
        }
        ("ping", []) => Subject::Ping,
        ("port", [one]) => Subject::Port(port(one, binder)?),
        ("tls", [one]) => Subject::Tls(port(one, binder)?),
        ("dns", [one]) => Subject::Dns(port(one, binder)?),
        ("grpc", [one]) => Subject::Grpc(port(one, binder)?),
        ("beat", [one]) => Subject::Beat(beat(one, binder)?),
        ("file", [one]) => Subject::File(file(one, binder)?),
        ("url", [one]) => match ifurlup::read_url(one, binder)? {
            Some(url) => Subject::Url(url),
            None => return Ok(None),
        },
        (known, _) if KINDS.contains(&known) => {
            let message = format!("a check of kind '{known}' does not take {} values", rest.len());
            return Err(binder.refuse_with(arg, message, HELP));
        }
        (other, _) => {
            let help = nearest(other, KINDS).map(|near| format!("write '{near}'"));
            let message = format!("there is no check of kind '{other}'");
            return Err(binder.refuse_with(kind, message, help.unwrap_or_else(|| HELP.to_owned())));
        }
    };
    let options = options.with(&said, subject.target(), binder)?;
    Ok(Some(subject.check(address, None, &options.checks)))
}

/// So many of some others.
fn group(
    arg: &Arg,
    number: Option<&Arg>,
    parts: &[Arg],
    (address, said): (IpAddr, &[&(Arg, Arg)]),
    options: &Options,
    binder: &mut Binder<'_>,
) -> Result<Option<Check>, Refused> {
    // What is said here holds for the parts, whatever they are.
    let options = options.with(said, Target::Any, binder)?;
    let mut read_parts = Vec::with_capacity(parts.len());
    let mut result = Ok(());
    for part in parts {
        match read(part, address, &options, binder) {
            Ok(check) => read_parts.extend(check.map(Arc::new)),
            Err(refused) => result = Err(refused),
        }
    }
    result?;
    let at_least = match number {
        Some(number) => {
            let wanted = binder.integer(number, "how many have to be up")?;
            usize::try_from(wanted).unwrap_or(0)
        }
        None if arg.value.as_text().as_deref() == Some("all") => read_parts.len(),
        None => 1,
    };
    let probe = Probe::Group(Group { at_least, parts: read_parts });
    Ok(Some(Check { probe, pace: Group::pace(), source: None }))
}

/// A port.
pub(crate) fn port(arg: &Arg, binder: &mut Binder<'_>) -> Result<u16, Refused> {
    let number = binder.integer(arg, "a port")?;
    match u16::try_from(number) {
        Ok(number) if number > 0 => Ok(number),
        // The peer takes the nearest number that fits.
        _ if !binder.is_halfmoon() => Ok(number.clamp(0, 65_535) as u16),
        _ => Err(binder.refuse(arg, format!("a port is from 1 to 65535, not {number}"))),
    }
}

/// The name of a heartbeat.
pub(super) fn beat(arg: &Arg, binder: &mut Binder<'_>) -> Result<String, Refused> {
    Ok(binder.text(arg, "the name of a heartbeat")?.into_owned())
}

/// The name of a file.
pub(super) fn file(arg: &Arg, binder: &mut Binder<'_>) -> Result<PathBuf, Refused> {
    Ok(PathBuf::from(&*binder.text(arg, "the name of a file")?))
}

fn probed(arg: &Arg, binder: &mut Binder<'_>) -> Result<IpAddr, Refused> {
    let text = binder.text(arg, "the address to probe")?;
    match address::parse(&text, binder.dialect()) {
        Some((address, None)) => Ok(address),
        _ => Err(binder.refuse(arg, format!("{} is not an address", shown(arg)))),
    }
}
