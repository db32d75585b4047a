//! `pdns.conf` and its options on the command line.
//!
//! A line is `name=value`; `#` begins a comment at the start of a line or behind a blank; `\` at
//! the end joins the next line. Of several lines for one name the last wins; `name+=value` appends.
//! The files of `include-dir` come after the file that names it, the command line comes last.

use std::fs;
use std::path::{Path, PathBuf};

use super::{MigrateError, Place};

/// What a configuration sets, in the order in which the lines that won stand.
#[derive(Debug)]
pub(super) struct Settings {
    all: Vec<Setting>,
    /// The file that was read first.
    file: PathBuf,
}

/// One setting that is set.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) at: Place,
}

impl Setting {
    /// Whether a switch is on: PowerDNS takes all but these two for yes.
    pub(super) fn is_on(&self) -> bool {
        !matches!(self.value.as_str(), "no" | "off")
    }

    /// The parts of a list.
    pub(super) fn list(&self) -> impl Iterator<Item = &str> {
        self.value.split([',', ' ', '\t', '\r', '\n']).filter(|part| !part.is_empty())
    }
}

impl Settings {
    pub(super) fn read(path: &Path, options: &[String]) -> Result<Self, MigrateError> {
        let mut from_options = Self { all: Vec::new(), file: PathBuf::new() };
        for option in options {
            let setting = option
                .strip_prefix("--")
                .filter(|setting| setting.starts_with(char::is_alphanumeric));
            let setting = setting.ok_or_else(|| MigrateError::Option(option.clone()))?;
            from_options.set(setting, &Place::CommandLine);
        }
        let file = if path.is_dir() {
            // An instance of its own name has a file of its own.
            match from_options.take("config-name").filter(|name| !name.value.is_empty()) {
                Some(name) => path.join(format!("pdns-{}.conf", name.value)),
                None => path.join("pdns.conf"),
            }
        } else {
            path.to_owned()
        };
        let mut settings = Self { all: Vec::new(), file: file.clone() };
        settings.read_file(&file)?;
        let include = from_options.take("include-dir").or_else(|| settings.take("include-dir"));
        if let Some(include) = include.filter(|include| !include.value.is_empty()) {
            for part in parts(&settings.folder().join(&include.value))? {
                settings.read_file(&part)?;
            }
        }
        for option in options {
            settings.set(&option[2..], &Place::CommandLine);
        }
        for spent in ["config-name", "include-dir"] {
            settings.take(spent);
        }
        Ok(settings)
    }

    /// The folder of the configuration, from which relative paths start.
    pub(super) fn folder(&self) -> &Path {
        self.file.parent().unwrap_or_else(|| Path::new("/"))
    }

    /// Where something stands that is not set.
    pub(super) fn unset(&self) -> Place {
        Place::Unset(self.file.clone())
    }

    pub(super) fn find(&self, name: &str) -> Option<&Setting> {
        self.all.iter().find(|setting| setting.name == name)
    }

    /// Takes a setting out: it is dealt with.
    pub(super) fn take(&mut self, name: &str) -> Option<Setting> {
        let at = self.all.iter().position(|setting| setting.name == name)?;
        Some(self.all.remove(at))
    }

    /// What is left.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Setting> {
        self.all.iter()
    }

    fn read_file(&mut self, path: &Path) -> Result<(), MigrateError> {
        let text = fs::read(path)
            .map_err(|source| MigrateError::Unreadable { path: path.to_owned(), source })?;
        let text = String::from_utf8_lossy(&text);
        let mut joined = String::new();
        let mut first = 1;
        for (line, number) in text.lines().zip(1..) {
            if joined.is_empty() {
                first = number;
            }
            let line = line.trim_end();
            if let Some(part) = line.strip_suffix('\\') {
                joined.push_str(part);
                continue;
            }
            joined.push_str(line);
            self.set(uncommented(&joined), &Place::Line(path.to_owned(), first));
            joined.clear();
        }
        self.set(uncommented(&joined), &Place::Line(path.to_owned(), first));
        Ok(())
    }

    fn set(&mut self, line: &str, at: &Place) {
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        let (name, mut value) = (name.trim(), value.trim().to_owned());
        let (name, appends) = match name.strip_suffix('+') {
            Some(name) => (name.trim_end(), true),
            None => (name, false),
        };
        if name.is_empty() {
            return;
        }
        let before = self.take(name);
        if let (true, Some(before)) = (appends, before)
            && !before.value.is_empty()
        {
            value = format!("{}, {value}", before.value);
        }
        self.all.push(Setting { name: name.to_owned(), value, at: at.clone() });
    }
}

fn uncommented(line: &str) -> &str {
    let comment = line.char_indices().find(|&(at, c)| {
        c == '#' && line[..at].chars().next_back().is_none_or(char::is_whitespace)
    });
    comment.map_or(line, |(at, _)| &line[..at]).trim()
}

/// The files of an `include-dir`, in the order in which they are read.
fn parts(folder: &Path) -> Result<Vec<PathBuf>, MigrateError> {
    let unreadable = |source| MigrateError::Unreadable { path: folder.to_owned(), source };
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let name = entry.map_err(unreadable)?.file_name();
        let name = name.to_string_lossy();
        if name.ends_with(".conf") && !name.starts_with('.') {
            found.push(folder.join(&*name));
        }
    }
    found.sort();
    Ok(found)
}
