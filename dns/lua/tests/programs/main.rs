//! Record programs, as tables: what stands in a zone file, who asks, what is up, what is answered.

mod answers;
mod attacks;
mod faults;
mod field;
mod language;
mod peer;
mod plans;
mod scope;
mod world;
