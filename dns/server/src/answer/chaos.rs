//! What the server says of itself in class CHAOS (RFC 4892), if it is told to.

use halfmoon_wire::{ExtendedError, Question, Rcode, Reply, Type};

use crate::explain;
use crate::shared::{Policy, Presentation};
use crate::transport::{Peer, Protocol};

/// The names of the version, as wire form in lower case.
const VERSION: [&[u8]; 2] = [b"\x07version\x04bind\0", b"\x07version\x06server\0"];
/// The names of the identity.
const IDENTITY: [&[u8]; 2] = [b"\x08hostname\x04bind\0", b"\x02id\x06server\0"];

/// Whether the question asks for why an answer is what it is, and whoever asks may know: that is
/// told over TCP alone, where nobody can ask for somebody else, and takes its time.
pub(super) fn explains(question: &Question<'_>, policy: &Policy, peer: &Peer) -> Option<Protocol> {
    let source = peer.remote.ip();
    let may = policy.explains_to.iter().any(|network| network.contains(&source));
    (may && question.qtype == Type::TXT && explain::asks(question.name)).then_some(peer.protocol)
}

/// Answers a question of class CHAOS. What the operator has not set is refused, as is any other
/// name.
pub(super) fn answer(question: &Question<'_>, says: &Presentation, reply: &mut Reply<'_>) -> Rcode {
    let is_one_of =
        |names: [&[u8]; 2]| names.iter().any(|n| question.name.as_wire().eq_ignore_ascii_case(n));
    let text = if is_one_of(VERSION) {
        says.version.as_deref()
    } else if is_one_of(IDENTITY) {
        says.identity.as_deref()
    } else {
        None
    };
    match (text, question.qtype) {
        (Some(text), Type::TXT | Type::ANY) => {
            reply.authoritative(true);
            if reply.chaos_text(text.as_bytes()).is_err() {
                reply.truncated();
            }
            Rcode::NOERROR
        }
        _ => {
            reply.extended_error(ExtendedError::NOT_AUTHORITATIVE);
            Rcode::REFUSED
        }
    }
}
