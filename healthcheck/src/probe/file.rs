//! What does a file say?

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::time::SystemTime;

use crate::beats::{silence, told};
use crate::check::FileProbe;
use crate::outcome::Outcome;
use crate::said::{Holds, Said};

/// Reads the file, away from the threads that probe: a disk may take its time.
pub(super) async fn probe(probe: &FileProbe, folder: &Path, now: SystemTime) -> Outcome {
    let path = folder.join(&probe.path);
    let read = tokio::task::spawn_blocking(move || read(&path)).await;
    let (octets, written) = match read {
        Ok(Ok(read)) => read,
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => {
            return silence("there is no such file".to_owned(), &probe.push);
        }
        Ok(Err(error)) => return Outcome::failure(error.to_string()),
        Err(_) => return Outcome::Inconclusive("the file could not be read in peace".into()),
    };
    let said = match Said::parse(&octets) {
        Ok(said) => said,
        Err(error) => return Outcome::failure(format!("the file holds {error}")),
    };
    let end = match said.holds {
        Holds::AsChecked => written.checked_add(probe.push.within),
        Holds::For(ttl) => written.checked_add(ttl),
        Holds::Until(until) => Some(until),
    };
    match end {
        Some(end) if now < end => told(&said),
        _ => silence("what the file says holds no more".to_owned(), &probe.push),
    }
}

/// What is in the file, and when it was written.
fn read(path: &Path) -> io::Result<(Vec<u8>, SystemTime)> {
    // Opening a pipe would wait for whoever writes to it.
    if !path.metadata()?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let file = File::open(path)?;
    let written = file.metadata()?.modified()?;
    let mut octets = Vec::new();
    file.take(Said::MOST as u64 + 1).read_to_end(&mut octets)?;
    Ok((octets, written))
}
