//! The same zone on PowerDNS and here: the answers are the same.
//!
//! PowerDNS probes what the zone names and looks its own version up in DNS, so it runs in a network
//! namespace in which nothing exists but loopback; and so does everything else here. Where
//! PowerDNS or namespaces are not to be had, this says so and passes.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::thread;

use halfmoon_geo::write::{Value as GeoValue, Writer};
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use toml::{Table, Value};

use support::endpoint::Endpoint;
use support::peer::{Peer, alone, free_port, is_alone};
use support::{Running, question, question_for, run, udp, wait_for};

mod support;

/// Clients that ask through resolvers, as EDNS Client Subnet tells of them.
const CLIENTS: [&str; 8] = [
    "192.0.2.0/24",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "10.1.2.0/24",
    "127.0.0.0/8",
    "2001:db8::/32",
    "2001:db8:1::/48",
    "0.0.0.0/0",
];

/// What PowerDNS 4.7 has and does as 5.1, which is the measure here. Other there: groups of addresses in
/// `ifportup`, `picknamehashed` and `pickchashed` are missing, endless loops do not end, weights of
/// 0 are taken, names have no `<`, `createForward6` counts labels from the zone, and `createReverse` takes any label.
const ZONE: &str = r#"
$TTL 60
@         SOA ns hostmaster 1 3600 600 604800 60
          NS  ns
ns        A   127.0.0.1
target    A   192.0.2.100
target    AAAA 2001:db8::100
static    A   192.0.2.101

plain     LUA A "'192.0.2.1'"
chunk     LUA A ";return '192.0.2.1'"
table     LUA A ";return {'192.0.2.2', '192.0.2.1'}"
number    LUA TXT "1+1"
six       LUA AAAA "'2001:db8::1'"
text      LUA TXT "'hello world'"
texts     LUA TXT ";return {'one', 'two'}"
who       LUA TXT "who:toString()"
best      LUA TXT "bestwho:toString()"
qname     LUA TXT "qname:toString()"
zone      LUA TXT "zone:toString()"
*.wild    LUA TXT "qname:toString()"
mx        LUA MX "'10 target.example.test.'"
srv       LUA SRV "'1 2 3 target.example.test.'"
alias     LUA CNAME "'target.example.test.'"
relative  LUA CNAME "'target.example.test'"
away      LUA CNAME "'www.example.net.'"
mixed     LUA A "'192.0.2.1'"
mixed     LUA AAAA "'2001:db8::1'"
mixed     TXT "static"
several   LUA A "'192.0.2.1'"
several   LUA A "'192.0.2.2'"

empty     LUA A ";return {}"
nothing   LUA A ";return nil"
syntax    LUA A "pickhashed({'192.0.2.1'"
absent    LUA A "nosuchfunction()"
badaddr   LUA A "'nonsense'"
raised    LUA A ";error('no')"

hashed    LUA A "pickhashed({'192.0.2.1','192.0.2.2','192.0.2.3','192.0.2.4','192.0.2.5'})"
weighted  LUA A "pickwhashed({{10,'192.0.2.1'},{20,'192.0.2.2'},{70,'192.0.2.3'}})"
strings   LUA A "pickwhashed({{'10','192.0.2.1'},{'20','192.0.2.2'}})"
*.rev     LUA PTR "createReverse('%1%-%2%-%3%-%4%.static.example.test.')"
*.rev6    LUA PTR "createReverse6('%33%.static.example.test.')"
*.rev2    LUA PTR "createReverse('%1$03d-%2$-4s.%3$02x%4$=5c.%|1$6|%|2$s|.')"
*.rev3    LUA PTR "createReverse('%s-%05d.% x%3s.%%.')"
*.rev4    LUA PTR "createReverse('%|s|%|02|%.1s.%9%x')"
*.rev5    LUA PTR "createReverse('%1%-%s.')"
*.rev7    LUA PTR "createReverse('%0%.%')"
*.fwd     LUA A "createForward()"
*.near    LUA A "closestMagic()"
all       LUA A "all({'192.0.2.2','192.0.2.1'})"
netmask   LUA A ";if(netmask({'192.0.2.0/24','2001:db8::/32'})) then return '192.0.2.1' else return '192.0.2.2' end"
view      LUA A "view({ {{'192.0.2.0/24','10.0.0.0/8'}, {'192.0.2.1'}}, {{'0.0.0.0/0','::/0'}, {'192.0.2.2'}} })"
country   LUA TXT ";if(country('NL')) then return 'nl' else return 'elsewhere' end"
continent LUA TXT ";if(continent('EU')) then return 'eu' else return 'elsewhere' end"
asnum     LUA TXT ";if(asnum(4242)) then return 'it' else return 'not it' end"
region    LUA TXT ";if(region('be')) then return 'be' else return 'elsewhere' end"
ccode     LUA TXT "countryCode()"
kcode     LUA TXT "continentCode()"
rcode     LUA TXT "regionCode()"
latlon    LUA TXT "latlon()"
latlonloc LUA LOC "latlonloc()"
look0     LUA TXT "geoiplookup('192.0.2.7', 0)"
look2     LUA TXT "geoiplookup('192.0.2.7', 2)"
look3     LUA TXT "geoiplookup(bestwho:toString(), 3)"
look6     LUA TXT "geoiplookup('198.51.100.7', 6)"
look7     LUA TXT "geoiplookup('198.51.100.7', 7)"
lookno    LUA TXT "geoiplookup('10.9.9.9', 3)"
nearup    LUA A "ifportup(PORT, {'127.0.0.1','127.0.0.3'}, {selector='pickclosest'})"
nearest   LUA A "pickclosest({'192.0.2.7','198.51.100.7','203.0.113.7'})"

up        LUA A "ifportup(PORT, {'127.0.0.1','127.0.0.2'})"
upall     LUA A "ifportup(PORT, {'127.0.0.1','127.0.0.3','127.0.0.2'}, {selector='all'})"
uphash    LUA A "ifportup(PORT, {'127.0.0.1','127.0.0.3','127.0.0.4'}, {selector='hashed'})"
web       LUA A "ifurlup('http://www.example.test:WEB/', {{'127.0.0.2','127.0.0.3'},{'127.0.0.1'}}, {selector='all'})"
webtext   LUA A "ifurlup('http://www.example.test:WEB/', {{'127.0.0.1','127.0.0.2'}}, {stringmatch='healthy'})"
webnot    LUA A "ifurlup('http://www.example.test:WEB/', {{'127.0.0.1','127.0.0.2'}}, {stringmatch='absent', selector='all', backupSelector='all'})"
down      LUA A "ifportup(PORT, {'127.0.0.2','127.0.0.5'}, {selector='all', backupSelector='all'})"

ext       LUA A "ifurlextup({{['192.0.2.1']='http://127.0.0.1:WEB/',['192.0.2.2']='http://127.0.0.2:WEB/'}}, {selector='all'})"
agent     LUA A "ifurlup('http://www.example.test:WEB/', {{'127.0.0.1','127.0.0.2'}}, {useragent='x', timeout='1', byteslimit=100, stringmatch='healthy'})"
strsel    LUA A "ifportup('PORT', {'127.0.0.1','127.0.0.2'}, {selector='nonsense', timeout=2})"
badopt    LUA A "ifportup(PORT, {'127.0.0.1'}, {selector=true})"
badbool   LUA A "ifportup(PORT, {'127.0.0.1'}, {colour=true})"
unknown   LUA A "ifportup(PORT, {'127.0.0.1'}, {colour='red'})"
toofew    LUA A "pickrandom()"
toomany   LUA A "pickrandom({'192.0.2.1'}, 1)"
emptylist LUA A "pickrandom({})"
family    LUA A "pickrandom({'2001:db8::1'})"
allstr    LUA TXT "all({'a','b','a'})"
numbers   LUA TXT ";return {1, 2.5, 'x'}"
keys      LUA TXT ";return {a='x'}"
deep      LUA TXT ";return {{'x'}}"
bool      LUA TXT "true"
twice     LUA TXT ";return 'one', 'two'"
labels    LUA TXT "table.concat(newDN('a.b.c.example.test.'):getRawLabels(), ' ')"
count     LUA TXT "tostring(newDN('a.b.c'):countLabels())"
wirelen   LUA TXT "tostring(newDN('a.b.c'):wirelength())"
partof    LUA TXT "tostring(newDN('a.b.c'):isPartOf(newDN('b.c')))"
dneq      LUA TXT "tostring(newDN('A.b') == newDN('a.B'))"
nodot     LUA TXT "qname:toStringNoDot()"
chop      LUA TXT ";local n = newDN('a.b.c') n:chopOff() return n:toString()"
rel       LUA TXT "newDN('a.b.c'):makeRelative(newDN('c')):toString()"
canon     LUA TXT "tostring(newDN('a.b'):canonCompare(newDN('b.b')))"
ca        LUA TXT "newCA('192.0.2.1'):toString()"
caport    LUA TXT "newCA('192.0.2.1:53'):toStringWithPort()"
caport6   LUA TXT "newCA('[2001:db8::1]:53'):toStringWithPort()"
getport   LUA TXT "tostring(newCA('192.0.2.1:53'):getPort())"
is4       LUA TXT "tostring(newCA('192.0.2.1'):isIPv4()) .. tostring(newCA('::1'):isIPv6())"
mapped    LUA TXT "newCA('::ffff:192.0.2.1'):mapToIPv4():toString()"
ismapped  LUA TXT "tostring(newCA('::ffff:192.0.2.1'):isMappedIPv4())"
truncate  LUA TXT ";local a = newCA('192.0.2.77') a:truncate(24) return a:toString()"
rawlen    LUA TXT "tostring(#newCA('2001:db8::1'):getRaw())"
fromraw   LUA TXT "newCAFromRaw('abcd'):toString()"
caeq      LUA TXT "tostring(newCA('192.0.2.1'):equal(newCA('192.0.2.1:53')))"
short     LUA TXT "newCA('10.1'):toString()"
nm        LUA TXT "newNetmask('192.0.2.77/24'):toString()"
nmnet     LUA TXT "newNetmask('192.0.2.77/24'):getMaskedNetwork():toString()"
nmraw     LUA TXT "newNetmask('192.0.2.77/24'):getNetwork():toString()"
nmeq      LUA TXT "tostring(newNetmask('192.0.2.77/24') == newNetmask('192.0.2.0/24'))"
nmbits    LUA TXT "tostring(newNetmask('192.0.2.0/24'):getBits())"
nmatch    LUA TXT "tostring(newNetmask('192.0.2.0/24'):match('192.0.2.9'))"
nmg       LUA TXT "tostring(newNMG({'10.0.0.0/8','!10.1.0.0/16'}):match(newCA('10.1.2.3')))"
cas       LUA TXT ";local s = newCAS() s:add('192.0.2.1') s:add({'192.0.2.2'}) return tostring(s:check(newCA('192.0.2.2')))"
qtype     LUA TXT "newQType('MX'):getName() .. newQType('MX'):getCode()"
dhead     LUA TXT "tostring(dh:getRD()) .. dh:getOPCODE() .. dh:getQDCOUNT() .. tostring(dh:getTC())"
overtcp   LUA TXT "tostring(tcp) .. tostring(dnssecOK)"
consts    LUA TXT "pdns.A .. ' ' .. pdns.NXDOMAIN .. ' ' .. pdns.AAAA"
rnd       LUA TXT "tostring(pdnsrandom(1))"
ecs       LUA TXT ";if ecswho then return ecswho:toString() end return 'none'"
exc       LUA TXT "createReverse('%1%', {['192.0.2.1']='x.'})"
*.rev8    LUA PTR "createReverse('%1%.%5%.%6%.', {['192.0.2.11']='named.example.test.'})"
*.rev9    LUA PTR "createReverse6('%1%%2%.%34%.%41%.', {['2001:db8::1']='named.example.test.'})"
filter    LUA A "filterForward('192.0.2.1', newNMG({'192.0.2.0/24'}))"
filter2   LUA A "filterForward('10.0.0.1', newNMG({'192.0.2.0/24'}))"
filter3   LUA A "filterForward('10.0.0.1', newNMG({'192.0.2.0/24'}), '192.0.2.9')"
filter6   LUA AAAA "filterForward('2001:db8::1', newNMG({'192.0.2.0/24'}))"
viewno    LUA TXT "view({ {{'172.16.0.0/12'}, {'a'}} })"
config    LUA LUA "shared = 'from there' function twice(x) return x .. x end"
includes  LUA TXT ";include('config') return shared .. twice('!')"
incl2     LUA TXT ";include('nosuch') return 'went on'"
*.mag     LUA TXT "latlonMagic()"
lists     LUA TXT "tostring(country({'NL','DE'}))"
nowhere   LUA TXT "tostring(country('unknown'))"
fmt       LUA TXT "string.format('%d %s %05.1f %x', 7, 'x', 2.5, 255)"
concat    LUA TXT "1 .. ' ' .. 2.5 .. ' ' .. 10/2"
bits      LUA TXT ";if bit then return '' .. bit.band(255, 15) end return '15'"

random    LUA A "pickrandom({'192.0.2.1','192.0.2.2','192.0.2.3'})"
sample    LUA A "pickrandomsample(2, {'192.0.2.1','192.0.2.2','192.0.2.3'})"
wrandom   LUA A "pickwrandom({{1,'192.0.2.1'},{5,'192.0.2.2'}})"
closest   LUA A "pickclosest({'192.0.2.1','192.0.2.2','192.0.2.3'})"
"#;

/// Names whose answers are chance: only how many there are is compared.
const CHANCE: [&str; 4] = ["random", "sample", "wrandom", "closest"];

/// Names that PowerDNS answers right for some clients only: seconds that are whole become something
/// like `5.1e-12` there, which it then takes for five seconds, and what is unknown `-0`, which fails.
const INEXACT: [(&str, &[&str]); 1] = [("latlonloc", &["198.51.100.0/24", "2001:db8::/32"])];

/// Names whose answers follow health.
const PROBED: [&str; 12] = [
    "nearup", "up", "upall", "uphash", "down", "web", "webtext", "webnot", "ext", "agent",
    "strsel", "unknown",
];

/// Addresses with something that takes connections.
const LISTENING: [&str; 3] = ["127.0.0.1", "127.0.0.3", "127.0.0.4"];

#[test]
fn answers_are_those_of_powerdns() {
    alone("inside_a_network_of_its_own", &["pdns_server"]);
}

#[test]
#[ignore = "the test above runs it, in a network namespace"]
fn inside_a_network_of_its_own() {
    if !is_alone() {
        return;
    }
    let port = free_port();
    let open: Vec<TcpListener> =
        LISTENING.iter().map(|address| TcpListener::bind((*address, port)).unwrap()).collect();
    for listener in open {
        thread::spawn(move || listener.incoming().for_each(drop));
    }
    let web = Endpoint::open("127.0.0.1");
    web.say("all is healthy");
    let folder = tempfile::tempdir().unwrap();
    let zone = ZONE.replace("PORT", &port.to_string());
    let zone = zone.replace("WEB", &web.address.port().to_string());
    let (_peer, there) = start_peer(folder.path(), &zone);
    let (_running, here) = start_halfmoon(folder.path());

    // PowerDNS begins to probe when it is asked, and both believe what nothing is known of yet in
    // ways of their own.
    for server in [there, here] {
        for (name, count) in [("upall", 2), ("down", 2), ("web", 1), ("webnot", 2), ("ext", 1)] {
            wait_for_count(server, name, count);
        }
    }
    for name in PROBED {
        wait_for(&format!("the same answers of {name}"), || {
            let same = |client| {
                let said = |server| answers(server, name, RecordType::A, client);
                said(there) == said(here)
            };
            clients().all(same).then_some(())
        });
    }
    let mut differ = Vec::new();
    let mut compared = 0;
    for (owner, rtype) in questions(&zone) {
        for client in clients() {
            let mut theirs = answers(there, &owner, rtype, client);
            let mut ours = answers(here, &owner, rtype, client);
            if CHANCE.contains(&owner.as_str()) {
                // The address is chance, how many there are is not.
                for said in [&mut theirs, &mut ours] {
                    said.1.iter_mut().for_each(|answer| answer.truncate(owner.len()));
                }
            }
            let exact = INEXACT.iter().find(|(name, _)| *name == owner);
            if exact.is_some_and(|(_, clients)| !client.is_some_and(|c| clients.contains(&c))) {
                continue;
            }
            compared += 1;
            if theirs != ours && PROBED.contains(&owner.as_str()) {
                // On a busy machine a probe of either may fail for once: then they agree soon.
                wait_for(&format!("the same answers of {owner} for {client:?}"), || {
                    let said = |server| answers(server, &owner, rtype, client);
                    (said(there) == said(here)).then_some(())
                });
                continue;
            }
            if theirs != ours {
                differ.push(format!("{owner} {rtype} for {client:?}: {theirs:?}, here {ours:?}"));
            }
        }
    }
    assert!(compared > 400, "{compared}");
    assert!(differ.is_empty(), "{} of {compared} differ:\n{}", differ.len(), differ.join("\n"));
}

/// Asks until probes have told which addresses are up.
#[track_caller]
fn wait_for_count(server: SocketAddr, name: &str, count: usize) {
    wait_for(&format!("{count} answers of {name} at {server}"), || {
        (answers(server, name, RecordType::A, None).1.len() == count).then_some(())
    });
}

/// A query without EDNS Client Subnet, and one for each of the clients.
fn clients() -> impl Iterator<Item = Option<&'static str>> {
    [None].into_iter().chain(CLIENTS.map(Some))
}

/// Each name of the zone with its type, names below its wildcards, and some that are not there.
fn questions(zone: &str) -> Vec<(String, RecordType)> {
    let mut questions: Vec<(String, RecordType)> = zone
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (owner, kind) = (words.next()?, words.next()?);
            let rtype = if kind == "LUA" { words.next()? } else { kind };
            if rtype == "LUA" || owner.starts_with('*') || line.starts_with([' ', '$', '@']) {
                return None;
            }
            let rtype = match rtype {
                // The library has none.
                "LOC" => RecordType::Unknown(29),
                known => known.parse().unwrap(),
            };
            Some((owner.to_owned(), rtype))
        })
        .collect();
    for (owner, rtype) in [
        ("alias", RecordType::A),
        ("relative", RecordType::AAAA),
        ("away", RecordType::A),
        ("plain", RecordType::AAAA),
        ("mixed", RecordType::MX),
        ("nosuch", RecordType::A),
        ("syntax", RecordType::TXT),
        ("wild", RecordType::TXT),
        ("a.wild", RecordType::A),
        ("10.2.0.192.rev", RecordType::PTR),
        ("10.2.0.192.rev2", RecordType::PTR),
        ("10.2.0.192.rev3", RecordType::PTR),
        ("10.2.0.192.rev4", RecordType::PTR),
        ("10.2.0.192.rev5", RecordType::PTR),
        ("10.2.0.192.rev7", RecordType::PTR),
        ("10.2.0.192.rev8", RecordType::PTR),
        ("11.2.0.192.rev8", RecordType::PTR),
        ("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.rev9", RecordType::PTR),
        ("2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.rev9", RecordType::PTR),
        ("7.2.0.192.mag", RecordType::TXT),
        ("config", RecordType::TXT),
        ("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.rev6", RecordType::PTR),
        ("192.0.2.10.fwd", RecordType::A),
        ("ip-192-0-2-10.fwd", RecordType::A),
        ("ipc000020a.fwd", RecordType::A),
        ("192.0.2.fwd", RecordType::A),
        ("192-0-2-1.near", RecordType::A),
        ("any.name.wild", RecordType::TXT),
    ] {
        questions.push((owner.to_owned(), rtype));
    }
    questions
}

/// The RCODE and the answers, in one order.
fn answers(
    server: SocketAddr,
    owner: &str,
    rtype: RecordType,
    client: Option<&str>,
) -> (ResponseCode, Vec<String>) {
    let name = format!("{owner}.example.test.");
    let message = match client {
        Some(network) => question_for(&name, rtype, network),
        None => question(&name, rtype),
    };
    let answer = udp(server, &message).unwrap_or_else(|error| panic!("{name} {rtype}: {error}"));
    let mut answers: Vec<String> = answer.answers.iter().map(ToString::to_string).collect();
    answers.sort();
    (answer.metadata.response_code, answers)
}

/// A database of places for some of the clients.
fn places() -> Vec<u8> {
    let place = |country, continent, region: &str, lat, lon| {
        let GeoValue::Map(mut entries) = GeoValue::place(country, continent, lat, lon) else {
            panic!("a place is a map");
        };
        let code = GeoValue::map([("iso_code", region)]);
        entries.push(("subdivisions".to_owned(), GeoValue::Array(vec![code])));
        entries.push(("autonomous_system_number".to_owned(), GeoValue::U32(4242)));
        GeoValue::Map(entries)
    };
    [
        ("192.0.2.0/24", place("DE", "EU", "BE", 52.5167, 13.4)),
        ("198.51.100.0/24", place("US", "NA", "NY", 40.75, -73.9967)),
        ("203.0.113.0/24", place("NL", "EU", "NH", 52.35, 4.9167)),
        ("2001:db8::/32", place("JP", "AS", "13", 35.685, 139.7514)),
        ("127.0.0.1/32", place("NZ", "OC", "AUK", -36.8667, 174.7667)),
        ("127.0.0.3/32", place("GB", "EU", "ENG", 51.5, -0.12)),
    ]
    .into_iter()
    .fold(Writer::new("Test-City", 6), |writer, (network, place)| {
        writer.insert(network, place).unwrap()
    })
    .to_bytes()
}

/// PowerDNS with the zone, ready to be asked. Its configuration stays in the folder.
fn start_peer(folder: &Path, zone: &str) -> (Peer, SocketAddr) {
    let shown = folder.display();
    let port = free_port();
    fs::write(folder.join("example.test.zone"), zone).unwrap();
    let named =
        format!("zone \"example.test\" {{ type native; file \"{shown}/example.test.zone\"; }};\n");
    fs::write(folder.join("named.conf"), named).unwrap();
    fs::write(folder.join("places.mmdb"), places()).unwrap();
    fs::write(folder.join("geo.yaml"), "domains: []\n").unwrap();
    let conf = format!(
        "launch=bind,geoip\ngeoip-database-files=mmdb:{shown}/places.mmdb\n\
         geoip-zones-file={shown}/geo.yaml\nbind-config={shown}/named.conf\nlocal-address=127.0.0.1\nlocal-port={port}\n\
         socket-dir={shown}\ndaemon=no\nguardian=no\nwrite-pid=no\ndisable-syslog=yes\n\
         security-poll-suffix=\ncache-ttl=0\nquery-cache-ttl=0\nnegquery-cache-ttl=0\n\
         enable-lua-records=yes\nlua-health-checks-interval=1\nedns-subnet-processing=yes\n"
    );
    fs::write(folder.join("pdns.conf"), conf).unwrap();
    let mut peer = Peer::start("pdns_server", &[&format!("--config-dir={shown}")], folder);
    let server = SocketAddr::from(([127, 0, 0, 1], port));
    peer.wait_for_answer(server, &question("static.example.test.", RecordType::A), |_| true);
    (peer, server)
}

/// Halfmoon with what was migrated from there.
fn start_halfmoon(folder: &Path) -> (Running, SocketAddr) {
    let out = folder.join("halfmoon.toml");
    let ended =
        run(&["migrate", "powerdns", "--out", out.to_str().unwrap(), folder.to_str().unwrap()]);
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    // The machine that tests is busy, and the build is not optimised.
    let mut table: Table = fs::read_to_string(&out).unwrap().parse().unwrap();
    table["lua"].as_table_mut().unwrap().insert("time".to_owned(), Value::from("1s"));
    fs::write(&out, table.to_string()).unwrap();
    Running::serve(&[out.to_str().unwrap()])
}
