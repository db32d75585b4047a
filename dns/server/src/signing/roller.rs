//! Rolls keys: brings each roll that somebody began to its end, step by step, on a thread of its own.
//!
//! The state of a roll is in the key file of the zone, so it does not matter which of the servers that
//! share a folder does it, or whether one is started anew in between.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use halfmoon_dnssec::{FolderError, FolderWatch, KeyFolder, Lifetimes, Roll, Turn, ZoneKeys};
use halfmoon_wire::{Name, NameBuf};

use super::parent::look;
use crate::behind;
use crate::config::DnssecConfig;
use crate::parent::Parents;
use crate::shared::{Served, Shared, Zones};
use halfmoon_zones::Hosted;

/// Between two looks at the rolls.
const LOOK: Duration = Duration::from_millis(500);
/// How often it is written down that nothing new was seen at the parent, in seconds.
const WRITE: u64 = 600;

/// The thread that rolls keys. Ends when dropped.
#[derive(Debug)]
pub struct Roller {
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Roller {
    /// Starts the thread. `renew` is called whenever keys were changed.
    ///
    /// # Errors
    /// The system has no thread for it.
    pub fn start(
        shared: Arc<Shared>,
        folder: KeyFolder,
        config: &DnssecConfig,
        renew: impl Fn() + Send + 'static,
    ) -> io::Result<Self> {
        let (key_ttl, propagation) = config.roll_times().unwrap_or_default();
        let mut work = Work {
            shared,
            watch: FolderWatch::new(folder.clone()),
            folder,
            parents: Parents::new(config),
            every: config.parent_check.as_secs().max(1),
            times: (key_ttl, propagation),
            rolls: HashMap::new(),
        };
        let (end, ended) = mpsc::channel();
        let run = move || {
            while matches!(ended.recv_timeout(LOOK), Err(RecvTimeoutError::Timeout)) {
                if work.look() {
                    renew();
                }
            }
        };
        let thread = behind::spawn("keys", run)?;
        Ok(Self { end: Some(end), thread: Some(thread) })
    }
}

impl Drop for Roller {
    fn drop(&mut self) {
        self.end = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Work {
    shared: Arc<Shared>,
    folder: KeyFolder,
    watch: FolderWatch,
    parents: Parents,
    /// Seconds from one look at a parent to the next.
    every: u64,
    /// The TTL of keys, and the time until all servers have a change.
    times: (u32, u32),
    /// The rolls under way: the keys as their file has them, and when the parent was asked last.
    rolls: HashMap<NameBuf, (ZoneKeys, u64)>,
}

impl Work {
    /// Looks at all rolls; whether keys were changed.
    fn look(&mut self) -> bool {
        let zones = self.shared.zones.load_full();
        let signed: Vec<NameBuf> = zones
            .zones()
            .iter()
            .filter(|hosted| hosted.beside.signed.is_some())
            .map(|hosted| hosted.zone.apex().to_buf())
            .collect();
        for apex in self.watch.look(signed.iter()) {
            let asked = self.rolls.remove(&apex).map_or(0, |(_, asked)| asked);
            // A file that cannot be read is told of by whoever loads the zone.
            if let Ok(Some(keys)) = self.folder.load(apex.as_name())
                && keys.roll().is_some()
            {
                self.rolls.insert(apex, (keys, asked));
            }
        }
        let mut changed = false;
        let rolling: Vec<NameBuf> = self.rolls.keys().copied().collect();
        for apex in rolling {
            match zones.zone(apex.as_name()).map(|hosted| self.roll(&zones, hosted)) {
                Some(Ok(turn)) => changed |= turn,
                Some(Err(FolderError::NotRolling { .. })) => {
                    self.rolls.remove(&apex);
                }
                Some(Err(error)) => tracing::error!(zone = %apex, %error, "key roll stands still"),
                None => {}
            }
        }
        changed
    }

    /// Does what is due of one roll; whether its keys do something else now.
    fn roll(&mut self, zones: &Zones, hosted: &Hosted<Served>) -> Result<bool, FolderError> {
        let (apex, now) = (hosted.zone.apex(), seconds());
        let Some((keys, asked)) = self.rolls.get_mut(&apex.to_buf()) else {
            return Ok(false);
        };
        let Some(signed) = &hosted.beside.signed else {
            return Ok(false);
        };
        let Some(roll) = keys.roll() else {
            return Ok(false);
        };
        // What nobody serves yet is not known to any cache.
        if signed.keys().stamp() != keys.stamp() {
            return Ok(false);
        }
        let (key_ttl, propagation) = self.times;
        let lifetimes =
            Lifetimes { keys: key_ttl, data: signed.longest_ttl(&hosted.zone), propagation };
        let looks = roll.awaits_parent() && roll.served().is_some() && now >= *asked + self.every;
        let look = looks.then(|| {
            *asked = now;
            look(&self.parents, zones, apex, &keys.all_ds_of(roll.coming()))
        });
        let is_due = roll.served().is_none() || roll.ends().is_some_and(|ends| now >= ends);
        if look.is_none() && !is_due {
            return Ok(false);
        }
        let stamp = keys.stamp();
        let (changed, turn) = self.folder.turn(apex, now, |roll| {
            roll.enter(now, lifetimes);
            if let Some(look) = look {
                let mut seen = roll.clone();
                let is_news = seen.see(look, now);
                if is_news || now >= roll.parent().looked + WRITE {
                    *roll = seen;
                }
            }
            roll.advance(now)
        })?;
        match (turn, changed.roll()) {
            (Turn::Next, Some(roll)) => tell(apex, roll),
            (Turn::Over, _) => tracing::info!(zone = %apex, "key roll is over"),
            _ => {}
        }
        let is_other = changed.stamp() != stamp;
        match changed.roll() {
            Some(_) => *keys = changed,
            None => {
                self.rolls.remove(&apex.to_buf());
            }
        }
        Ok(is_other)
    }
}

fn tell(apex: Name<'_>, roll: &Roll) {
    let (step, number, of) = roll.step();
    tracing::info!(
        zone = %apex, step, number, of, method = roll.method().word(), key = roll.coming(),
        "key roll goes on"
    );
}

/// Seconds since 1970; 0 before.
pub(crate) fn seconds() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs())
}
