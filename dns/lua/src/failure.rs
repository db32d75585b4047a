//! Why a program gave no answer.

/// Why a program gave no answer, small enough for the query path. What exactly went wrong, for
/// the log, is in [`crate::Machine::detail`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// A result is not data of the record's type.
    #[error("result does not fit the type of the record")]
    BadResult,
    /// The program was refused at load, and is kept only to fail (dialect "powerdns").
    #[error("program was refused when it was loaded")]
    Faulty,
    /// Too many safepoints.
    #[error("program spent its budget of instructions")]
    Fuel,
    /// A fault of ours: a host function panicked. The virtual machine was thrown away.
    #[error("internal error while the program ran")]
    Internal,
    /// Too much memory.
    #[error("program spent its budget of memory")]
    Memory,
    /// Nothing that can be an answer: nil, a boolean, a table with names for keys.
    #[error("program returned nothing usable")]
    NoResult,
    /// The program raised an error, or gave a host function what it does not take.
    #[error("program raised an error")]
    Script,
    /// Too much wall time.
    #[error("program spent its budget of time")]
    Time,
    /// More records than one answer may have.
    #[error("program returned more records than an answer may have")]
    TooMany,
}
