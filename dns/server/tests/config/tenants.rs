//! `[tenants]`: who owns what, and how much of it there may be.

use super::{read, refused, refused_with};

#[test]
fn tenants_have_names_and_own_each_name_once() {
    let config = read(
        "[tenants.acme-1]\napexes = ['acme.test']\nbelow = ['Customers.test']\n[tenants.b_2]\n",
    );
    let acme = &config.tenants["acme-1"];
    assert_eq!(acme.apexes, ["acme.test".parse().unwrap()]);
    assert_eq!(acme.below, ["customers.test".parse().unwrap()]);
    assert!(config.tenants["b_2"].apexes.is_empty());
    let long = "n".repeat(65);
    for name in ["'a b'", "''", "'ä'", "'a/b'", "'..'", long.as_str()] {
        let plain = name.trim_matches('\'');
        refused(
            &format!("[tenants.a]\n[tenants.{name}]\n"),
            &format!(
                "2:10: {plain:?} is no name of a tenant; write 1 to 64 letters, digits, - and _"
            ),
        );
    }
    refused(
        "[tenants.a]\nbelow = ['a..b']\n",
        "2:10: \"a..b\" is not a domain name; write \"example.org\"",
    );
    refused("[tenants.a]\napex = ['b']\n", "2:1: unknown key `apex`; did you mean `apexes`?");
    refused(
        "[tenants.b]\nbelow = ['c.test']\n[tenants.a]\napexes = [\n 'B.test',\n 'C.test',\n]\n",
        "6:2: C.test. belongs to tenant b already; name it for one of them",
    );
    refused(
        "[tenants]\na = { apexes = ['b.test'], below = ['b.test'] }\n",
        "2:37: b.test. is named twice for tenant a; keep one",
    );
}

#[test]
fn tenants_have_budgets_if_they_are_given_some() {
    let config = read(
        "[tenants.a]\nrecords = 100_000\nprograms = 0\nmemory = '64MiB'\nchecks = 500\n\
         probes_per_second = 100\ntargets.allow = ['192.0.2.0/24']\n[tenants.b]\n",
    );
    let a = &config.tenants["a"];
    assert_eq!((a.records, a.programs, a.memory), (Some(100_000), Some(0), Some(64 << 20)));
    assert_eq!((a.checks, a.probes_per_second), (Some(500), Some(100)));
    let targets = a.targets.as_ref().unwrap();
    assert_eq!(targets.allow, ["192.0.2.0/24".parse().unwrap()]);
    assert_eq!(targets.deny.len(), 2, "as under health.targets");
    let b = &config.tenants["b"];
    assert_eq!((b.records, b.programs, b.memory, b.checks), (None, None, None, None));
    assert!(b.probes_per_second.is_none() && b.targets.is_none());
    refused_with("[tenants.a]\nrecords = -1\n", "2:11: ");
    refused_with("[tenants.a]\nmemory = 64\n", "2:10: ");
    refused_with("[tenants.a]\nmemory = '0B'\n", "2:10: ");
}
