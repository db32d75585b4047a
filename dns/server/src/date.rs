//! Dates as people and machines read them (RFC 3339), to the millisecond, in UTC.

use std::time::SystemTime;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A date as `2026-11-24T10:56:00.123Z`.
#[must_use]
pub fn date(at: SystemTime) -> String {
    let at = OffsetDateTime::from(at);
    let millis = at.nanosecond() / 1_000_000 * 1_000_000;
    let at = at.replace_nanosecond(millis).unwrap_or(at);
    // A year of five digits has no such form.
    at.format(&Rfc3339).unwrap_or_default()
}

/// The date that such a text means.
#[must_use]
pub fn parse(text: &str) -> Option<SystemTime> {
    OffsetDateTime::parse(text, &Rfc3339).ok().map(SystemTime::from)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn dates_are_read_as_they_are_written() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_517_760_123);
        assert_eq!(date(at), "2026-11-24T10:56:00.123Z");
        assert_eq!(parse(&date(at)), Some(at));
        assert_eq!(date(SystemTime::UNIX_EPOCH), "1970-01-01T00:00:00Z");
        assert_eq!(parse("yesterday"), None);
    }
}
