//! The binary `halfmoon`. Everything it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    halfmoon::cli::main()
}
