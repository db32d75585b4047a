//! A question as people write it, to the command line and to the admin interface.

use std::net::{IpAddr, Ipv4Addr};

use halfmoon_wire::{NameBuf, Type};
use ipnet::IpNet;
use serde::Deserialize;

use super::Wish;
use crate::date;
use crate::overrides::Target;

/// Targets that may be supposed to be down.
pub const MOST_TARGETS: usize = 64;

/// What is to be explained, as it is written.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Asked {
    /// The name.
    pub name: String,
    /// The type.
    #[serde(rename = "type")]
    pub rtype: String,
    /// Who asks.
    pub client: IpAddr,
    /// For whom a resolver asks.
    pub subnet: Option<IpNet>,
    /// What the clock of programs shows (RFC 3339).
    pub at: Option<String>,
    /// The course of chance.
    pub seed: u64,
    /// Targets that are supposed to be down, a line each: checks have commas in their names.
    pub down: String,
    /// Everything else is supposed to be up.
    pub all_up: bool,
}

impl Default for Asked {
    fn default() -> Self {
        Self {
            name: String::new(),
            rtype: "A".to_owned(),
            client: IpAddr::V4(Ipv4Addr::LOCALHOST),
            subnet: None,
            at: None,
            seed: 0,
            down: String::new(),
            all_up: false,
        }
    }
}

impl Asked {
    /// What is meant: the question, and what is supposed to be down.
    ///
    /// # Errors
    /// What is wrong, and what to write instead.
    pub fn parse(&self) -> Result<(Wish, Vec<Target>), String> {
        let (name, rtype) = question(&self.name, &self.rtype)?;
        let at = match &self.at {
            Some(text) => Some(
                date::parse(text)
                    .ok_or_else(|| format!("{text:?} is no time; write 2026-12-24T18:00:00Z"))?,
            ),
            None => None,
        };
        let targets: Vec<&str> = self.down.lines().collect();
        if targets.len() > MOST_TARGETS {
            return Err(format!("more than {MOST_TARGETS} targets in `down`"));
        }
        if targets.iter().any(|target| target.trim().is_empty()) {
            return Err(
                "a target in `down` is empty; write an address or a label (region:fsn)".to_owned()
            );
        }
        let down = targets.into_iter().map(Target::parse).collect::<Result<_, _>>()?;
        let (client, subnet, seed) = (self.client, self.subnet, self.seed);
        Ok((Wish { name, rtype, client, subnet, at, seed }, down))
    }

    /// The same as it stands in a URL.
    #[must_use]
    pub fn query(&self) -> Vec<(&'static str, String)> {
        let mut query = vec![
            ("name", self.name.clone()),
            ("type", self.rtype.clone()),
            ("client", self.client.to_string()),
            ("seed", self.seed.to_string()),
            ("down", self.down.clone()),
            ("all_up", self.all_up.to_string()),
        ];
        query.extend(self.subnet.map(|subnet| ("subnet", subnet.to_string())));
        query.extend(self.at.clone().map(|at| ("at", at)));
        query
    }
}

/// A name and a type as they are written.
///
/// # Errors
/// What is wrong, and what to write instead.
pub fn question(name: &str, rtype: &str) -> Result<(NameBuf, Type), String> {
    if name.is_empty() {
        return Err("say which `name`".to_owned());
    }
    let owner = name.parse().map_err(|_| format!("{name:?} is no name; write www.example.org"))?;
    match record_type(rtype) {
        Some(rtype) => Ok((owner, rtype)),
        None => Err(format!("{rtype:?} is no type of records; write A or AAAA")),
    }
}

/// The type that records have of which this is the name, or ANY.
pub(crate) fn record_type(text: &str) -> Option<Type> {
    text.parse().ok().filter(|rtype: &Type| !rtype.is_meta() || *rtype == Type::ANY)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(change: impl FnOnce(&mut Asked)) -> Asked {
        let mut asked = Asked { name: "www.example.org".to_owned(), ..Asked::default() };
        change(&mut asked);
        asked
    }

    #[test]
    fn what_is_wrong_is_said_with_what_to_write() {
        let many = "192.0.2.1\n".repeat(MOST_TARGETS + 1);
        for (asked, why) in [
            (asked(|asked| asked.name.clear()), "say which `name`"),
            (asked(|asked| asked.name = "a..b".into()), "\"a..b\" is no name; write www"),
            (asked(|asked| asked.rtype = "ALPHA".into()), "\"ALPHA\" is no type of records"),
            (asked(|asked| asked.rtype = "AXFR".into()), "\"AXFR\" is no type of records"),
            (asked(|asked| asked.at = Some("noon".into())), "\"noon\" is no time; write 2026"),
            (asked(|asked| asked.down = "a..b/A".into()), "\"a..b\" is no name; write an address"),
            (asked(|asked| asked.down = "192.0.2.1\n\n".into()), "a target in `down` is empty"),
            (asked(|asked| asked.down = many), "more than 64 targets"),
        ] {
            let error = asked.parse().unwrap_err();
            assert!(error.starts_with(why), "{asked:?}: {error}");
        }
    }

    #[test]
    fn a_question_stands_in_a_url_as_it_is_meant() {
        for asked in [
            asked(|_| ()),
            asked(|asked| {
                (asked.rtype, asked.client) = ("any".into(), "2001:db8::1".parse().unwrap());
                asked.subnet = Some("192.0.2.0/24".parse().unwrap());
                (asked.at, asked.seed) = (Some("2026-12-24T18:00:00Z".into()), 7);
                (asked.down, asked.all_up) = ("192.0.2.1\n2 of (beat a, beat b)".into(), true);
            }),
        ] {
            let mut url = reqwest::Url::parse("http://server/").unwrap();
            url.query_pairs_mut().extend_pairs(asked.query());
            let uri: axum::http::Uri = url.as_str().parse().unwrap();
            let read = axum::extract::Query::<Asked>::try_from_uri(&uri).unwrap().0;
            assert_eq!(read, asked);
            let (wish, down) = read.parse().unwrap();
            assert_eq!((wish.seed, down.len()), (asked.seed, asked.down.lines().count()));
        }
    }
}
