//! The configuration that is written: TOML with a word on where each value comes from.

use std::fmt::{self, Write as _};
use std::path::Path;

use toml::Value;

/// What a migrated configuration begins with.
const HEAD: &str = "\
# Written by `halfmoon migrate powerdns`. The zone files are served where they lie.
";

/// A configuration in the making.
#[derive(Debug, Default)]
pub(super) struct Document {
    sections: Vec<(&'static str, Vec<Line>)>,
    zones: Vec<(String, String)>,
}

#[derive(Debug)]
struct Line {
    key: &'static str,
    value: Value,
    from: String,
}

impl Document {
    /// Sets a key; `from` says what of PowerDNS it stands for.
    pub(super) fn set(
        &mut self,
        section: &'static str,
        key: &'static str,
        value: impl Into<Value>,
        from: impl Into<String>,
    ) {
        let line = Line { key, value: value.into(), from: from.into() };
        match self.sections.iter_mut().find(|(name, _)| *name == section) {
            Some((_, lines)) => lines.push(line),
            None => self.sections.push((section, vec![line])),
        }
    }

    /// Lists a zone.
    pub(super) fn list(&mut self, name: String, file: String) {
        self.zones.push((name, file));
    }
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HEAD)?;
        for (section, lines) in &self.sections {
            write!(f, "\n[{section}]\n")?;
            for Line { key, value, from } in lines {
                write!(f, "{key} = {value}")?;
                if !from.is_empty() {
                    write!(f, "  # {}", from.replace(char::is_control, " "))?;
                }
                f.write_char('\n')?;
            }
        }
        for (name, file) in &self.zones {
            let (name, file) = (Value::from(name.as_str()), Value::from(file.as_str()));
            write!(f, "\n[[zones.zone]]\nname = {name}\nfile = {file}\n")?;
        }
        Ok(())
    }
}

/// How a path is written into a file in the folder `home`.
pub(super) fn path(path: &Path, home: Option<&Path>) -> String {
    let below = home.and_then(|home| path.strip_prefix(home).ok());
    match below {
        Some(below) if below == Path::new("") => ".".to_owned(),
        Some(below) => below.display().to_string(),
        None => path.display().to_string(),
    }
}
