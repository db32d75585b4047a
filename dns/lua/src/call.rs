//! The calls by health of a program as they stand in its text: what those who look at several records,
//! or at several zones, compare.

use std::net::IpAddr;

use url::{Host, Url};

use crate::address;
use crate::functions::{Function, Kind};
use crate::settings::Dialect;
use crate::value::{Arg, Table, Value, number_text};

/// A call of a function by health.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCall {
    at: usize,
    function: &'static str,
    /// A port, a URL: what is checked of each address.
    subject: Told,
    options: Told,
    asked: Option<UrlAsked>,
}

/// A URL that several addresses are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlAsked {
    /// Where the URL stands in the program's text, in octets.
    pub at: usize,
    /// Its host.
    pub(crate) host: Host<String>,
    /// Who is asked: the address that is answered, and the one that is probed in its place.
    pub addresses: Vec<(IpAddr, IpAddr)>,
}

/// What an argument is, as far as the text tells.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    /// The program computes it.
    Computed,
    Text(Box<str>),
}

impl HealthCall {
    /// A call at this offset; `None` among its arguments is one that the program computes.
    pub(crate) fn read(
        at: usize,
        function: &Function,
        args: &[Option<Arg>],
        dialect: Dialect,
    ) -> Self {
        let of_kind = |kind| function.parameters.iter().position(|known| *known == kind);
        let told = |kind| match of_kind(kind).and_then(|place| args.get(place)) {
            None => Told::Nothing,
            Some(None) => Told::Computed,
            Some(Some(arg)) => Told::Text(written(arg).into()),
        };
        let asked = match (function.name, args) {
            ("ifurlup", [Some(url), Some(list), ..]) => UrlAsked::read(url, list, dialect),
            _ => None,
        };
        let (subject, options) = (told(Kind::Text), told(Kind::Options));
        Self { at, function: function.name, subject, options, asked }
    }

    /// Where it stands in the program's text, in octets.
    #[must_use]
    pub const fn at(&self) -> usize {
        self.at
    }

    /// The name of the function.
    #[must_use]
    pub const fn function(&self) -> &'static str {
        self.function
    }

    /// What is asked for, if it is a URL that all addresses of a list in the text are asked for.
    #[must_use]
    pub const fn asked(&self) -> Option<&UrlAsked> {
        self.asked.as_ref()
    }

    /// In what it differs from another that is to say the same of other addresses, if it does, as
    /// `port 80 and not 443`.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Option<String> {
        if self.function != other.function {
            return Some(format!("{} and not {}", self.function, other.function));
        }
        let differ = |mine: &Told, theirs: &Told| {
            let is_computed = [mine, theirs].contains(&&Told::Computed);
            (mine != theirs && !is_computed)
                .then(|| format!("{} and not {}", mine.shown(), theirs.shown()))
        };
        let subject = differ(&self.subject, &other.subject);
        subject.or_else(|| differ(&self.options, &other.options))
    }
}

impl Told {
    fn shown(&self) -> &str {
        match self {
            Self::Text(text) => text,
            _ => "nothing",
        }
    }
}

impl UrlAsked {
    /// The host, if it is a name.
    #[must_use]
    pub fn host_name(&self) -> Option<&str> {
        match &self.host {
            Host::Domain(name) => Some(name),
            Host::Ipv4(_) | Host::Ipv6(_) => None,
        }
    }

    fn read(url: &Arg, list: &Arg, dialect: Dialect) -> Option<Self> {
        let parsed = Url::parse(&url.value.as_text()?).ok()?;
        let mut addresses = Vec::new();
        members(list, dialect, 0, &mut addresses);
        Some(Self { at: url.at, host: parsed.host()?.to_owned(), addresses })
    }
}

/// The members of a list that are asked as the call says, and not in a way of their own.
fn members(arg: &Arg, dialect: Dialect, depth: usize, found: &mut Vec<(IpAddr, IpAddr)>) {
    let address = |arg: &Arg| Some(address::parse(&arg.value.as_text()?, dialect)?.0);
    let Value::Table(Table { items, fields }) = &arg.value else {
        found.extend(address(arg).map(|address| (address, address)));
        return;
    };
    let has_weight = items.first().is_some_and(|item| matches!(item.value, Value::Number(_)));
    if fields.is_empty() && !has_weight {
        // A list, a group, and no deeper.
        if depth < 2 {
            items.iter().for_each(|item| members(item, dialect, depth + 1, found));
        }
        return;
    }
    let of = |name: &str| fields.iter().find(|(key, _)| key.value == Value::text(name));
    if ["beat", "check", "file", "url"].into_iter().any(|own| of(own).is_some()) {
        return;
    }
    if let Some(answered) = items.last().and_then(address) {
        let probed = of("probe").and_then(|(_, probe)| address(probe));
        found.push((answered, probed.unwrap_or(answered)));
    }
}

/// A value as it is written, in a form that is the same for all that mean the same of a record and its
/// twin of the other family.
fn written(arg: &Arg) -> String {
    match &arg.value {
        Value::Text(octets) => {
            let text = String::from_utf8_lossy(octets);
            // Where a URL names an address, each family has its own.
            match Url::parse(&text).ok().as_ref().map(|url| (url, url.host())) {
                Some((url, Some(Host::Ipv4(_) | Host::Ipv6(_)))) => {
                    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
                    format!("'{}://ADDRESS{port}{}'", url.scheme(), url.path())
                }
                _ => format!("'{text}'"),
            }
        }
        Value::Number(number) => number_text(*number),
        Value::Bool(truth) => truth.to_string(),
        Value::Table(Table { items, fields }) => {
            let mut fields: Vec<String> = fields
                .iter()
                // An address of its own family, too.
                .filter(|(key, _)| key.value != Value::text("source"))
                .map(|(key, value)| {
                    let key = key.value.as_text().unwrap_or_default();
                    format!("{key}={}", written(value))
                })
                .collect();
            fields.sort_unstable();
            let items = items.iter().map(written);
            format!("{{{}}}", items.chain(fields).collect::<Vec<_>>().join(", "))
        }
        other => other.kind().to_owned(),
    }
}
