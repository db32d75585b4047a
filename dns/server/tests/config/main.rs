//! The configuration file: what is understood, and the line that says what is not.

mod health;
mod tenants;

use std::path::{Path, PathBuf};
use std::time::Duration;

use halfmoon::config::{
    self, Config, ConfigError, Denial, Dialect, KeyAlgorithm, Nsec3Config, Right,
};
use halfmoon::shared::AnyAnswers;
use halfmoon::transport::Steering;

const PATH: &str = "etc/halfmoon.toml";

fn read(text: &str) -> Config {
    Config::parse(text, Path::new(PATH)).unwrap_or_else(|fault| panic!("{text:?}: {fault}"))
}

#[track_caller]
fn refused(text: &str, line: &str) {
    match Config::parse(text, Path::new(PATH)) {
        Ok(config) => panic!("{text:?} was read as {config:?}"),
        Err(fault) => assert_eq!(fault.to_string(), format!("{PATH}:{line}"), "{text:?}"),
    }
}

/// The same for the beginning of what is said.
#[track_caller]
fn refused_with(text: &str, line: &str) {
    match Config::parse(text, Path::new(PATH)) {
        Ok(config) => panic!("{text:?} was read as {config:?}"),
        Err(fault) => {
            let said = fault.to_string();
            assert!(said.starts_with(&format!("{PATH}:{line}")), "{text:?}: {said}");
        }
    }
}

#[test]
fn nothing_set_is_the_default() {
    let config = read("");
    assert_eq!(config, Config::default());
    assert_eq!(config.server.listen, ["127.0.0.1:5300".parse().unwrap()]);
    assert_eq!((config.fall(), config.rise()), (3, 2));
    assert_eq!(config.health.targets.deny.len(), 2);
    assert!(config.edns.client_subnet);
}

#[test]
fn every_key_is_understood() {
    let config = read(
        r#"
        [server]
        listen = ["127.0.0.1:5300", "[::1]:0"]
        workers = 3
        steering = "processor"
        tcp_workers = 2
        tcp_max = 7
        tcp_max_per_address = 5
        tcp_idle = "1m"
        proxy_protocol_from = ["127.0.0.0/8"]
        any = "full"
        version = "1"
        identity = "ns1"
        nsid = "ns1.fsn"
        [limits]
        responses_per_second = 7
        slip = 3
        program_time = "5ms"
        exempt = ["10.0.0.0/8"]
        [transfer]
        allow = ["::1/128"]
        max = 3
        [[transfer.keys]]
        name = "key.example"
        algorithm = "hmac-sha512"
        secret_file = "secret"
        [dnssec]
        zones = ["*", "*.example.net", "example.org"]
        keys = "keys"
        algorithm = 15
        split = true
        validity = "10h"
        refresh = "2h"
        ds_in_parent = false
        cache = 9
        signatures_per_source = 8
        denial = "nsec3"
        nsec3 = { iterations = 50, salt = "C0ffee", opt_out = true }
        [[dnssec.zone]]
        name = "*.example.net"
        denial = "nsec"
        algorithm = "RSASHA256"
        [[dnssec.zone]]
        name = "a.example.net"
        split = false
        nsec3 = { salt = "-" }
        [admin]
        listen = "[::1]:8053"
        allow = ["::1/128"]
        hosts = ["NS1.example.org"]
        ready_within = "5s"
        [[admin.tokens]]
        name = "ops"
        secret_file = "ops"
        may = "write"
        [[admin.tokens]]
        name = "eyes"
        secret_file = "/eyes"
        [cookies]
        enabled = false
        secrets = ["cookie.secret", "/cookie.old"]
        [zones]
        path = "zones"
        include_root = "parts"
        [[zones.zone]]
        name = "example.org"
        file = "db/org"
        [[zones.zone]]
        name = "example.net."
        file = "/db/net"
        [lua]
        dialect = "powerdns"
        insert_whitespace = true
        shared = true
        fuel = 1_000
        memory = "2 MiB"
        time = "500us"
        [health]
        interval = "100ms"
        timeout = "1s"
        fall = 4
        rise = 5
        lease = "5m"
        targets.allow = ["127.0.0.0/8"]
        targets.deny = ["127.0.0.1/32", "::/0"]
        changes = "log"
        overrides.max = "2h"
        [[health.safety]]
        keep = 2
        of = "region:*"
        [[health.webhook]]
        url = "https://hooks.example.org/a"
        secret_file = "hook"
        [geo]
        databases = ["city.mmdb", "/geo/as.mmdb"]
        [edns]
        client_subnet = false
        "#,
    );
    assert_eq!(config.server.listen[1], "[::1]:0".parse().unwrap());
    assert_eq!((config.server.workers, config.server.tcp_workers), (3, 2));
    assert_eq!(config.server.steering, Steering::Processor);
    assert_eq!(config.server.tcp_max.get(), 7);
    assert_eq!(config.server.tcp_max_per_address.get(), 5);
    assert_eq!(config.server.tcp_idle, Duration::from_secs(60));
    assert_eq!(config.server.proxy_protocol_from, ["127.0.0.0/8".parse().unwrap()]);
    assert_eq!(config.server.any, AnyAnswers::Full);
    let says = [&config.server.version, &config.server.identity, &config.server.nsid];
    assert_eq!(says.map(|text| text.as_deref().unwrap()), ["1", "ns1", "ns1.fsn"]);
    assert_eq!(config.transfer.allow, ["::1/128".parse().unwrap()]);
    assert_eq!(config.transfer.max.get(), 3);
    let key = &config.transfer.keys[0];
    assert_eq!(
        (key.name.to_string(), key.algorithm),
        ("key.example.".to_owned(), KeyAlgorithm::HmacSha512)
    );
    assert_eq!(key.secret_file, PathBuf::from("etc/secret"));
    assert_eq!((config.limits.responses_per_second, config.limits.slip), (7, 3));
    assert_eq!(config.limits.program_time, Duration::from_millis(5));
    assert_eq!(config.limits.exempt, ["10.0.0.0/8".parse().unwrap()]);
    let dnssec = &config.dnssec;
    assert_eq!(dnssec.keys, Some(PathBuf::from("etc/keys")));
    assert_eq!((dnssec.algorithm.number(), dnssec.split, dnssec.ds_in_parent), (15, true, false));
    assert_eq!((dnssec.cache, dnssec.signatures_per_source), (9, 8));
    let validity = dnssec.validity().unwrap();
    assert_eq!((validity.lifetime, validity.refresh, validity.jitter), (36_000, 7200, 7200));
    let name = |text: &str| text.parse::<halfmoon_wire::NameBuf>().unwrap();
    use halfmoon::config::ZonePattern::{All, Below, One};
    assert_eq!(dnssec.zones, [All, Below(name("example.net.")), One(name("example.org."))]);
    let of = |zone: &str| {
        let how = dnssec.of(name(zone).as_name());
        (how.algorithm.number(), how.split, how.denial, how.nsec3.clone())
    };
    let nsec3 = Nsec3Config { iterations: 50, salt: vec![0xc0, 0xff, 0xee], opt_out: true };
    assert_eq!(of("example.org."), (15, true, Denial::Nsec3, nsec3.clone()));
    assert_eq!(of("b.example.net."), (8, true, Denial::Nsec, nsec3));
    assert_eq!(of("A.example.net."), (8, false, Denial::Nsec, Nsec3Config::default()));
    let admin = config.admin.clone().unwrap();
    assert_eq!(admin.listen, "[::1]:8053".parse().unwrap());
    assert_eq!(admin.allow, ["::1/128".parse().unwrap()]);
    assert_eq!(
        (admin.hosts, admin.ready_within),
        (vec!["ns1.example.org".to_owned()], Duration::from_secs(5))
    );
    let [ops, eyes] = &admin.tokens[..] else { panic!("{:?}", admin.tokens) };
    assert_eq!(
        (&*ops.name, ops.may, &*ops.secret_file),
        ("ops", Right::Write, Path::new("etc/ops"))
    );
    assert_eq!((eyes.may, &*eyes.secret_file), (Right::Read, Path::new("/eyes")));
    assert!(!config.cookies.enabled);
    let secrets: [PathBuf; 2] = ["etc/cookie.secret".into(), "/cookie.old".into()];
    assert_eq!(config.cookies.secrets, secrets);
    assert_eq!(config.zones.path, Some(PathBuf::from("etc/zones")));
    assert_eq!(config.zones.include_root, Some(PathBuf::from("etc/parts")));
    let listed: Vec<(String, &Path)> =
        config.zones.zone.iter().map(|zone| (zone.name.to_string(), &*zone.file)).collect();
    let org = ("example.org.".to_owned(), Path::new("etc/db/org"));
    assert_eq!(listed, [org, ("example.net.".to_owned(), Path::new("/db/net"))]);
    assert_eq!(config.lua.dialect, Dialect::Powerdns);
    assert!(config.lua.insert_whitespace);
    assert!(config.lua.shared);
    assert_eq!((config.lua.fuel.get(), config.lua.memory), (1000, 2 << 20));
    assert_eq!(config.lua.time, Duration::from_micros(500));
    assert_eq!(config.health.interval, Some(Duration::from_millis(100)));
    assert_eq!(config.health.timeout, Some(Duration::from_secs(1)));
    assert_eq!((config.fall(), config.rise()), (4, 5));
    assert_eq!(config.health.lease, Duration::from_secs(300));
    assert_eq!(config.health.targets.allow, ["127.0.0.0/8".parse().unwrap()]);
    assert_eq!(config.health.targets.deny.len(), 2);
    assert_eq!(config.health.changes, Some(PathBuf::from("etc/log")));
    assert_eq!(config.health.overrides.max, Duration::from_secs(7200));
    let rule = &config.health.safety[0];
    assert_eq!((rule.keep, &*rule.of), (2, "region:*"));
    let hook = &config.health.webhook[0];
    assert_eq!(hook.url.as_str(), "https://hooks.example.org/a");
    assert_eq!(hook.secret_file, Some(PathBuf::from("etc/hook")));
    let databases: [PathBuf; 2] = ["etc/city.mmdb".into(), "/geo/as.mmdb".into()];
    assert_eq!(config.geo.databases, databases);
    assert!(!config.edns.client_subnet);
}

#[test]
fn what_the_server_says_of_itself_has_a_length() {
    refused("[server]\nnsid = ''\n", "2:8: is empty; leave the key out to say nothing");
    refused(
        &format!("[server]\nnsid = '{}'\n", "n".repeat(129)),
        "2:8: has 129 octets; at most 128 can be said",
    );
    refused(
        &format!("[server]\nversion = '{}'\n", "v".repeat(256)),
        "2:11: has 256 octets; at most 255 can be said",
    );
}

#[test]
fn hashing_that_validators_do_not_follow_is_refused() {
    refused(
        "[dnssec]\nnsec3 = { iterations = 51 }\n",
        "2:24: 51 iterations of NSEC3 are not made, as validators do not follow; write 0 (RFC 9276), or at most 50",
    );
    for salt in ["abc", "xy", &"00".repeat(256)] {
        refused(
            &format!("[dnssec]\nnsec3 = {{ salt = '{salt}' }}\n"),
            &format!(
                "2:18: {salt:?} is no salt; write \"\" (RFC 9276), or up to 255 octets in hexadecimal digits"
            ),
        );
    }
    refused(
        "[dnssec]\n[[dnssec.zone]]\nname = 'a.'\n[[dnssec.zone]]\nname = 'A'\n",
        "2:1: zone \"A.\" is there twice; keep one",
    );
}

#[test]
fn powerdns_dialect_changes_rise_and_fall_unless_they_are_set() {
    let config = read("[lua]\ndialect = \"powerdns\"\n");
    assert_eq!((config.fall(), config.rise()), (1, 1));
    let config = read("[lua]\ndialect = \"powerdns\"\n[health]\nfall = 2\n");
    assert_eq!((config.fall(), config.rise()), (2, 1));
}

#[test]
fn unknown_names_are_refused_with_the_nearest() {
    refused("[server]\nlisen = []\n", "2:1: unknown key `lisen`; did you mean `listen`?");
    refused("[serve]\n", "1:2: unknown key `serve`; did you mean `server`?");
    refused("\n\n  [health]\n  fail = 3\n", "4:3: unknown key `fail`; did you mean `fall`?");
    refused("[health]\ntargets.alow = []\n", "2:9: unknown key `alow`; did you mean `allow`?");
    refused(
        "[zones]\nfolder = 'a'\n",
        "2:1: unknown key `folder`; known here: path, include_root, zone, git, guards",
    );
    refused(
        "[[zones.zone]]\nname = 'a'\npath = 'b'\n",
        "3:1: unknown key `path`; known here: name, file",
    );
    refused(
        "[lua]\ndialect = \"power-dns\"\n",
        "2:11: unknown value `power-dns`; did you mean `powerdns`?",
    );
    refused(
        "[lua]\ndialect = \"bind\"\n",
        "2:11: unknown value `bind`; known here: halfmoon, powerdns",
    );
}

#[test]
fn the_section_of_the_admin_interface_is_what_turns_it_on() {
    assert_eq!(read("").admin, None);
    let admin = read("[admin]\n").admin.unwrap();
    assert_eq!(admin.listen, "127.0.0.1:8053".parse().unwrap());
    assert_eq!(admin.allow.len(), 2);
    refused(
        "[admin]\nlisten = '127.0.0.1'\n",
        "2:10: \"127.0.0.1\" has no port; write \"127.0.0.1:53\"",
    );
    refused("[admin]\ntoken = []\n", "2:1: unknown key `token`; did you mean `tokens`?");
    refused(
        "[admin]\nhosts = ['a:80']\n",
        "2:9: \"a:80\" is no host name; write \"ns1.example.org\", without a port",
    );
    let token = "[[admin.tokens]]\nname = 'a'\nsecret_file = 'b'\n";
    refused(
        &format!("{token}{token}"),
        "1:1: token \"a\" is there twice; give each a name of its own",
    );
    refused(
        "[[admin.tokens]]\nname = 'a b'\nsecret_file = 'b'\n",
        "2:8: \"a b\" is no name for a token; write 1 to 64 letters, digits, `-`, `_` and `.`",
    );
    refused(
        "[[admin.tokens]]\nname = 'a'\nsecret_file = 'b'\nmay = 'wrote'\n",
        "4:7: unknown value `wrote`; did you mean `write`?",
    );
}

#[test]
fn bad_values_are_refused_with_the_remedy() {
    let duration = "is not a duration; write a number and us, ms, s, m or h, as in \"5s\"";
    for (section, key, value, message) in [
        ("server", "listen", "[]", "no address to listen on; write [\"127.0.0.1:5300\"]"),
        ("health", "interval", "\"5\"", &format!("\"5\" {duration}")),
        ("health", "interval", "\"5 parsecs\"", &format!("\"5 parsecs\" {duration}")),
        ("health", "interval", "\"-1s\"", &format!("\"-1s\" {duration}")),
        ("health", "interval", "\"0s\"", "must be longer than 0"),
        ("health", "timeout", "\"99999999999999999h\"", "\"99999999999999999h\" is too long"),
        (
            "health",
            "timeout",
            "5",
            "invalid type: integer `5`, expected a string with a unit, as in \"5s\"",
        ),
        (
            "lua",
            "memory",
            "\"64KB\"",
            "\"64KB\" is not a size; write a number and B, KiB, MiB or GiB, as in \"64KiB\"",
        ),
        ("lua", "memory", "\"0B\"", "must be more than 0"),
        ("lua", "memory", "\"99999999999GiB\"", "\"99999999999GiB\" is too large"),
        ("lua", "shared", "'yes'", "invalid type: string \"yes\", expected a boolean"),
        ("lua", "insert_whitespace", "1", "invalid type: integer `1`, expected a boolean"),
        (
            "server",
            "workers",
            "-1",
            "-1 threads cannot be; write a number from 0 (as many as fit the machine) to 1024",
        ),
        (
            "server",
            "steering",
            "\"card\"",
            "unknown value `card`; known here: auto, hash, processor",
        ),
    ] {
        let column = key.len() + 4;
        refused(&format!("[{section}]\n{key} = {value}\n"), &format!("2:{column}: {message}"));
    }
}

#[test]
fn bad_elements_of_a_list_are_pointed_at() {
    refused(
        "[server]\nlisten = [\"127.0.0.1:53\",\n  \"::1\"]\n",
        "3:3: \"::1\" has no port; write \"[::1]:53\"",
    );
    refused(
        "[server]\nlisten = [\"localhost:53\"]\n",
        "2:11: \"localhost:53\" is not an address and port; write \"127.0.0.1:5300\" or \"[::1]:5300\"",
    );
    refused(
        "[health]\ntargets.deny = [\"10.0.0.1\"]\n",
        "2:17: \"10.0.0.1\" has no prefix length; write \"10.0.0.1/32\" for this address alone",
    );
    refused(
        "[health]\ntargets.deny = [\"ten\"]\n",
        "2:17: \"ten\" is not a network; write an address and a prefix length, as in \"10.0.0.0/8\"",
    );
}

#[test]
fn a_list_of_zones_is_held_to_its_rules() {
    refused("[[zones.zone]]\nname = 'a'\n", "1:1: missing field `file`");
    refused(
        "[[zones.zone]]\nname = 'a..b'\nfile = 'b'\n",
        "2:8: \"a..b\" is not a domain name; write \"example.org\"",
    );
    let one = "[[zones.zone]]\nname = 'example.org'\nfile = 'b'\n";
    let two = one.replace("example", "EXAMPLE");
    refused(&format!("{one}{two}"), "1:1: zone EXAMPLE.org. is listed twice; keep one");
}

#[test]
fn what_is_not_toml_is_refused_on_one_line() {
    for text in ["[server", "a b", "x = \n", "[server]\nworkers = 1\nworkers = 2\n"] {
        let fault = Config::parse(text, Path::new(PATH)).unwrap_err().to_string();
        assert!(fault.starts_with(PATH) && !fault.contains('\n'), "{text:?}: {fault:?}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let fault = Config::load(Path::new("/nowhere/halfmoon.toml")).unwrap_err();
    assert!(matches!(fault, ConfigError::Unreadable { .. }));
    assert!(fault.to_string().starts_with("/nowhere/halfmoon.toml: cannot be read: "), "{fault}");
}

#[test]
fn sizes_and_durations() {
    assert_eq!(config::size("64KiB"), Ok(65536));
    assert_eq!(config::size("512 B"), Ok(512));
    assert_eq!(config::duration("2h"), Ok(Duration::from_secs(7200)));
    assert!(config::size("KiB").is_err());
    assert!(config::duration("").is_err());
}
