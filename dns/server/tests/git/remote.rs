//! Repositories that are not on this disk: over HTTP and over SSH.

use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

use crate::site::Site;
use crate::support::{ask, halfmoon};

const WWW: &str = "www.example.test.";

/// Serves a folder of repositories over HTTP; the port.
fn http(root: PathBuf) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().take(1000) {
            let (stream, root) = (stream.unwrap(), root.clone());
            thread::spawn(move || while exchange(&stream, &root).is_some() {});
        }
    });
    port
}

/// One request, answered by `git http-backend`.
fn exchange(mut stream: &TcpStream, root: &PathBuf) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|octets| *octets > 0)?;
    let mut words = line.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let mut backend = Command::new("git");
    backend.arg("http-backend").env_clear().env("PATH", std::env::var_os("PATH")?);
    backend.env("GIT_PROJECT_ROOT", root).env("GIT_HTTP_EXPORT_ALL", "1");
    backend.env("REQUEST_METHOD", &method).env("PATH_INFO", path).env("QUERY_STRING", query);
    let (mut length, mut chunked) = (0, false);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().ok()?,
            "transfer-encoding" => chunked = value == "chunked",
            "content-type" => drop(backend.env("CONTENT_TYPE", value)),
            "git-protocol" => drop(backend.env("GIT_PROTOCOL", value)),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    while chunked {
        let mut size = String::new();
        reader.read_line(&mut size).ok()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        let mut chunk = vec![0; size + 2];
        reader.read_exact(&mut chunk).ok()?;
        body.extend(&chunk[..size]);
        chunked = size > 0;
    }
    backend.env("CONTENT_LENGTH", body.len().to_string());
    let mut child = backend.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
    child.stdin.take()?.write_all(&body).ok()?;
    let said = child.wait_with_output().ok()?.stdout;
    let end = said.windows(4).position(|octets| octets == b"\r\n\r\n")?;
    let (head, data) = (String::from_utf8_lossy(&said[..end]), &said[end + 4..]);
    let status = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK");
    let fields: Vec<_> = head.lines().filter(|line| !line.starts_with("Status:")).collect();
    write!(
        stream,
        "HTTP/1.1 {status}\r\n{}\r\nContent-Length: {}\r\n\r\n",
        fields.join("\r\n"),
        data.len()
    )
    .ok()?;
    stream.write_all(data).ok()
}

#[test]
fn a_repository_is_followed_over_http() {
    let site = Site::new("");
    let port = http(site.path(""));
    let config = fs::read_to_string(site.path("halfmoon.toml")).unwrap();
    let there = format!("url = 'http://127.0.0.1:{port}/repo'");
    fs::write(site.path("halfmoon.toml"), config.replace("url = 'repo'", &there)).unwrap();
    let server = site.serve();
    assert_eq!(ask(server.dns, WWW), ["127.0.0.1"]);
    site.zone("example.test", "www A 127.0.0.2\n");
    server.wait_served(&site.commit("second"));
    // History that is forced elsewhere is fetched, too.
    site.zone("example.test", "www A 127.0.0.3\n");
    site.git(&["add", "."]);
    site.git(&["commit", "--quiet", "--amend", "-m", "amended"]);
    let amended = site.git(&["rev-parse", "HEAD"]);
    server.wait_served(&amended);
    assert_eq!(ask(server.dns, WWW), ["127.0.0.3"]);
}

#[test]
fn a_repository_is_followed_over_ssh() {
    let site = Site::new("");
    // In the place of `ssh`: it runs the command that it is given here.
    let script =
        "#!/bin/sh\nwhile [ \"$1\" != git@localhost ]; do shift; done\nshift\nexec sh -c \"$*\"\n";
    fs::create_dir(site.path("bin")).unwrap();
    fs::write(site.path("bin/ssh"), script).unwrap();
    fs::set_permissions(site.path("bin/ssh"), Permissions::from_mode(0o755)).unwrap();
    let config = fs::read_to_string(site.path("halfmoon.toml")).unwrap();
    let there = format!("url = 'ssh://git@localhost{}'", site.path("repo").display());
    fs::write(site.path("halfmoon.toml"), config.replace("url = 'repo'", &there)).unwrap();
    let path = format!("{}:{}", site.path("bin").display(), std::env::var("PATH").unwrap());
    let config = site.path("halfmoon.toml");
    let mut command = halfmoon(&["serve", config.to_str().unwrap()]);
    command.env("PATH", path);
    let server = site.served_by(command);
    assert_eq!(ask(server.dns, WWW), ["127.0.0.1"]);
    site.zone("example.test", "www A 127.0.0.2\n");
    server.wait_served(&site.commit("second"));
    assert_eq!(ask(server.dns, WWW), ["127.0.0.2"]);
}

#[test]
fn a_commit_that_came_along_without_its_files_is_fetched_with_them() {
    let site = Site::new("");
    site.zone("example.test", "www A 127.0.0.2\n");
    let second = site.commit("second");
    site.zone("example.test", "www A 127.0.0.3\n");
    let third = site.commit("third");
    let server = site.serve();
    server.wait_served(&third);
    let none = server.command(&["rollback", &second]);
    assert!(none.err.contains("there is no commit"), "{}", none.err);
    drop(server);

    // The same repository over HTTP, set back to it.
    site.git(&["reset", "--quiet", "--hard", &second]);
    let port = http(site.path(""));
    site.configure(&format!("http://127.0.0.1:{port}/repo"), "", "");
    let server = site.serve();
    server.wait_served(&second);
    assert_eq!(ask(server.dns, WWW), ["127.0.0.2"]);
}
