//! Who may do what, and what nobody may.

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use crate::support::http::{get, request, try_request};
use crate::support::site::{Folder, QUICK};
use crate::support::{PATIENCE, run, wait_for};
use crate::{READER, Site, WRITER, secret};

const ZONE: &str = "www A 192.0.2.1\n";

#[test]
fn without_the_section_there_is_no_interface() {
    let folder = Folder::new(QUICK, ZONE);
    let (running, _) = folder.serve();
    assert!(!running.out().contains("admin"), "{}", running.out());
}

#[test]
fn reading_is_for_those_who_are_near_or_show_a_token() {
    let site = Site::new("", ZONE);
    let status =
        |headers: &[(&str, &str)]| request(site.admin, "GET", "/api/v1/status", headers, "").status;
    let bearer = |secret: &str| format!("Bearer {secret}");
    assert_eq!(status(&[]), 200);
    assert_eq!(status(&[("Authorization", &bearer(READER))]), 200);
    assert_eq!(status(&[("Authorization", &bearer(WRITER))]), 200);
    assert_eq!(status(&[("Authorization", &bearer("0123456789abcdef0123"))]), 401);
    assert_eq!(status(&[("Authorization", "Basic b3BzOm9wcw==")]), 401);
    // A proxy on this machine does not make its clients neighbours.
    assert_eq!(status(&[("X-Forwarded-For", "192.0.2.7")]), 401);
    let with_token = [("X-Forwarded-For", "192.0.2.7"), ("Authorization", &*bearer(READER))];
    assert_eq!(status(&with_token), 200);
    // Names and pages of others.
    assert_eq!(status(&[("Host", "evil.example:8053")]), 403);
    assert_eq!(status(&[("Origin", "http://evil.example")]), 403);
    assert_eq!(status(&[("Sec-Fetch-Site", "cross-site")]), 403);
    let caller = |secret: &str| {
        let headers = [("Authorization", &*bearer(secret))];
        let answer = request(site.admin, "GET", "/api/v1/status", &headers, "").json();
        (answer["caller"]["token"].clone(), answer["caller"]["may_write"].clone())
    };
    assert_eq!(caller(WRITER), ("ops".into(), true.into()));
    assert_eq!(caller(READER), ("eyes".into(), false.into()));
}

#[test]
fn who_is_not_allowed_sees_nothing_but_whether_the_server_is_well() {
    let site = Site::new("allow = ['192.0.2.0/24']", ZONE);
    for path in ["/api/v1/status", "/api/v1/checks", "/api/v1/zones", "/metrics"] {
        let refused = get(site.admin, path);
        assert_eq!(refused.status, 401, "{path}");
        assert!(refused.header("www-authenticate").unwrap().starts_with("Bearer"), "{path}");
        assert!(!refused.body.contains("example"), "{path}: {}", refused.body);
        let token = [("Authorization", &*format!("Bearer {READER}"))];
        assert_eq!(request(site.admin, "GET", path, &token, "").status, 200, "{path}");
    }
    assert_eq!(get(site.admin, "/healthz").body, "alive\n");
    // The page says nothing by itself.
    assert!(get(site.admin, "/").body.contains("<h1>"));
    for path in ["/api/v1/nothing", "/page/nothing.js", "/page/..%2Fmod.rs"] {
        assert_eq!(get(site.admin, path).status, 404, "{path}");
    }
}

#[test]
fn a_token_can_be_changed_while_the_server_runs() {
    let site = Site::new("allow = []", ZONE);
    let status = |secret: &str| {
        let token = [("Authorization", &*format!("Bearer {secret}"))];
        request(site.admin, "GET", "/api/v1/status", &token, "").status
    };
    assert_eq!(status(READER), 200);
    let new = "another-secret-of-the-same-one";
    secret(&site.folder, "eyes", new);
    wait_for("the new token", || (status(new) == 200).then_some(()));
    assert_eq!(status(READER), 401);
    // One that everybody may read is not taken, and the one before stays.
    site.folder.write("eyes", "yet-another-secret-of-the-same-one");
    fs::set_permissions(site.folder.path("eyes"), Permissions::from_mode(0o644)).unwrap();
    site.running.logged("a secret of tokens not reloaded", 0);
    assert_eq!(status(new), 200);
    assert!(!site.running.err().contains(new) && !site.running.err().contains("yet-another"));
}

#[test]
fn answers_forbid_what_a_browser_might_do_with_them() {
    let site = Site::new("", ZONE);
    for path in ["/", "/page/main.js", "/healthz", "/metrics", "/api/v1/status", "/nothing"] {
        let answer = get(site.admin, path);
        for (name, part) in [
            ("content-security-policy", "default-src 'none'"),
            ("content-security-policy", "frame-ancestors 'none'"),
            ("x-content-type-options", "nosniff"),
            ("cache-control", "no-store"),
            ("cross-origin-resource-policy", "same-origin"),
            ("referrer-policy", "no-referrer"),
        ] {
            let value = answer.header(name).unwrap_or_default();
            assert!(value.contains(part), "{path}: {name}: {value}");
        }
        assert_eq!(answer.header("access-control-allow-origin"), None, "{path}");
    }
}

#[test]
fn what_is_too_large_or_too_slow_is_ended() {
    let site = Site::new("", ZONE);
    let long = "x".repeat(100_000);
    let answer = try_request(site.admin, "GET", &format!("/api/v1/checks?name={long}"), &[], "");
    assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status >= 400));

    // A head that never ends is not waited for.
    let mut stream = TcpStream::connect(site.admin).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: ").unwrap();
    let started = Instant::now();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());

    // So is a connection on which nothing comes after the first answer.
    let mut stream = TcpStream::connect(site.admin).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
    let started = Instant::now();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(String::from_utf8_lossy(&answer).contains("alive"));
    assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());
}

#[test]
fn connections_without_end_do_not_stop_the_server() {
    let site = Site::new("", ZONE);
    let held: Vec<TcpStream> =
        (0..400).filter_map(|_| TcpStream::connect(site.admin).ok()).collect();
    // Those beyond the limit are closed at once.
    let closed = wait_for("connections that are closed", || {
        let closed = held.iter().filter(|stream| is_closed(stream)).count();
        (closed >= 100).then_some(closed)
    });
    assert!(closed < 300, "{closed} of 400");
    drop(held);
    wait_for("an answer", || {
        try_request(site.admin, "GET", "/healthz", &[], "").ok().filter(|a| a.status == 200)
    });
}

fn is_closed(stream: &TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_millis(1))).unwrap();
    match stream.peek(&mut [0]) {
        Ok(octets) => octets == 0,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

#[test]
fn what_cannot_be_is_refused_at_the_start() {
    let started = |admin: &str| {
        let folder = Folder::new(&format!("{QUICK}[admin]\n{admin}\n"), ZONE);
        secret(&folder, "short", "0123");
        let path = folder.path("halfmoon.toml");
        let served = run(&["serve", path.to_str().unwrap()]);
        let checked = run(&["check", path.to_str().unwrap()]);
        assert_eq!(served.status.code(), Some(2), "{admin}: {served:?}");
        assert_eq!(checked.status.code(), Some(2), "{admin}: {checked:?}");
        assert!(!served.out.contains("listening"), "{admin}");
        served.err
    };
    let open = started("listen = '0.0.0.0:0'");
    assert!(open.contains("admin.listen 0.0.0.0:0 can be reached from other machines"), "{open}");
    let token = "listen = '127.0.0.1:0'\n[[admin.tokens]]\nname = 'a'\nsecret_file = ";
    assert!(started(&format!("{token}'none'")).contains("none: cannot be read"));
    assert!(started(&format!("{token}'short'")).contains("too short for a token"));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let folder = Folder::new(&format!("{QUICK}[admin]\nlisten = '{address}'\n"), ZONE);
    let served = run(&["serve", folder.path("halfmoon.toml").to_str().unwrap()]);
    assert!(served.err.contains(&format!("admin.listen {address}: ")), "{}", served.err);
}
