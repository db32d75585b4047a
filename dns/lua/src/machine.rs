//! What one thread runs programs with.

use std::sync::Arc;

use crate::answers::Answers;
use crate::eval::{Context, Scratch};
use crate::notes::Note;
use crate::program::{Body, Program};
use crate::vm::Vm;
use crate::{Failure, Settings, plan};

/// Runs programs; one to a thread. The virtual machine is made when the first program needs it.
#[derive(Debug)]
pub struct Machine {
    settings: Settings,
    scratch: Scratch,
    vm: Option<Vm>,
    detail: String,
    notes: Vec<Note>,
}

impl Machine {
    /// A machine with these budgets.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            scratch: Scratch::default(),
            vm: None,
            detail: String::new(),
            notes: Vec::new(),
        }
    }

    /// Runs a program and adds what it says to `answers`: records that are there already are not
    /// added again, so that several programs can answer together.
    ///
    /// # Errors
    /// Why there is no answer; [`Machine::detail`] says it at length. `answers` has the records it
    /// had, and what was read so far.
    pub fn run(
        &mut self,
        program: &Arc<Program>,
        cx: &Context<'_>,
        answers: &mut Answers,
    ) -> Result<(), Failure> {
        self.notes.clear();
        let kept = answers.len();
        let result = self.run_body(program, cx, answers);
        let result = match result {
            Ok(()) if answers.len() > self.settings.answers.max(kept) => Err(Failure::TooMany),
            other => other,
        };
        if result.is_err() {
            answers.truncate(kept);
        }
        result
    }

    /// What exactly went wrong in the last run that failed, for the log; may be empty.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// What the last program said with `pdnslog`, for the log. A few lines at most.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    fn run_body(
        &mut self,
        program: &Arc<Program>,
        cx: &Context<'_>,
        answers: &mut Answers,
    ) -> Result<(), Failure> {
        match &program.body {
            Body::Plan(plan) => {
                let result = plan::run(plan, program, cx, &mut self.scratch, answers);
                result.map_err(|(failure, why)| {
                    self.detail.clear();
                    self.detail.push_str(why);
                    failure
                })
            }
            Body::Code { bytecode, variables, assigns } => {
                let vm = match &mut self.vm {
                    Some(vm) => vm,
                    None => match Vm::new(&self.settings) {
                        Ok(vm) => self.vm.insert(vm),
                        Err(why) => {
                            self.detail = why.to_string();
                            return Err(Failure::Internal);
                        }
                    },
                };
                let code = crate::vm::Code { bytecode, variables, assigns: *assigns };
                let result = vm.run(program, &code, cx, answers, &mut self.detail);
                vm.take_notes(&mut self.notes);
                if result == Err(Failure::Internal) {
                    // Nobody knows in what state a panic left it.
                    self.vm = None;
                }
                result
            }
            Body::Faulty(why) => {
                self.detail.clone_from(why);
                Err(Failure::Faulty)
            }
        }
    }
}
