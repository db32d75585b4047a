//! Dates as people and machines read them (RFC 3339), to the millisecond, in UTC.

use std::time::{Duration, SystemTime};

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

/// A duration in its largest unit, as `12s`, `5m`, `3h` and `2d`.
#[must_use]
pub fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{:.1}s", duration.as_secs_f64()),
        1..=119 => format!("{seconds}s"),
        120..=7199 => format!("{}m", seconds / 60),
        7200..=172_799 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_they_are_written() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_795_517_760_123);
        assert_eq!(date(at), "2026-11-24T10:56:00.123Z");
        assert_eq!(parse(&date(at)), Some(at));
        assert_eq!(date(SystemTime::UNIX_EPOCH), "1970-01-01T00:00:00Z");
        assert_eq!(parse("yesterday"), None);
    }

    #[test]
    fn spans_have_one_unit() {
        for (seconds, text) in [
            (0.25, "0.2s"),
            (1.0, "1s"),
            (119.0, "119s"),
            (120.0, "2m"),
            (7200.0, "2h"),
            (172_800.0, "2d"),
        ] {
            assert_eq!(span(Duration::from_secs_f64(seconds)), text);
        }
    }
}
