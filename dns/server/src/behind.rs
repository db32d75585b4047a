//! Threads whose work can wait: reading zones, signing ahead, fetching, explaining.
//!
//! Each may be busy for seconds, and nobody who asks a question is to wait for that where there are fewer processors
//! than threads. So all of them step back behind the threads that answer and those that probe.

use std::io;
use std::thread::{self, Builder, JoinHandle};

use crate::transport::step_back;

/// Starts a thread that lets others go first.
///
/// # Errors
/// There is no thread to be had.
pub(crate) fn spawn(
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    spawn_with(Builder::new(), name, work)
}

/// The same with a stack of this size, in octets.
///
/// # Errors
/// There is no thread to be had.
pub(crate) fn spawn_sized(
    name: &str,
    stack: usize,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    spawn_with(Builder::new().stack_size(stack), name, work)
}

fn spawn_with(
    builder: Builder,
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    builder.name(name.to_owned()).spawn(move || {
        step_behind();
        work();
    })
}

/// The thread that calls this lets others go first.
fn step_behind() {
    if let Err(error) = step_back() {
        let thread = thread::current();
        let name = thread.name().unwrap_or_default();
        tracing::debug!(thread = name, %error, "a thread stays as urgent as those that answer");
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs;

    use super::*;

    /// Field 19 of proc(5).
    pub(crate) fn niceness() -> i32 {
        let stat = fs::read_to_string("/proc/thread-self/stat").unwrap();
        let behind = stat.rsplit(')').next().unwrap();
        behind.split_whitespace().nth(16).unwrap().parse().unwrap()
    }

    #[test]
    fn a_thread_steps_back_and_the_others_stay_where_they_are() {
        let before = niceness();
        let (told, heard) = std::sync::mpsc::channel();
        let work = move || told.send(niceness()).unwrap();
        spawn("behind", work).unwrap().join().unwrap();
        assert_eq!(heard.recv().unwrap(), (before + 10).min(19));
        // Those that it starts in its turn are where it is.
        let (told, heard) = std::sync::mpsc::channel();
        let work = move || told.send(thread::spawn(niceness).join().unwrap()).unwrap();
        spawn("behind", work).unwrap().join().unwrap();
        assert_eq!(heard.recv().unwrap(), (before + 10).min(19));
        assert_eq!(niceness(), before);
    }
}
