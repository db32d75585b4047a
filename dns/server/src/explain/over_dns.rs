//! Explanations as TXT records of class CHAOS, for clients that may have them: `www.example.org A` is
//! explained at `www.example.org.a.explain.halfmoon`.
//!
//! A record a line, numbered, so that they can be put in order again. They leave over TCP alone, on
//! whose threads they are made, and are of bounded size.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use halfmoon_lua::Telling;
use halfmoon_wire::{Name, NameBuf, Query, Rcode, Reply};
use ipnet::IpNet;

use super::asked::record_type;
use super::{Wish, known};
use crate::answer::{Trail, answer};
use crate::meter::Meter;
use crate::transport::{MAX_MESSAGE, Peer, Protocol, Stream, Verdict};
use crate::worker::Worker;

/// Below what names are asked.
const SUFFIX: &[u8] = b"\x07explain\x08halfmoon\0";
/// Octets of a message.
const MESSAGE: usize = 16 * 1024;
/// Lines that are told.
const LINES: usize = 200;
/// Octets of a line, the number included.
const LINE: usize = 255;

/// Whether a name asks for an explanation.
pub(crate) fn asks(name: Name<'_>) -> bool {
    name.label_count() > 2 && name.suffix(2).as_wire().eq_ignore_ascii_case(SUFFIX)
}

/// One message.
#[derive(Debug)]
pub(crate) struct Told(Option<Vec<u8>>);

impl Stream for Told {
    fn next(&mut self, out: &mut [u8]) -> Option<usize> {
        let message = self.0.take()?;
        out.get_mut(..message.len())?.copy_from_slice(&message);
        Some(message.len())
    }
}

/// The explanation that a query asks for. The worker answers as it answers everybody, but for that
/// nothing of it is counted among the answers of a zone, remembered or logged.
pub(crate) fn over_dns(worker: &mut Worker, message: &[u8], peer: &Peer) -> Option<Told> {
    let query = Query::parse(message)?;
    let text = match wish(&query, peer) {
        Ok(wish) => explained(worker, &wish, peer),
        Err(why) => why,
    };
    let mut out = vec![0; MESSAGE];
    let mut reply = Reply::new(&query, MESSAGE, &mut out, &mut worker.places)?;
    reply.authoritative(true);
    for (number, line) in (1..).zip(text.lines().filter(|line| !line.trim().is_empty())) {
        let line = match number {
            1..=LINES => cut(format!("{number:03} {line}")),
            _ => format!("{number:03} … `halfmoon explain` says the rest"),
        };
        if reply.chaos_text(line.as_bytes()).is_err() {
            reply.truncated();
            break;
        }
        if number > LINES {
            break;
        }
    }
    let length = reply.finish(Rcode::NOERROR);
    out.truncate(length);
    Some(Told(Some(out)))
}

/// What is asked for.
fn wish(query: &Query<'_>, peer: &Peer) -> Result<Wish, String> {
    let asked = query.question.map(|question| question.name.to_string()).unwrap_or_default();
    let asked = asked.trim_end_matches('.');
    let inner = asked.len().checked_sub(".explain.halfmoon".len()).and_then(|end| asked.get(..end));
    let (name, rtype) = inner
        .map(|inner| inner.rsplit_once('.').unwrap_or(("", inner)))
        .ok_or("write NAME.TYPE.explain.halfmoon")?;
    let rtype = record_type(rtype).ok_or_else(|| {
        format!("{rtype:?} is no type of records; write www.example.org.a.explain.halfmoon")
    })?;
    let name: NameBuf =
        format!("{name}.").parse().map_err(|_| format!("{name:?} is no domain name"))?;
    let subnet = query.edns.and_then(|edns| edns.client_subnet);
    let subnet = subnet.and_then(|subnet| IpNet::new(subnet.address?, subnet.source).ok());
    let client: IpAddr = peer.remote.ip();
    Ok(Wish { name, rtype, client, subnet, at: None, seed: 0 })
}

fn explained(worker: &mut Worker, wish: &Wish, peer: &Peer) -> String {
    let peer = Peer { remote: SocketAddr::new(wish.client, 53), protocol: Protocol::Tcp, ..*peer };
    let mut out = vec![0; MAX_MESSAGE];
    // This thread answers others, too: nothing is compiled anew, and no lock is waited for.
    let trail = Trail { telling: Telling::Brief, ..Trail::default() };
    (worker.is_aside, worker.trail) = (true, Some(Box::new(trail)));
    // Nothing is probed because somebody asks why, and the answer is none that was given.
    let looking = worker.requests.looking_on();
    let health = std::mem::replace(&mut worker.requests, looking);
    let meter = std::mem::replace(&mut worker.meter, Meter::apart());
    let verdict = answer(worker, &wish.query(), &peer, MAX_MESSAGE, &mut out);
    (worker.is_aside, worker.requests, worker.meter) = (false, health, meter);
    let trail = worker.trail.take().unwrap_or_default();
    let reply = match verdict {
        Verdict::Reply(length) => out.get(..length).unwrap_or_default(),
        Verdict::Drop | Verdict::Stream => &[],
    };
    let board = Arc::clone(worker.health.load());
    known::explanation(&worker.requests, &board, wish, reply, &trail).to_string()
}

/// As much of a line as one string takes.
fn cut(mut line: String) -> String {
    if line.len() > LINE {
        let end = (0..=LINE - "…".len()).rev().find(|end| line.is_char_boundary(*end));
        line.truncate(end.unwrap_or(0));
        line.push('…');
    }
    line
}
