//! What the system tells of changes in folders. It has few notifiers for each user, so the folders of tenants, which
//! are apart from each other, share one.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use notify::{Config, Event, RecommendedWatcher, RecursiveMode, Watcher};

use super::Order;

/// Where notifications come from.
#[derive(Clone, Debug, Default)]
pub(super) struct Notifier {
    /// The one that several share; `None`: each has one of his own.
    shared: Option<Arc<Common>>,
}

/// A notifier of the system, and who hears of what it tells.
#[derive(Debug, Default)]
struct Common {
    /// Once somebody has needed it.
    watcher: Mutex<Option<RecommendedWatcher>>,
    routes: Routes,
    #[cfg(test)]
    is_broken: bool,
}

/// Who hears of which folder, by its path from the root, and what he calls it: the system tells the whole path,
/// whatever it was asked for.
#[derive(Clone, Debug, Default)]
struct Routes(Arc<Mutex<HashMap<PathBuf, Route>>>);

#[derive(Debug)]
struct Route {
    called: PathBuf,
    orders: Sender<Order>,
}

/// Folders that are watched until it is dropped.
pub(super) struct Watching {
    common: Arc<Common>,
    orders: Sender<Order>,
    /// From the root.
    paths: Vec<PathBuf>,
}

impl Notifier {
    /// One for all to whom it is given.
    pub(super) fn shared() -> Self {
        Self { shared: Some(Arc::default()) }
    }

    /// One of a system that has none left.
    #[cfg(test)]
    pub(super) fn broken() -> Self {
        Self { shared: Some(Arc::new(Common { is_broken: true, ..Common::default() })) }
    }

    /// Begins to watch for whoever takes these orders; nothing so far.
    ///
    /// # Errors
    /// The system has no notifier left.
    pub(super) fn again(&self, orders: &Sender<Order>) -> notify::Result<Watching> {
        let common = self.shared.clone().unwrap_or_default();
        #[cfg(test)]
        if common.is_broken {
            return Err(notify::Error::new(notify::ErrorKind::MaxFilesWatch));
        }
        let mut watcher = lock(&common.watcher);
        if watcher.is_none() {
            let (routes, is_shared) = (common.routes.clone(), self.shared.is_some());
            let pass_on = move |event| routes.pass_on(event, is_shared);
            // No zones are behind links to folders, and they may lead anywhere.
            let config = Config::default().with_follow_symlinks(false);
            *watcher = Some(RecommendedWatcher::new(pass_on, config)?);
        }
        drop(watcher);
        Ok(Watching { common, orders: orders.clone(), paths: Vec::new() })
    }
}

impl Routes {
    /// Passes on what has happened. Called by the notifier's thread, for which those who begin to watch wait: they
    /// hold no lock of these then.
    fn pass_on(&self, event: notify::Result<Event>, is_shared: bool) {
        let routes = lock(&self.0);
        let to_all = |order: fn() -> Order| {
            for route in routes.values() {
                let _ = route.orders.send(order());
            }
        };
        match event {
            // Reading a file is no change.
            Ok(event) if event.kind.is_access() => {}
            Ok(event) if !event.need_rescan() && !event.paths.is_empty() => {
                for path in event.paths {
                    let found = path.ancestors().find_map(|folder| routes.get_key_value(folder));
                    if let Some((folder, Route { called, orders })) = found {
                        let path = match path.strip_prefix(folder) {
                            Ok(inside) if !inside.as_os_str().is_empty() => called.join(inside),
                            _ => called.clone(),
                        };
                        let _ = orders.send(Order::Changed(vec![path]));
                    }
                }
            }
            // More has happened than it could tell. Where it was somebody else's doing, nobody is kept busy by it.
            Ok(_) if is_shared => to_all(|| Order::Missed),
            Ok(_) => to_all(|| Order::Load),
            // A folder that came is not watched.
            Err(_) => to_all(|| Order::Missed),
        }
    }
}

impl Watching {
    /// Watches a folder, too.
    ///
    /// # Errors
    /// The system does not.
    pub(super) fn watch(&mut self, path: &Path, mode: RecursiveMode) -> notify::Result<()> {
        // Links on the way are followed here: the system is told to follow none.
        let whole = fs::canonicalize(path).or_else(|_| std::path::absolute(path));
        let whole = whole.unwrap_or_else(|_| path.to_owned());
        // Before it is watched: nothing that happens is lost.
        let route = Route { called: path.to_owned(), orders: self.orders.clone() };
        lock(&self.common.routes.0).insert(whole.clone(), route);
        self.paths.push(whole.clone());
        match &mut *lock(&self.common.watcher) {
            Some(watcher) => watcher.watch(&whole, mode),
            None => Ok(()),
        }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        for path in &self.paths {
            lock(&self.common.routes.0).remove(path);
            if let Some(watcher) = &mut *lock(&self.common.watcher) {
                // What is gone is not watched any longer.
                let _ = watcher.unwatch(path);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use notify::event::Flag;
    use notify::{ErrorKind, EventKind};

    use super::*;

    #[test]
    fn whoever_watches_hears_of_paths_as_he_calls_them() {
        let root = std::path::absolute("here").unwrap();
        let routes = Routes::default();
        let (first, heard_first) = mpsc::channel();
        let (second, heard_second) = mpsc::channel();
        let route = |whole: PathBuf, called: &str, orders: &Sender<Order>| {
            let route = Route { called: called.into(), orders: orders.clone() };
            lock(&routes.0).insert(whole, route);
        };
        route(root.join("a"), "here/a", &first);
        route(root.join("b"), "./here/b", &second);
        route(root.join("a/deep.zone"), "deep.zone", &second);
        for (path, called, heard) in [
            ("a/x.zone", "here/a/x.zone", &heard_first),
            ("a/in/y.zone", "here/a/in/y.zone", &heard_first),
            ("a", "here/a", &heard_first),
            ("b/x.zone", "./here/b/x.zone", &heard_second),
            ("a/deep.zone", "deep.zone", &heard_second),
        ] {
            let event = Event::new(EventKind::Any).add_path(root.join(path));
            routes.pass_on(Ok(event), true);
            let Ok(Order::Changed(paths)) = heard.try_recv() else { panic!("{path}") };
            assert_eq!(paths, [PathBuf::from(called)], "{path}");
        }
        routes.pass_on(Ok(Event::new(EventKind::Any).add_path(root.join("c/x.zone"))), true);
        assert!(heard_first.try_recv().is_err() && heard_second.try_recv().is_err());

        // What it could not tell, and what it does not watch.
        let lost = || Ok(Event::new(EventKind::Other).set_flag(Flag::Rescan));
        let full = || Err(notify::Error::new(ErrorKind::MaxFilesWatch));
        for (event, is_shared, has_missed) in [
            (lost(), true, true),
            (lost(), false, false),
            (full(), true, true),
            (full(), false, true),
        ] {
            routes.pass_on(event, is_shared);
            for heard in [&heard_first, &heard_second] {
                let order = heard.try_recv().unwrap();
                assert_eq!(matches!(order, Order::Missed), has_missed, "{order:?}");
                assert_eq!(matches!(order, Order::Load), !has_missed, "{order:?}");
                // The second has two folders.
                let _ = heard.try_recv();
            }
        }
    }
}
