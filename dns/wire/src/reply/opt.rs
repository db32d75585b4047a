//! The OPT record of a reply: what it says, and the room it takes from the records.

use super::{LONGEST_NSID, OWN_UDP_SIZE, Reply};
use crate::edns::{
    COMPACT_OK, COOKIE, ClientSubnet, DNSSEC_OK, ExtendedError, NSID, TCP_KEEPALIVE, write_option,
};
use crate::{Rcode, Type};

/// Octets of a cookie, the client's part and the server's (RFC 9018 section 4).
const COOKIE_LENGTH: usize = 8 + 16;

/// Octets of an OPT record without options.
const OPT_LENGTH: usize = 11;

/// What the OPT record of the reply carries beside the payload size.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Options<'a> {
    pub(super) present: bool,
    pub(super) dnssec_ok: bool,
    pub(super) compact_ok: bool,
    pub(super) client_subnet: Option<ClientSubnet<'a>>,
    pub(super) scope: u8,
    pub(super) cookie: Option<[u8; COOKIE_LENGTH]>,
    pub(super) nsid: Option<&'a [u8]>,
    pub(super) tcp_keepalive: Option<u16>,
    pub(super) error: Option<ExtendedError>,
}

impl<'a> Reply<'a> {
    /// Leaves the Client Subnet option out of the reply: the server does not use it.
    pub fn ignore_client_subnet(&mut self) {
        let before = self.opt_length();
        self.options.client_subnet = None;
        self.limit += before - self.opt_length();
    }

    /// Widens the SCOPE PREFIX-LENGTH of the Client Subnet option to at least `prefix`.
    pub fn widen_scope(&mut self, prefix: u8) {
        self.options.scope = self.options.scope.max(prefix);
    }

    /// Says why (RFC 8914), where the client speaks EDNS and there is room. The first reason counts.
    pub fn extended_error(&mut self, error: ExtendedError) {
        if self.options.error.is_none() && self.takes_option(error.length()) {
            self.options.error = Some(error);
        }
    }

    /// Gives the client its cookie back, with the server's (RFC 9018 section 4).
    pub fn cookie(&mut self, client: [u8; 8], server: [u8; 16]) {
        if self.options.cookie.is_none() && self.takes_option(4 + COOKIE_LENGTH) {
            let mut whole = [0; COOKIE_LENGTH];
            whole[..8].copy_from_slice(&client);
            whole[8..].copy_from_slice(&server);
            self.options.cookie = Some(whole);
        }
    }

    /// Says which server this is (RFC 5001), in at most [`LONGEST_NSID`] octets.
    pub fn nsid(&mut self, identifier: &'a [u8]) {
        if self.options.nsid.is_none()
            && identifier.len() <= LONGEST_NSID
            && self.takes_option(4 + identifier.len())
        {
            self.options.nsid = Some(identifier);
        }
    }

    /// Says how long a TCP connection may be idle, in tenths of a second (RFC 7828).
    pub fn tcp_keepalive(&mut self, tenths: u16) {
        if self.options.tcp_keepalive.is_none() && self.takes_option(6) {
            self.options.tcp_keepalive = Some(tenths);
        }
    }

    /// Sets the CO flag: the denial is a compact one, and bears the code NXDOMAIN (RFC 9824
    /// section 5.1).
    pub fn compact_ok(&mut self) {
        self.options.compact_ok = true;
    }

    /// Takes `octets` of what is left for an option; `false` if there is no OPT record, or no room.
    fn takes_option(&mut self, octets: usize) -> bool {
        let fits = self.options.present && self.limit >= self.at + octets;
        if fits {
            self.limit -= octets;
        }
        fits
    }

    pub(super) const fn opt_length(&self) -> usize {
        if !self.options.present {
            return 0;
        }
        let subnet = match &self.options.client_subnet {
            Some(subnet) => subnet.reply_length(),
            None => 0,
        };
        let cookie = if self.options.cookie.is_some() { 4 + COOKIE_LENGTH } else { 0 };
        let nsid = match &self.options.nsid {
            Some(nsid) => 4 + nsid.len(),
            None => 0,
        };
        let keepalive = if self.options.tcp_keepalive.is_some() { 6 } else { 0 };
        let error = match &self.options.error {
            Some(error) => error.length(),
            None => 0,
        };
        OPT_LENGTH + subnet + cookie + nsid + keepalive + error
    }

    /// Writes the record behind all others.
    pub(super) fn write_opt(&mut self, rcode: Rcode) {
        let length = self.opt_length();
        let options = &self.options;
        let opt = self.out.get_mut(self.at..self.at + length);
        let Some((head, mut rest)) = opt.and_then(|opt| opt.split_first_chunk_mut()) else {
            return;
        };
        let flag = |is_set, flag| if is_set { flag } else { 0 };
        let flags = flag(options.dnssec_ok, DNSSEC_OK) | flag(options.compact_ok, COMPACT_OK);
        let ([t0, t1], [s0, s1]) = (Type::OPT.0.to_be_bytes(), OWN_UDP_SIZE.to_be_bytes());
        let ([f0, f1], [l0, l1]) =
            (flags.to_be_bytes(), ((length - OPT_LENGTH) as u16).to_be_bytes());
        let code = (rcode.0 >> 4) as u8;
        *head = [0, t0, t1, s0, s1, code, 0, f0, f1, l0, l1];
        self.at += length;
        if rest.is_empty() {
            return;
        }
        if let Some(subnet) = options.client_subnet
            && let Some(written) = subnet.reply(options.scope, rest)
        {
            rest = &mut rest[written..];
        }
        let keepalive = options.tcp_keepalive.map(u16::to_be_bytes);
        let plain = [
            (COOKIE, options.cookie.as_ref().map(<[u8; COOKIE_LENGTH]>::as_slice)),
            (NSID, options.nsid),
            (TCP_KEEPALIVE, keepalive.as_ref().map(<[u8; 2]>::as_slice)),
        ];
        for (code, data) in plain {
            if let Some(data) = data {
                let (option, behind) = rest.split_at_mut(4 + data.len());
                write_option(option, code, data);
                rest = behind;
            }
        }
        if let Some(error) = options.error {
            error.write(rest);
        }
    }
}
