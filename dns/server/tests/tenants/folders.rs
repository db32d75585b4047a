//! A folder for each tenant, beside the operator's.

use std::fs;
use std::os::unix::fs::symlink;

use crate::site::Site;
use crate::support::{ask, wait_for, wait_for_answer};

const SECTIONS: &str = "[zones]\npath = 'zones'\n\
    [tenants.acme]\napexes = ['acme.test']\nbelow = ['customers.test']\npath = 'acme'\n\
    [tenants.beta]\napexes = ['a.customers.test', 'beta.test']\npath = 'beta'\n\
    [tenants.guest]\napexes = ['guest.test']\n";

fn site() -> Site {
    let site = Site::new(SECTIONS);
    for (folder, zones) in [
        ("zones", ["example.test", "guest.test"]),
        ("acme", ["acme.test", "b.customers.test"]),
        ("beta", ["a.customers.test", "beta.test"]),
    ] {
        for zone in zones {
            site.zone(folder, zone, "127.0.0.1");
        }
    }
    site
}

#[test]
fn changes_are_seen_in_folders_whose_paths_are_relative() {
    let site = site();
    let server = site.serve_inside();
    for (folder, zone) in [("acme", "acme.test"), ("beta", "beta.test"), ("zones", "example.test")]
    {
        site.zone(folder, zone, "127.0.0.9");
        wait_for_answer(server.dns, &format!("www.{zone}."), &["127.0.0.9"]);
    }
    site.zone("acme", "new.customers.test", "127.0.0.9");
    wait_for_answer(server.dns, "www.new.customers.test.", &["127.0.0.9"]);
}

#[test]
fn a_zone_comes_from_the_folder_of_its_owner_and_from_no_other() {
    let site = site();
    let server = site.serve();
    assert_eq!(server.status()["zones"], 6);
    for (folder, zone, whose) in [
        ("zones", "acme.test", "belongs to tenant acme"),
        ("zones", "x.customers.test", "belongs to tenant acme"),
        ("acme", "beta.test", "does not belong to tenant acme"),
        ("acme", "a.customers.test", "does not belong to tenant acme"),
        ("acme", "example.test", "does not belong to tenant acme"),
        ("acme", "guest.test", "does not belong to tenant acme"),
        ("beta", "www.beta.test", "does not belong to tenant beta"),
    ] {
        let logged = server.running.err().len();
        site.zone(folder, zone, "127.0.0.66");
        let line = server.running.logged(&format!("zone {zone}. {whose}"), logged);
        assert!(line.contains("ERROR") && line.contains(".zone:1:1"), "{line}");
        let path = site.path(&format!("{folder}/{zone}.zone"));
        let checked = site.check();
        assert_eq!(checked.status.code(), Some(1), "{}", checked.err);
        let place = format!("{}:1:1: error: zone {zone}. {whose}", path.display());
        assert!(checked.out.contains(&place), "{}", checked.out);
    }
    // Whoever owns them has them as they were.
    for zone in ["acme.test", "a.customers.test", "beta.test", "example.test", "guest.test"] {
        assert_eq!(ask(server.dns, &format!("www.{zone}.")), ["127.0.0.1"], "{zone}");
    }
    assert_eq!(server.status()["zones"], 6);
    let acme = server.source("acme");
    assert_eq!((&acme["refused"], acme["error"].is_null()), (&4.into(), true), "{acme}");
    assert!(acme["why"].to_string().contains("zone beta.test. does not belong"), "{acme}");
    let shown = server.command(&["status"]).out;
    assert!(shown.contains("tenant acme\n") && shown.contains("4 files are refused"), "{shown}");
    site.remove("acme/guest.test.zone");
    wait_for("one less", || (server.source("acme")["refused"] == 3).then_some(()));

    // And goes on to have his changes served.
    site.zone("acme", "x.customers.test", "127.0.0.2");
    wait_for_answer(server.dns, "www.x.customers.test.", &["127.0.0.2"]);
    site.zone("beta", "beta.test", "127.0.0.3");
    wait_for_answer(server.dns, "www.beta.test.", &["127.0.0.3"]);
    site.remove("beta/a.customers.test.zone");
    wait_for("it goes", || (server.status()["zones"] == 6).then_some(()));
}

#[test]
fn a_zone_that_does_not_belong_here_has_nothing_probed_and_no_keys() {
    let site = Site::new(
        "[tenants.acme]\napexes = ['acme.test']\npath = 'acme'\n\
         [dnssec]\nzones = ['*']\nkeys = 'keys'\n",
    );
    site.zone("acme", "acme.test", "127.0.0.1");
    let program = "p LUA A \"ifportup(1, {'127.0.0.1'})\"\n";
    site.records("acme", "other.test", program);
    let server = site.serve();
    let checks = &server.status()["checks"];
    assert_eq!(
        (&checks["up"], &checks["down"], &checks["unknown"]),
        (&0.into(), &0.into(), &0.into())
    );
    let keys = fs::read_dir(site.path("keys")).unwrap();
    let names: Vec<String> = keys.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.iter().any(|name| name.contains("acme.test")), "{names:?}");
    assert!(!names.iter().any(|name| name.contains("other.test")), "{names:?}");
}

#[test]
fn no_file_leads_out_of_a_folder() {
    let site = site();
    let server = site.serve();
    fs::write(site.path("beta/secret.inc"), "secret A 127.0.0.9\n").unwrap();
    // A link to a file of another, and an inclusion of one, with and without a link on the way.
    symlink(site.path("beta/beta.test.zone"), site.path("acme/c.customers.test.zone")).unwrap();
    symlink(site.path("beta"), site.path("acme/linked")).unwrap();
    for (zone, path) in
        [("d.customers.test", "../beta/secret.inc"), ("e.customers.test", "linked/secret.inc")]
    {
        let logged = server.running.err().len();
        site.records("acme", zone, &format!("$INCLUDE {path}\n"));
        server.running.logged(&format!("{zone}.zone:5:10: the file lies outside"), logged);
        assert!(ask(server.dns, &format!("secret.{zone}.")).is_empty(), "{zone}");
    }
    // Settings beside a zone are files as well.
    fs::write(site.path("beta/settings"), "[checks]\n").unwrap();
    symlink(site.path("beta/settings"), site.path("acme/acme.test.health.toml")).unwrap();
    site.zone("acme", "acme.test", "127.0.0.2");
    wait_for_answer(server.dns, "www.acme.test.", &["127.0.0.2"]);
    assert_eq!(server.status()["zones"], 6);
}

#[test]
fn a_folder_that_is_not_there_yet_is_served_when_it_is() {
    let site = site();
    fs::rename(site.path("beta"), site.path("away")).unwrap();
    fs::remove_dir_all(site.path("zones")).unwrap();
    let server = site.serve();
    assert_eq!(server.status()["zones"], 2);
    assert!(server.source("beta")["error"].is_string(), "{}", server.source("beta"));
    fs::rename(site.path("away"), site.path("beta")).unwrap();
    wait_for_answer(server.dns, "www.beta.test.", &["127.0.0.1"]);
    assert!(server.source("beta")["error"].is_null());
    site.zone("zones", "example.test", "127.0.0.1");
    server.running.signal("HUP");
    wait_for_answer(server.dns, "www.example.test.", &["127.0.0.1"]);
}

#[test]
fn a_change_of_one_tenant_of_a_hundred_is_a_load_of_one_zone() {
    let names: Vec<String> = (0..100).map(|n| format!("t{n}")).collect();
    let section = |name: &String| {
        format!("[tenants.{name}]\nbelow = ['{name}.test']\npath = 'tenants/{name}'\n")
    };
    let site = Site::new(&names.iter().map(section).collect::<String>());
    for name in &names {
        for zone in 0..20 {
            site.zone(&format!("tenants/{name}"), &format!("z{zone}.{name}.test"), "127.0.0.1");
        }
    }
    let server = site.serve();
    assert_eq!(server.status()["zones"], 2000);
    let before = server.status()["loads"]["done"].as_u64().unwrap();
    let logged = server.running.err().len();
    for n in [7, 70] {
        site.zone(&format!("tenants/t{n}"), &format!("z3.t{n}.test"), "127.0.0.2");
        wait_for_answer(server.dns, &format!("www.z3.t{n}.test."), &["127.0.0.2"]);
    }
    assert_eq!(server.status()["loads"]["done"], before + 2);
    let loads = server.running.logged("zones loaded", logged);
    assert!(loads.contains("read=1 ") && loads.contains("serving=20 "), "{loads}");
    assert_eq!(ask(server.dns, "www.z4.t7.test."), ["127.0.0.1"]);
}
