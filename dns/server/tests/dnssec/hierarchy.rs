//! A root, a zone below it, one below that, one that is not signed, and a server for them all.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use hickory_proto::rr::{Name, RecordType};

use crate::support::{Running, question, tcp, wait_for};

const ROOT: &str = "\
. 3600 SOA ns.test. host.test. 1 2 3 4 60
. 3600 NS ns.test.
test. 3600 NS ns.test.
ns.test. 3600 A 127.0.0.1
";

const PARENT: &str = "\
$ORIGIN test.
$TTL 60
@ SOA ns host 1 2 3 4 30
@ NS ns
@ MX 10 mail
ns A 127.0.0.1
mail A 127.0.0.2
www A 192.0.2.3
WWW AAAA 2001:db8::3
*.wild TXT any
*.wild A 192.0.2.4
*.wildalias CNAME www
alias CNAME www
away CNAME www.child.test.
toinsecure CNAME www.insecure.test.
dn DNAME wild
below.empty TXT x
many TXT AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
srv SRV 1 2 3 Mail.Test.
child NS ns.child
ns.child A 127.0.0.1
insecure NS ns.insecure
ns.insecure A 127.0.0.1
lua LUA A \"{'192.0.2.7', '192.0.2.6'}\"
both LUA A \"'192.0.2.8'\"
both A 192.0.2.9
none LUA A \";return {}\"
none LUA TXT \"'text'\"
*.spell LUA TXT \"qname:toString()\"
luaalias LUA CNAME \"'www.child.test.'\"
denied LUA A \"nxdomain()\"
*.luawild LUA A \"'192.0.2.11'\"
*.nonewild LUA A \";return {}\"
*.nonewild LUA TXT \"'text'\"
*.deniedwild LUA A \"nxdomain()\"
*.tonone CNAME none
*.first CNAME x.second
*.second CNAME x.wildalias
deep.insecurer NS ns.insecure
*.up LUA A \"ifportup(PORT, {'127.0.0.1', '127.0.0.2'}, {selector='all', interval=1})\"
*.down LUA A \"ifportup(PORT, {'127.0.0.1', '127.0.0.2'}, {selector='all', interval=1})\"
";

const CHILD: &str = "\
$ORIGIN child.test.
$TTL 60
@ SOA ns host 1 2 3 4 30
@ NS ns
ns A 127.0.0.1
www A 192.0.2.20
back CNAME www.test.
";

const INSECURE: &str = "\
$ORIGIN insecure.test.
$TTL 60
@ SOA ns host 1 2 3 4 30
@ NS ns
ns A 127.0.0.1
www A 192.0.2.30
";

/// The zones.
pub(crate) const ZONES: [&str; 4] = [".", "test.", "child.test.", "insecure.test."];

/// Questions, and how many records answer: 0 for a denial.
pub(crate) const SECURE: [(&str, RecordType, usize); 49] = [
    ("test.", RecordType::SOA, 1),
    ("test.", RecordType::NS, 1),
    ("test.", RecordType::MX, 1),
    ("test.", RecordType::DNSKEY, 1),
    ("test.", RecordType::DS, 1),
    ("www.test.", RecordType::A, 1),
    ("wWw.tEst.", RecordType::AAAA, 1),
    ("www.test.", RecordType::TXT, 0),
    ("srv.test.", RecordType::SRV, 1),
    ("many.test.", RecordType::TXT, 1),
    ("a.wild.test.", RecordType::TXT, 1),
    ("a.b.wild.test.", RecordType::A, 1),
    ("a.wild.test.", RecordType::MX, 0),
    ("*.wild.test.", RecordType::TXT, 1),
    ("x.wildalias.test.", RecordType::AAAA, 2),
    ("x.wildalias.test.", RecordType::MX, 1),
    ("alias.test.", RecordType::A, 2),
    ("alias.test.", RecordType::MX, 1),
    ("away.test.", RecordType::A, 2),
    ("back.child.test.", RecordType::A, 2),
    ("x.dn.test.", RecordType::TXT, 3),
    ("empty.test.", RecordType::A, 0),
    ("nothing.test.", RecordType::A, 0),
    ("a.b.c.nothing.test.", RecordType::A, 0),
    ("nothing.child.test.", RecordType::A, 0),
    ("www.child.test.", RecordType::A, 1),
    ("insecure.test.", RecordType::DS, 0),
    ("lua.test.", RecordType::A, 2),
    ("both.test.", RecordType::A, 2),
    ("none.test.", RecordType::A, 0),
    ("any.name.spell.test.", RecordType::TXT, 1),
    ("luaalias.test.", RecordType::A, 2),
    ("denied.test.", RecordType::A, 0),
    ("a.b.luawild.test.", RecordType::A, 1),
    ("c.luawild.test.", RecordType::TXT, 0),
    ("a.nonewild.test.", RecordType::A, 0),
    ("a.nonewild.test.", RecordType::AAAA, 0),
    ("a.deniedwild.test.", RecordType::A, 0),
    ("a.tonone.test.", RecordType::A, 1),
    ("a.first.test.", RecordType::A, 4),
    ("b.first.test.", RecordType::TXT, 3),
    ("below.empty.test.", RecordType::TXT, 1),
    ("below.empty.test.", RecordType::A, 0),
    ("nothing.empty.test.", RecordType::A, 0),
    ("wild.test.", RecordType::TXT, 0),
    ("insecurer.test.", RecordType::A, 0),
    ("deep.insecurer.test.", RecordType::DS, 0),
    ("child.test.", RecordType::DS, 1),
    ("none.test.", RecordType::TXT, 1),
];

/// Those of them whose proof says that a name is not there. With NSEC3 that opts out such a proof is good,
/// and yet not secure: a delegation might be there (RFC 5155 section 9.2).
pub(crate) fn says_that_a_name_is_not_there(name: &str) -> bool {
    let below =
        ["wild.", "wildalias.", "luawild.", "nonewild.", "deniedwild.", "tonone.", "first."];
    let made = |at: &&str| name.contains(&format!(".{at}"));
    name.contains("nothing.") || name == "x.dn.test." || below.iter().any(made)
}

/// Questions whose answers lie in the zone that is not signed.
pub(crate) const INSECURE_ONES: [(&str, RecordType, usize); 3] = [
    ("www.insecure.test.", RecordType::A, 1),
    ("nothing.insecure.test.", RecordType::A, 0),
    ("toinsecure.test.", RecordType::A, 2),
];

/// Serves the zones on a port of 127.0.0.1; `probed` is the port that names below `up.test.` and `down.test.` look at.
pub(crate) fn serve(
    folder: &Path,
    port: u16,
    probed: u16,
    settings: &str,
) -> (Running, SocketAddr) {
    serve_with(folder, port, (probed, settings), ("", &[]))
}

/// The same with further zones, each with its name and text, and further records of their parent `test.`.
pub(crate) fn serve_with(
    folder: &Path,
    port: u16,
    (probed, settings): (u16, &str),
    (delegations, children): (&str, &[(String, String)]),
) -> (Running, SocketAddr) {
    let zones = folder.join("zones");
    fs::create_dir_all(&zones).unwrap();
    for (name, text) in
        [("root", ROOT), ("test", PARENT), ("child.test", CHILD), ("insecure.test", INSECURE)]
    {
        let text = text.replace("PORT", &probed.to_string());
        let text = match name {
            "root" => format!("$ORIGIN .\n{text}"),
            "test" => format!("{text}{delegations}"),
            _ => text,
        };
        fs::write(zones.join(format!("{name}.zone")), text).unwrap();
    }
    for (name, text) in children {
        fs::write(zones.join(format!("{name}.zone")), text).unwrap();
    }
    let config = folder.join("halfmoon.toml");
    let text = format!(
        "[zones]\npath = \"zones\"\n[lua]\ntime = \"1s\"\n\
         [health]\nfall = 1\nrise = 1\ntargets.allow = [\"127.0.0.0/8\"]\n\
         [dnssec]\nzones = [\".\", \"test\", \"child.test\"]\nkeys = \"keys\"\n\
         signatures_per_source = 100000\n{settings}\n"
    );
    fs::write(&config, text).unwrap();
    Running::serve_at(&format!("127.0.0.1:{port}"), &[config.to_str().unwrap()])
}

/// The keys of the root, as the data of DNSKEY records in text.
pub(crate) fn anchors(server: SocketAddr) -> Vec<String> {
    let answer =
        wait_for("the root's keys", || tcp(server, &question(".", RecordType::DNSKEY)).ok());
    let root = Name::root();
    let keys = answer.answers.iter().filter(|record| record.name == root);
    let keys = keys.map(|record| record.data.to_string()).filter(|key| key.starts_with("257 "));
    let keys: Vec<String> = keys.collect();
    assert!(!keys.is_empty(), "{answer}");
    keys
}
