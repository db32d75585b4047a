//! How long a server waits for the first zones of its sources before it begins.
//!
//! What is here to be read is waited for: before that its zones would be refused. A network, or a folder that does not
//! answer, is not, once there is something to serve.

use std::collections::BTreeMap;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use super::SourceError;

/// What a source says until its first zones are there, with its number.
pub(super) type Said = (usize, Begin);

/// How a source begins.
#[derive(Debug)]
pub(super) enum Begin {
    /// It waits for something that may not answer: a network, or a folder that may lie elsewhere.
    Waits,
    /// It reads what is there.
    Reads,
    /// Its first zones are served, or cannot be.
    Over(Result<(), SourceError>),
}

/// Waits for the first zones of each source; for what does not answer no longer than `patience` if there are some.
///
/// # Errors
/// There are none, and nobody is left who may have some.
pub(super) fn wait(
    told: &Receiver<Said>,
    names: &[Option<String>],
    patience: Duration,
) -> Result<(), SourceError> {
    let end = Instant::now() + patience;
    // Of each that is awaited, whether it waits for something else.
    let mut awaited: BTreeMap<usize, bool> = (0..names.len()).map(|n| (n, false)).collect();
    let (mut failed, mut is_any) = (BTreeMap::new(), false);
    while !awaited.is_empty() {
        let said = if is_any && awaited.values().all(|waits| *waits) {
            told.recv_timeout(end.saturating_duration_since(Instant::now())).ok()
        } else {
            told.recv().ok()
        };
        match said {
            Some((number, Begin::Waits)) => drop(awaited.insert(number, true)),
            Some((number, Begin::Reads)) => drop(awaited.insert(number, false)),
            Some((number, Begin::Over(outcome))) => {
                awaited.remove(&number);
                match outcome {
                    Ok(()) => is_any = true,
                    Err(error) => drop(failed.insert(number, error)),
                }
            }
            None => break,
        }
    }
    if !is_any && let Some((_, error)) = failed.pop_first() {
        return Err(error);
    }
    let name = |number: usize| names.get(number).and_then(Option::as_deref).unwrap_or_default();
    for (number, error) in failed {
        let tenant = name(number);
        tracing::error!(tenant, %error, "nothing is served of this source yet; it is tried again");
    }
    for number in awaited.into_keys() {
        let tenant = name(number);
        tracing::error!(
            tenant,
            "the server begins without the zones of this source, whose folder or repository has not answered yet"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    const NEVER: Duration = Duration::from_secs(3600);

    fn none() -> Begin {
        Begin::Over(Err(SourceError::NoZone { path: PathBuf::from("zones") }))
    }

    /// Waits for three sources on another thread; what says what they say, and what hears when that is over.
    fn waiting(patience: Duration) -> (mpsc::Sender<Said>, Receiver<bool>) {
        let ((say, told), (done, over)) = (mpsc::channel(), mpsc::channel());
        thread::spawn(move || {
            let names = [None, Some("acme".to_owned()), Some("beta".to_owned())];
            let _ = done.send(wait(&told, &names, patience).is_ok());
        });
        (say, over)
    }

    #[test]
    fn what_is_read_is_waited_for_and_a_network_is_not() {
        let (say, over) = waiting(Duration::ZERO);
        say.send((1, Begin::Over(Ok(())))).unwrap();
        say.send((2, Begin::Waits)).unwrap();
        assert!(over.recv_timeout(Duration::from_millis(50)).is_err(), "0 reads");
        say.send((2, Begin::Reads)).unwrap();
        say.send((0, Begin::Over(Ok(())))).unwrap();
        assert!(over.recv_timeout(Duration::from_millis(50)).is_err(), "2 has something to read");
        say.send((2, Begin::Waits)).unwrap();
        assert_eq!(over.recv(), Ok(true));
    }

    #[test]
    fn a_network_is_waited_for_as_long_as_there_is_nothing_to_serve() {
        let (say, over) = waiting(Duration::ZERO);
        say.send((0, none())).unwrap();
        say.send((1, Begin::Waits)).unwrap();
        say.send((2, Begin::Waits)).unwrap();
        assert!(over.recv_timeout(Duration::from_millis(50)).is_err());
        say.send((1, Begin::Over(Ok(())))).unwrap();
        assert_eq!(over.recv(), Ok(true));

        let (say, over) = waiting(NEVER);
        for number in 0..3 {
            say.send((number, none())).unwrap();
        }
        assert_eq!(over.recv(), Ok(false));
        let (say, over) = waiting(NEVER);
        for said in [(0, none()), (2, Begin::Over(Ok(()))), (1, none())] {
            say.send(said).unwrap();
        }
        assert_eq!(over.recv(), Ok(true));
    }
}
