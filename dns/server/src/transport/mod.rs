//! How queries arrive and answers leave: UDP in batches, TCP with limits.
//!
//! Knows octets and addresses, not messages: what a query says and what to answer is the
//! affair of the [`Service`] that each thread owns.

use std::net::SocketAddr;

mod counters;
mod guarded;
mod listeners;
mod proxy;
mod sockets;
mod steering;
mod sys;
mod tcp;
mod udp;

pub use counters::{Counters, Tallies};
pub use listeners::{Bound, Listeners, Settings, raise_open_files};
pub(crate) use listeners::{end_group, give_back, leave, step_back};
pub use sockets::BindError;
pub use steering::Steering;
pub use tcp::TcpLimits;

/// The largest DNS message there is: its length goes in two octets (RFC 1035 section 4.2.2).
pub const MAX_MESSAGE: usize = u16::MAX as usize;

/// What carried a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// One datagram, one query.
    Udp,
    /// A stream of messages, each after its length (RFC 7766).
    Tcp,
}

/// Who asks, and where the query arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Peer {
    /// The client; IPv4 is never written as mapped IPv6. The answer goes there, or to the proxy
    /// that asks for it.
    pub remote: SocketAddr,
    /// The address the query was sent to. On a socket bound to the unspecified address it is
    /// the one the datagram came in by, so that the answer leaves from there.
    pub local: SocketAddr,
    /// What carried the query.
    pub protocol: Protocol,
}

/// What becomes of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// This many octets of `out` are the answer. A transport treats `0`, and more than the
    /// limit, as [`Verdict::Drop`].
    Reply(usize),
    /// Nothing is answered. On TCP the connection stays open.
    Drop,
    /// The answer has many messages: [`Service::stream`] makes them. On TCP only.
    Stream,
}

/// An answer of many messages, such as a zone transfer. Belongs to one connection.
pub trait Stream: std::fmt::Debug {
    /// Puts the next message into `out`, [`MAX_MESSAGE`] octets long, and says its length; `None`
    /// behind the last. Called when the messages before have left.
    fn next(&mut self, out: &mut [u8]) -> Option<usize>;
}

/// Answers queries. Belongs to the one thread that made it, so it needs to be neither `Send` nor
/// `Sync`.
pub trait Service {
    /// Called before each batch of queries, and a few times a second when there are none: the
    /// place to take new snapshots.
    fn refresh(&mut self);

    /// Tells of messages that are going to be answered next, in this order, of a transport that has several of them: what
    /// they need may be looked up at the same time. Nothing but how long it takes may depend on it, nor on
    /// whether they come.
    fn foresee(&mut self, _messages: &[&[u8]]) {}

    /// The next of the messages that were foreseen is not going to be answered.
    fn pass_over(&mut self) {}

    /// Answers one message of any content, from 0 to [`MAX_MESSAGE`] octets, into `out`, which is at least
    /// `limit` octets long and holds arbitrary octets from earlier answers.
    ///
    /// `limit` is what the transport can carry; what the client can take may be less. A panic is
    /// caught and counted, the query dropped and the service made anew.
    fn answer(&mut self, query: &[u8], peer: &Peer, limit: usize, out: &mut [u8]) -> Verdict;

    /// The messages that answer a query of which [`Service::answer`] said [`Verdict::Stream`]. `None`:
    /// there are none after all, and the connection ends.
    fn stream(&mut self, _query: &[u8], _peer: &Peer) -> Option<Box<dyn Stream>> {
        None
    }
}

/// Makes a [`Service`] on the thread that will use it. Any closure that returns one will do.
pub trait ServiceFactory: Send + Sync + 'static {
    /// What is made.
    type Service: Service;

    /// Makes one. Called on each worker thread at its start, and again after a panic.
    fn make(&self) -> Self::Service;
}

impl<S: Service, F: Fn() -> S + Send + Sync + 'static> ServiceFactory for F {
    type Service = S;

    fn make(&self) -> S {
        self()
    }
}
