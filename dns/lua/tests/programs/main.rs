//! Record programs, as tables: what stands in a zone file, who asks, what is up, what is answered.

mod ahead;
mod answers;
mod attacks;
mod beyond;
mod bombs;
mod checks;
mod conventions;
mod data;
mod dialects;
mod faults;
mod field;
mod forms;
mod forward;
mod include;
mod language;
mod magic;
mod objects;
mod options;
mod peer;
mod plans;
mod policy;
mod reverse;
mod scope;
mod strangers;
mod tenants;
mod world;
