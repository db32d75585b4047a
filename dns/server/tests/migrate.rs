//! `halfmoon migrate powerdns`: what becomes of each setting, and that what is written serves.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use halfmoon::config::Config;
use halfmoon::migrate::{self, Migration};
use halfmoon_wire::{NameBuf, Type};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;
use tempfile::TempDir;
use toml::{Table, Value};

use support::{Connection, Ended, Running, ask, question, run, udp_octets};

mod support;

/// A configuration with nothing to tell.
const PLAIN: &str = "launch=bind\nenable-lua-records=yes\n";

const NAMED: &str = "zone \"example.test\" { type native; file \"example.test.zone\"; };\n";

const ZONE: &str = "\
$TTL 60
@    SOA ns hostmaster 1 3600 600 604800 60
     NS  ns
ns   A   127.0.0.1
www  A   127.0.0.20
lua  LUA A \"'127.0.0.21'\"
";

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let fixed = [("pdns.conf", PLAIN), ("named.conf", NAMED), ("example.test.zone", ZONE)];
    for (name, text) in fixed.iter().chain(files) {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

/// What is written for a folder, with paths as a file in it has them, and what is told, without the
/// folder's own path.
#[track_caller]
fn migrated(folder: &TempDir, options: &[&str]) -> (Table, Vec<String>) {
    let options: Vec<String> = options.iter().map(ToString::to_string).collect();
    let Migration { text, notes } =
        migrate::powerdns(folder.path(), &options, Some(folder.path())).unwrap();
    if let Err(fault) = Config::parse(&text, Path::new("halfmoon.toml")) {
        panic!("{fault}\n{text}");
    }
    let prefix = format!("{}/", folder.path().display());
    (
        text.parse().unwrap(),
        notes.iter().map(|note| note.to_string().replace(&prefix, "")).collect(),
    )
}

/// Every key with a value, as `section.key = value`.
fn flat(table: &Table) -> Vec<String> {
    let mut lines: Vec<String> = table
        .iter()
        .flat_map(|(section, keys)| {
            let keys = keys.as_table().unwrap().iter();
            keys.map(move |(key, value)| format!("{section}.{key} = {value}"))
        })
        .collect();
    lines.sort();
    lines
}

/// Lines behind those of [`PLAIN`] change the configuration to `expected`, and `told` is all that
/// is told of them.
#[track_caller]
fn becomes(lines: &str, expected: &[&str], told: &[&str]) {
    let text = format!("{PLAIN}{lines}\n");
    let (table, notes) = migrated(&folder(&[("pdns.conf", &text)]), &[]);
    let plain = flat(&migrated(&folder(&[]), &[]).0);
    let new: Vec<String> = flat(&table).into_iter().filter(|line| !plain.contains(line)).collect();
    assert_eq!(new, expected, "{lines}");
    assert_eq!(notes, told, "{lines}");
}

#[test]
fn what_is_not_set_is_as_there() {
    let (table, notes) = migrated(&folder(&[]), &[]);
    assert_eq!(
        flat(&table),
        [
            "edns.client_subnet = false",
            "lua.dialect = \"powerdns\"",
            "server.listen = [\"0.0.0.0:53\", \"[::]:53\"]",
            "zones.include_root = \".\"",
            "zones.zone = [{ file = \"example.test.zone\", name = \"example.test\" }]",
        ]
    );
    assert_eq!(notes, [] as [String; 0]);
}

#[test]
fn settings_are_carried_over() {
    for (lines, expected) in [
        ("local-port=5300", &["server.listen = [\"0.0.0.0:5300\", \"[::]:5300\"]"][..]),
        (
            "local-address=127.0.0.1:5300 [::1]:54, ::1\t127.0.0.2\nlocal-port=55",
            &["server.listen = [\"127.0.0.1:5300\", \"[::1]:54\", \"[::1]:55\", \"127.0.0.2:55\"]"],
        ),
        ("local-address=127.0.0.1, 127.0.0.1", &["server.listen = [\"127.0.0.1:53\"]"]),
        ("reuseport=yes\nreceiver-threads=3", &["server.workers = 3"]),
        ("max-tcp-connections=20", &["server.tcp_max = 20"]),
        ("max-tcp-connections-per-client=5", &["server.tcp_max_per_address = 5"]),
        ("max-tcp-connections-per-client=0", &["server.tcp_max_per_address = 4294967295"]),
        ("tcp-idle-timeout=7", &["server.tcp_idle = \"7s\""]),
        (
            "proxy-protocol-from=::1, 192.0.2.1 10.0.0.0/8",
            &["server.proxy_protocol_from = [\"::1/128\", \"192.0.2.1/32\", \"10.0.0.0/8\"]"],
        ),
        ("enable-lua-records=shared", &["lua.shared = true"]),
        ("enable-lua-records", &[]),
        ("lua-health-checks-interval=15", &["health.interval = \"15s\""]),
        ("lua-health-checks-expire-delay=300", &["health.lease = \"300s\""]),
        ("lua-records-exec-limit=1000", &["lua.fuel = 20000"]),
        ("lua-records-exec-limit=50000", &["lua.fuel = 50000"]),
        ("lua-records-insert-whitespace=yes", &["lua.insert_whitespace = true"]),
        ("lua-records-insert-whitespace=no", &["lua.insert_whitespace = false"]),
        ("edns-subnet-processing=yes", &["edns.client_subnet = true"]),
        ("edns-subnet-processing", &["edns.client_subnet = true"]),
        ("server-id=ns1", &["server.identity = \"ns1\"", "server.nsid = \"ns1\""]),
        ("version-string=ours", &["server.version = \"ours\""]),
        // What is asked for is so, or is switched off.
        ("8bit-dns=yes\nconsistent-backends=no\ndisable-axfr=yes\nwebserver=no\napi=no", &[]),
        ("webserver=no\nwebserver-port=8081\ndnsupdate=no\nallow-dnsupdate-from=::1", &[]),
        ("server-id=disabled\nversion-string=anonymous\nsecurity-poll-suffix=", &[]),
        // The file's own rules.
        (
            "local-port=1\n  local-port = 2  # not 3",
            &["server.listen = [\"0.0.0.0:2\", \"[::]:2\"]"],
        ),
        ("#local-port=1\n  # local-port=2\n", &[]),
        (
            "local-address=127.0.0.1\nlocal-address+=::1",
            &["server.listen = [\"127.0.0.1:53\", \"[::1]:53\"]"],
        ),
        (
            "local-address=127.0.0.1, \\\n  ::1",
            &["server.listen = [\"127.0.0.1:53\", \"[::1]:53\"]"],
        ),
    ] {
        becomes(lines, expected, &[]);
    }
}

#[test]
fn what_is_not_carried_over_is_told_with_its_line() {
    for (lines, told) in [
        (
            "webserver=yes",
            &[
                "3: webserver: not carried over: PowerDNS' API and its web pages are not there; `admin.listen` serves metrics and an API of its own",
            ][..],
        ),
        (
            "webserver=yes\nwebserver-port=8081",
            &[
                "3: webserver: not carried over: PowerDNS' API and its web pages are not there; `admin.listen` serves metrics and an API of its own",
                "4: webserver-port: not carried over: PowerDNS' API and its web pages are not there; `admin.listen` serves metrics and an API of its own",
            ],
        ),
        (
            "cache-ttl=0",
            &["3: cache-ttl: not carried over: answers are not cached; there is nothing to set"],
        ),
        (
            "nonsense=1",
            &["3: nonsense: not carried over: nothing here is like it; see whether you need it"],
        ),
        (
            "enable-lua-records=no",
            &["3: enable-lua-records: not carried over: LUA records are off there and always run \
               here; remove those that shall not answer"],
        ),
        (
            "lua-health-checks-interval=0",
            &["3: lua-health-checks-interval: not carried over: \"0\" is not a number from 1"],
        ),
        (
            "receiver-threads=many",
            &["3: receiver-threads: not carried over: \"many\" is not a number from 1"],
        ),
        ("local-port=65536", &["3: local-port: not carried over: 65536 is not a port"]),
        (
            "proxy-protocol-from=!::1",
            &["3: proxy-protocol-from: not carried over: \"!::1\" is not a network"],
        ),
        (
            "geoip-database-files=a.mmdb",
            &["3: geoip-database-files: not carried over: the geoip backend is not launched; set \
               `geo.databases` to use them"],
        ),
        (
            "launch+=geoip\ngeoip-database-files=dat:a.dat",
            &["4: geoip-database-files: not carried over: \"dat:a.dat\" is not an mmdb file"],
        ),
        (
            "launch+=gsqlite3",
            &["3: launch: not carried over: the zones of gsqlite3 are not in the one named.conf"],
        ),
        (
            "disable-axfr=no",
            &["3: disable-axfr: not carried over: zones are transferred to those in \
               `transfer.allow` and `transfer.keys`, and come from files only"],
        ),
    ] {
        let told: Vec<String> = told.iter().map(|told| format!("pdns.conf:{told}")).collect();
        becomes(lines, &[], &told.iter().map(String::as_str).collect::<Vec<_>>());
    }
    becomes(
        "lua-records-exec-limit=0",
        &["lua.fuel = 4294967295"],
        &[
            "pdns.conf:3: lua-records-exec-limit: unlimited there; here `lua.time` still ends a program",
        ],
    );
    let gone = "No such file or directory (os error 2); the server starts only with all that \
                `geo.databases` names";
    becomes(
        "launch+=geoip\ngeoip-database-files=mmdb:/gone/city.mmdb;mode=mmap named.conf geo/as.mmdb",
        &["geo.databases = [\"/gone/city.mmdb\", \"geo/as.mmdb\"]"],
        &[
            &format!("pdns.conf:4: geoip-database-files: /gone/city.mmdb: {gone}"),
            "pdns.conf:4: geoip-database-files: not carried over: \"named.conf\" is not an mmdb file",
            &format!("pdns.conf:4: geoip-database-files: geo/as.mmdb: {gone}"),
        ],
    );
    becomes(
        "local-address=127.0.0.1 localhost",
        &["server.listen = [\"127.0.0.1:53\"]"],
        &["pdns.conf:3: local-address: not carried over: \"localhost\" is not an address"],
    );
    let silent = folder(&[("pdns.conf", "launch=bind\n")]);
    let (_, notes) = migrated(&silent, &[]);
    assert!(
        notes.len() == 1 && notes[0].starts_with("pdns.conf: enable-lua-records: not "),
        "{notes:?}"
    );
}

#[test]
fn the_files_of_include_dir_and_the_command_line_win() {
    let files = [
        ("pdns.conf", "include-dir=pdns.d\nlocal-port=1\nreceiver-threads=1\nlaunch=\n"),
        ("pdns.d/2.conf", "local-port=3\nlaunch+=bind\n"),
        ("pdns.d/1.conf", "local-port=2\nenable-lua-records=yes\ncache-ttl=1\n"),
        ("pdns.d/.3.conf", "local-port=4\n"),
        ("pdns.d/notes.txt", "local-port=5\n"),
        ("pdns-other.conf", "launch=bind\nenable-lua-records=yes\nlocal-port=6\n"),
    ];
    let folder = folder(&files);
    let listen = |options: &[&str]| migrated(&folder, options).0["server"]["listen"][0].to_string();
    assert_eq!(listen(&[]), "\"0.0.0.0:3\"");
    assert_eq!(listen(&["--local-port=5300"]), "\"0.0.0.0:5300\"");
    assert_eq!(listen(&["--local-port=7", "--local-address=127.0.0.1"]), "\"127.0.0.1:7\"");
    assert_eq!(listen(&["--config-name=other"]), "\"0.0.0.0:6\"");
    assert_eq!(listen(&["--include-dir=", "--launch=bind"]), "\"0.0.0.0:1\"");
    let (_, notes) = migrated(&folder, &["--webserver", "--cache-ttl=2"]);
    let places: Vec<&str> = notes.iter().map(|note| note.split(": not").next().unwrap()).collect();
    assert_eq!(places, ["command line: webserver", "command line: cache-ttl"]);
    let (_, notes) = migrated(&folder, &[]);
    assert!(notes[0].starts_with("pdns.d/1.conf:3: cache-ttl: "), "{notes:?}");
}

#[test]
fn named_conf_is_read_as_there() {
    for (named, zones, told) in [
        (
            "// one\n# two\n/* three\n */ options { listen-on { any; }; directory \"db\"; };\n\
             zone \"a.test\" IN { type master; file \"a\"; allow-transfer { none; }; };\n\
             zone \"b.test.\" { file \"/b\"; type primary };\nzone \".\" { file \"root\"; };",
            &["a.test db/a", "b.test /b", ". db/root"][..],
            &[][..],
        ),
        (
            "zone \"a.test\" { type slave; masters { 192.0.2.1; }; file \"a\"; };\n\
             zone \"b.test\" { type secondary; masters { 192.0.2.1; }; file \"b\"; };",
            &["a.test a", "b.test b"],
            &[
                "named.conf:1: zone \"a.test\": the file is served as it is",
                "named.conf:1: masters: not carried over (2 times): zones are transferred to those in",
                "named.conf:2: zone \"b.test\": the file is served as it is",
            ],
        ),
        (
            "zone \"a.test\" { file \"a\"; };\nzone \".\" { type hint; file \"h\"; };\n\
             zone \"c.test\" { type master; };\nzone \"d..test\" { file \"d\"; };\n\
             zone \"A.test\" { file \"/b\"; };\nview \"v\" { zone \"e.test\" { file \"e\"; }; };",
            &["a.test /b"],
            &[
                "named.conf:2: zone \".\": not carried over: a zone of type hint holds no data",
                "named.conf:3: zone \"c.test\": not carried over: it has no file",
                "named.conf:4: zone \"d..test\": not carried over: its name is not",
                "named.conf:5: zone \"A.test\": stands there twice; this one is served",
                "named.conf:6: view: not carried over: zones in a view are not read",
            ],
        ),
        ("include \"more/one\";\nzone \"b.test\" { file \"b\"; };", &["a.test a", "b.test b"], &[]),
    ] {
        let files = [
            ("named.conf", named),
            ("more/one", "zone \"a.test\" { file \"a\"; };"),
            ("a", ZONE),
            ("b", ZONE),
            ("db/a", ZONE),
            ("db/root", ZONE),
        ];
        let (table, notes) = migrated(&folder(&files), &[]);
        let listed: Vec<String> = table["zones"]["zone"]
            .as_array()
            .unwrap()
            .iter()
            .map(|zone| {
                format!("{} {}", zone["name"].as_str().unwrap(), zone["file"].as_str().unwrap())
            })
            .collect();
        assert_eq!(listed, zones, "{named}");
        // What is not there is told, too: `/b` is nobody's business here.
        let notes: Vec<String> =
            notes.into_iter().filter(|note| !note.contains(": /b: ")).collect();
        assert_eq!(notes.len(), told.len(), "{named}: {notes:#?}");
        for (note, part) in notes.iter().zip(told) {
            assert!(note.starts_with(part), "{named}: {note}, not {part}");
        }
    }
}

#[test]
fn the_bind_backend_may_be_named_and_its_file_elsewhere() {
    let conf = "launch=bind:first\nbind-first-config=etc/names\nenable-lua-records=yes\n";
    let zone = "zone \"a.test\" { file \"example.test.zone\"; };";
    let (table, notes) = migrated(&folder(&[("pdns.conf", conf), ("etc/names", zone)]), &[]);
    assert_eq!(table["zones"]["zone"][0]["file"], Value::from("example.test.zone"));
    assert!(notes.is_empty(), "{notes:?}");
}

#[test]
fn paths_are_relative_below_the_written_file_only() {
    let folder = folder(&[("pdns.conf", "launch=bind\nenable-lua-records=yes\n")]);
    let zone = |home: Option<&Path>| {
        let text = migrate::powerdns(folder.path(), &[], home).unwrap().text;
        text.parse::<Table>().unwrap()["zones"]["zone"][0]["file"].as_str().unwrap().to_owned()
    };
    let absolute = folder.path().join("example.test.zone");
    assert_eq!(zone(Some(folder.path())), "example.test.zone");
    assert_eq!(zone(Some(Path::new("/etc"))), absolute.to_str().unwrap());
    assert_eq!(zone(None), absolute.to_str().unwrap());
}

/// The command cannot do it, and says why in one line that contains `why`.
#[track_caller]
fn refused(ended: &Ended, why: &str) {
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    assert!(ended.err.starts_with("halfmoon: ") && ended.err.contains(why), "{why}: {ended:?}");
    assert_eq!((ended.err.lines().count(), ended.out.as_str()), (1, ""));
}

#[test]
fn what_cannot_be_taken_over_is_one_line_and_status_2() {
    for (files, why) in [
        (&[("pdns.conf", "launch=gmysql\n")][..], "pdns.conf:1: the zones are not in zone files"),
        (&[("pdns.conf", "")], "pdns.conf: the zones are not in zone files"),
        (&[("pdns.conf", "launch=bind\nbind-config=gone\n")], "gone: No such file"),
        (&[("named.conf", "")], "named.conf: there is no zone to serve"),
        (&[("named.conf", "\nzone \"a\" {")], "named.conf:2: a `{` is not closed"),
        (&[("named.conf", "};")], "named.conf:1: `}` closes nothing"),
        (&[("named.conf", "\n\nzone \"a")], "named.conf:3: the string has no closing"),
        (&[("named.conf", "/*/")], "named.conf:1: the comment has no `*/`"),
        (&[("named.conf", "include \"named.conf\";")], "named.conf:1: files include one another"),
        (&[("pdns.conf", "include-dir=gone\n")], "gone: No such file"),
    ] {
        let folder = folder(files);
        refused(&run(&["migrate", "powerdns", folder.path().to_str().unwrap()]), why);
    }
    refused(&run(&["migrate", "powerdns", "/nowhere"]), "/nowhere: No such file");
    let folder = folder(&[]);
    let path = folder.path().to_str().unwrap();
    refused(
        &run(&["migrate", "powerdns", path, "--local-port=1", "now"]),
        "\"now\" is not a setting",
    );
    refused(
        &run(&["migrate", "powerdns", path, "--local-port=1", "--out", "x"]),
        "`--out` comes before",
    );
}

#[test]
fn a_configuration_is_printed_or_written_and_serves_in_place() {
    let folder = folder(&[]);
    let (path, out) = (folder.path().to_str().unwrap(), folder.path().join("halfmoon.toml"));
    let out = out.to_str().unwrap();
    let printed = run(&["migrate", "powerdns", path, "--local-port=5300"]);
    assert_eq!((printed.status.code(), printed.err.as_str()), (Some(0), ""));
    assert!(printed.out.contains("\"0.0.0.0:5300\""), "{}", printed.out);

    let options = ["--", "--local-address=127.0.0.1", "--webserver=yes"];
    let written = run(&[&["migrate", "powerdns", path, "--out", out][..], &options].concat());
    assert_eq!((written.status.code(), written.out.as_str()), (Some(0), ""), "{written:?}");
    assert_eq!(
        written.err,
        "command line: webserver: not carried over: PowerDNS' API and its web pages are not there; `admin.listen` serves metrics and an API of its own\n"
    );
    let again = ["migrate", "powerdns", "--out", out, path];
    refused(&run(&again), "halfmoon.toml: is there already; `--force` writes over it");
    let forced = run(&[&again[..4], &["--force", path, "--local-port=5301"]].concat());
    assert_eq!(forced.status.code(), Some(0), "{forced:?}");

    let check = run(&["check", out]);
    assert_eq!((check.status.code(), check.out.as_str()), (Some(0), ""), "{check:?}");
    let (_running, server) = Running::serve(&[out]);
    assert_eq!(ask(server, "www.example.test."), ["127.0.0.20"]);
    assert_eq!(ask(server, "lua.example.test."), ["127.0.0.21"]);
}

#[test]
fn a_proxy_is_believed_as_there() {
    // 192.0.2.1:4660 asked the proxy at 198.51.100.2:53.
    const HEADER: &[u8] =
        b"\r\n\r\n\0\r\nQUIT\n\x21\x12\0\x0c\xc0\0\x02\x01\xc6\x33\x64\x02\x12\x34\0\x35";
    let zone = format!("{ZONE}me LUA TXT \";return who:toString()\"\n");
    let conf = format!("{PLAIN}proxy-protocol-from=127.0.0.1\n");
    let folder = folder(&[("pdns.conf", &conf), ("example.test.zone", &zone)]);
    let out = folder.path().join("halfmoon.toml");
    let out = out.to_str().unwrap();
    let ended = run(&["migrate", "powerdns", "--out", out, folder.path().to_str().unwrap()]);
    assert_eq!((ended.status.code(), ended.err.as_str()), (Some(0), ""));
    let (_running, server) = Running::serve(&[out]);
    let query = question("me.example.test.", RecordType::TXT).to_vec().unwrap();
    let answer = udp_octets(server, &[HEADER, &query].concat()).unwrap();
    let answer = Message::from_vec(&answer).unwrap();
    assert_eq!(answer.metadata.response_code, ResponseCode::NoError);
    assert_eq!(answer.answers[0].data.to_string(), "192.0.2.1");
}

/// The zones of a site in production, which somebody else wrote; `None` where they are not there.
fn site() -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/zones/grapheneos");
    if path.exists() {
        return Some(path);
    }
    // Not through `eprintln!`, which the test harness keeps to itself when a test passes.
    let shown = path.display();
    let _ = writeln!(io::stderr(), "SKIPPED: {shown} is not there; nothing was tested against it");
    None
}

/// The RCODE and the answers, in one order.
fn said(connection: &mut Connection, name: &str, rtype: Type) -> (ResponseCode, Vec<String>) {
    let answer = connection.ask(&question(name, RecordType::from(rtype.0))).unwrap();
    let mut answers: Vec<String> = answer.answers.iter().map(ToString::to_string).collect();
    answers.sort();
    (answer.metadata.response_code, answers)
}

#[test]
fn a_site_in_production_is_served_in_place() {
    let Some(site) = site() else {
        return;
    };
    let aside = tempfile::tempdir().unwrap();
    let (out, other) = (aside.path().join("halfmoon.toml"), aside.path().join("folder.toml"));
    let out_text = out.to_str().unwrap();
    let ended = run(&["migrate", "powerdns", "--out", out_text, site.to_str().unwrap()]);
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let lines = ended.err.lines();
    for name in ["setgid", "bind-dnssec-db", "cache-ttl", "tcp-fast-open", "webserver"] {
        let part = format!(": {name}: not carried over: ");
        assert_eq!(
            lines.clone().filter(|line| line.contains(&part)).count(),
            1,
            "{name}: {}",
            ended.err
        );
    }
    let check = run(&["check", out_text]);
    assert_eq!(check.status.code(), Some(0), "{check:?}");

    // Nothing is probed beyond this machine.
    let text = fs::read_to_string(&out).unwrap();
    let mut table: Table = text.parse().unwrap();
    let health = table["health"].as_table_mut().unwrap();
    assert_eq!((&health["interval"], &health["lease"]), (&"15s".into(), &"300s".into()));
    health.insert(
        "targets".into(),
        Value::Table("allow = ['127.0.0.0/8', '::1/128']".parse().unwrap()),
    );
    assert_eq!(table["server"]["proxy_protocol_from"][0], "::1/128".into());
    assert_eq!(table["geo"]["databases"].as_array().unwrap().len(), 1);
    // The machine that tests is busy, and the build is not optimised.
    table["lua"].as_table_mut().unwrap().insert("time".into(), "1s".into());
    fs::write(&out, table.to_string()).unwrap();
    let zones = table["zones"].as_table().unwrap().clone();
    let names: Vec<NameBuf> = zones["zone"]
        .as_array()
        .unwrap()
        .iter()
        .map(|zone| zone["name"].as_str().unwrap().parse().unwrap())
        .collect();
    let named = fs::read_to_string(site.join("named.conf")).unwrap();
    assert_eq!(names.len(), named.matches("\nzone \"").count());
    let whole: Table = format!("path = '{}'", site.display()).parse().unwrap();
    table.insert("zones".into(), Value::Table(whole));
    fs::write(&other, table.to_string()).unwrap();

    let (_listed, listed) = Running::serve(&[out_text]);
    let (_folder, folder) = Running::serve(&[other.to_str().unwrap()]);
    let (mut listed, mut folder) =
        (Connection::open(listed).unwrap(), Connection::open(folder).unwrap());
    let mut asked = 0;
    let loaded = halfmoon_zones::Loader::<()>::new(site, false).load(&mut Nothing).unwrap();
    for name in names {
        let hosted = loaded.catalog.zone(name.as_name()).expect("the zone is in the folder");
        for node in hosted.zone.nodes() {
            let owner = node.owner().to_string();
            for set in node.sets() {
                let here = said(&mut listed, &owner, set.rtype());
                assert_eq!(here, said(&mut folder, &owner, set.rtype()), "{owner} {}", set.rtype());
                asked += 1;
            }
            for program in node.programs() {
                // Which address answers may be chance; that one does is not.
                let (here, there) = (
                    said(&mut listed, &owner, program.inner),
                    said(&mut folder, &owner, program.inner),
                );
                let count = |said: &(ResponseCode, Vec<String>)| (said.0, said.1.len());
                assert_eq!(count(&here), count(&there), "{owner} {}", program.inner);
                assert!(here.0 == ResponseCode::NoError && !here.1.is_empty(), "{owner}: {here:?}");
                asked += 1;
            }
        }
    }
    assert!(asked > 100, "{asked}");
}

/// Nothing is made of programs here.
struct Nothing;

impl halfmoon_zones::Attach<()> for Nothing {
    fn attach(&mut self, _: &halfmoon_zones::Fresh<'_, ()>, _: &mut Vec<halfmoon_zones::Fault>) {}
}
