//! Events that are sent to other systems.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use aws_lc_rs::hmac;
use data_encoding::HEXLOWER;
use serde_json::Value;

use crate::secret;
use crate::support::endpoint::Endpoint;
use crate::support::site::{Folder, QUICK};
use crate::support::{ask, run, wait_for, wait_for_answer};

const SECRET: &str = "what both sides of a webhook know";

/// A request, as it came.
#[derive(Clone, Debug)]
struct Request {
    head: String,
    body: String,
}

impl Request {
    fn header(&self, name: &str) -> &str {
        let line = self.head.lines().find_map(|line| {
            let (own, value) = line.split_once(':')?;
            own.eq_ignore_ascii_case(name).then(|| value.trim())
        });
        line.unwrap_or_default()
    }

    fn events(&self) -> Vec<Value> {
        let body: Value = serde_json::from_str(&self.body).unwrap();
        body["events"].as_array().unwrap().clone()
    }
}

/// Takes requests and answers them with what it was told.
struct Receiver {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    /// What is answered to the next requests; when it is empty, 200.
    statuses: Arc<Mutex<VecDeque<u16>>>,
}

impl Receiver {
    fn open(statuses: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let receiver = Self {
            address: listener.local_addr().unwrap(),
            requests: Arc::default(),
            statuses: Arc::new(Mutex::new(statuses.iter().copied().collect())),
        };
        let (requests, statuses) = (Arc::clone(&receiver.requests), Arc::clone(&receiver.statuses));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let Some(request) = read(&stream) else { continue };
                requests.lock().unwrap().push(request);
                let status = statuses.lock().unwrap().pop_front().unwrap_or(200);
                let mut stream = stream;
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                );
            }
        });
        receiver
    }

    fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    fn url(&self) -> String {
        format!("http://{}/a/path", self.address)
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    let request = Request { head, body: String::new() };
    let mut body = vec![0; request.header("content-length").parse().ok()?];
    stream.read_exact(&mut body).ok()?;
    Some(Request { body: String::from_utf8(body).ok()?, ..request })
}

fn folder(receiver: &str, endpoint: &Endpoint) -> Folder {
    let port = endpoint.address.port();
    let config = format!("{QUICK}[[health.webhook]]\nurl = '{receiver}'\nsecret_file = 'hook'\n");
    let zone =
        format!("www LUA A \"ifurlup('http://www.example.test:{port}/', {{'127.0.0.1'}})\"\n");
    let folder = Folder::new(&config, &zone);
    secret(&folder, "hook", SECRET);
    folder
}

#[test]
fn events_are_sent_signed_and_again_until_they_are_taken() {
    let receiver = Receiver::open(&[500, 503, 429]);
    let endpoint = Endpoint::open("127.0.0.1");
    let folder = folder(&receiver.url(), &endpoint);
    let (running, server) = folder.serve();
    wait_for_answer(server, "www.example.test.", &["127.0.0.1"]);
    let requests = wait_for("the fourth attempt", || {
        Some(receiver.requests()).filter(|requests| requests.len() >= 4)
    });
    let first = &requests[0];
    assert!(first.head.starts_with("POST /a/path HTTP/1.1\r\n"), "{}", first.head);
    assert_eq!(first.header("content-type"), "application/json");
    let id = first.header("halfmoon-delivery");
    assert_eq!(id.len(), 32);
    for request in &requests[..4] {
        assert_eq!(request.header("halfmoon-delivery"), id, "one delivery, however often");
        assert_eq!(request.events(), first.events());
    }
    assert_eq!(first.events()[0]["event"], "start");

    endpoint.answer(503);
    let told = wait_for("the change", || {
        let requests = receiver.requests();
        requests.into_iter().find(|r| r.events().iter().any(|event| event["to"] == "down"))
    });
    assert_ne!(told.header("halfmoon-delivery"), id);
    // What it says is signed together with the time.
    let (time, mac) = told.header("halfmoon-signature").split_once(',').unwrap();
    let time = time.strip_prefix("t=").unwrap();
    let mac = HEXLOWER.decode(mac.strip_prefix("v1=").unwrap().as_bytes()).unwrap();
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let signed = format!("{time}.{}", told.body);
    hmac::verify(&key, signed.as_bytes(), &mac).unwrap();
    assert!(hmac::verify(&key, format!("1.{}", told.body).as_bytes(), &mac).is_err());

    let log = running.err();
    assert!(log.contains("events not delivered") && log.contains("500"), "{log}");
    assert!(!log.contains(SECRET) && !log.contains("/a/path"), "{log}");
}

#[test]
fn what_is_refused_for_good_is_not_sent_again() {
    let receiver = Receiver::open(&[404]);
    let endpoint = Endpoint::open("127.0.0.1");
    let folder = folder(&receiver.url(), &endpoint);
    let (running, _server) = folder.serve();
    running.logged("events refused; not sent again", 0);
    let refused = receiver.requests()[0].header("halfmoon-delivery").to_owned();
    endpoint.answer(500);
    let next = wait_for("the next event", || {
        let requests = receiver.requests();
        requests.into_iter().find(|r| r.events().iter().any(|event| event["to"] == "down"))
    });
    assert_ne!(next.header("halfmoon-delivery"), refused);
    let of_refused = receiver.requests();
    let again = of_refused.iter().filter(|r| r.header("halfmoon-delivery") == refused).count();
    assert_eq!(again, 1);
}

#[test]
fn a_receiver_that_is_not_there_holds_nobody_up() {
    // A port that nobody listens on, and one that takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for address in [silent.local_addr().unwrap(), closed] {
        let endpoint = Endpoint::open("127.0.0.1");
        let folder = folder(&format!("http://{address}/"), &endpoint);
        let (running, server) = folder.serve();
        wait_for_answer(server, "www.example.test.", &["127.0.0.1"]);
        endpoint.answer(500);
        running.logged("is down: ", 0);
        assert_eq!(ask(server, "www.example.test."), ["127.0.0.1"], "the fallback");
        running.signal("TERM");
        assert_eq!(running.wait().status.code(), Some(0));
    }
}

#[test]
fn a_webhook_that_cannot_be_is_refused_at_the_start() {
    for (hook, part) in [
        ("url = 'ftp://a/'", "not a URL of a webhook; write \"https://hooks.example.org/path\""),
        ("url = 'https://a/'\nsecret_file = 'none'", "none: cannot be read"),
        ("url = 'https://a/'\nsecret_file = 'short'", "too short for the secret of a webhook"),
        ("url = 'https://a/'\nsecret = 'x'", "unknown key `secret`; did you mean `secret_file`?"),
    ] {
        let folder = Folder::new(&format!("[[health.webhook]]\n{hook}\n"), "www A 192.0.2.1\n");
        secret(&folder, "short", "0123");
        for verb in ["serve", "check"] {
            let ended = run(&[verb, folder.path("halfmoon.toml").to_str().unwrap()]);
            assert_eq!(ended.status.code(), Some(2), "{verb} {hook}: {ended:?}");
            assert!(ended.err.contains(part), "{verb} {hook}: {}", ended.err);
        }
    }
}
