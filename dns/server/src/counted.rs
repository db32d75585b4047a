//! How many there are of something, in words.

use std::fmt::Display;

/// As in `1 zone` and `2 zones`. `what` is a word that takes an `s`.
pub(crate) fn counted<N: Copy + Display + PartialEq + From<u8>>(count: N, what: &str) -> String {
    format!("{count} {what}{}", if count == N::from(1) { "" } else { "s" })
}

/// The verb that goes with so many: `is` or `are`.
pub(crate) fn are<N: PartialEq + From<u8>>(count: N) -> &'static str {
    if count == N::from(1) { "is" } else { "are" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_many() {
        for (count, told) in [(0u32, "0 zones are"), (1, "1 zone is"), (2, "2 zones are")] {
            assert_eq!(format!("{} {}", counted(count, "zone"), are(count)), told);
        }
    }
}
