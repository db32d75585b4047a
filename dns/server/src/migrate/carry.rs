//! What each setting of PowerDNS becomes here.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use halfmoon_wire::{LONGEST_NSID, NameBuf};
use ipnet::IpNet;
use toml::Value;

use super::document::{self, Document};
use super::lost;
use super::named_conf::{NamedConf, ZoneStatement};
use super::settings::{Setting, Settings};
use super::{MigrateError, Note, Place, tidy};
use crate::config::LuaConfig;

/// Where PowerDNS listens when it is not told.
const LISTEN: &str = "0.0.0.0, ::";
/// The port of addresses that have none.
const PORT: u16 = 53;
/// The most threads that the configuration takes.
const MAX_THREADS: u64 = 1024;
/// The longest interval between probes, in seconds.
const MAX_INTERVAL: u64 = 24 * 3600;

/// A configuration on its way from there to here.
struct Move<'h> {
    settings: Settings,
    document: Document,
    notes: Vec<Note>,
    /// The folder of the file that will be written.
    home: Option<&'h Path>,
}

/// Makes the configuration, and says what is not as it was.
pub(super) fn carry(
    settings: Settings,
    home: Option<&Path>,
) -> Result<(Document, Vec<Note>), MigrateError> {
    let mut of = Move { settings, document: Document::default(), notes: Vec::new(), home };
    let backends = of.backends();
    of.server();
    of.presentation();
    of.zones(&backends)?;
    of.lua();
    of.health();
    of.geo(&backends);
    of.edns();
    of.the_rest();
    // As the files say it; what stands nowhere or on the command line comes last.
    of.notes.sort_by_key(|note| match &note.at {
        Place::Line(path, line) => (0, path.clone(), *line),
        Place::CommandLine => (1, PathBuf::new(), 0),
        Place::Unset(path) => (2, path.clone(), 0),
    });
    Ok((of.document, of.notes))
}

/// The backends that are launched.
struct Backends {
    at: Place,
    launch: String,
    /// The prefix of the bind backend's settings, `bind` or `bind-NAME`.
    bind: Option<String>,
    geoip: Option<String>,
}

impl Move<'_> {
    fn note(&mut self, setting: &Setting, text: impl Into<String>) {
        let (at, name) = (setting.at.clone(), setting.name.clone());
        self.notes.push(Note { at, name, text: text.into() });
    }

    fn lost(&mut self, setting: &Setting, why: impl AsRef<str>) {
        self.note(setting, format!("not carried over: {}", why.as_ref()));
    }

    fn set(
        &mut self,
        section: &'static str,
        key: &'static str,
        value: impl Into<Value>,
        from: &Setting,
    ) {
        self.document.set(section, key, value, from.name.clone());
    }

    /// Takes a setting that is a whole number of `least` or more. What is none is told.
    fn number(&mut self, name: &str, least: u64) -> Option<(u64, Setting)> {
        let setting = self.settings.take(name)?;
        match setting.value.parse() {
            Ok(number) if number >= least => Some((number, setting)),
            _ => {
                self.lost(&setting, format!("{:?} is not a number from {least}", setting.value));
                None
            }
        }
    }

    fn backends(&mut self) -> Backends {
        let setting = self.settings.take("launch");
        let mut found = Backends {
            at: setting.as_ref().map_or_else(|| self.settings.unset(), |launch| launch.at.clone()),
            launch: setting.as_ref().map(|launch| launch.value.clone()).unwrap_or_default(),
            bind: None,
            geoip: None,
        };
        let mut others = Vec::new();
        for backend in setting.iter().flat_map(Setting::list) {
            let (kind, name) = backend.split_once(':').unwrap_or((backend, ""));
            let prefix = if name.is_empty() { kind.to_owned() } else { format!("{kind}-{name}") };
            let place = match kind {
                "bind" => &mut found.bind,
                "geoip" => &mut found.geoip,
                _ => {
                    others.push(backend.to_owned());
                    continue;
                }
            };
            match place {
                None => *place = Some(prefix),
                Some(_) => others.push(backend.to_owned()),
            }
        }
        if let Some(launch) = setting
            && found.bind.is_some()
        {
            for backend in others {
                let why = format!("the zones of {backend} are not in the one named.conf");
                self.lost(&launch, why);
            }
        }
        found
    }

    fn server(&mut self) {
        let port = self.number("local-port", 0);
        let port = port.and_then(|(number, setting)| match u16::try_from(number) {
            Ok(port) => Some(port),
            Err(_) => {
                self.lost(&setting, format!("{number} is not a port"));
                None
            }
        });
        let listed = self.settings.take("local-address").unwrap_or_else(|| Setting {
            name: "local-address".to_owned(),
            value: LISTEN.to_owned(),
            at: self.settings.unset(),
        });
        let mut listen: Vec<Value> = Vec::new();
        for text in listed.list() {
            match address(text, port.unwrap_or(PORT)) {
                Some(address) => {
                    let address = Value::from(address.to_string());
                    if !listen.contains(&address) {
                        listen.push(address);
                    }
                }
                None => self.lost(&listed, format!("{text:?} is not an address")),
            }
        }
        if !listen.is_empty() {
            self.set("server", "listen", listen, &listed);
        }
        if let Some((threads, setting)) = self.number("receiver-threads", 1) {
            if threads > MAX_THREADS {
                self.note(&setting, format!("{threads} threads are {MAX_THREADS} here"));
            }
            self.set("server", "workers", threads.min(MAX_THREADS) as i64, &setting);
        }
        if let Some((most, setting)) = self.number("max-tcp-connections", 1) {
            self.set("server", "tcp_max", most.min(u64::from(u32::MAX)) as i64, &setting);
        }
        // 0, as there by default, is no limit; here are 100 by default.
        if let Some((most, setting)) = self.number("max-tcp-connections-per-client", 0) {
            let most = if most == 0 { u64::from(u32::MAX) } else { most.min(u64::from(u32::MAX)) };
            self.set("server", "tcp_max_per_address", most as i64, &setting);
        }
        if let Some((seconds, setting)) = self.number("tcp-idle-timeout", 1) {
            self.set("server", "tcp_idle", format!("{seconds}s"), &setting);
        }
        if let Some(setting) = self.settings.take("proxy-protocol-from") {
            let mut from: Vec<Value> = Vec::new();
            for text in setting.list() {
                match network(text) {
                    Some(network) => from.push(Value::from(network.to_string())),
                    None => self.lost(&setting, format!("{text:?} is not a network")),
                }
            }
            if !from.is_empty() {
                self.set("server", "proxy_protocol_from", from, &setting);
            }
        }
    }

    fn zones(&mut self, backends: &Backends) -> Result<(), MigrateError> {
        let Some(prefix) = &backends.bind else {
            let (at, launch) = (backends.at.clone(), backends.launch.clone());
            return Err(MigrateError::NoFiles { at, launch });
        };
        let folder = self.settings.folder().to_owned();
        let config = self.settings.take(&format!("{prefix}-config"));
        let config = config.map_or_else(|| "named.conf".to_owned(), |setting| setting.value);
        let path = tidy(&folder.join(config));
        let conf = NamedConf::read(&path, &folder)?;
        let directory = tidy(&folder.join(conf.directory.as_deref().unwrap_or(".")));
        let root = document::path(&directory, self.home);
        self.document.set("zones", "include_root", root, "where relative $INCLUDE start");
        let mut listed: HashMap<NameBuf, usize> = HashMap::new();
        let mut zones: Vec<(NameBuf, PathBuf)> = Vec::new();
        for zone in &conf.zones {
            let note = |text: String| Note {
                at: zone.at.clone(),
                name: format!("zone {:?}", zone.name),
                text,
            };
            let (name, warning) = match servable(zone) {
                Ok(said) => said,
                Err(why) => {
                    self.notes.push(note(format!("not carried over: {why}")));
                    continue;
                }
            };
            self.notes.extend(warning.map(|text| note(text.to_owned())));
            let file = tidy(&directory.join(zone.file.as_deref().unwrap_or_default()));
            if let Err(error) = std::fs::metadata(&file) {
                self.notes.push(note(format!("{}: {error}", file.display())));
            }
            match listed.get(&name) {
                Some(&number) => {
                    self.notes.push(note("stands there twice; this one is served".to_owned()));
                    zones[number].1 = file;
                }
                None => {
                    listed.insert(name, zones.len());
                    zones.push((name, file));
                }
            }
        }
        if zones.is_empty() {
            return Err(MigrateError::NoZone { path });
        }
        for (name, file) in zones {
            let name = name.to_string();
            let shown = if name == "." { &name } else { name.trim_end_matches('.') };
            self.document.list(shown.to_owned(), document::path(&file, self.home));
        }
        self.other_statements(conf.others);
        Ok(())
    }

    /// One line for all statements of a name.
    fn other_statements(&mut self, others: Vec<(String, Place)>) {
        let mut counted: BTreeMap<String, (usize, Place)> = BTreeMap::new();
        for (name, at) in others {
            counted.entry(name).or_insert((0, at)).0 += 1;
        }
        for (name, (count, at)) in counted {
            let Some(why) = lost::statement(&name) else {
                continue;
            };
            let times = if count > 1 { format!(" ({count} times)") } else { String::new() };
            let text = format!("not carried over{times}: {why}");
            self.notes.push(Note { at, name, text });
        }
    }

    fn lua(&mut self) {
        self.document.set("lua", "dialect", "powerdns", "");
        match self.settings.take("enable-lua-records") {
            Some(setting) if setting.value == "shared" => {
                self.set("lua", "shared", true, &setting);
            }
            Some(setting) if setting.is_on() => {}
            setting => {
                let setting = setting.unwrap_or_else(|| Setting {
                    name: "enable-lua-records".to_owned(),
                    value: "no".to_owned(),
                    at: self.settings.unset(),
                });
                self.lost(
                    &setting,
                    "LUA records are off there and always run here; remove those that shall not answer",
                );
            }
        }
        if let Some(setting) = self.settings.take("lua-records-insert-whitespace") {
            self.set("lua", "insert_whitespace", setting.is_on(), &setting);
        }
        if let Some(setting) = self.settings.take("lua-records-exec-limit") {
            self.fuel(&setting);
        }
    }

    /// A step there is an instruction of the virtual machine, a step here a call or a turn of a
    /// loop, which is an instruction or more; but functions of ours count the length of their
    /// lists. So a limit above our default is taken as it is, which is more than it was, and
    /// one below would only keep programs from running that ran there.
    fn fuel(&mut self, setting: &Setting) {
        let by_default = u64::from(LuaConfig::default().fuel.get());
        match setting.value.parse::<i64>() {
            Ok(limit) if limit <= 0 => {
                self.set("lua", "fuel", i64::from(u32::MAX), setting);
                self.note(setting, "unlimited there; here `lua.time` still ends a program");
            }
            Ok(limit) => {
                let fuel = limit.unsigned_abs().clamp(by_default, u64::from(u32::MAX));
                self.set("lua", "fuel", fuel as i64, setting);
            }
            Err(_) => self.lost(setting, format!("{:?} is not a number", setting.value)),
        }
    }

    fn health(&mut self) {
        if let Some((seconds, setting)) = self.number("lua-health-checks-interval", 1) {
            if seconds > MAX_INTERVAL {
                self.note(&setting, "more than a day; it is a day here");
            }
            self.set("health", "interval", format!("{}s", seconds.min(MAX_INTERVAL)), &setting);
        }
        if let Some((seconds, setting)) = self.number("lua-health-checks-expire-delay", 1) {
            self.set("health", "lease", format!("{seconds}s"), &setting);
        }
    }

    fn geo(&mut self, backends: &Backends) {
        // Without its backend nothing reads the settings of it, there as here.
        let prefix = backends.geoip.as_deref().unwrap_or("geoip");
        let Some(setting) = self.settings.take(&format!("{prefix}-database-files")) else {
            return;
        };
        if backends.geoip.is_none() {
            self.lost(
                &setting,
                "the geoip backend is not launched; set `geo.databases` to use them",
            );
            return;
        }
        let mut databases: Vec<Value> = Vec::new();
        for text in setting.list() {
            // `mmdb:/path;mode=mmap;language=en`, or a path alone.
            let named = text.split(';').next().unwrap_or(text);
            let (kind, file) = named.split_once(':').unwrap_or(("", named));
            let is_mmdb = kind == "mmdb" || kind.is_empty() && file.ends_with(".mmdb");
            if is_mmdb {
                let file = tidy(&self.settings.folder().join(file));
                if let Err(error) = std::fs::metadata(&file) {
                    let why = "the server starts only with all that `geo.databases` names";
                    self.note(&setting, format!("{}: {error}; {why}", file.display()));
                }
                databases.push(document::path(&file, self.home).into());
            } else {
                self.lost(&setting, format!("{named:?} is not an mmdb file"));
            }
        }
        if !databases.is_empty() {
            self.set("geo", "databases", databases, &setting);
        }
    }

    fn edns(&mut self) {
        let setting = self.settings.take("edns-subnet-processing");
        let is_on = setting.is_some_and(|setting| setting.is_on());
        self.document.set("edns", "client_subnet", is_on, "edns-subnet-processing");
    }

    /// What the server says of itself, where it is told what.
    fn presentation(&mut self) {
        if let Some(setting) = self.settings.take("server-id")
            && setting.value != "disabled"
        {
            if (1..=LONGEST_NSID).contains(&setting.value.len()) {
                self.set("server", "identity", setting.value.clone(), &setting);
                self.set("server", "nsid", setting.value.clone(), &setting);
            } else {
                self.lost(&setting, format!("write 1 to {LONGEST_NSID} octets"));
            }
        }
        if let Some(setting) = self.settings.take("version-string") {
            match setting.value.as_str() {
                "anonymous" => {}
                "full" | "powerdns" => self.lost(&setting, "this is not PowerDNS"),
                text if (1..=255).contains(&text.len()) => {
                    self.set("server", "version", text.to_owned(), &setting);
                }
                _ => self.lost(&setting, "write 1 to 255 octets"),
            }
        }
    }

    /// What nothing above has dealt with.
    fn the_rest(&mut self) {
        let is_on = |name: &str| self.settings.find(name).is_some_and(Setting::is_on);
        let lost: Vec<Note> = self
            .settings
            .iter()
            .filter_map(|setting| {
                let why = lost::setting(setting, &is_on)?;
                let (at, name) = (setting.at.clone(), setting.name.clone());
                Some(Note { at, name, text: format!("not carried over: {why}") })
            })
            .collect();
        self.notes.extend(lost);
    }
}

/// The name under which a zone is served, and what has to be said about it; or why it is not.
fn servable(zone: &ZoneStatement) -> Result<(NameBuf, Option<&'static str>), String> {
    let warning = match zone.kind.as_deref() {
        None | Some("native" | "master" | "primary" | "producer") => None,
        Some("slave" | "secondary" | "consumer") => Some(
            "the file is served as it is; Halfmoon does not transfer zones, so something else has \
             to keep it fresh",
        ),
        Some(kind) => return Err(format!("a zone of type {kind} holds no data to serve")),
    };
    if zone.file.as_deref().is_none_or(str::is_empty) {
        return Err("it has no file".to_owned());
    }
    let name = zone.name.parse().map_err(|_| "its name is not a domain name".to_owned())?;
    Ok((name, warning))
}

/// An address as `local-address` has it: with a port or without, IPv6 in brackets or bare.
fn address(text: &str, port: u16) -> Option<SocketAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    Some(SocketAddr::new(bare.parse().ok()?, port))
}

fn network(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}
