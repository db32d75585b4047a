//! What a program includes: compiled at load, as statements.

use std::sync::Arc;

use halfmoon_wire::{NameBuf, Type};
use halfmoon_zones::ProgramSource;

use crate::analysis::{Analysis, bytecode, next_id};
use crate::include::{Chunk, Include};
use crate::remark::Remark;
use crate::syntax::{self, Script, Shape};

/// How deep includes hang on one another.
pub(crate) const DEEPEST: usize = 8;

const HELP: &str = "write the name of a program of this zone, as in include('config')";

impl Analysis<'_> {
    /// Takes in what a script includes.
    pub(super) fn includes(&mut self, script: &Script) {
        for call in &script.calls {
            if &*call.name != "include" || call.local || script.is_bound("include") {
                continue;
            }
            let at = call.span.start;
            let constant = match call.args.as_slice() {
                [only] => only.constant(),
                _ => None,
            };
            let text = constant.as_ref().and_then(|arg| arg.value.as_text());
            let Some(name) = text.as_ref().and_then(|text| self.library.name(text)) else {
                let message = "what is included has to be named here, in the text";
                self.remarks.push(Remark::error("lua-include", at, message).help(HELP));
                continue;
            };
            let include = self.include(name, &mut vec![name]);
            if let Some(fault) = &include.fault {
                self.remarks.push(Remark::error("lua-include", at, fault.clone()).help(HELP));
            }
            self.keep_include(name, include, at);
        }
    }

    fn keep_include(&mut self, name: NameBuf, include: Arc<Include>, at: usize) {
        if self.includes.iter().any(|(known, _)| *known == name) {
            return;
        }
        let (ttl, budgets) = (self.ttl, include.budgets.iter().cloned());
        self.budgets.extend(budgets.map(|budget| budget.of_record(at, ttl)));
        self.included.extend(include.assigned.iter().cloned());
        for inner in &include.inner {
            if let Some(found) = self.library.known(inner)
                && !self.includes.iter().any(|(known, _)| known == inner)
            {
                let budgets = found.budgets.iter().cloned();
                self.budgets.extend(budgets.map(|budget| budget.of_record(at, ttl)));
                self.includes.push((*inner, found));
            }
        }
        self.includes.push((name, include));
    }

    /// Compiles what stands at a name, and what that includes. `path` is the way to it.
    fn include(&mut self, name: NameBuf, path: &mut Vec<NameBuf>) -> Arc<Include> {
        if let Some(known) = self.library.known(&name) {
            return known;
        }
        let mut include = Include::default();
        let sources = self.library.at(&name);
        if sources.is_empty() {
            include.fault = Some(format!("there is no program at {name} to include"));
        }
        for source in sources {
            // What is wrong in there is told where it stands.
            let told = self.remarks.len();
            if self.chunk(source, path, &mut include).is_none() {
                let why = self.remarks.get(told).map_or("", |remark| &remark.message);
                let fault = format!("the program at {name} has faults: {why}");
                include.fault = include.fault.or(Some(fault));
            }
            self.remarks.truncate(told);
        }
        let include = Arc::new(include);
        self.library.keep(name, &include);
        include
    }

    fn chunk(
        &mut self,
        source: &ProgramSource,
        path: &mut Vec<NameBuf>,
        include: &mut Include,
    ) -> Option<()> {
        let Ok(plain) = syntax::plain(&source.text) else {
            self.remarks.push(Remark::error("lua-syntax", 0, "it has an octet of zero"));
            return None;
        };
        let whole = &*plain;
        if whole.len() > self.settings.source || syntax::nesting(whole) > super::DEEPEST {
            self.remarks.push(Remark::error("lua-too-long", 0, "it is too long or nests too deep"));
            return None;
        }
        let shape = Shape::of(whole, Type::LUA);
        let script = self.read(shape)?;
        for call in script.calls.iter().filter(|call| &*call.name == "include") {
            let arg = call.args.first().and_then(syntax::Expr::constant);
            let text = arg.as_ref().and_then(|arg| arg.value.as_text());
            let Some(inner) = text.and_then(|text| self.library.name(&text)) else { continue };
            if path.len() >= DEEPEST || path.contains(&inner) {
                let message = format!("{inner} is included by what it includes");
                self.remarks.push(Remark::error("lua-include", call.span.start, message));
                return None;
            }
            path.push(inner);
            let found = self.include(inner, path);
            path.pop();
            include.assigned.extend(found.assigned.iter().cloned());
            include.inner.extend(found.inner.iter().copied());
            include.inner.push(inner);
            if let Some(fault) = &found.fault {
                include.fault.get_or_insert_with(|| fault.clone());
            }
        }
        include.assigned.extend(script.assigned.iter().cloned());
        self.prepare_checks(&script, include);
        let (code, variables) =
            crate::rewrite::rewrite(shape, &script, &[], None, self.settings.shared);
        match bytecode(&code) {
            Ok(bytecode) => {
                include.chunks.push(Chunk { id: next_id(), bytecode: bytecode.into(), variables });
                Some(())
            }
            Err((_, message)) => {
                self.remarks.push(Remark::error("lua-syntax", 0, message));
                None
            }
        }
    }

    /// Starts the checks that the calls of an included script name. The calls themselves are bound
    /// when they run.
    fn prepare_checks(&mut self, script: &Script, include: &mut Include) {
        let sites = std::mem::take(&mut self.sites);
        let bound = std::mem::take(&mut self.bound);
        let handles = std::mem::take(&mut self.handles);
        let held = std::mem::take(&mut self.held);
        let budgets = std::mem::take(&mut self.budgets);
        self.calls(script);
        include.budgets.append(&mut self.budgets);
        self.budgets = budgets;
        include.handles.append(&mut self.handles);
        include.held.extend(self.held.drain());
        (self.sites, self.bound, self.handles, self.held) = (sites, bound, handles, held);
    }
}
