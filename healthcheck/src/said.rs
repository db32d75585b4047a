//! What an endpoint says of itself: called in, or written to a file.
//!
//! One line, `up`, `down` or `up 2026-11-24T12:00:00Z`, or JSON:
//! `{"state": "up", "ttl": 30, "weight": 5, "reason": "…"}`, with `"until": "2026-11-24T12:00:00Z"` in
//! place of `ttl`. Nothing at all is `up`.

use std::time::{Duration, SystemTime};

use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::check::PushOptions;

/// What an endpoint says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Whether it says that it is up.
    pub is_up: bool,
    /// For how long, or until when, if it says so.
    pub holds: Holds,
    /// Its weight; 0 if it has none.
    pub weight: u32,
    /// Why, in its own words.
    pub reason: Option<String>,
}

/// How long something that was said holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// As long as the check says.
    AsChecked,
    /// So long from when it was said.
    For(Duration),
    /// Until then.
    Until(SystemTime),
}

/// A text says nothing of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SaidError {
    /// It is too long.
    #[error("more than {} octets", Said::MOST)]
    Long,
    /// It is neither a line nor JSON.
    #[error(
        "neither a line like `up 2026-11-24T12:00:00Z` nor JSON like {{\"state\": \"up\", \"ttl\": 30}}"
    )]
    Form,
    /// It is JSON, and something in it is not right.
    #[error("{0}")]
    Json(String),
    /// A time is none.
    #[error("{0:?} is no time: write one like 2026-11-24T12:00:00Z")]
    Time(String),
    /// It would hold for too long, or not at all.
    #[error("a ttl is from 1 to {} seconds", PushOptions::LONGEST.as_secs())]
    Ttl,
    /// It says two things about when it ends.
    #[error("until and ttl exclude each other: write one of them")]
    Twice,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Json {
    state: State,
    until: Option<String>,
    ttl: Option<u64>,
    #[serde(default)]
    weight: u32,
    reason: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Up,
    Down,
}

impl Said {
    /// How long a text may be, in octets.
    pub const MOST: usize = 4096;

    /// How many characters of a reason are kept.
    const MOST_REASON: usize = 200;

    /// Understands a text.
    ///
    /// # Errors
    /// It says nothing of an endpoint, and why.
    pub fn parse(text: &[u8]) -> Result<Self, SaidError> {
        if text.len() > Self::MOST {
            return Err(SaidError::Long);
        }
        let text = std::str::from_utf8(text).map_err(|_| SaidError::Form)?.trim();
        if text.starts_with('{') {
            return Self::of_json(text);
        }
        let (state, until) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let holds = match until.trim() {
            "" => Holds::AsChecked,
            until => Holds::Until(moment(until)?),
        };
        let is_up = match state {
            "" | "up" => true,
            "down" => false,
            _ => return Err(SaidError::Form),
        };
        Ok(Self { is_up, holds, weight: 0, reason: None })
    }

    fn of_json(text: &str) -> Result<Self, SaidError> {
        let json: Json =
            serde_json::from_str(text).map_err(|error| SaidError::Json(error.to_string()))?;
        let holds = match (json.until, json.ttl) {
            (Some(_), Some(_)) => return Err(SaidError::Twice),
            (Some(until), None) => Holds::Until(moment(&until)?),
            (None, Some(ttl)) if (1..=PushOptions::LONGEST.as_secs()).contains(&ttl) => {
                Holds::For(Duration::from_secs(ttl))
            }
            (None, Some(_)) => return Err(SaidError::Ttl),
            (None, None) => Holds::AsChecked,
        };
        let short = |reason: String| {
            let printable = reason.chars().filter(|letter| !letter.is_control());
            printable.take(Self::MOST_REASON).collect()
        };
        Ok(Self {
            is_up: matches!(json.state, State::Up),
            holds,
            weight: json.weight,
            reason: json.reason.map(short),
        })
    }
}

/// A date and time (RFC 3339).
fn moment(text: &str) -> Result<SystemTime, SaidError> {
    OffsetDateTime::parse(text, &Rfc3339)
        .map(SystemTime::from)
        .map_err(|_| SaidError::Time(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_or_json_says_a_state_and_how_long_it_holds() {
        let noon = Holds::Until(SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_521_600));
        let said = |is_up, holds| Said { is_up, holds, weight: 0, reason: None };
        for (text, expected) in [
            ("", said(true, Holds::AsChecked)),
            ("up", said(true, Holds::AsChecked)),
            ("down\n", said(false, Holds::AsChecked)),
            ("up 2026-11-24T12:00:00Z\n", said(true, noon)),
            ("down\t2026-11-24T14:00:00+02:00", said(false, noon)),
            ("{\"state\":\"up\"}", said(true, Holds::AsChecked)),
            (" {\"state\":\"up\",\"ttl\":30}", said(true, Holds::For(Duration::from_secs(30)))),
            (
                "{\"state\":\"down\",\"until\":\"2026-11-24T12:00:00Z\",\"weight\":7,\
                  \"reason\":\"disk\\nfull\"}",
                Said { weight: 7, reason: Some("diskfull".into()), ..said(false, noon) },
            ),
        ] {
            assert_eq!(Said::parse(text.as_bytes()), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_says_nothing_is_told_why() {
        for (text, error) in [
            ("yes", "neither a line"),
            ("UP", "neither a line"),
            ("up tomorrow", "\"tomorrow\" is no time"),
            ("up 2026-11-24 12:00", "\"2026-11-24 12:00\" is no time"),
            ("{\"state\":\"maybe\"}", "unknown variant `maybe`"),
            ("{\"status\":\"up\"}", "unknown field `status`"),
            ("{", "EOF while parsing"),
            ("{\"state\":\"up\",\"ttl\":0}", "a ttl is from 1"),
            ("{\"state\":\"up\",\"ttl\":1,\"until\":\"2026-11-24T12:00:00Z\"}", "until and ttl"),
            ("\u{0}", "neither a line"),
        ] {
            let said = Said::parse(text.as_bytes()).expect_err(text).to_string();
            assert!(said.starts_with(error), "{text}: {said}");
        }
        assert_eq!(Said::parse(b"\xff"), Err(SaidError::Form));
        assert_eq!(Said::parse(&[b' '; Said::MOST + 1]), Err(SaidError::Long));
    }
}
