//! A repository, and a server that follows it.

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Ended, Running, halfmoon, run, wait_for};

/// What a zone begins with.
pub(crate) const HEAD: &str =
    "$TTL 60\n@ SOA ns hostmaster 1 3600 900 604800 60\n@ NS ns\nns A 127.0.0.53\n";

/// A folder with a repository in `repo`, zones in its folder `zones`, and a configuration.
pub(crate) struct Site {
    folder: TempDir,
}

impl Site {
    /// With one zone, `example.test.`, committed, and these lines in the configuration.
    pub(crate) fn new(lines: &str) -> Self {
        Self::at("repo", lines)
    }

    /// The same, followed at another URL.
    pub(crate) fn at(url: &str, lines: &str) -> Self {
        let site = Self::begun();
        site.configure(url, "", lines);
        site
    }

    /// The same, with these keys of `zones.git` in the configuration.
    pub(crate) fn with(keys: &str) -> Self {
        let site = Self::begun();
        site.configure("repo", keys, "");
        site
    }

    fn begun() -> Self {
        let site = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir_all(site.path("repo/zones")).unwrap();
        site.git(&["init", "--quiet", "--initial-branch", "main"]);
        site.zone("example.test", "www A 127.0.0.1\n");
        site.commit("first");
        fs::write(site.path("ops"), "a-secret-of-somebody-who-may-write").unwrap();
        fs::set_permissions(site.path("ops"), Permissions::from_mode(0o600)).unwrap();
        site
    }

    /// Writes the configuration: the URL, more keys of `zones.git`, and more lines of `[zones]`.
    pub(crate) fn configure(&self, url: &str, keys: &str, lines: &str) {
        let keys = if keys.is_empty() { String::new() } else { format!(", {keys}") };
        let config = format!(
            "[server]\nlisten = ['127.0.0.1:0']\nworkers = 1\ntcp_workers = 1\n\
             [zones]\ngit = {{ url = '{url}', path = 'zones', interval = '50ms'{keys} }}\n{lines}\n\
             [health]\nstate = 'state'\ntargets.allow = ['127.0.0.0/8', '::1/128']\n\
             [admin]\nlisten = '127.0.0.1:0'\n\
             [[admin.tokens]]\nname = 'ops'\nsecret_file = 'ops'\nmay = 'write'\n"
        );
        fs::write(self.path("halfmoon.toml"), config).unwrap();
    }

    /// Changes what the configuration says.
    #[track_caller]
    pub(crate) fn change(&self, from: &str, to: &str) {
        let before = fs::read_to_string(self.path("halfmoon.toml")).unwrap();
        assert!(before.contains(from), "{before}");
        fs::write(self.path("halfmoon.toml"), before.replace(from, to)).unwrap();
    }

    /// Adds sections to the configuration.
    pub(crate) fn add(&self, sections: &str) {
        let before = fs::read_to_string(self.path("halfmoon.toml")).unwrap();
        fs::write(self.path("halfmoon.toml"), format!("{before}\n{sections}")).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Begins to roll the key that signs the records of `example.test`.
    pub(crate) fn roll(&self) {
        let config = self.path("halfmoon.toml");
        let config = config.to_str().unwrap();
        let rolled = run(&["keys", "--config", config, "roll", "example.test", "--key", "zsk"]);
        assert!(rolled.status.success(), "{}", rolled.err);
    }

    /// Runs git in the repository; what it prints.
    #[track_caller]
    pub(crate) fn git(&self, args: &[&str]) -> String {
        let done = Command::new("git")
            .args(["-c", "user.name=Tester", "-c", "user.email=tester@example.test"])
            .args(["-c", "commit.gpgsign=false", "-c", "core.hooksPath=/dev/null"])
            .args(args)
            .current_dir(self.path("repo"))
            .output()
            .expect("git has to be installed");
        assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }

    /// Writes a zone of the working tree: the usual head, and these records.
    pub(crate) fn zone(&self, name: &str, records: &str) {
        self.write(&format!("{name}.zone"), &format!("{HEAD}{records}"));
    }

    /// Writes a file of the zones' folder.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path("repo/zones").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Commits all of the working tree; the name of the commit.
    #[track_caller]
    pub(crate) fn commit(&self, message: &str) -> String {
        self.git(&["add", "--all", "."]);
        self.git(&["commit", "--quiet", "--allow-empty", "-m", message]);
        self.git(&["rev-parse", "HEAD"])
    }

    /// `halfmoon serve`, ready to be asked.
    #[track_caller]
    pub(crate) fn serve(&self) -> Server {
        let config = self.path("halfmoon.toml");
        self.served_by(halfmoon(&["serve", config.to_str().unwrap()]))
    }

    /// The same by this command.
    #[track_caller]
    pub(crate) fn served_by(&self, command: Command) -> Server {
        let running = Running::spawn(command);
        let dns = running.address();
        let admin = running.line("admin on ", 0).trim().trim_start_matches("admin on ").to_owned();
        let token = self.path("ops").display().to_string();
        Server { running, dns, admin, token }
    }
}

/// A running server.
pub(crate) struct Server {
    pub(crate) running: Running,
    pub(crate) dns: SocketAddr,
    pub(crate) admin: String,
    token: String,
}

impl Server {
    /// A verb of the command line, for this server.
    pub(crate) fn command(&self, args: &[&str]) -> Ended {
        run(&[args, &["--server", &self.admin, "--token-file", &self.token]].concat())
    }

    /// What the server says of its repository.
    pub(crate) fn status(&self) -> Value {
        let said = self.command(&["status", "--json"]);
        assert!(said.status.success(), "{}", said.err);
        serde_json::from_str::<Value>(&said.out).unwrap()["git"].clone()
    }

    /// Waits until this commit is served.
    #[track_caller]
    pub(crate) fn wait_served(&self, commit: &str) {
        wait_for("the commit is served", || {
            (self.status()["served"]["commit"] == *commit).then_some(())
        });
    }

    /// Waits until this commit is refused, or held; the reasons.
    #[track_caller]
    pub(crate) fn wait_refused(&self, commit: &str, held: bool) -> String {
        let refused = wait_for("the commit is refused", || {
            Some(self.status()["refused"].clone()).filter(|refused| refused["commit"] == *commit)
        });
        assert_eq!(refused["held"], held, "{refused}");
        refused["why"].to_string()
    }
}
