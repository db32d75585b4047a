//! Zones that are in production somewhere, each with one fault put in: `halfmoon check` finds it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::corpus::shared;

/// A file, what is written in place of what in it, and the rule that finds it. In place of nothing: at
/// its end.
type Slip = (&'static str, &'static [(&'static str, &'static str)], &'static str);

const LUA: &str = "lua-grapheneos.zone";
const HEALTH: &str = "lua-health.zone";
const BASE: &str = "base.zone";
const DOMAIN: &str = "grapheneos-domain.zone";

const SLIPS: &[Slip] = &[
    // Names.
    (LUA, &[("{ips_dal, ips_lax,", "{ips_dal, ips_laxx,")], "lua-unknown-name"),
    (LUA, &[("countryCode()", "countrycode()")], "lua-unknown-name"),
    (LUA, &[("ifurlup(", "ifurlUp(")], "lua-unknown-name"),
    // Branches that are never taken.
    (LUA, &[("(cc == 'us' and", "(cc == 'US' and")], "lua-never-equal"),
    (LUA, &[("if cn == 'na' then", "if cn == 'us' then")], "lua-never-equal"),
    (
        LUA,
        &[("{fo=true, gb=true,", "{fo=true, uk=true,"), ("cc_eu_lon[cc]", "cc == 'uk'")],
        "lua-never-equal",
    ),
    // Lists.
    (LUA, &[("{ips_dal, ips_lax,", "{ips_dal, nil, ips_lax,")], "lua-hole"),
    (LUA, &[("local ips_dal = {'121.127.40.19'}", "local ips_dal")], "lua-hole"),
    (HEALTH, &[("'84.32.64.33',", "nil,")], "lua-hole"),
    (HEALTH, &[("txt', ips,", "txt', {'84.32.64.33', '84.32.64.33'},")], "lua-address-twice"),
    (HEALTH, &[("txt', ips,", "txt', {'84.32.64.333'},")], "lua-argument"),
    (HEALTH, &[("txt', ips,", "txt', {'A 84.32.64.33'},")], "lua-argument"),
    (
        HEALTH,
        &[("ips, {selector='all', backupSelector='all'}", "{'84.32.64.33', '121.127.40.19'}")],
        "lua-flat-list",
    ),
    // Calls.
    (LUA, &[("selector='all'", "selector='al'")], "lua-selector"),
    (LUA, &[("backupSelector=", "backupSelektor=")], "lua-option"),
    (LUA, &[("ips, {selector='all'", "ips, 5, {selector='all'")], "lua-signature"),
    (LUA, &[("continentCode()", "continentCode('EU')")], "lua-signature"),
    (LUA, &[("'https://grapheneos.org/", "'grapheneos.org/")], "lua-url"),
    (
        HEALTH,
        &[(
            "grapheneos.org/robots.txt', ips,",
            "mta-sts.grapheneos.org/robots.txt', {'84.32.64.33'},",
        )],
        "lua-url-host",
    ),
    (
        HEALTH,
        &[("grapheneos.org/robots.txt', ips,", "84.32.64.33/robots.txt', {'121.127.40.19'},")],
        "lua-url-host",
    ),
    (LUA, &[("if cn == 'na' then", "if cn == 'na'")], "lua-syntax"),
    (
        LUA,
        &[
            ("  return ifurlup(", "  ifurlup("),
            ("backupSelector='all'})\")\n@", "backupSelector='all'}) return true\")\n@"),
        ],
        "lua-result",
    ),
    // Twins.
    (LUA, &[("backupSelector='all'})\")\n@", "backupSelector='first'})\")\n@")], "lua-twins"),
    (
        LUA,
        &[(
            "robots.txt', ips, {selector='all', backupSelector='all'})\")\n@",
            "robots', ips, {selector='all', backupSelector='all'})\")\n@",
        )],
        "lua-twins",
    ),
    (
        LUA,
        &[(
            "return ifurlup('https://grapheneos.org/robots.txt', ips, {selector='all', backupSelector='all'})\")\n@",
            "return ips\")\n@",
        )],
        "lua-twins",
    ),
    // Records.
    (BASE, &[("mta-sts IN A 91.246.30.4", "mta-sts IN CNAME mail")], "cname-and-other-data"),
    (BASE, &[("_dmarc IN TXT", "_dmarc.grapheneos.example. IN TXT")], "out-of-zone"),
    (
        BASE,
        &[("@ 86400 IN MX 0 mail.grapheneos.org.", "@ 86400 IN MX mail.grapheneos.org.")],
        "bad-number",
    ),
    (BASE, &[("mta-sts IN A 91.246.30.4", "mta-sts IN A 91.246.30.400")], "bad-address"),
    (
        BASE,
        &[
            ("ns2 IN A 23.149.125.1", "ns2 IN A 23.149.124.1"),
            ("ns2 IN AAAA 2602:f4d9:1::1", "ns2 IN AAAA 2602:f4d9::1"),
        ],
        "ns-one-address",
    ),
    (
        BASE,
        &[
            ("ns2 IN A 23.149.125.1", "ns2 IN A 23.149.124.2"),
            ("ns2 IN AAAA 2602:f4d9:1::1", "ns2 IN AAAA 2602:f4d9::2"),
        ],
        "ns-one-network",
    ),
    (DOMAIN, &[("fc81d285", "fc81d2")], "digest-length"),
    (DOMAIN, &[("@ IN CAA 0 issuemail", "@ 60 IN CAA 0 issuemail")], "ttls-differ"),
    (DOMAIN, &[("$INCLUDE base.zone", "$INCLUDE bass.zone")], "unreadable-file"),
    (DOMAIN, &[("www IN TXT", "www IN CNAME @\nwww IN TXT")], "cname-and-other-data"),
    (DOMAIN, &[("", "*.sub IN NS ns1\n")], "ns-at-wildcard"),
    (
        DOMAIN,
        &[("", "sub IN NS ns1\nwww.sub IN LUA A \"ifportup(443, {'192.0.2.1'})\"\n")],
        "occluded",
    ),
];

const ROOT: &[Slip] = &[
    ("root.zone", &[("345D4DE6", "345D4D")], "digest-length"),
    (
        "root.zone",
        &[("aaa.\t\t\t\t\t      86400 IN DS", "a-a-a.\t\t\t\t\t      86400 IN DS")],
        "ds-without-ns",
    ),
    ("root.zone", &[("NS\ta.nic.aaa.", "NS\tz.nic.aaa.")], "missing-glue"),
    ("root.zone", &[("", "www.aaa. 86400 IN MX 10 mail.example.\n")], "occluded"),
];

/// The rules that find something in a folder, with what is said.
fn found(folder: &Path) -> BTreeMap<String, String> {
    let ended = Command::new(env!("CARGO_BIN_EXE_halfmoon"))
        .args(["check", "--format", "json"])
        .arg(folder)
        .output()
        .unwrap();
    let out = String::from_utf8(ended.stdout).unwrap();
    let faults = out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    faults.map(|fault| (fault["rule"].as_str().unwrap().to_owned(), fault.to_string())).collect()
}

fn each_is_found(folder: &str, slips: &[Slip]) {
    let Some(folder) = shared(folder) else {
        return;
    };
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
    }
    let before = found(copy.path());
    let mut surprises = Vec::new();
    for (file, changes, rule) in slips {
        if let Some(said) = before.get(*rule) {
            surprises.push(format!("{rule} is a false alarm: {said}"));
            continue;
        }
        let path = copy.path().join(file);
        let right = fs::read_to_string(&path).unwrap();
        let mut wrong = right.clone();
        for (was, is) in *changes {
            if was.is_empty() {
                wrong.push_str(is);
                continue;
            }
            assert!(wrong.contains(was), "{file}: {was}");
            wrong = wrong.replacen(was, is, 1);
        }
        fs::write(&path, wrong).unwrap();
        let after = found(copy.path());
        fs::write(&path, right).unwrap();
        if !after.contains_key(*rule) {
            let new: Vec<_> =
                after.iter().filter(|(rule, _)| !before.contains_key(*rule)).collect();
            surprises.push(format!("{changes:?}: {rule} does not find it: {new:?}"));
        }
    }
    assert!(surprises.is_empty(), "{surprises:#?}");
}

#[test]
fn faults_put_into_zones_in_production_are_found() {
    each_is_found("zones/grapheneos", SLIPS);
}

#[test]
fn faults_put_into_the_root_zone_are_found() {
    each_is_found("zones/root", ROOT);
}
