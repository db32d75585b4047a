//! Looks at answers before what they cost counts.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{RData, RecordType};

use crate::Result;
use crate::kinds::{Kind, Query, Want};
use crate::servers::{Running, Server};

/// How many questions of a kind are looked at.
const LOOKED_AT: usize = 100;
/// How long a server may take until it answers as it should: it loads zones and probes first.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two times of asking what was not answered right.
const PAUSE: Duration = Duration::from_millis(50);

/// Asks some of the questions until they are all answered right; of what has one answer to everything, until they are
/// answered.
pub(crate) fn kind(running: &mut Running, kind: &Kind) -> Result<()> {
    let is_bare = running.server == Server::Bare;
    let step = (kind.queries.len() / LOOKED_AT).max(1);
    let mut left: Vec<&Query> = kind.queries.iter().step_by(step).collect();
    let deadline = Instant::now() + PATIENCE;
    loop {
        // All in turn and then again: some probe an endpoint only from the first question on.
        let mut last = String::new();
        left.retain(|query| match ask(running.address, &query.octets) {
            Ok(answer) if is_bare || suits(&answer, query) => false,
            Ok(answer) => {
                last = format!("{:?} is wanted:\n{answer}", query.want);
                true
            }
            Err(error) => {
                last = error.to_string();
                true
            }
        });
        if left.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline || running.process.has_ended() {
            let (who, said) = (running.server.name(), running.process.said());
            let what =
                format!("{who} does not answer `{}` as it should: {last}\n{said}", kind.name);
            return Err(what.into());
        }
        pause(PAUSE);
    }
}

/// Lets a server go on with what it does. Nothing else waits for this thread.
#[expect(clippy::disallowed_methods, reason = "there is nothing to wait for but time")]
pub(crate) fn pause(length: Duration) {
    std::thread::sleep(length);
}

/// One question over UDP.
pub(crate) fn ask(server: SocketAddr, octets: &[u8]) -> Result<Message> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_read_timeout(Some(Duration::from_millis(500)))?;
    socket.connect(server)?;
    socket.send(octets)?;
    let mut buffer = [0; 4096];
    let length = socket.recv(&mut buffer)?;
    Ok(Message::from_vec(&buffer[..length])?)
}

pub(crate) fn suits(answer: &Message, query: &Query) -> bool {
    let rcode = match query.want {
        Want::NoName => ResponseCode::NXDomain,
        _ => ResponseCode::NoError,
    };
    let mut addresses: Vec<_> = answer
        .answers
        .iter()
        .filter_map(|record| match record.data {
            RData::A(address) => Some(address.0),
            _ => None,
        })
        .collect();
    addresses.sort_unstable();
    let has = |rtype| answer.answers.iter().any(|record| record.record_type() == rtype);
    let suits = match &query.want {
        Want::All(all) => {
            let mut all = all.clone();
            all.sort_unstable();
            addresses == all
        }
        Want::One(of) => matches!(&addresses[..], [one] if of.contains(one)),
        Want::Some => !addresses.is_empty(),
        Want::Text => has(RecordType::TXT),
        Want::NoName => answer.answers.is_empty(),
    };
    answer.metadata.response_code == rcode && suits && (!query.signed || has(RecordType::from(46)))
}
