//! The servers that are compared, each told to answer UDP on one thread.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};
use std::{env, fs};

use crate::kinds::{FIXED, MADE, SIGNED, World};
use crate::process::{Process, installed};
use crate::{Args, Result};

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Server {
    Halfmoon,
    Gdnsd,
    Knot,
    Nsd,
    PowerDns,
    /// None of them: what an answer costs at least.
    Bare,
}

impl Server {
    pub(crate) const ALL: [Self; 6] =
        [Self::Halfmoon, Self::Gdnsd, Self::Knot, Self::Nsd, Self::PowerDns, Self::Bare];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Halfmoon => "halfmoon",
            Self::Gdnsd => "gdnsd",
            Self::Knot => "knot",
            Self::Nsd => "nsd",
            Self::PowerDns => "powerdns",
            Self::Bare => "bare",
        }
    }

    /// Its binary; `None` if it is not here or not wanted.
    pub(crate) fn program(self, args: &Args) -> Option<PathBuf> {
        if !args.servers.is_empty() && !args.servers.iter().any(|name| name == self.name()) {
            return None;
        }
        match self {
            Self::Halfmoon => Some(args.halfmoon.clone()),
            Self::Gdnsd => installed("gdnsd"),
            Self::Knot => installed("knotd"),
            Self::Nsd => installed("nsd"),
            Self::PowerDns => installed("pdns_server"),
            Self::Bare => env::current_exe().ok(),
        }
    }
}

/// A server that runs.
pub(crate) struct Running {
    pub(crate) server: Server,
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

/// A port that nobody else takes meanwhile: the namespace is ours, each port is given once, and they lie
/// below those that the kernel gives to connections.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(10_000);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Files of a zone as a server that knows no Lua reads them: by name and file.
pub(crate) type Zones<'z> = &'z [(String, PathBuf)];

/// One UDP thread, as our own configuration says it.
pub(crate) const ONE_THREAD: &str = "workers = 1";

/// Starts a server with all that it can answer of `world`. `threads` says in our own configuration how many answer
/// over UDP, and which of them.
pub(crate) fn start(
    server: Server,
    args: &Args,
    world: &World,
    folder: &Path,
    threads: &str,
    processors: &str,
) -> Result<Option<Running>> {
    let Some(program) = server.program(args) else {
        return Ok(None);
    };
    let folder = folder.join(server.name());
    let zones = folder.join("zones");
    fs::create_dir_all(&zones)?;
    let extension = if server == Server::Gdnsd { "" } else { ".zone" };
    let file = |name: &str| zones.join(format!("{name}{extension}"));
    fs::write(file(FIXED), &world.fixed)?;
    let mut known = vec![(FIXED.to_owned(), file(FIXED))];
    match server {
        Server::Halfmoon => {
            fs::write(file(MADE), &world.lua)?;
            let more = "*.any LUA TXT \"qname:toString()\"\n";
            fs::write(file(SIGNED), format!("{}{more}", world.fixed))?;
        }
        Server::PowerDns => {
            fs::write(file(MADE), &world.lua)?;
            known.push((MADE.to_owned(), file(MADE)));
        }
        Server::Gdnsd => fs::write(file(MADE), &world.dyna)?,
        Server::Knot | Server::Nsd | Server::Bare => {}
    }
    fs::write(folder.join("places.mmdb"), &world.places)?;
    let more = match server {
        Server::Halfmoon => format!(
            "{threads}\ntcp_workers = 1\n[dnssec]\nzones = [\"{SIGNED}\"]\nkeys = \"keys\"\n\
             signatures_per_source = 1000000000\n[geo]\ndatabases = [\"places.mmdb\"]\n\
             [lua]\ndialect = \"powerdns\"\n"
        ),
        Server::Gdnsd => world.plugins.clone(),
        _ => String::new(),
    };
    serve(server, &program, &known, &folder, processors, &more).map(Some)
}

/// Starts a server with zones in a folder of its own. `more` is added to its configuration.
pub(crate) fn serve(
    server: Server,
    program: &Path,
    zones: Zones<'_>,
    folder: &Path,
    processors: &str,
    more: &str,
) -> Result<Running> {
    let port = free_port();
    let at = folder.display();
    let mut text = String::new();
    let file = folder.join("conf.toml");
    let path = file.display().to_string();
    let option = format!("--config-dir={at}");
    let listed = |text: &mut String, before: &str, between: &str, behind: &str| {
        for (name, file) in zones {
            let _ = writeln!(text, "{before}{name}{between}{}{behind}", file.display());
        }
    };
    let at_port = port.to_string();
    let args: Vec<&str> = match server {
        Server::Bare => vec!["--bare", &at_port],
        Server::Halfmoon => {
            // `more` begins inside of [server].
            write!(text, "[server]\nlisten = [\"127.0.0.1:{port}\"]\n{more}")?;
            write!(
                text,
                "[zones]\npath = \"zones\"\n[health]\ntargets.allow = [\"127.0.0.0/8\"]\n"
            )?;
            vec!["serve", &path]
        }
        Server::Gdnsd => {
            write!(
                text,
                "options => {{ listen => {{ 127.0.0.1:{port} => {{ udp_threads => 1, tcp_threads => 1 }} }}\n\
                 run_dir => {at}/run, state_dir => {at}/state }}\n{more}"
            )?;
            fs::create_dir_all(folder.join("run"))?;
            fs::create_dir_all(folder.join("state"))?;
            fs::write(folder.join("config"), &text)?;
            vec!["-c", folder.to_str().unwrap_or_default(), "start"]
        }
        Server::Knot => {
            write!(
                text,
                "server:\n  rundir: {at}\n  listen: 127.0.0.1@{port}\n  udp-workers: 1\n  tcp-workers: 1\n  \
                 background-workers: 1\ndatabase:\n  storage: {at}/db\n\
                 log:\n  - target: stderr\n    any: warning\n\
                 template:\n  - id: default\n    zonefile-load: whole\n    journal-content: none\nzone:\n"
            )?;
            listed(&mut text, "  - domain: ", "\n    file: ", "");
            vec!["-c", &path]
        }
        Server::Nsd => {
            write!(
                text,
                "server:\n ip-address: 127.0.0.1@{port}\n server-count: 1\n username: \"\"\n chroot: \"\"\n \
                 database: \"\"\n pidfile: \"{at}/pid\"\n xfrdir: \"{at}\"\n xfrdfile: \"\"\n \
                 zonelistfile: \"{at}/list\"\n rrl-ratelimit: 0\nremote-control:\n control-enable: no\n"
            )?;
            listed(&mut text, "zone:\n name: \"", "\"\n zonefile: \"", "\"");
            vec!["-d", "-c", &path]
        }
        Server::PowerDns => {
            let mut named = String::new();
            listed(&mut named, "zone \"", "\" { type native; file \"", "\"; };");
            fs::write(folder.join("named.conf"), named)?;
            fs::create_dir_all(folder.join("pdns"))?;
            write!(
                text,
                "launch=bind,geoip\nbind-config={at}/named.conf\ngeoip-database-files={at}/places.mmdb\n\
                 enable-lua-records=shared\nedns-subnet-processing=yes\nreceiver-threads=1\ndistributor-threads=1\n\
                 local-address=127.0.0.1:{port}\nsocket-dir={at}/pdns\nsecurity-poll-suffix=\nloglevel=3\n\
                 lua-health-checks-interval=5\nversion-string=anonymous\n"
            )?;
            fs::write(folder.join("pdns.conf"), &text)?;
            vec![&option, "--daemon=no", "--guardian=no"]
        }
    };
    fs::create_dir_all(folder.join("db"))?;
    fs::write(&file, &text)?;
    let process = Process::start(program, &args, processors, folder)?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    Ok(Running { server, process, address })
}
