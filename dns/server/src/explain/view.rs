//! An explanation as machines read it.

use serde::{Deserialize, Serialize};

pub use crate::answer::{End, Found, Stage};

/// Why an answer is what it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The name in question.
    pub name: String,
    /// The type in question.
    #[serde(rename = "type")]
    pub rtype: String,
    /// Who asks.
    pub client: String,
    /// The client subnet that the query bears (RFC 7871).
    pub client_subnet: Option<String>,
    /// What the clock of programs was set to, in UTC (RFC 3339); none: now.
    pub at: Option<String>,
    /// What is supposed, and not so.
    pub supposed: Vec<String>,
    /// Nothing is probed: of endpoints nothing is known but what is supposed.
    pub unprobed: bool,
    /// The code of the reply.
    pub rcode: String,
    /// Whether the answer does not fit into a datagram, and the client has to come over TCP.
    pub truncated: bool,
    /// The Extended DNS Error of the reply (RFC 8914).
    pub error: Option<String>,
    /// The records of the answer.
    pub answer: Vec<String>,
    /// The scope prefix that a client subnet gets: for which networks the answer holds.
    pub scope: Option<u8>,
    /// What happened, in order.
    pub steps: Vec<Stage<ProgramView>>,
}

/// A program that ran.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProgramView {
    /// Its zone.
    pub zone: String,
    /// Its owner.
    pub owner: String,
    /// The type of what it makes.
    pub makes: String,
    /// Where it stands: `file:line`.
    pub place: Option<String>,
    /// Its text.
    pub text: String,
    /// `plan` or `Lua`.
    pub runs_as: String,
    /// What it did, in order.
    pub did: Vec<DidView>,
    /// What it did beyond that and is not listed.
    pub more: usize,
    /// The data of its records.
    pub gave: Vec<String>,
    /// Why it failed.
    pub failure: Option<String>,
    /// The TTL of its records, in seconds.
    pub ttl: u32,
    /// Why it is that.
    pub ttl_why: String,
    /// The prefix of the client's address that mattered, in bits.
    pub scope: u8,
    /// Why.
    pub scope_why: String,
    /// Whether the answer is kept, and for whom.
    pub kept: String,
}

/// One thing that a program did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "did", rename_all = "lowercase")]
pub enum DidView {
    /// It called a function.
    Call {
        /// The call with its arguments.
        call: String,
        /// What came out.
        result: String,
        /// What was found out on the way, a line each.
        found: Vec<String>,
        /// The endpoints that it chose from.
        endpoints: Vec<EndpointView>,
        /// How it chose among them.
        choice: Option<String>,
    },
    /// It looked at a condition.
    Branch {
        /// The condition.
        test: String,
        /// Whether it held.
        holds: bool,
    },
    /// It read a value.
    Read {
        /// What.
        what: String,
        /// The value.
        value: String,
    },
}

/// An endpoint that a call could choose.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct EndpointView {
    /// What would be answered.
    pub address: String,
    /// Its group, from 1, in order of preference.
    pub group: usize,
    /// Its labels.
    pub labels: Vec<String>,
    /// The check that speaks for it.
    pub check: Option<String>,
    /// `up`, `down` or `unknown`.
    pub state: String,
    /// Since when, in UTC (RFC 3339).
    pub since: Option<String>,
    /// Why it is in that state.
    pub why: String,
    /// When it was probed last, in UTC, and what came of it.
    pub last: Option<String>,
    /// Who has overridden it, and why.
    pub overridden: Option<String>,
    /// Whether it may be answered.
    pub chosen: bool,
    /// What it gets of its share, from 0 to 1.
    pub share: f64,
}
