//! Checks as a table: a line each, the columns as wide as they have to be.

use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

use terminal_size::{Height, Width, terminal_size};

use crate::admin::view::{ByState, CheckView};
use crate::counted::counted;
use crate::date::{parse, span};

/// Columns that are padded; the last one is as long as it is.
const COLUMNS: usize = 6;
const TITLES: [&str; COLUMNS + 1] =
    ["STATE", "SINCE", "LATENCY", "NEXT", "CHECK", "USED BY", "WHY"];

/// Draws tables.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table {
    now: SystemTime,
    is_coloured: bool,
}

impl Table {
    /// `now` is when the checks were looked at. Colours are for terminals, and for those who want them
    /// (<https://no-color.org>).
    pub(super) fn new(now: SystemTime, is_terminal: bool) -> Self {
        let is_unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { now, is_coloured: is_terminal && !is_unwanted }
    }

    /// A table with a summary below it.
    pub(super) fn draw(&self, checks: &[CheckView], counts: ByState) -> String {
        let mut text = String::new();
        for line in self.lines(checks) {
            let _ = writeln!(text, "{}", line.trim_end());
        }
        text + &summary(checks.len(), counts)
    }

    /// The same for a whole screen, which it does not exceed.
    pub(super) fn screen(
        &self,
        checks: &[CheckView],
        counts: ByState,
        overrides: &[String],
    ) -> String {
        let (width, height) = match terminal_size() {
            Some((Width(width), Height(height))) => (usize::from(width), usize::from(height)),
            None => (80, 24),
        };
        let lines = self.lines(checks);
        let notes = overrides.len().min(height / 3);
        let room = height.saturating_sub(2 + notes).max(1);
        // From the corner, and the rest of each line and of the screen is wiped: nothing flickers.
        let mut text = "\x1b[H".to_owned();
        for line in lines.iter().take(room) {
            let _ = write!(text, "{}\x1b[K\r\n", cut(line, width));
        }
        let hidden = lines.len().saturating_sub(room);
        let more = if hidden > 0 { format!(", {hidden} more below") } else { String::new() };
        let _ = write!(text, "{}{more}\x1b[K", summary(checks.len(), counts));
        for line in overrides.iter().take(notes) {
            let _ = write!(text, "\r\n{}\x1b[K", cut(line, width));
        }
        text += "\x1b[J";
        text
    }

    fn lines(&self, checks: &[CheckView]) -> Vec<String> {
        let mut rows: Vec<[String; COLUMNS + 1]> = vec![TITLES.map(str::to_owned)];
        rows.extend(checks.iter().map(|check| self.row(check)));
        let width = |column: usize| {
            rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
        };
        let widths: [usize; COLUMNS] = std::array::from_fn(width);
        rows.iter().enumerate().map(|(at, row)| self.line(row, &widths, at == 0)).collect()
    }

    fn line(
        &self,
        row: &[String; COLUMNS + 1],
        widths: &[usize; COLUMNS],
        is_head: bool,
    ) -> String {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
            let padded = format!("{cell:<width$}  ");
            if column == 0 && self.is_coloured && !is_head {
                let _ = write!(line, "\x1b[{}m{padded}\x1b[0m", colour(cell));
            } else {
                line += &padded;
            }
        }
        line + &row[COLUMNS]
    }

    fn row(&self, check: &CheckView) -> [String; COLUMNS + 1] {
        let last = check.last.as_ref();
        let since = check.since.as_deref().and_then(parse);
        let next = check.next.as_deref().and_then(parse);
        let age = since.map(|since| self.now.duration_since(since).unwrap_or_default());
        let wait = next.map(|next| next.duration_since(self.now).unwrap_or_default());
        let shown = |duration: Option<Duration>| duration.map_or_else(|| "-".to_owned(), span);
        let users = match check.users.first() {
            None if check.computed => "(computed)".to_owned(),
            None => "-".to_owned(),
            Some(user) if check.used_by > 1 => {
                format!("{} {} +{}", user.owner, user.makes, check.used_by - 1)
            }
            Some(user) => format!("{} {}", user.owner, user.makes),
        };
        [
            check.state.clone(),
            shown(age),
            last.map_or_else(|| "-".to_owned(), |last| format!("{:.1} ms", last.latency_ms)),
            shown(wait),
            check.name.clone(),
            users,
            why(check),
        ]
    }
}

/// What is worth knowing of a check besides its state: what holds it, what is wrong, what will be.
fn why(check: &CheckView) -> String {
    let last = check.last.as_ref();
    let said = check
        .held
        .clone()
        .or_else(|| last.and_then(|last| last.reason.clone().or_else(|| last.warning.clone())));
    match said {
        Some(said) => said,
        None if check.recalled => "as before the last start".to_owned(),
        None => String::new(),
    }
}

fn summary(shown: usize, counts: ByState) -> String {
    let ByState { up, down, unknown } = counts;
    let all = up + down + unknown;
    let checks = counted(all, "check");
    let part = if shown == all { String::new() } else { format!("{shown} of ") };
    format!("{part}{checks}: {down} down, {unknown} unknown, {up} up")
}

fn colour(state: &str) -> &'static str {
    match state {
        "up" => "32",
        "down" => "1;31",
        _ => "33",
    }
}

/// A line that is no wider than so many columns. Sequences that colour take none.
fn cut(line: &str, width: usize) -> String {
    let (mut cut, mut columns, mut in_sequence) = (String::new(), 0, false);
    for letter in line.chars() {
        in_sequence |= letter == '\x1b';
        if !in_sequence {
            columns += 1;
            if columns > width {
                break;
            }
        }
        cut.push(letter);
        in_sequence &= letter != 'm';
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::view::{LastView, UserView};

    fn check(name: &str, state: &str, reason: Option<&str>, used_by: usize) -> CheckView {
        let user = UserView {
            zone: "example.org.".into(),
            owner: "www.example.org.".into(),
            makes: "A".into(),
        };
        CheckView {
            name: name.into(),
            key: String::new(),
            kind: "tcp".into(),
            address: None,
            state: state.into(),
            since: Some("1970-01-01T00:00:00Z".into()),
            why: String::new(),
            held: None,
            recalled: false,
            weight: 0,
            last: Some(LastView {
                result: "success".into(),
                reason: reason.map(str::to_owned),
                warning: None,
                latency_ms: 1.25,
                at: "1970-01-01T00:00:00Z".into(),
            }),
            next: Some("1970-01-01T00:10:05Z".into()),
            interval_ms: 5000,
            timeout_ms: 2000,
            fall: 3,
            rise: 2,
            computed: false,
            used_by,
            users: vec![user; used_by.min(1)],
            history: Vec::new(),
        }
    }

    #[test]
    fn a_table_lines_up() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(600);
        let table = Table::new(now, false);
        let checks = [
            check("tcp 192.0.2.1:80", "down", Some("connection refused"), 3),
            check("tcp 192.0.2.11:80", "up", None, 0),
        ];
        let counts = ByState { up: 4, down: 1, unknown: 0 };
        let expected = "\
STATE  SINCE  LATENCY  NEXT  CHECK              USED BY                WHY
down   10m    1.2 ms   5s    tcp 192.0.2.1:80   www.example.org. A +2  connection refused
up     10m    1.2 ms   5s    tcp 192.0.2.11:80  -
2 of 5 checks: 1 down, 0 unknown, 4 up";
        assert_eq!(table.draw(&checks, counts), expected);
    }

    #[test]
    fn a_line_is_cut_where_the_screen_ends() {
        assert_eq!(cut("abcdef", 3), "abc");
        assert_eq!(cut("\x1b[32mab\x1b[0mcdef", 3), "\x1b[32mab\x1b[0mc");
        assert_eq!(cut("ab", 3), "ab");
    }
}
