//! The interface for operators of the real binary, over real sockets.

mod access;
mod browser;
mod changes;
mod checks;
mod command;
mod explain;
mod heartbeat;
mod metrics;
mod overrides;
mod page;
mod reach;
mod regions;
mod tenants;
mod webhooks;
mod wellness;
mod whatif;

#[path = "../support/mod.rs"]
mod support;

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;

use support::Running;
use support::site::{Folder, QUICK};

/// Secrets of tokens, 16 octets at least.
pub(crate) const WRITER: &str = "a-secret-of-somebody-who-may-write";
pub(crate) const READER: &str = "a-secret-of-somebody-who-may-read";

/// A server with an admin interface.
pub(crate) struct Site {
    pub(crate) folder: Folder,
    pub(crate) running: Running,
    pub(crate) dns: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl Site {
    /// With tokens `ops`, which may write, and `eyes`, which may read; these lines in `[admin]`
    /// and behind it, and these in the zone `example.test.`.
    pub(crate) fn new(admin: &str, zone: &str) -> Self {
        Self::with(QUICK, admin, zone)
    }

    /// The same with these lines in `[health]`.
    pub(crate) fn with(health: &str, admin: &str, zone: &str) -> Self {
        Self::built(health, admin, zone, |_| ())
    }

    /// With these tokens besides, whose files `prepare` writes.
    pub(crate) fn prepared(tokens: &str, zone: &str, prepare: impl FnOnce(&Folder)) -> Self {
        Self::built(QUICK, tokens, zone, prepare)
    }

    pub(crate) fn built(
        health: &str,
        admin: &str,
        zone: &str,
        prepare: impl FnOnce(&Folder),
    ) -> Self {
        let tokens = "[[admin.tokens]]\nname = 'ops'\nsecret_file = 'ops'\nmay = 'write'\n\
                      [[admin.tokens]]\nname = 'eyes'\nsecret_file = 'eyes'\n";
        let config = format!("{health}[admin]\nlisten = '127.0.0.1:0'\n{admin}\n{tokens}");
        let folder = Folder::new(&config, zone);
        secret(&folder, "ops", WRITER);
        secret(&folder, "eyes", READER);
        prepare(&folder);
        let (running, dns) = folder.serve();
        let admin = admin_address(&running);
        Self { folder, running, dns, admin }
    }
}

/// Writes a file that nobody else may read.
pub(crate) fn secret(folder: &Folder, name: &str, text: &str) {
    folder.write(name, text);
    fs::set_permissions(folder.path(name), Permissions::from_mode(0o600)).unwrap();
}

/// Where a server says that its admin interface is.
#[track_caller]
pub(crate) fn admin_address(running: &Running) -> SocketAddr {
    let line = running.line("admin on http://", 0);
    line.trim().trim_start_matches("admin on http://").trim_end_matches('/').parse().unwrap()
}
