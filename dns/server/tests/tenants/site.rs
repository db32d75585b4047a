//! Folders and repositories of tenants, and a server that serves them.

use std::fs::{self, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Ended, Running, halfmoon, http, run, wait_for};

/// What a zone begins with.
const HEAD: &str = "$TTL 60\n@ SOA ns hostmaster 1 3600 900 604800 60\n@ NS ns\nns A 127.0.0.53\n";

/// A folder with all that a server needs.
pub(crate) struct Site {
    folder: TempDir,
}

impl Site {
    /// With these sections in the configuration, behind those that all have.
    pub(crate) fn new(sections: &str) -> Self {
        let site = Self { folder: tempfile::tempdir().unwrap() };
        fs::write(site.path("ops"), "a-secret-of-somebody-who-may-write").unwrap();
        fs::set_permissions(site.path("ops"), Permissions::from_mode(0o600)).unwrap();
        let config = format!(
            "[server]\nlisten = ['127.0.0.1:0']\nworkers = 1\ntcp_workers = 1\n\
             [health]\nstate = 'state'\ntargets.allow = ['127.0.0.0/8', '::1/128']\n\
             [admin]\nlisten = '127.0.0.1:0'\n\
             [[admin.tokens]]\nname = 'ops'\nsecret_file = 'ops'\nmay = 'write'\n{sections}\n"
        );
        fs::write(site.path("halfmoon.toml"), config).unwrap();
        site
    }

    /// With tenants that own what lies below `NAME.test.` and have a repository with one zone each, and these keys
    /// of their `git`.
    pub(crate) fn of_repositories(tenants: &[(&str, &str)]) -> Self {
        let section = |(name, keys): &(&str, &str)| {
            format!(
                "[tenants.{name}]\nbelow = ['{name}.test']\n\
                 git = {{ url = '{name}', interval = '50ms'{keys} }}\n"
            )
        };
        let site = Self::new(&tenants.iter().map(section).collect::<String>());
        for (name, _) in tenants {
            site.repository(name);
        }
        site
    }

    /// Makes a repository with the zone `NAME.test.`, committed.
    pub(crate) fn repository(&self, name: &str) {
        fs::create_dir_all(self.path(name)).unwrap();
        self.git(name, &["init", "--quiet", "--initial-branch", "main"]);
        self.zone(name, &format!("{name}.test"), "127.0.0.1");
        self.commit(name, "first");
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file in one step.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let (path, beside) = (self.path(name), self.path("half-written"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&beside, text).unwrap();
        fs::rename(beside, path).unwrap();
    }

    /// Writes a zone in which `www` has this address.
    pub(crate) fn zone(&self, folder: &str, name: &str, address: &str) {
        self.records(folder, name, &format!("www A {address}\n"));
    }

    /// Writes a zone with these records.
    pub(crate) fn records(&self, folder: &str, name: &str, records: &str) {
        self.write(&format!("{folder}/{name}.zone"), &format!("{HEAD}{records}"));
    }

    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).unwrap();
    }

    /// Runs git in a repository; what it prints.
    #[track_caller]
    pub(crate) fn git(&self, repository: &str, args: &[&str]) -> String {
        let done = Command::new("git")
            .args(["-c", "user.name=Tester", "-c", "user.email=tester@example.test"])
            .args(["-c", "commit.gpgsign=false", "-c", "core.hooksPath=/dev/null"])
            .args(args)
            .current_dir(self.path(repository))
            .output()
            .expect("git has to be installed");
        assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }

    /// Commits all of a working tree; the name of the commit.
    #[track_caller]
    pub(crate) fn commit(&self, repository: &str, message: &str) -> String {
        self.git(repository, &["add", "--all", "."]);
        self.git(repository, &["commit", "--quiet", "--allow-empty", "-m", message]);
        self.git(repository, &["rev-parse", "HEAD"])
    }

    /// `halfmoon serve`, ready to be asked.
    #[track_caller]
    pub(crate) fn serve(&self) -> Server {
        let config = self.path("halfmoon.toml");
        self.serve_by(halfmoon(&["serve", config.to_str().unwrap()]))
    }

    /// The same, started in the folder itself, so that all paths are relative.
    #[track_caller]
    pub(crate) fn serve_inside(&self) -> Server {
        let mut command = halfmoon(&["serve", "halfmoon.toml"]);
        command.current_dir(self.folder.path());
        self.serve_by(command)
    }

    #[track_caller]
    pub(crate) fn serve_by(&self, command: Command) -> Server {
        let running = Running::spawn(command);
        let dns = running.address();
        let admin = running.line("admin on ", 0).trim().trim_start_matches("admin on ").to_owned();
        let token = self.path("ops").display().to_string();
        Server { running, dns, admin, token }
    }

    /// `halfmoon check` of the configuration.
    pub(crate) fn check(&self) -> Ended {
        run(&["check", self.path("halfmoon.toml").to_str().unwrap()])
    }
}

/// A running server.
pub(crate) struct Server {
    pub(crate) running: Running,
    pub(crate) dns: SocketAddr,
    admin: String,
    token: String,
}

impl Server {
    /// A verb of the command line, for this server.
    pub(crate) fn command(&self, args: &[&str]) -> Ended {
        self.command_with(&self.token, args)
    }

    /// The same with the token in this file.
    pub(crate) fn command_with(&self, token: &str, args: &[&str]) -> Ended {
        run(&[args, &["--server", &self.admin, "--token-file", token]].concat())
    }

    /// The metrics, as whoever has this secret sees them.
    pub(crate) fn metrics_with(&self, secret: &str) -> String {
        self.send(secret, "GET", "/metrics", "").body
    }

    /// What the admin interface answers to whoever has this secret.
    pub(crate) fn send(
        &self,
        secret: &str,
        method: &str,
        path: &str,
        body: &str,
    ) -> http::Response {
        let address = self.admin.trim_start_matches("http://").trim_end_matches('/');
        let bearer = format!("Bearer {secret}");
        let headers = [("Authorization", &*bearer), ("Content-Type", "application/json")];
        http::request(address.parse().unwrap(), method, path, &headers, body)
    }

    /// What `/readyz` says.
    pub(crate) fn readiness(&self) -> http::Response {
        let address = self.admin.trim_start_matches("http://").trim_end_matches('/');
        http::get(address.parse().unwrap(), "/readyz")
    }

    /// The metrics, for which this machine needs no token.
    pub(crate) fn metrics(&self) -> String {
        let address = self.admin.trim_start_matches("http://").trim_end_matches('/');
        http::get(address.parse().unwrap(), "/metrics").body
    }

    /// What the server says of itself.
    pub(crate) fn status(&self) -> Value {
        let said = self.command(&["status", "--json"]);
        assert!(said.status.success(), "{}", said.err);
        serde_json::from_str(&said.out).unwrap()
    }

    /// What the server says of the source of a tenant.
    pub(crate) fn source(&self, tenant: &str) -> Value {
        let status = self.status();
        let sources = status["sources"].as_array().unwrap();
        let mut of_tenant = sources.iter().filter(|source| source["tenant"] == tenant);
        let found = of_tenant.next().unwrap_or_else(|| panic!("no {tenant} in {status}"));
        let kind = if found["git"].is_null() { "folder" } else { "git" };
        found[kind].clone()
    }

    /// Waits until a commit of a tenant is served.
    #[track_caller]
    pub(crate) fn wait_served(&self, tenant: &str, commit: &str) {
        wait_for("the commit is served", || {
            (self.source(tenant)["served"]["commit"] == *commit).then_some(())
        });
    }

    /// Waits until a commit of a tenant is refused, or held; the reasons.
    #[track_caller]
    pub(crate) fn wait_refused(&self, tenant: &str, commit: &str, held: bool) -> String {
        let refused = wait_for("the commit is refused", || {
            let refused = self.source(tenant)["refused"].clone();
            Some(refused).filter(|refused| refused["commit"] == *commit)
        });
        assert_eq!(refused["held"], held, "{refused}");
        refused["why"].to_string()
    }
}
