//! The part of BIND's `named.conf` that the bind backend of PowerDNS reads: `options { directory }`,
//! `zone` with `type` and `file`, and `include`.

use std::fs;
use std::path::Path;

use super::{MigrateError, Place};

/// How deep blocks, and files that include files, may be.
const MAX_DEPTH: usize = 16;

/// What a `named.conf` says.
#[derive(Debug, Default)]
pub(super) struct NamedConf {
    /// The folder that relative paths start at.
    pub(super) directory: Option<String>,
    pub(super) zones: Vec<ZoneStatement>,
    /// Statements that the server obeys and that are neither of the above, by name.
    pub(super) others: Vec<(String, Place)>,
}

/// A `zone` statement.
#[derive(Debug)]
pub(super) struct ZoneStatement {
    pub(super) name: String,
    pub(super) kind: Option<String>,
    pub(super) file: Option<String>,
    pub(super) at: Place,
}

impl NamedConf {
    /// Reads a file and what it includes. Relative paths of `include` start at `folder`.
    pub(super) fn read(path: &Path, folder: &Path) -> Result<Self, MigrateError> {
        let mut conf = Self::default();
        conf.read_file(path, folder, 0)?;
        Ok(conf)
    }

    fn read_file(&mut self, path: &Path, folder: &Path, depth: usize) -> Result<(), MigrateError> {
        let text = fs::read(path)
            .map_err(|source| MigrateError::Unreadable { path: path.to_owned(), source })?;
        let wrong = |(line, message): (usize, &str)| MigrateError::Wrong {
            path: path.to_owned(),
            line,
            message: message.to_owned(),
        };
        let text = String::from_utf8_lossy(&text);
        let mut words = Words { text: &text, line: 1 };
        let statements = words.statements(0).map_err(wrong)?;
        for statement in statements {
            if let Some(("include", file)) = statement.pair() {
                if depth == MAX_DEPTH {
                    return Err(wrong((statement.line, "files include one another too deeply")));
                }
                self.read_file(&folder.join(file), folder, depth + 1)?;
            } else {
                self.take(&statement, path);
            }
        }
        Ok(())
    }

    fn take(&mut self, statement: &Statement, path: &Path) {
        let at = Place::Line(path.to_owned(), statement.line);
        let block = statement.block();
        match statement.word(0) {
            Some("options") => {
                for inner in block {
                    let at = Place::Line(path.to_owned(), inner.line);
                    match (inner.pair(), inner.word(0)) {
                        (Some(("directory", directory)), _) => {
                            self.directory = Some(directory.to_owned());
                        }
                        (_, Some(name)) => self.others.push((name.to_owned(), at)),
                        (_, None) => {}
                    }
                }
            }
            Some("zone") => {
                let value = |name: &str| {
                    let mut found = block.iter().filter_map(Statement::pair);
                    found.find(|pair| pair.0 == name).map(|pair| pair.1.to_owned())
                };
                let name = statement.word(1).unwrap_or_default().to_owned();
                let (kind, file) = (value("type"), value("file"));
                self.zones.push(ZoneStatement { name, kind, file, at });
                for inner in block {
                    let at = Place::Line(path.to_owned(), inner.line);
                    match inner.word(0) {
                        Some("type" | "file") | None => {}
                        Some(name) => self.others.push((name.to_owned(), at)),
                    }
                }
            }
            Some(name) => self.others.push((name.to_owned(), at)),
            None => {}
        }
    }
}

/// Words and blocks up to a `;`.
#[derive(Debug)]
struct Statement {
    line: usize,
    items: Vec<Item>,
}

#[derive(Debug)]
enum Item {
    Word(String),
    Block(Vec<Statement>),
}

impl Statement {
    fn word(&self, number: usize) -> Option<&str> {
        match self.items.get(number) {
            Some(Item::Word(word)) => Some(word),
            _ => None,
        }
    }

    /// The two words of a statement that is just these.
    fn pair(&self) -> Option<(&str, &str)> {
        match self.items.as_slice() {
            [Item::Word(name), Item::Word(value)] => Some((name, value)),
            _ => None,
        }
    }

    /// What is in its first block.
    fn block(&self) -> &[Self] {
        let mut blocks = self.items.iter().filter_map(|item| match item {
            Item::Block(statements) => Some(statements.as_slice()),
            Item::Word(_) => None,
        });
        blocks.next().unwrap_or_default()
    }
}

/// The text that is left, and its line.
struct Words<'t> {
    text: &'t str,
    line: usize,
}

type Fault = (usize, &'static str);

impl Words<'_> {
    fn statements(&mut self, depth: usize) -> Result<Vec<Statement>, Fault> {
        if depth > MAX_DEPTH {
            return Err((self.line, "blocks stand too deep in one another"));
        }
        let mut statements = Vec::new();
        let mut items = Vec::new();
        let mut line = self.line;
        loop {
            self.skip_blanks()?;
            if items.is_empty() {
                line = self.line;
            }
            let next = self.text.chars().next();
            match next {
                Some('{') => {
                    self.advance(1);
                    items.push(Item::Block(self.statements(depth + 1)?));
                }
                Some(';' | '}') | None => {
                    if !items.is_empty() {
                        statements.push(Statement { line, items: std::mem::take(&mut items) });
                    }
                    if next.is_none() {
                        return if depth == 0 { Ok(statements) } else { Err((line, UNCLOSED)) };
                    }
                    self.advance(1);
                    if next == Some('}') {
                        let is_inside = depth > 0;
                        return is_inside
                            .then_some(statements)
                            .ok_or((self.line, "`}` closes nothing"));
                    }
                }
                Some('"') => items.push(Item::Word(self.quoted()?)),
                Some(_) => items.push(Item::Word(self.bare())),
            }
        }
    }

    /// Goes on behind blanks and comments.
    fn skip_blanks(&mut self) -> Result<(), Fault> {
        loop {
            let blanks = self.text.len() - self.text.trim_start().len();
            self.advance(blanks);
            if self.text.starts_with("//") || self.text.starts_with('#') {
                self.advance(self.text.find('\n').unwrap_or(self.text.len()));
            } else if self.text.starts_with("/*") {
                let end =
                    self.text[2..].find("*/").ok_or((self.line, "the comment has no `*/`"))?;
                self.advance(end + 4);
            } else {
                return Ok(());
            }
        }
    }

    fn quoted(&mut self) -> Result<String, Fault> {
        let end = self.text[1..].find('"').ok_or((self.line, "the string has no closing `\"`"))?;
        let word = self.text[1..=end].to_owned();
        self.advance(end + 2);
        Ok(word)
    }

    fn bare(&mut self) -> String {
        let ends = |c: char| c.is_whitespace() || matches!(c, '{' | '}' | ';' | '"');
        let end = self.text.find(ends).unwrap_or(self.text.len());
        let word = self.text[..end].to_owned();
        self.advance(end);
        word
    }

    fn advance(&mut self, octets: usize) {
        let (over, rest) = self.text.split_at(octets);
        self.line += over.matches('\n').count();
        self.text = rest;
    }
}

const UNCLOSED: &str = "a `{` is not closed";
