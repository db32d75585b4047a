//! `ifurlup`: addresses that answer a GET of a URL.

use std::net::IpAddr;

use halfmoon_healthcheck::{Check, HttpProbe, Probe};
use url::Url;

use crate::binder::{Binder, Refused};
use crate::eval::Bound;
use crate::functions::options::{Options, Target};
use crate::functions::{Function, Gives, Kind, ifup};
use crate::value::Arg;

pub(super) const IFURLUP: Function = Function {
    name: "ifurlup",
    usage: "ifurlup('https://www.example.com/healthz', {'192.0.2.1', '192.0.2.2'}, {selector='all'})",
    parameters: &[Kind::Text, Kind::Table, Kind::Options],
    required: 2,
    gives: Gives::Table,
    bind,
};

fn bind(args: &[Arg], binder: &mut Binder<'_>) -> Result<Box<dyn Bound>, Refused> {
    let [url, list, rest @ ..] = args else {
        return Err(Refused);
    };
    let read = read_url(url, binder);
    let options = Options::read(rest.first(), Target::Url, binder);
    let (url, options) = (read?, options?);
    let groups = ifup::groups(list, &options, binder)?;
    for member in groups.iter().flatten() {
        if let Some(port) = member.port.or_else(|| member.probe.and_then(|(_, port)| port))
            && binder.is_halfmoon()
        {
            let message = format!("the URL says which port is probed: leave :{port} out");
            return Err(binder.refuse(member.arg, message));
        }
    }
    ifup::bind(list, groups, &options, binder, |member| {
        let url = member.url.as_ref().or(url.as_ref());
        url.and_then(|url| check(url, Some(member.probed()), &options))
    })
}

/// The URL; `None` for one that no check can succeed with, where the peer takes it.
pub(crate) fn read_url(arg: &Arg, binder: &mut Binder<'_>) -> Result<Option<Url>, Refused> {
    let text = binder.text(arg, "a URL")?;
    let why = match Url::parse(&text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => {
            return Ok(Some(url));
        }
        Ok(_) => "it has to begin with http:// or https://".to_owned(),
        Err(why) => why.to_string(),
    };
    let message = format!("'{text}' is not a URL that can be probed: {why}");
    let help = "write 'https://www.example.com/healthz'";
    if binder.is_halfmoon() {
        return Err(binder.refuse_with(arg, message, help));
    }
    binder.warn("lua-url", arg, message, help);
    Ok(None)
}

/// The check that a GET of `url` succeeds, at `address` whatever its host resolves to. `None`: it
/// never could.
pub(crate) fn check(url: &Url, address: Option<IpAddr>, options: &Options) -> Option<Check> {
    let check = Check {
        probe: Probe::Http(HttpProbe {
            url: url.clone(),
            address,
            certificate: options.certificate,
            status: options.http_code,
            body_match: options.string_match.clone(),
            byte_limit: options.byte_limit,
            user_agent: options.user_agent.clone(),
            headers: options.headers.clone(),
        }),
        pace: options.pace,
        source: options.source,
    };
    (!options.never).then_some(check)
}
