//! What tenants may have: who takes more is refused it, and nobody else is.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::Value;

use crate::support::endpoint::Endpoint;
use crate::support::http::{get, request};
use crate::support::site::{Folder, HEAD, QUICK};
use crate::support::{Running, ask, run, wait_for, wait_for_answer};

const ADMIN: &str = "[admin]\nlisten = \"127.0.0.1:0\"\n";
/// What takes long in a build for tests is to be told from what is refused.
const PATIENT: &str = "[lua]\ntime = \"10s\"\n";

/// Secrets of tokens.
const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// Two tenants, of whom `acme` has these settings besides.
fn folder(acme: &str) -> Folder {
    let tenants = format!(
        "{QUICK}{ADMIN}{PATIENT}[tenants.acme]\nbelow = [\"acme.test\"]\n{acme}\n[tenants.beta]\nbelow = [\"beta.test\"]\n"
    );
    Folder::new(&tenants, "www A 192.0.2.1\n")
}

fn checked(count: u32, options: &str) -> String {
    let addresses: Vec<String> = (1..=count).map(|n| format!("'127.0.0.{n}'")).collect();
    let list = addresses.join(", ");
    format!("c LUA A \"ifportup(9, {{{list}}}, {{selector='all'{options}}})\"\n")
}

fn programs(count: u32) -> String {
    (0..count)
        .map(|n| format!("p{n} LUA A \"pickrandom({{'192.0.2.{n}', '192.0.2.9'}})\"\n"))
        .collect()
}

fn hosts(count: u32) -> String {
    (1..=count).map(|n| format!("n{n} A 192.0.2.{n}\n")).collect()
}

/// What fits, what is too much, and how it is said, for each budget.
fn budgets() -> Vec<(&'static str, String, String, &'static str)> {
    vec![
        // SOA, NS and address of the name server, and the address that says the version.
        (
            "records = 8",
            hosts(4),
            hosts(5),
            "more records than the 8 that `tenants.acme.records` allows",
        ),
        (
            "programs = 2",
            programs(2),
            programs(3),
            "more programs than the 2 that `tenants.acme.programs` allows",
        ),
        (
            "memory = \"16KiB\"",
            hosts(20),
            hosts(250),
            "more than the 16384 that `tenants.acme.memory` allows",
        ),
        (
            "checks = 2",
            checked(2, ""),
            checked(3, ""),
            "3 checks, more than the 2 that `tenants.acme.checks` allows",
        ),
        (
            "probes_per_second = 2",
            checked(2, ", interval=1"),
            checked(3, ", interval=1"),
            "3 probes a second, more than the 2 that `tenants.acme.probes_per_second` allows",
        ),
        (
            "targets.allow = [\"127.0.0.2/32\", \"127.0.0.1/32\"]",
            checked(2, ""),
            checked(3, ""),
            "target 127.0.0.3 is in none of the networks that `tenants.acme.targets.allow` names",
        ),
    ]
}

fn version(number: u32) -> String {
    format!("version A 192.0.2.{number}\n")
}

#[test]
fn a_version_that_takes_too_much_is_refused_and_others_go_on() {
    for (settings, fits, too_much, said) in budgets() {
        let folder = folder(settings);
        folder.zone("acme.test", &(version(1) + &fits));
        folder.zone("beta.test", &(version(1) + &fits));
        let (server, address) = folder.serve();
        wait_for_answer(address, "version.acme.test.", &["192.0.2.1"]);
        let logged = server.err().len();
        folder.zone("acme.test", &(version(2) + &too_much));
        folder.zone("beta.test", &(version(2) + &too_much));
        wait_for_answer(address, "version.beta.test.", &["192.0.2.2"]);
        server.logged(said, logged);
        assert_eq!(ask(address, "version.acme.test."), ["192.0.2.1"], "{settings}");
        // `check` finds the same.
        let config = folder.path("halfmoon.toml");
        let checked = run(&["check", "--format", "json", config.to_str().unwrap()]);
        let faults: Vec<Value> =
            checked.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let faults: Vec<&Value> = faults.iter().filter(|fault| fault["level"] == "error").collect();
        assert_eq!(faults.len(), 1, "{settings}: {}", checked.out);
        assert!(faults[0]["message"].as_str().unwrap().contains(said), "{settings}: {}", faults[0]);
        assert_eq!(faults[0]["zone"], "acme.test.");
        let rule = settings.split([' ', '.']).next().unwrap();
        let rule = if rule == "probes_per_second" { "probes" } else { rule };
        assert_eq!(faults[0]["rule"], format!("tenant-{rule}"));
        // What fits is served again, as much as before, with the old version still there.
        folder.zone("acme.test", &(version(3) + &fits));
        wait_for_answer(address, "version.acme.test.", &["192.0.2.3"]);
    }
}

#[test]
fn a_tenant_sees_what_it_has_and_not_what_others_have() {
    let folder = folder("checks = 10\n[[tenants.acme.tokens]]\nname = \"a\"\nsecret_file = \"a\"");
    let config = fs::read_to_string(folder.path("halfmoon.toml")).unwrap();
    let more = "checks = 5\n[[tenants.beta.tokens]]\nname = \"b\"\nsecret_file = \"b\"\n";
    folder.write("halfmoon.toml", config + more);
    for (token, secret) in [("a", A), ("b", B)] {
        folder.write(token, secret);
        fs::set_permissions(folder.path(token), fs::Permissions::from_mode(0o600)).unwrap();
    }
    folder.zone("acme.test", &checked(3, ""));
    folder.zone("beta.test", &checked(2, ""));
    let (server, _) = folder.serve();
    let admin = admin(&server);
    let seen = |secret: &str| {
        let bearer = format!("Bearer {secret}");
        let list =
            request(admin, "GET", "/api/v1/checks", &[("Authorization", &bearer)], "").json();
        let accounts = list["accounts"].as_array().unwrap().iter();
        accounts.map(|account| format!("{} {}", account["tenant"], account["checks"])).collect()
    };
    let seen: [Vec<String>; 2] = [seen(A), seen(B)];
    assert_eq!(seen, [vec!["\"acme\" 3".to_owned()], vec!["\"beta\" 2".to_owned()]]);
    assert_eq!(get(admin, "/api/v1/checks").json()["accounts"].as_array().unwrap().len(), 2);
}

#[test]
fn what_one_zone_gives_up_another_one_may_take() {
    let folder = folder("records = 17\nprograms = 4\nchecks = 4");
    folder.zone("acme.test", &(version(1) + &hosts(2) + &checked(1, "")));
    folder.zone("a.acme.test", &(version(1) + &hosts(2) + &checked(3, "")));
    let (_server, address) = folder.serve();
    wait_for_answer(address, "version.a.acme.test.", &["192.0.2.1"]);
    // 127.0.0.1 to 127.0.0.3 are shared by both, and each counts once.
    folder.zone("acme.test", &(version(2) + &hosts(5) + &checked(4, "")));
    wait_for_answer(address, "version.acme.test.", &["192.0.2.2"]);
    // One goes as another one comes, in either order of their names.
    for (gone, new) in [("a.acme.test", "b.acme.test"), ("b.acme.test", "a.acme.test")] {
        folder.remove_zone(gone);
        folder.zone(new, &(version(2) + &hosts(2) + &checked(3, "")));
        wait_for_answer(address, &format!("version.{new}."), &["192.0.2.2"]);
    }
}

#[test]
fn what_is_computed_is_refused_when_it_runs_and_costs_nobody_else() {
    let open = Endpoint::open("127.0.0.1");
    let port = open.address.port();
    let folder = folder("checks = 10\ntargets.allow = [\"127.0.7.0/24\", \"127.0.0.0/24\"]");
    let many = "m LUA A \";local t = {} for n = 1, 250 do t[n] = '127.0.7.' .. n end \
                for port = 1, 4 do ifportup(port, t) end return '192.0.2.7'\"\n";
    let outside = format!(
        "o LUA A \";local t = {{}} for n = 1, 2 do t[n] = '127.0.8.' .. n end \
         return ifportup({port}, t, {{selector='all'}})\"\n"
    );
    let computed = format!(
        "c LUA A \";local t = {{}} for n = 1, 2 do t[n] = '127.0.0.' .. n end \
         return ifportup({port}, t, {{selector='all'}})\"\n"
    );
    folder.zone("acme.test", &(many.to_owned() + &outside));
    folder.zone("beta.test", &computed);
    let (server, address) = folder.serve();
    let admin = admin(&server);
    let begin = server.err().len();
    wait_for_answer(address, "m.acme.test.", &["192.0.2.7"]);
    server.logged("tenants.acme: computed check", begin);
    // All of what the other one computes is checked; the first is up and the second is not. As long as nothing is
    // known of either, it may be answered by chance.
    let count = |list: &Value, network: &str| {
        let checks = list["checks"].as_array().unwrap();
        checks.iter().filter(|check| check["name"].as_str().unwrap().contains(network)).count()
    };
    let list = wait_for("what beta computes is checked", || {
        let is_first = ask(address, "c.beta.test.") == ["127.0.0.1"];
        let list = get(admin, "/api/v1/checks?limit=1000").json();
        (is_first && count(&list, "127.0.0.") == 2).then_some(list)
    });
    assert_eq!(count(&list, "127.0.7."), 10, "{list}");
    let accounts = list["accounts"].as_array().unwrap();
    assert_eq!(accounts[0]["tenant"], "acme");
    assert_eq!((&accounts[0]["checks"], &accounts[0]["most_checks"]), (&10.into(), &10.into()));
    assert!(accounts[0]["refused"].as_u64().unwrap() >= 200, "{}", accounts[0]);
    let page = get(admin, "/metrics").body;
    let counted = page.lines().find_map(|line| {
        let count = line.strip_prefix("halfmoon_tenant_checks_refused_total{tenant=\"acme\"} ")?;
        count.parse::<f64>().ok()
    });
    assert!(counted.is_some_and(|counted| counted >= 200.0), "{page}");
    // Of what is outside one is tried, since nothing is known of any, and who asks is told why.
    assert_eq!(ask(address, "o.acme.test.").len(), 1);
    let url = format!("http://{admin}");
    let told = run(&["explain", "o.acme.test", "A", "--client", "127.0.0.1", "--server", &url]);
    let why = "not checked: tcp 127.0.8.1";
    assert!(told.out.contains(why) && told.out.contains("tenants.acme.targets.allow"), "{told:?}");
    let told = run(&["explain", "m.acme.test", "A", "--client", "127.0.0.1", "--server", &url]);
    assert!(told.out.contains("11 checks, more than the 10"), "{told:?}");
    let shown = run(&["health", "--server", &url]);
    let line = shown.out.lines().find(|line| line.starts_with("tenant acme: 10 of 10 checks"));
    let line = line.unwrap_or_else(|| panic!("{}", shown.out));
    assert!(line.contains("computed checks refused"), "{line}");
}

fn admin(server: &Running) -> SocketAddr {
    let line = server.line("admin on http://", 0);
    line.trim().trim_end_matches('/').rsplit('/').next().unwrap().parse().unwrap()
}

#[test]
fn what_a_tenant_writes_of_others_is_held_to_its_own_budget() {
    let folder = folder("path = \"acme\"\nrecords = 8");
    fs::create_dir(folder.path("acme")).unwrap();
    let config = folder.path("halfmoon.toml");
    for (count, rule) in [(2, "tenant-apex"), (100, "tenant-records")] {
        folder.write("acme/other.test.zone", format!("{HEAD}{}", hosts(count)));
        let checked = run(&["check", "--format", "json", config.to_str().unwrap()]);
        let is_told = |line: &str| {
            let fault: Value = serde_json::from_str(line).unwrap();
            fault["zone"] == "other.test." && fault["rule"] == rule
        };
        assert!(checked.out.lines().any(is_told), "{count}: {checked:?}");
    }
}

#[test]
fn programs_are_not_compiled_beyond_what_there_is_room_for() {
    let folder = folder("memory = \"256KiB\"");
    let config = folder.path("halfmoon.toml");
    // What is refused in one zone: where, and why.
    let refused = || -> Vec<(String, u64, String)> {
        let checked = run(&["check", "--format", "json", config.to_str().unwrap()]);
        let faults = checked.out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let of_memory = faults.filter(|fault| fault["rule"] == "tenant-memory");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        of_memory
            .map(|fault| {
                let line = fault["line"].as_u64().unwrap();
                (text(&fault["zone"]), line, text(&fault["message"]))
            })
            .collect()
    };
    let is_early = |message: &str| message.starts_with("more octets of memory than the 262144");
    // Of one with far too many checks the first are compiled.
    let many: String = (0..200)
        .map(|n| format!("c{n} LUA A \"ifportup({}, {{'127.0.0.1'}})\"\n", n + 1))
        .collect();
    folder.zone("acme.test", &many);
    let found = refused();
    assert_eq!(found.len(), 1, "{found:?}");
    let (_, line, message) = &found[0];
    assert!((20..150).contains(line) && is_early(message), "{found:?}");
    // Of several each of which would fit, no more are compiled than twice what there may be.
    for number in 0..6 {
        let records = version(number) + &programs(100);
        let name =
            if number == 0 { "acme.test".to_owned() } else { format!("z{number}.acme.test") };
        folder.zone(&name, &records);
    }
    let found = refused();
    let zones: Vec<&str> = found.iter().map(|(zone, ..)| &**zone).collect();
    let numbers: Vec<String> = (1..6).map(|number| format!("z{number}.acme.test.")).collect();
    assert_eq!(zones, numbers, "{found:?}");
    let (_, line, message) = &found[4];
    assert!(*line > 1 && is_early(message), "{found:?}");
}
