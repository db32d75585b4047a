//! The reader of zone files, as tables of text and what it means.

mod data;
mod faults;
mod generate;
mod include;
mod lines;
mod programs;
mod real;
mod support;
