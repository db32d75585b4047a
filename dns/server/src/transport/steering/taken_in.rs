//! How many packets each processor has taken in.

use std::collections::HashMap;
use std::io;

/// Where Linux counts them, whatever they are: a line for each processor that is online, in hexadecimal.
const FILE: &str = "/proc/net/softnet_stat";
/// The column that tells the processor; older kernels have none, and their lines are in order.
const PROCESSOR: usize = 12;

/// Packets since the system started, by the number of the processor.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct TakenIn(HashMap<usize, u32>);

impl TakenIn {
    /// What is counted now.
    ///
    /// # Errors
    /// The system does not tell, or in another form.
    pub(super) fn read() -> io::Result<Self> {
        let text = std::fs::read_to_string(FILE)?;
        Self::parse(&text).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{FILE} has another form"))
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let line = |(number, line): (usize, &str)| {
            let number_at = |column| {
                let word = line.split_ascii_whitespace().nth(column)?;
                u32::from_str_radix(word, 16).ok()
            };
            let processor = number_at(PROCESSOR).and_then(|at| usize::try_from(at).ok());
            Some((processor.unwrap_or(number), number_at(0)?))
        };
        text.lines().enumerate().map(line).collect::<Option<_>>().map(Self)
    }

    /// What one processor has taken in since; 0 for one that is not online. The kernel's counts start
    /// again at 0 after 2^32.
    pub(super) fn since(&self, then: &Self, processor: usize) -> u64 {
        match (self.0.get(&processor), then.0.get(&processor)) {
            (Some(now), Some(then)) => now.wrapping_sub(*then).into(),
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_told_apart_by_processor() {
        let columns = "00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000";
        let text = |counts: &[(&str, &str)]| -> String {
            counts
                .iter()
                .map(|(count, processor)| format!("{count} 00000000 {columns} {processor}\n"))
                .collect()
        };
        let cases = [
            (
                "in order",
                text(&[("0000000a", "00000000"), ("ffffffff", "00000001")]),
                &[(0, 10), (1, u32::MAX)][..],
            ),
            (
                "with gaps",
                text(&[("1", "00000003 00000000 00000000"), ("2", "0000000b")]),
                &[(3, 1), (11, 2)],
            ),
            ("of an old kernel", text(&[("1", ""), ("2", "")]), &[(0, 1), (1, 2)]),
        ];
        for (what, text, expected) in cases {
            assert_eq!(
                TakenIn::parse(&text),
                Some(TakenIn(expected.iter().copied().collect())),
                "{what}"
            );
        }
        assert_eq!(TakenIn::parse("many\n"), None);
    }

    #[test]
    fn counts_that_start_again_go_on() {
        let [then, now] =
            [[(0, u32::MAX), (1, 5)], [(0, 9), (2, 7)]].map(|counts| TakenIn(counts.into()));
        assert_eq!([0, 1, 2].map(|at| now.since(&then, at)), [10, 0, 0]);
    }

    #[test]
    fn this_system_tells() {
        assert!(!TakenIn::read().unwrap().0.is_empty());
    }
}
