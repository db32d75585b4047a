//! What a server has answered, limited and refused since it started, in one place: for whoever
//! watches it, and for the line in the log that SIGUSR1 asks for.

use std::fmt;

use crate::meter::Readings;
use crate::transport;

/// What is counted where queries are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// Response rate limiting kept an answer back.
    AnswerDropped,
    /// It let one leave truncated.
    AnswerSlipped,
    /// An answer was not given because of what its signatures cost.
    SignaturesSpent,
    /// An answer was not given, or not in full, because of what its programs cost.
    ProgramsSpent,
    /// A query had a client's cookie alone.
    CookieNew,
    /// A query had a cookie of ours.
    CookieValid,
    /// A query had a cookie that is not ours, or no longer.
    CookieInvalid,
    /// A query had a signature (TSIG) that is right.
    SignatureGood,
    /// A query had one that is wrong.
    SignatureBad,
    /// A transfer began.
    TransferBegun,
    /// Somebody asked for a zone who may not have any.
    TransferRefused,
    /// There were as many transfers as there may be.
    TransferTooMany,
}

impl Event {
    /// How many there are.
    pub(crate) const COUNT: usize = Self::TransferTooMany as usize + 1;
}

/// Counts since the start of a server. Its [`Display`](fmt::Display) is one line for the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// What UDP has seen.
    pub udp: transport::Counters,
    /// What TCP has seen, its limits among it.
    pub tcp: transport::Counters,
    /// Answers that response rate limiting kept back (`limits.responses_per_second`).
    pub answers_dropped: u64,
    /// Answers that it let leave truncated instead (`limits.slip`).
    pub answers_slipped: u64,
    /// Queries not answered in full because their source had spent its signatures
    /// (`dnssec.signatures_per_source`).
    pub signatures_spent: u64,
    /// Queries not answered in full because their source had spent its time of programs
    /// (`limits.program_time`).
    pub programs_spent: u64,
    /// Queries with a client's cookie and none of ours (RFC 7873).
    pub cookies_new: u64,
    /// Queries with a cookie of ours that is good.
    pub cookies_valid: u64,
    /// Queries with a server's cookie that is not ours, of another client, or too old.
    pub cookies_invalid: u64,
    /// Queries with a right signature (TSIG, RFC 8945).
    pub tsig_good: u64,
    /// Queries with a wrong one: of an unknown key, forged, or at the wrong time.
    pub tsig_bad: u64,
    /// Transfers that began, or were answered with the SOA alone.
    pub transfers_begun: u64,
    /// Queries for a zone by somebody who may have none (`transfer.allow`, `transfer.keys`).
    pub transfers_refused: u64,
    /// Transfers that were not begun because there were as many as there may be (`transfer.max`).
    pub transfers_too_many: u64,
}

impl Counters {
    /// What the transports have seen, and what the answering threads have counted.
    #[must_use]
    pub fn new(udp: transport::Counters, tcp: transport::Counters, readings: &Readings) -> Self {
        let of = |event: Event| readings.events[event as usize];
        Self {
            udp,
            tcp,
            answers_dropped: of(Event::AnswerDropped),
            answers_slipped: of(Event::AnswerSlipped),
            signatures_spent: of(Event::SignaturesSpent),
            programs_spent: of(Event::ProgramsSpent),
            cookies_new: of(Event::CookieNew),
            cookies_valid: of(Event::CookieValid),
            cookies_invalid: of(Event::CookieInvalid),
            tsig_good: of(Event::SignatureGood),
            tsig_bad: of(Event::SignatureBad),
            transfers_begun: of(Event::TransferBegun),
            transfers_refused: of(Event::TransferRefused),
            transfers_too_many: of(Event::TransferTooMany),
        }
    }

    /// Each count with its name, as in `tcp.idle`; names are stable.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let Self { udp, tcp, .. } = *self;
        [
            ("udp.queries", udp.queries),
            ("udp.answers", udp.answers),
            ("udp.unsent", udp.unsent),
            ("udp.refused", udp.refused),
            ("udp.panics", udp.panics),
            ("tcp.connections", tcp.connections),
            ("tcp.queries", tcp.queries),
            ("tcp.answers", tcp.answers),
            ("tcp.unsent", tcp.unsent),
            ("tcp.refused", tcp.refused),
            ("tcp.panics", tcp.panics),
            ("tcp.full", tcp.full),
            ("tcp.full_for_address", tcp.full_for_address),
            ("tcp.gave_way", tcp.gave_way),
            ("tcp.idle", tcp.idle),
            ("tcp.slow_queries", tcp.slow_queries),
            ("tcp.slow_readers", tcp.slow_readers),
            ("tcp.pipelined", tcp.pipelined),
            ("answers.dropped", self.answers_dropped),
            ("answers.slipped", self.answers_slipped),
            ("spent.signatures", self.signatures_spent),
            ("spent.programs", self.programs_spent),
            ("cookies.new", self.cookies_new),
            ("cookies.valid", self.cookies_valid),
            ("cookies.invalid", self.cookies_invalid),
            ("tsig.good", self.tsig_good),
            ("tsig.bad", self.tsig_bad),
            ("transfers.begun", self.transfers_begun),
            ("transfers.refused", self.transfers_refused),
            ("transfers.too_many", self.transfers_too_many),
        ]
        .into_iter()
    }
}

impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, count)) in self.iter().enumerate() {
            let space = if at == 0 { "" } else { " " };
            write!(f, "{space}{name}={count}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_read_where_it_belongs() {
        let mut readings = Readings::default();
        for (at, count) in readings.events.iter_mut().enumerate() {
            *count = at as u64 + 1;
        }
        let udp = transport::Counters { queries: 100, ..Default::default() };
        let counters = Counters::new(udp, transport::Counters::default(), &readings);
        let line = counters.to_string();
        assert!(line.starts_with("udp.queries=100 udp.answers=0 "), "{line}");
        let end = "answers.dropped=1 answers.slipped=2 spent.signatures=3 spent.programs=4 cookies.new=5 \
                   cookies.valid=6 cookies.invalid=7 tsig.good=8 tsig.bad=9 transfers.begun=10 \
                   transfers.refused=11 transfers.too_many=12";
        assert!(line.ends_with(end), "{line}");
    }
}
