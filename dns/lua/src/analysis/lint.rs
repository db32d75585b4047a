//! What looks wrong in the text of a program and does what it says all the same.

use halfmoon_geo::Attribute;

use crate::analysis::Analysis;
use crate::functions::{self, never_code};
use crate::globals;
use crate::remark::Remark;
use crate::syntax::{Expr, Node, Script};
use crate::value::Value;

impl Analysis<'_> {
    pub(super) fn lint(&mut self, script: &Script) {
        for at in &script.holes {
            let message = "a nil in a list: what comes after it may not be seen";
            let remark = Remark::warning("lua-hole", *at, message).help("leave the nil out");
            self.remarks.push(remark);
        }
        for (name, at) in &script.listed {
            if !self.is_nil(name, script) {
                continue;
            }
            let message = format!("{name} is nil in a list: what comes after it may not be seen");
            let remark = Remark::warning("lua-hole", *at, message);
            self.remarks.push(remark.help(format!("leave it out, or give {name} a value")));
        }
        for (library, field, at) in &script.fields {
            let named = globals::ATTRIBUTES.iter().find(|(name, _)| *name == &**field);
            if let Some((_, attribute)) = named
                && **library == *"GeoIPQueryAttribute"
                && !script.is_assigned(library)
            {
                self.blind(*attribute, *at);
            }
        }
        for (left, right) in &script.comparisons {
            for (code, literal) in [(left, right), (right, left)] {
                self.comparison(code, literal, script);
            }
        }
    }

    /// Whether a variable of the program is never set to anything.
    fn is_nil(&self, name: &str, script: &Script) -> bool {
        let mut values = script.settings.iter().filter(|(known, _)| **known == *name);
        script.is_bound(name)
            && !self.settings.shared
            && !self.included.iter().any(|included| **included == *name)
            && !script.unclear.iter().any(|unclear| **unclear == *name)
            && values.all(|(_, value)| matches!(value.node, Node::Constant(Value::Nil)))
    }

    /// Something is asked about a client that no database knows.
    pub(super) fn blind(&mut self, attribute: Attribute, at: usize) {
        if self.settings.places.has(attribute) {
            return;
        }
        let what = match attribute {
            Attribute::Asn => "autonomous systems",
            Attribute::City => "cities",
            Attribute::Continent => "continents",
            Attribute::Country | Attribute::Country2 => "countries",
            Attribute::Name => "names of autonomous systems",
            Attribute::Region => "regions",
            Attribute::Location => "coordinates",
        };
        let message = format!("no database with {what} is loaded: of no client are they known");
        // Once for each program, which may ask in each line.
        if self.remarks.iter().any(|known| known.message == message) {
            return;
        }
        let remark = Remark::warning("lua-no-geo-data", at, message);
        self.remarks.push(remark.help("name one under geo.databases"));
    }

    /// A code of a place is compared with what no place has for a code.
    fn comparison(&mut self, code: &Expr, literal: &Expr, script: &Script) {
        let Node::Constant(Value::Text(octets)) = &literal.node else { return };
        let Ok(text) = std::str::from_utf8(octets) else { return };
        let Some(function) = self.only_code(code, text, script) else { return };
        if let Some((why, help)) = never_code(function, text) {
            let message = format!("{function}() is never '{text}': {why}");
            self.remarks.push(Remark::warning("lua-never-equal", literal.at, message).help(help));
        }
    }

    /// The function whose result an expression is, or a name that is set to that and to literals
    /// other than `text`.
    fn only_code(&self, expr: &Expr, text: &str, script: &Script) -> Option<&'static str> {
        match &expr.node {
            Node::Call(number) => {
                let call = script.calls.get(*number)?;
                let is_other =
                    call.local || script.is_bound(&call.name) || self.included.contains(&call.name);
                let function = functions::find(&call.name, self.settings.dialect)?;
                (!is_other).then_some(function.name)
            }
            Node::Name(name) => {
                if self.settings.shared
                    || self.included.contains(name)
                    || script.unclear.contains(name)
                {
                    return None;
                }
                let mut found = None;
                for (_, value) in script.settings.iter().filter(|(known, _)| known == name) {
                    match &value.node {
                        Node::Call(_) => {
                            let function = self.only_code(value, text, script)?;
                            if found.is_some_and(|other| other != function) {
                                return None;
                            }
                            found = Some(function);
                        }
                        Node::Constant(Value::Nil) => {}
                        Node::Constant(Value::Text(octets)) if **octets != *text.as_bytes() => {}
                        _ => return None,
                    }
                }
                found
            }
            _ => None,
        }
    }
}
