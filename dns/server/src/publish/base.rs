//! What the thread of a source has, wherever its zones come from.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use halfmoon_zones::Loaded;

use super::hub::{Desk, Hub};
use super::publishing::Source;
use super::start::{Begin, Said};
use super::tell::report_strays;
use super::{Compile, Order, SourceError, report};
use crate::shared::{Served, Shared, Zones};

/// What the thread of a source has.
pub(super) struct Base {
    /// The number of the source among those of the server.
    pub(super) number: usize,
    /// The tenant whose zones they are; `None`: they are the operator's.
    pub(super) tenant: Option<String>,
    pub(super) compile: Compile,
    pub(super) shared: Arc<Shared>,
    /// What is served of this source.
    pub(super) zones: Arc<Zones>,
    pub(super) hub: Arc<Hub>,
    /// Who is told of its first zones, until he is.
    pub(super) awaited: Option<Sender<Said>>,
}

impl Base {
    /// Looks at the keys of zones. Whether they are to be loaded again.
    pub(super) fn look(&mut self) -> bool {
        let Self { zones, compile, .. } = self;
        compile.signing.as_mut().is_some_and(|signing| signing.look(zones))
    }

    /// Waits for its turn, and tells the compiler what it has to know of the moment.
    pub(super) fn prepare(&mut self) -> Desk {
        let desk = self.hub.desk();
        self.compile.begin();
        if let Some(guard) = &mut self.compile.guard {
            guard.know(&self.zones);
        }
        self.compile.know(self.shared.geo.current().attributes());
        desk
    }

    /// Serves what was loaded, if that is anything new.
    pub(super) fn publish(&mut self, loaded: Loaded<Served>, started: Instant) {
        if loaded.reports.is_empty() && loaded.removed.is_empty() {
            report_strays(&loaded);
            return;
        }
        self.note(&loaded, started.elapsed());
        self.swap(loaded.catalog);
    }

    /// Logs and counts a load.
    pub(super) fn note(&self, loaded: &Loaded<Served>, took: Duration) {
        report(loaded, took);
        self.shared.loads.note(loaded, took);
    }

    /// Serves these zones from now on.
    pub(super) fn swap(&mut self, zones: Zones) {
        let before = std::mem::replace(&mut self.zones, Arc::new(zones));
        // What these zones name is to be known before a query asks for it.
        self.shared.overrides.refresh();
        self.shared.health.publish();
        self.hub.serve(self.number, Arc::clone(&self.zones));
        self.compile.has_begun();
        // Now that it is served others may tell of it, and not before.
        if let Some(signing) = &mut self.compile.signing {
            for source in signing.serve(&before, &self.zones) {
                self.hub.tell(source, Order::Keys);
            }
        }
    }

    /// Changes what is known of the source by those who watch the server.
    pub(super) fn tell(&self, change: impl FnOnce(&mut Source)) {
        self.shared.publishing.tell(self.number, change);
    }

    /// Says what has become of its first zones, if nobody has yet.
    pub(super) fn begun(&mut self, outcome: Result<(), SourceError>) {
        self.begins(Begin::Over(outcome));
        if self.awaited.take().is_some() {
            self.shared.publishing.has_begun(self.number);
        }
    }

    /// Says how far it is with its first zones, as long as they are awaited.
    pub(super) fn begins(&self, begin: Begin) {
        if let Some(awaited) = &self.awaited {
            // A server that waits no longer has begun without them.
            let _ = awaited.send((self.number, begin));
        }
    }

    /// Whether its first zones are still awaited.
    pub(super) const fn is_awaited(&self) -> bool {
        self.awaited.is_some()
    }
}

#[cfg(test)]
mod tests {
    use halfmoon_lua::{Dialect, Settings};

    use super::*;
    use crate::offline::Offline;

    #[test]
    fn each_load_may_verify_as_many_signatures_as_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings::of(Dialect::Halfmoon);
        let shared = Offline::load(folder.path().to_owned(), settings.clone()).unwrap().shared;
        let mut base = Base {
            number: 0,
            tenant: None,
            compile: Compile::new(settings, shared.health.clone()),
            hub: Arc::new(Hub::new(Arc::clone(&shared.zones), Vec::new())),
            shared: Arc::new(shared),
            zones: Arc::default(),
            awaited: None,
        };
        let whole = base.compile.verified;
        base.compile.verified.1 = 0;
        drop(base.prepare());
        assert_eq!(base.compile.verified, whole);
    }
}
