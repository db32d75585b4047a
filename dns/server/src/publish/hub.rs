//! What the sources of one server have in common: the catalog that is served, which each of them has a part of;
//! how many may compile at a time; and what one tells the others.

use std::sync::atomic::AtomicBool;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use halfmoon_zones::Hosted;

use super::Order;
use crate::shared::{Served, Zones};
use crate::transport::give_back;

/// How long the zones before are kept after a swap. Until every worker has taken the new ones,
/// dropping the old ones would be the work of whoever lets go last.
pub(super) const AFTERLIFE: Duration = Duration::from_secs(2);
/// So many sources compile at a time, even on one core: one that takes long does not hold up all others.
const FEWEST_DESKS: usize = 2;

/// Between two changes of what is served of several sources. Each copies the list of all zones, so what comes from
/// many of them in a row goes out together.
const PAUSE: Duration = Duration::from_millis(100);

/// What the sources of one server have in common.
#[derive(Debug)]
pub(super) struct Hub {
    served: Arc<ArcSwap<Zones>>,
    parts: Mutex<Parts>,
    /// What was waiting is served.
    merged: Condvar,
    pause: Duration,
    /// How many more may compile.
    desks: Mutex<usize>,
    freed: Condvar,
    /// Where each source takes orders, by its number.
    inboxes: Vec<Sender<Order>>,
    /// The server ends: nobody is to wait for anything else.
    pub(super) is_over: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Parts {
    /// What is served of each source, by its number. No zone is in two of them.
    catalogs: Vec<Arc<Zones>>,
    /// How many changes of parts there were, and how many of them are served.
    changes: u64,
    served: u64,
    /// What has changed since then, as far as it is other versions of zones; `None`: some have come or gone.
    waiting: Option<Vec<Arc<Hosted<Served>>>>,
    /// No change is served before this.
    next: Option<Instant>,
    /// What was served before, and until when it is kept.
    before: Vec<(Instant, Arc<Zones>)>,
    /// All zones of a source were read: much was freed, or will be when those before go.
    has_left_over: bool,
}

/// The right to compile, until it is dropped.
#[must_use]
pub(super) struct Desk(Arc<Hub>);

impl Hub {
    /// For as many sources as there are inboxes, of which nothing is served.
    pub(super) fn new(served: Arc<ArcSwap<Zones>>, inboxes: Vec<Sender<Order>>) -> Self {
        let catalogs = inboxes.iter().map(|_| Arc::default()).collect();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            served,
            parts: Mutex::new(Parts {
                catalogs,
                changes: 0,
                served: 0,
                waiting: Some(Vec::new()),
                next: None,
                before: Vec::new(),
                has_left_over: false,
            }),
            merged: Condvar::new(),
            pause: PAUSE,
            desks: Mutex::new(cores.max(FEWEST_DESKS)),
            freed: Condvar::new(),
            inboxes,
            is_over: Arc::default(),
        }
    }

    /// Waits until there is room for another one who compiles.
    pub(super) fn desk(self: &Arc<Self>) -> Desk {
        let free = self.desks.lock().unwrap_or_else(PoisonError::into_inner);
        let free = self.freed.wait_while(free, |free| *free == 0);
        *free.unwrap_or_else(PoisonError::into_inner) -= 1;
        Desk(Arc::clone(self))
    }

    /// Serves these zones of a source from now on: they are served when this returns, at once unless something was
    /// served of another source just before. It costs what has changed costs, and a copy of a list of all
    /// zones, as long as they are the same zones.
    pub(super) fn serve(&self, source: usize, zones: Arc<Zones>) {
        let mut parts = self.lock();
        let Some(part) = parts.catalogs.get_mut(source) else {
            return;
        };
        let old = std::mem::replace(part, Arc::clone(&zones));
        if parts.catalogs.len() == 1 {
            return self.swap(&mut parts, zones);
        }
        parts.waiting = parts.waiting.take().zip(changed(&old, &zones)).map(|(mut all, new)| {
            all.extend(new);
            all
        });
        parts.changes += 1;
        let change = parts.changes;
        while parts.served < change {
            let now = Instant::now();
            match parts.next.filter(|next| *next > now) {
                None => self.merge(&mut parts),
                Some(next) => {
                    // Whoever is awake first serves what all have.
                    let waited = self.merged.wait_timeout(parts, next - now);
                    parts = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        }
        drop(parts);
        // The list of what was; its zones live on in `before`.
        drop(old);
    }

    /// Serves all that waits.
    fn merge(&self, parts: &mut Parts) {
        let whole = match parts.waiting.replace(Vec::new()) {
            Some(changed) => self.served.load().replacing(changed),
            None => {
                let all = parts.catalogs.iter().flat_map(|part| part.zones());
                Zones::new(all.cloned().collect())
            }
        };
        self.swap(parts, Arc::new(whole));
        parts.served = parts.changes;
        parts.next = Some(Instant::now() + self.pause);
        self.merged.notify_all();
    }

    fn swap(&self, parts: &mut Parts, whole: Arc<Zones>) {
        let before = self.served.swap(whole);
        parts.before.push((Instant::now() + AFTERLIFE, before));
    }

    /// All zones of a source were read, for which memory was taken that nobody needs any longer.
    pub(super) fn has_read_all(&self) {
        self.lock().has_left_over = true;
    }

    /// Forgets what was served before, once nobody has it in use.
    pub(super) fn tidy(&self) {
        let now = Instant::now();
        let mut parts = self.lock();
        let (over, kept) = std::mem::take(&mut parts.before)
            .into_iter()
            .partition::<Vec<_>, _>(|(until, _)| *until <= now);
        parts.before = kept;
        let is_over = parts.before.is_empty() && std::mem::take(&mut parts.has_left_over);
        drop(parts);
        // Which may take its time.
        drop(over);
        if is_over {
            give_back();
        }
    }

    /// Has an order for a source. One whose thread has ended hears nothing.
    pub(super) fn tell(&self, source: usize, order: Order) {
        if let Some(inbox) = self.inboxes.get(source) {
            let _ = inbox.send(order);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Parts> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        *self.0.desks.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.freed.notify_one();
    }
}

/// The zones that are others than before, if only their versions are; `None`: some have come or gone.
fn changed(old: &Zones, new: &Zones) -> Option<Vec<Arc<Hosted<Served>>>> {
    let (old, new) = (old.zones(), new.zones());
    if old.len() != new.len() {
        return None;
    }
    let mut changed = Vec::new();
    for (old, new) in old.iter().zip(new) {
        if Arc::ptr_eq(old, new) {
            continue;
        }
        if old.zone.apex() != new.zone.apex() {
            return None;
        }
        changed.push(Arc::clone(new));
    }
    Some(changed)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::mpsc;

    use halfmoon_lua::{Dialect, Settings};

    use super::*;
    use crate::offline::Offline;

    /// A version of these zones.
    fn catalog(names: &[&str]) -> Arc<Zones> {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let text = "@ 60 SOA ns h 1 3600 900 604800 60\n@ 60 NS ns\nns 60 A 192.0.2.1\n";
            fs::write(folder.path().join(format!("{name}.zone")), text).unwrap();
        }
        let settings = Settings::of(Dialect::Halfmoon);
        let offline = Offline::load(folder.path().to_owned(), settings).unwrap();
        offline.shared.zones.load_full()
    }

    fn zone<'z>(zones: &'z Zones, name: &str) -> Option<&'z Arc<Hosted<Served>>> {
        zones.zone(name.parse::<halfmoon_wire::NameBuf>().unwrap().as_name())
    }

    fn hub(sources: usize) -> (Arc<Hub>, Arc<ArcSwap<Zones>>) {
        let served = Arc::new(ArcSwap::from_pointee(Zones::default()));
        let inboxes = (0..sources).map(|_| mpsc::channel().0).collect();
        (Arc::new(Hub::new(Arc::clone(&served), inboxes)), served)
    }

    #[test]
    fn what_comes_in_a_row_is_served_together_and_the_first_at_once() {
        const MANY: usize = 12;
        let pause = Duration::from_millis(50);
        let (mut hub, served) = hub(MANY);
        Arc::get_mut(&mut hub).unwrap().pause = pause;
        let names: Vec<String> = (0..MANY).map(|number| format!("z{number}.test")).collect();
        let zones: Vec<_> = names.iter().map(|name| catalog(&[name])).collect();
        let start = Instant::now();
        std::thread::scope(|scope| {
            for (number, (name, zones)) in names.iter().zip(&zones).enumerate() {
                let (hub, served) = (&hub, &served);
                scope.spawn(move || {
                    hub.serve(number, Arc::clone(zones));
                    assert!(zone(&served.load(), name).is_some(), "served when it returns");
                    // Another version of the same.
                    hub.serve(number, Arc::new(Zones::new(zones.zones().to_vec())));
                });
            }
        });
        let most = start.elapsed().as_millis() / pause.as_millis() + 1;
        let swaps = hub.lock().before.len();
        assert!(swaps as u128 <= most && swaps < 2 * MANY, "{swaps} of {most}");
        assert_eq!(served.load().zones().len(), MANY);

        // Once it was quiet for so long, the next one waits for nobody.
        hub.lock().next = None;
        Arc::get_mut(&mut hub).unwrap().pause = Duration::from_secs(3600);
        hub.serve(0, catalog(&["other.test"]));
        assert!(zone(&served.load(), "other.test").is_some());
    }

    #[test]
    fn what_each_source_has_is_served_together() {
        let (hub, served) = hub(3);
        let first = catalog(&["a.test", "b.test"]);
        hub.serve(1, Arc::clone(&first));
        hub.serve(0, catalog(&["c.test"]));
        assert_eq!(served.load().zones().len(), 3);

        // Another version of one zone: the others are what they were, and where they were.
        let other = catalog(&["b.test"]);
        let kept = Arc::clone(zone(&first, "a.test").unwrap());
        let both = Zones::new(vec![kept, Arc::clone(zone(&other, "b.test").unwrap())]);
        hub.serve(1, Arc::new(both));
        let whole = served.load_full();
        assert_eq!((whole.zones().len(), whole.record_count()), (3, 9));
        let is_same = |name: &str, of: &Zones| {
            Arc::ptr_eq(zone(&whole, name).unwrap(), zone(of, name).unwrap())
        };
        assert!(is_same("a.test", &first) && is_same("b.test", &other));

        // Zones that come and go, and a source that has none any longer.
        hub.serve(2, catalog(&["d.test"]));
        hub.serve(1, catalog(&["e.test"]));
        hub.serve(0, catalog(&[]));
        let whole = served.load();
        let has: Vec<&str> = ["a.test", "b.test", "c.test", "d.test", "e.test"]
            .into_iter()
            .filter(|name| zone(&whole, name).is_some())
            .collect();
        assert_eq!((has, whole.zones().len()), (vec!["d.test", "e.test"], 2));
    }

    #[test]
    fn who_wants_to_compile_waits_for_a_desk() {
        let (hub, _) = hub(1);
        let count = *hub.desks.lock().unwrap();
        assert!(count >= FEWEST_DESKS);
        let mut taken: Vec<Desk> = (0..count).map(|_| hub.desk()).collect();
        let (sender, waited) = mpsc::channel();
        let other = Arc::clone(&hub);
        let waiting = std::thread::spawn(move || {
            let _desk = other.desk();
            sender.send(()).unwrap();
        });
        assert!(waited.try_recv().is_err());
        taken.pop();
        waited.recv().unwrap();
        waiting.join().unwrap();
        drop(taken);
        assert_eq!(*hub.desks.lock().unwrap(), count);
    }
}
