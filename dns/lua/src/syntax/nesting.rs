//! How deep a program nests, told before it is parsed.
//!
//! The parsers and the trees they build are recursive: a few kilobytes of brackets or of operators
//! would take them through the end of the stack, which no budget can stop.

/// How deep brackets, blocks and operators of `text` nest at most. Never less than what a
/// parser's recursion has to follow.
pub(crate) fn nesting(text: &str) -> usize {
    let mut scan = Scan { levels: vec![0], depth: 0, worst: 0 };
    let octets = text.as_bytes();
    let mut at = 0;
    while let Some(&octet) = octets.get(at) {
        let rest = octets.get(at..).unwrap_or(&[]);
        let length = match octet {
            b'-' if rest.starts_with(b"--") => comment(rest),
            b'\'' | b'"' => quoted(rest, octet),
            b'[' => long_bracket(rest).unwrap_or_else(|| {
                scan.open();
                1
            }),
            b'(' | b'{' => {
                scan.open();
                1
            }
            b')' | b'}' | b']' => {
                scan.close();
                1
            }
            b',' | b';' => {
                scan.reset();
                1
            }
            b'=' if rest.get(1) != Some(&b'=') => {
                scan.reset();
                1
            }
            b'=' | b'~' | b'<' | b'>' | b'.'
                if rest.get(1).is_some_and(|o| matches!(o, b'=' | b'.')) =>
            {
                scan.operator();
                2
            }
            b'+' | b'-' | b'*' | b'/' | b'%' | b'^' | b'#' | b'<' | b'>' => {
                scan.operator();
                1
            }
            _ if octet.is_ascii_alphabetic() || octet == b'_' => {
                let length = word(rest);
                scan.word(rest.get(..length).unwrap_or(&[]));
                length
            }
            _ if octet.is_ascii_digit() => word(rest),
            _ => 1,
        };
        at += length;
    }
    scan.worst
}

struct Scan {
    /// Operators since the last separator, for each open bracket or block.
    levels: Vec<usize>,
    depth: usize,
    worst: usize,
}

impl Scan {
    fn open(&mut self) {
        self.levels.push(0);
        self.deeper();
    }

    fn close(&mut self) {
        if self.levels.len() > 1
            && let Some(operators) = self.levels.pop()
        {
            self.depth = self.depth.saturating_sub(operators + 1);
        }
    }

    fn operator(&mut self) {
        if let Some(level) = self.levels.last_mut() {
            *level += 1;
        }
        self.deeper();
    }

    fn deeper(&mut self) {
        self.depth += 1;
        self.worst = self.worst.max(self.depth);
    }

    fn reset(&mut self) {
        if let Some(level) = self.levels.last_mut() {
            self.depth = self.depth.saturating_sub(*level);
            *level = 0;
        }
    }

    fn word(&mut self, word: &[u8]) {
        match word {
            b"and" | b"or" | b"not" => self.operator(),
            // An `else` or `elseif` ends a block as it opens the next.
            b"function" | b"if" | b"do" | b"repeat" => self.open(),
            b"end" | b"until" => self.close(),
            b"then" | b"else" | b"elseif" | b"local" | b"return" | b"for" | b"while" | b"in" => {
                self.reset();
            }
            _ => {}
        }
    }
}

fn word(rest: &[u8]) -> usize {
    rest.iter().take_while(|o| o.is_ascii_alphanumeric() || **o == b'_').count().max(1)
}

fn comment(rest: &[u8]) -> usize {
    let after = rest.get(2..).unwrap_or(&[]);
    match long_bracket(after) {
        Some(length) => 2 + length,
        None => rest.iter().position(|o| *o == b'\n').unwrap_or(rest.len()),
    }
}

fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while let Some(&octet) = rest.get(at) {
        at += 1;
        match octet {
            b'\\' => at += 1,
            b'\n' => break,
            _ if octet == quote => break,
            _ => {}
        }
    }
    at
}

/// The length of `[==[ … ]==]`, if that is what `rest` starts with.
fn long_bracket(rest: &[u8]) -> Option<usize> {
    let inner = rest.strip_prefix(b"[")?;
    let level = inner.iter().take_while(|o| **o == b'=').count();
    if inner.get(level) != Some(&b'[') {
        return None;
    }
    let close: Vec<u8> = [b"]".as_slice(), &vec![b'='; level], b"]"].concat();
    let found = rest.windows(close.len()).skip(level + 2).position(|window| window == close);
    Some(found.map_or(rest.len(), |at| at + level + 2 + close.len()))
}

#[cfg(test)]
mod tests {
    use super::nesting;

    #[test]
    fn brackets_blocks_and_operators_add_up() {
        for (text, expected) in [
            ("x", 0),
            ("f({1, {2}}, {3})", 3),
            ("1 + 2 + 3, 4 + 5", 2),
            ("f(1 + f(2 + 3))", 4),
            ("not not not x", 3),
            ("if a then if b then x = 1 end end return {}", 2),
            ("'((((' .. [[((((]] -- ((((", 1),
            ("[==[ ]=] (((( ]==]", 0),
            ("a + f(,) + f(,) + f(,)", 4),
            ("--[[ (( ]] (x)", 1),
            ("'\\'((('", 0),
        ] {
            assert_eq!(nesting(text), expected, "{text}");
        }
        assert_eq!(nesting(&"(".repeat(5000)), 5000);
        assert_eq!(nesting(&"- ".repeat(5000)), 5000);
        assert_eq!(nesting(&"a..".repeat(5000)), 5000);
        assert_eq!(nesting(&"do ".repeat(5000)), 5000);
    }
}
