//! A server with a folder of its own: configuration, zones, and what else it reads.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;

use tempfile::TempDir;

use super::{Running, halfmoon};

/// What every configuration here begins with. Nothing but this machine is ever probed.
pub const SERVER: &str = "\
[server]
listen = [\"127.0.0.1:0\"]
workers = 2
[zones]
path = \"zones\"
[health]
targets.allow = [\"127.0.0.0/8\", \"::1/128\"]
";

/// A pace at which tests do not take long. Three lines that belong to `[health]`.
pub const QUICK: &str = "interval = \"100ms\"\ntimeout = \"1s\"\nfall = 2\nrise = 2\n";

/// The head of a zone: SOA with a negative TTL of 7 seconds, NS, and 30 seconds for the rest.
pub const HEAD: &str = "\
$TTL 30
@    SOA ns hostmaster 1 3600 600 604800 7
     NS  ns
ns   A   127.0.0.1
";

/// A folder to be served.
#[derive(Debug)]
pub struct Folder(TempDir);

impl Folder {
    /// With these lines after [`SERVER`], and one zone `example.test.` with these after [`HEAD`].
    pub fn new(config: &str, zone: &str) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        fs::create_dir(folder.path("zones")).unwrap();
        folder.write("halfmoon.toml", format!("{SERVER}{config}"));
        folder.zone("example.test", zone);
        folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes or replaces a file, in one step.
    pub fn write(&self, name: &str, octets: impl AsRef<[u8]>) {
        let beside = self.path("half-written");
        fs::write(&beside, octets).unwrap();
        fs::rename(beside, self.path(name)).unwrap();
    }

    /// Writes or replaces a zone file: [`HEAD`] and these lines.
    pub fn zone(&self, name: &str, lines: &str) {
        self.write(&format!("zones/{name}.zone"), format!("{HEAD}{lines}"));
    }

    pub fn remove_zone(&self, name: &str) {
        fs::remove_file(self.path(&format!("zones/{name}.zone"))).unwrap();
    }

    /// The line of a zone file that is the `n`th after [`HEAD`].
    pub fn line(n: usize) -> usize {
        HEAD.lines().count() + n
    }

    /// `halfmoon serve halfmoon.toml`, ready to be asked.
    #[track_caller]
    pub fn serve(&self) -> (Running, SocketAddr) {
        let config = self.path("halfmoon.toml");
        let running = Running::spawn(halfmoon(&["serve", config.to_str().unwrap()]));
        let address = running.address();
        (running, address)
    }
}
