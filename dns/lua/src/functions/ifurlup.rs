//! `ifurlup`: addresses that answer a GET of a URL.

use std::net::IpAddr;

use halfmoon_healthcheck::{Check, HttpProbe, Options, Probe};
use url::Url;

use crate::binder::{Binder, Refused};
use crate::eval::Bound;
use crate::functions::options::{self, Target};
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
    let options = options::Options::read(rest.first(), Target::Url, binder);
    let (url, options) = (read?, options?);
    let groups = ifup::groups(list, &options, binder)?;
    for member in groups.iter().flatten() {
        if let Some(port) = member.own_port()
            && binder.is_halfmoon()
        {
            let message = format!("the URL says which port is probed: leave :{port} out");
            return Err(binder.refuse(member.arg, message));
        }
    }
    ifup::bind(list, groups, &options, binder, |member| {
        let url = member.url.as_ref().or(url.as_ref()).filter(|_| !options.never);
        url.map(|url| check(url, Some(member.probed()), &options.checks))
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
        return Err(binder.refuse_as("lua-url", arg, message, help));
    }
    binder.warn("lua-url", arg, message, help);
    Ok(None)
}

/// The check that a URL is answered as expected, at `address` whatever its host resolves to.
pub(crate) fn check(url: &Url, address: Option<IpAddr>, options: &Options) -> Check {
    let probe =
        HttpProbe { url: url.clone(), address, tls: options.tls, http: options.http.clone() };
    Check { probe: Probe::Http(Box::new(probe)), pace: options.pace, source: options.source }
}
