//! What is answered to a question, by the RFC that says so. No sockets: zones in, replies out.

mod again;
mod lua_responses;
mod peer_forms;
mod programs;
mod rfc1034;
mod rfc1035;
mod rfc2181;
mod rfc2308;
mod rfc3597;
mod rfc4035;
mod rfc4592;
mod rfc4892;
mod rfc5001;
mod rfc6604;
mod rfc6672;
mod rfc6891;
mod rfc7828;
mod rfc7871;
mod rfc7873;
mod rfc8482;
mod rfc8906;
mod rfc8914;
mod rfc9471;
mod rfc9619;
mod support;
