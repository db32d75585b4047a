//! What of a page of Markdown is typed, and what has to come of it.
//!
//! Three kinds of lines make up a page that can be followed:
//!
//! - A block of `sh` is typed. It must succeed, with every command in it, and print nothing.
//! - `sh repeat` is typed until it prints what is shown, and of `sh exit 1` a command has to end so.
//! - A block of `text` right behind it is what it prints, on both streams.
//!
//! Nothing else may be a block: a page must not have a command that is shown and not run. In the
//! output, `…` stands for anything within a line, and alone in a line for any number of lines. Times, durations
//! and names of commits are shown as they were once, and may be others; so may the width of gaps.

/// Programs whose names begin a command that prose mentions.
const PROGRAMS: [&str; 5] = ["halfmoon", "dig", "git", "kill", "python3"];
/// Stands for what may be anything.
const ANYTHING: &str = "…";

/// A page, as far as it is followed.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) blocks: Vec<Block>,
    /// Commands in the prose, with at least one argument.
    pub(crate) mentions: Vec<String>,
}

/// What is typed at once, and what comes of it.
#[derive(Debug, Default)]
pub(crate) struct Block {
    /// Where it begins, from 1.
    pub(crate) line: usize,
    pub(crate) commands: String,
    pub(crate) is_repeated: bool,
    /// With what the last command that failed has to end; 0: none fails.
    pub(crate) status: i32,
    /// Both streams, with what may be anything.
    pub(crate) output: String,
}

impl Page {
    /// # Errors
    /// The first line that is none of what a page may have.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let mut page = Self::default();
        let mut may_show = false;
        let mut lines = text.lines().enumerate();
        while let Some((at, line)) = lines.next() {
            let wrong = |why: &str| Err(format!("line {}: {why}: {line}", at + 1));
            let Some(kind) = line.strip_prefix("```") else {
                if line.contains("```") || line.starts_with("    ") || line.starts_with('\t') {
                    return wrong("a block has to begin with ``` at the left");
                }
                may_show &= !line.starts_with('#');
                page.mentions.extend(commands_in(line));
                continue;
            };
            let mut body = String::new();
            loop {
                match lines.next() {
                    Some((_, "```")) => break,
                    Some((_, line)) => body.extend([line, "\n"]),
                    None => return wrong("this block has no end"),
                }
            }
            let mut block = Block { line: at + 1, ..Block::default() };
            let mut words = kind.split(' ');
            match words.next() {
                Some("text") if kind == "text" => {
                    let Some(last) = page.blocks.last_mut().filter(|_| may_show) else {
                        return wrong("output of nothing");
                    };
                    last.output = body;
                    may_show = false;
                    continue;
                }
                Some("sh") => {}
                _ => return wrong("a block that nobody would run"),
            }
            while let Some(word) = words.next() {
                match (word, words.clone().next().map(str::parse)) {
                    ("repeat", _) => block.is_repeated = true,
                    ("exit", Some(Ok(status))) => {
                        block.status = status;
                        words.next();
                    }
                    _ => return wrong("a block that nobody would run"),
                }
            }
            block.commands = body;
            page.blocks.push(block);
            may_show = true;
        }
        Ok(page)
    }
}

/// Commands between backticks.
fn commands_in(line: &str) -> impl Iterator<Item = String> {
    line.split('`').skip(1).step_by(2).filter_map(|code| {
        let (program, _) = code.split_once(' ')?;
        PROGRAMS.contains(&program).then(|| code.to_owned())
    })
}

/// Whether this was said, by what the page shows.
pub(crate) fn is_like(shown: &str, said: &str) -> bool {
    let shown: Vec<String> = shown.lines().map(steady).collect();
    let said: Vec<String> = said.lines().map(steady).collect();
    are_lines_like(&shown, &said)
}

fn are_lines_like(shown: &[String], said: &[String]) -> bool {
    match shown.split_first() {
        None => said.is_empty(),
        Some((first, rest)) if first == ANYTHING => {
            (0..=said.len()).any(|left_out| are_lines_like(rest, &said[left_out..]))
        }
        Some((first, rest)) => said.split_first().is_some_and(|(line, others)| {
            is_line_like(first, line) && are_lines_like(rest, others)
        }),
    }
}

fn is_line_like(shown: &str, said: &str) -> bool {
    let Some((before, behind)) = shown.split_once(ANYTHING) else {
        return shown == said;
    };
    said.strip_prefix(before).is_some_and(|rest| {
        rest.char_indices()
            .map(|(at, _)| at)
            .chain([rest.len()])
            .any(|at| is_line_like(behind, &rest[at..]))
    })
}

/// A line without what is different each time.
fn steady(line: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in line.split_whitespace() {
        let core = word.trim_matches(|c: char| c.is_ascii_punctuation() || c == '…');
        let is_unit = UNITS.contains(&core) && words.last().is_some_and(|last| is_number(last));
        if is_unit {
            words.pop();
        }
        let kind = if is_unit || is_duration(core) {
            "DURATION"
        } else if is_time(core) {
            "TIME"
        } else if core.len() == 40 && core.bytes().all(|octet| octet.is_ascii_hexdigit()) {
            "COMMIT"
        } else {
            core
        };
        words.push(if core.is_empty() { word.to_owned() } else { word.replacen(core, kind, 1) });
    }
    words.join(" ")
}

const UNITS: [&str; 6] = ["µs", "ms", "s", "m", "h", "d"];

fn is_number(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit()) && word.parse::<f64>().is_ok()
}

/// As `468.026µs`.
fn is_duration(word: &str) -> bool {
    UNITS.iter().any(|unit| word.strip_suffix(unit).is_some_and(is_number))
}

/// As `2026-11-24T10:56:00Z`.
fn is_time(word: &str) -> bool {
    let form: String = word.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let form = form.trim_end_matches('Z');
    form.split('.').next() == Some("0000-00-00T00:00:00")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(shown: &str, said: &str, expected: bool) {
        assert_eq!(is_like(shown, said), expected, "{shown:?} {said:?}");
    }

    #[test]
    fn output_has_to_be_that_of_the_page_but_for_times() {
        check("127.0.0.1\n", "127.0.0.1\n", true);
        check("127.0.0.1\n", "127.0.0.2\n", false);
        check("127.0.0.1\n", "", false);
        check("", "127.0.0.1\n", false);
        check("a\nb\n", "a\nb\nc\n", false);
        check("a\n…\nc\n", "a\nb\nb\nc\n", true);
        check("a\n…\nc\n", "a\nb\n", false);
        check("a\n…\n", "a\n", true);
        check("zone … is\n", "zone example.test. is\n", true);
        check("zone … is\n", "zone example.test. was\n", false);
        check("up   3s  0.4 ms\n", "up 10s 12.5 ms\n", true);
        check("up 3s\n", "down 3s\n", false);
        check("up for 3 s, ready\n", "up for 20 s, ready\n", true);
        check("since 2026-11-24T10:56:00Z\n", "since 2027-01-02T03:04:05.678Z\n", true);
        let commit = "0123456789012345678901234567890123456789";
        check(&format!("serving {commit}\n"), &format!("serving {}\n", "ab".repeat(20)), true);
        check(&format!("serving {commit}\n"), "serving nothing\n", false);
        let again = format!("serving {}, as before\n", "ab".repeat(20));
        check(&format!("serving {commit}…\n"), &again, true);
        check("3 zones\n", "4 zones\n", false);
    }

    #[test]
    fn a_page_has_blocks_to_run_and_their_output_alone() {
        let page = Page::read(
            "# A\nSay `git init` and `ls`.\n```sh\nls\n```\nwhich says\n\n```text\nb\n```\n\
             ```sh exit 2\nfalse\n```\n```sh repeat exit 1\nfalse\n```\n",
        )
        .unwrap();
        let rows: Vec<_> = page
            .blocks
            .iter()
            .map(|block| (&*block.commands, &*block.output, block.status, block.is_repeated))
            .collect();
        assert_eq!(
            rows,
            [("ls\n", "b\n", 0, false), ("false\n", "", 2, false), ("false\n", "", 1, true)]
        );
        assert_eq!(page.mentions, ["git init"]);
        for (text, why) in [
            ("```sh\nls\n", "line 1: this block has no end"),
            ("```toml\na = 1\n```\n", "line 1: a block that nobody would run"),
            ("a\n```\nls\n```\n", "line 2: a block that nobody would run"),
            ("```sh exit x\nls\n```\n", "line 1: a block that nobody would run"),
            ("```sh exit\nls\n```\n", "line 1: a block that nobody would run"),
            ("```text exit 1\nls\n```\n", "line 1: a block that nobody would run"),
            ("```sh often\nls\n```\n", "line 1: a block that nobody would run"),
            ("```text\na\n```\n", "line 1: output of nothing"),
            ("```sh\nls\n```\n# B\n```text\na\n```\n", "line 5: output of nothing"),
            ("```sh\nls\n```\n```text\na\n```\n```text\na\n```\n", "line 7: output of nothing"),
            ("    ls\n", "line 1: a block has to begin with ``` at the left"),
            (" ```sh\n", "line 1: a block has to begin with ``` at the left"),
        ] {
            let found = Page::read(text).unwrap_err();
            assert!(found.starts_with(why), "{text:?}: {found}");
        }
    }
}
