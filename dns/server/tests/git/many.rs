//! Ten thousand zones: what a commit costs is what it changes.

use crate::site::Site;
use crate::support::ask;

/// The number behind `read=` in the last summary of a load, and its time.
fn last_load(log: &str) -> (usize, String) {
    let line = log.lines().rfind(|line| line.contains("zones loaded")).unwrap();
    let field = |name: &str| {
        let at = line.find(name).unwrap() + name.len();
        line[at..].split_whitespace().next().unwrap().to_owned()
    };
    (field("read=").parse().unwrap(), field("took="))
}

#[test]
#[expect(clippy::print_stdout, reason = "a figure for whoever runs this")]
fn of_ten_thousand_zones_the_one_that_a_commit_changes_is_read() {
    let site = Site::new("");
    for n in 0..10_000 {
        site.zone(&format!("{:02}/z{n}.test", n % 100), "www A 127.0.0.1\n");
    }
    site.commit("ten thousand");
    let server = site.serve();
    assert_eq!(last_load(&server.running.err()).0, 10_001);
    site.zone("17/z4217.test", "www A 127.0.0.2\n");
    server.wait_served(&site.commit("one"));
    assert_eq!(ask(server.dns, "www.z4217.test."), ["127.0.0.2"]);
    let (read, took) = last_load(&server.running.err());
    assert_eq!(read, 1);
    println!("one of 10,001 zones: {took}");

    // All of them at once, and one of them wrong.
    for n in 0..10_000 {
        site.zone(&format!("{:02}/z{n}.test", n % 100), "www A 127.0.0.3\n");
    }
    site.zone("99/z9999.test", "www A 127.0.0\n");
    server.wait_refused(&site.commit("all but one"), false);
    assert_eq!(ask(server.dns, "www.z1.test."), ["127.0.0.1"]);
    site.zone("99/z9999.test", "www A 127.0.0.3\n");
    server.wait_served(&site.commit("all"));
    assert_eq!(ask(server.dns, "www.z9999.test."), ["127.0.0.3"]);
}
