//! What the process takes, under the names that all exporters use. From `/proc`; nothing where
//! there is none.

use std::fs;

use super::text::{Kind, Text};

pub(super) fn show(text: &mut Text) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(kibibytes) = field(&status, "VmRSS:") {
        text.family("process_resident_memory_bytes", Kind::Gauge, "Memory in use.")
            .sample(&[], kibibytes * 1024);
    }
    if let Some(threads) = field(&status, "Threads:") {
        text.family("process_threads", Kind::Gauge, "Threads.").sample(&[], threads);
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        text.family("process_open_fds", Kind::Gauge, "Open files and sockets.")
            .sample(&[], open.count());
    }
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    if let Some(most) = field(&limits, "Max open files") {
        text.family("process_max_fds", Kind::Gauge, "How many of them there may be.")
            .sample(&[], most);
    }
}

/// The first number behind a word at the beginning of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}
