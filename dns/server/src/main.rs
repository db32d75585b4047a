//! The binary `halfmoon`. Everything it does is in the library.

fn main() {}
