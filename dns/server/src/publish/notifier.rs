//! What the system tells of changes in folders. It has few notifiers for each user, so the folders of tenants, which
//! are apart from each other, share one.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};

use super::Order;

/// Where notifications come from.
#[derive(Clone, Debug, Default)]
pub(super) struct Notifier {
    /// The one that several share, once somebody has needed it.
    shared: Option<Arc<Mutex<Option<RecommendedWatcher>>>>,
    routes: Routes,
}

/// Who hears of which folder.
#[derive(Clone, Debug, Default)]
struct Routes(Arc<Mutex<HashMap<PathBuf, Sender<Order>>>>);

/// Folders that are watched until it is dropped.
pub(super) enum Watching {
    /// By a notifier of their own.
    Own(RecommendedWatcher),
    /// By one that others have, too.
    Shared { notifier: Notifier, orders: Sender<Order>, paths: Vec<PathBuf> },
}

impl Notifier {
    /// One for all to whom it is given.
    pub(super) fn shared() -> Self {
        Self { shared: Some(Arc::default()), ..Self::default() }
    }

    /// Begins to watch for whoever takes these orders; nothing so far.
    ///
    /// # Errors
    /// The system has no notifier left.
    pub(super) fn again(&self, orders: &Sender<Order>) -> notify::Result<Watching> {
        let Some(shared) = &self.shared else {
            let orders = orders.clone();
            let heard = move |event| drop(order(event).map(|order| orders.send(order)));
            return notify::recommended_watcher(heard).map(Watching::Own);
        };
        let mut watcher = lock(shared);
        if watcher.is_none() {
            let routes = self.routes.clone();
            *watcher = Some(notify::recommended_watcher(move |event| routes.pass_on(event))?);
        }
        let (notifier, orders) = (self.clone(), orders.clone());
        Ok(Watching::Shared { notifier, orders, paths: Vec::new() })
    }
}

impl Routes {
    /// Passes on what has happened. Called by the notifier's thread, for which those who begin to watch wait: they
    /// hold no lock of these then.
    fn pass_on(&self, event: notify::Result<Event>) {
        let routes = lock(&self.0);
        match order(event) {
            Some(Order::Changed(paths)) => {
                for path in paths {
                    if let Some(orders) = path.ancestors().find_map(|folder| routes.get(folder)) {
                        let _ = orders.send(Order::Changed(vec![path]));
                    }
                }
            }
            Some(_) => {
                for orders in routes.values() {
                    let _ = orders.send(Order::Load);
                }
            }
            None => {}
        }
    }
}

impl Watching {
    /// Watches a folder, too.
    ///
    /// # Errors
    /// The system does not.
    pub(super) fn watch(&mut self, path: &Path, mode: RecursiveMode) -> notify::Result<()> {
        match self {
            Self::Own(watcher) => watcher.watch(path, mode),
            Self::Shared { notifier, orders, paths } => {
                let Some(shared) = &notifier.shared else {
                    return Ok(());
                };
                // Before it is watched: nothing that happens is lost.
                lock(&notifier.routes.0).insert(path.to_owned(), orders.clone());
                paths.push(path.to_owned());
                match &mut *lock(shared) {
                    Some(watcher) => watcher.watch(path, mode),
                    None => Ok(()),
                }
            }
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let Self::Shared { notifier, paths, .. } = self else {
            return;
        };
        for path in paths {
            lock(&notifier.routes.0).remove(path);
            if let Some(shared) = &notifier.shared
                && let Some(watcher) = &mut *lock(shared)
            {
                // What is gone is not watched any longer.
                let _ = watcher.unwatch(path);
            }
        }
    }
}

/// What is to be done about something that happened.
fn order(event: notify::Result<Event>) -> Option<Order> {
    match event {
        // Reading a file is no change.
        Ok(event) if event.kind.is_access() => None,
        Ok(event) if !event.need_rescan() && !event.paths.is_empty() => {
            Some(Order::Changed(event.paths))
        }
        Ok(_) => Some(Order::Load),
        Err(_) => None,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
