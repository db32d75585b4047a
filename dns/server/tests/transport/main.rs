//! The transports over real sockets, with a service that needs no zone.

mod echo;
mod proxy;
mod sockets;
mod tcp;
mod udp;
