//! What the form of a query calls for, before any zone is looked at (RFC 8906, RFC 9619).

use halfmoon_wire::{Class, ExtendedError, Query, Question, Rcode, Type};

/// What kind of query it is.
pub(super) enum Form<'a> {
    /// One that zones can answer.
    Zones(Question<'a>),
    /// One for a whole zone.
    Transfer(Question<'a>),
    /// One for the server itself.
    Chaos(Question<'a>),
    /// One that asks for a cookie and nothing else (RFC 7873 section 5.4).
    OnlyCookie,
    /// One that is answered with this code, and why.
    Refused(Rcode, Option<ExtendedError>),
}

impl<'a> Form<'a> {
    pub(super) fn of(query: &Query<'a>) -> Self {
        // RFC 6891 section 6.1.3: of a version we do not speak nothing else is understood.
        if query.edns.is_some_and(|edns| edns.version != 0) {
            return Self::Refused(Rcode::BADVERS, None);
        }
        let question = match (query.fault, query.question) {
            (Some(Rcode::NOTIMP), _) => {
                return Self::Refused(Rcode::NOTIMP, Some(ExtendedError::NOT_SUPPORTED));
            }
            (Some(rcode), _) => return Self::Refused(rcode, None),
            (None, None) => return Self::OnlyCookie,
            (None, Some(question)) => question,
        };
        match question.qtype {
            // Types of meta data that cannot be asked for (RFC 6895 section 3.1, RFC 9824
            // section 3.5).
            Type(0) | Type::OPT | Type::TSIG | Type::TKEY | Type::NXNAME => {
                return Self::Refused(Rcode::FORMERR, Some(ExtendedError::INVALID_QUERY_TYPE));
            }
            Type::AXFR | Type::IXFR if question.class == Class::IN => {
                return Self::Transfer(question);
            }
            Type::AXFR | Type::IXFR => {
                return Self::Refused(Rcode::REFUSED, Some(ExtendedError::NOT_AUTHORITATIVE));
            }
            Type::MAILA | Type::MAILB => {
                return Self::Refused(Rcode::NOTIMP, Some(ExtendedError::NOT_SUPPORTED));
            }
            _ => {}
        }
        match question.class {
            Class::IN => Self::Zones(question),
            Class::CH => Self::Chaos(question),
            _ => Self::Refused(Rcode::REFUSED, Some(ExtendedError::NOT_AUTHORITATIVE)),
        }
    }
}
