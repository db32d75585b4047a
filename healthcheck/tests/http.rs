//! HTTP checks against real servers.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use halfmoon_healthcheck::{Check, HttpProbe, Method, State, Statuses, TargetPolicy};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use url::Url;

mod common;
use common::{Endpoint, get, http, start, status, verdict};

/// What an answer says of an endpoint, under these expectations.
async fn check(answer: &str, expect: impl FnOnce(&mut HttpProbe), expected: (State, u32, &str)) {
    let endpoint = Endpoint::http(Ipv4Addr::new(127, 0, 2, 1), answer).await;
    let url = endpoint.url("http", "www.example", "/");
    let mut probe = HttpProbe::new(url, Some(endpoint.address.ip()));
    expect(&mut probe);
    let (state, weight, reason) = verdict(&start(), get(probe)).await;
    assert_eq!((state, weight, reason.as_str()), expected, "{answer}");
}

#[tokio::test]
async fn the_status_has_to_be_the_one_expected() {
    check(&status(200, "ok"), |_| (), (State::Up, 0, "")).await;
    check(&status(503, "ok"), |_| (), (State::Down, 0, "status 503, expected 200")).await;
    check(
        &status(503, "ok"),
        |probe| probe.http.statuses = Statuses::only(503),
        (State::Up, 0, ""),
    )
    .await;
    check(&status(200, "ok"), |probe| probe.http.statuses = Statuses::only(204), {
        (State::Down, 0, "status 200, expected 204")
    })
    .await;
}

#[tokio::test]
async fn a_redirect_to_another_place_is_not_followed() {
    let other = Endpoint::http(Ipv4Addr::new(127, 0, 2, 2), &status(200, "")).await;
    let moved = format!(
        "HTTP/1.1 302 Found\r\nLocation: http://{}/\r\nContent-Length: 0\r\n\r\n",
        other.address
    );
    let reason = "status 302, expected 200: it leads to another place";
    check(&moved, |_| (), (State::Down, 0, reason)).await;
    check(&moved, |probe| probe.http.statuses = Statuses::only(302), (State::Up, 0, "")).await;
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn a_redirect_within_the_host_is_followed_a_few_times() {
    let to =
        |path: &str| format!("HTTP/1.1 302 Found\r\nLocation: {path}\r\nContent-Length: 0\r\n\r\n");
    let reason = "status 302, expected 200, after 5 redirects";
    check(&to("/for/ever"), |_| (), (State::Down, 0, reason)).await;

    let endpoint = Endpoint::http(Ipv4Addr::new(127, 0, 2, 8), &to("/health?deep=1")).await;
    let url = endpoint.url("http", "www.example", "/");
    let probe = HttpProbe::new(url, Some(endpoint.address.ip()));
    let health = start();
    let handle = health.acquire(get(probe)).expect("an allowed target");
    common::until("the redirect to be followed", || {
        let asked = endpoint.seen();
        asked.iter().any(|seen| seen.request.starts_with("GET /health?deep=1 ")).then_some(())
    })
    .await;
    let host = format!("host: www.example:{}", endpoint.address.port());
    for seen in endpoint.seen() {
        assert!(seen.request.to_lowercase().contains(&host), "{}", seen.request);
    }
    endpoint.answer(&status(200, "7"));
    let mut reader = health.reader();
    common::until("the endpoint to be up", || {
        (reader.load().verdict(handle.id()).state == State::Up).then_some(())
    })
    .await;
}

#[tokio::test]
async fn the_body_has_to_contain_what_is_expected() {
    let matching = |text: &'static str, limit: u64| {
        move |probe: &mut HttpProbe| {
            probe.http.body_match = Some(text.to_owned());
            probe.http.byte_limit = limit;
        }
    };
    let body = status(200, "12 all is well");
    check(&body, matching("is w", 0), (State::Up, 12, "")).await;
    check(&body, matching("Is w", 0), (State::Down, 0, "the body does not contain \"Is w\"")).await;
    check(&body, matching("well", 14), (State::Up, 12, "")).await;
    check(&body, matching("well", 13), (State::Down, 0, "the body does not contain \"well\""))
        .await;
    let long = status(200, &format!("{}end", "x".repeat(70_000)));
    check(&long, matching("xxx", 0), (State::Up, 0, "")).await;
    check(&long, matching("end", 1_000_000), {
        (State::Down, 0, "the body does not contain \"end\"")
    })
    .await;
}

#[tokio::test]
async fn what_is_not_a_whole_answer_is_a_failure() {
    // The words are those of the library that reads the answer.
    for (cut, reason) in [
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
            "end of file before message length reached",
        ),
        ("HTTP/1.1 2", "connection closed before message completed"),
        ("SSH-2.0-OpenSSH\r\n", "invalid HTTP version parsed"),
    ] {
        check(cut, |_| (), (State::Down, 0, reason)).await;
    }
    check("HTTP/1.0 200 OK\r\n\r\n7", |_| (), (State::Up, 7, "")).await;
    check(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n5\r\n0\r\n\r\n",
        |_| (),
        (State::Up, 5, ""),
    )
    .await;
}

#[tokio::test]
async fn a_server_that_is_silent_is_down_after_the_timeout() {
    let endpoint = Endpoint::http(Ipv4Addr::new(127, 0, 2, 3), "").await;
    let mut check = http(endpoint.url("http", "www.example", "/"), endpoint.address.ip());
    check.pace.timeout = Duration::from_millis(200);
    let (state, _, reason) = verdict(&start(), check.clone()).await;
    assert_eq!((state, reason.as_str()), (State::Down, "no answer within 200 ms"));
    // The timeout is for the whole answer, not for its beginning.
    endpoint.answer("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
    check.pace.timeout = Duration::from_secs(5);
    assert_eq!(verdict(&start(), check).await.0, State::Up);
}

#[tokio::test]
async fn a_closed_port_is_refused() {
    let endpoint = Endpoint::http(Ipv4Addr::new(127, 0, 2, 4), "").await;
    let check = http(endpoint.url("http", "www.example", "/"), endpoint.address.ip());
    endpoint.close().await;
    let (state, _, reason) = verdict(&start(), check).await;
    assert_eq!((state, reason.as_str()), (State::Down, "connection refused"));
}

#[tokio::test]
async fn the_request_names_the_urls_host_and_carries_the_headers() {
    let endpoint = Endpoint::http(Ipv4Addr::new(127, 0, 2, 5), &status(200, "")).await;
    let mut probe = HttpProbe::new(
        endpoint.url("http", "www.example", "/health?full=1"),
        Some(endpoint.address.ip()),
    );
    probe.http.headers = vec![("X-One".to_owned(), "1".to_owned())];
    probe.http.user_agent = Some("Checker/7".to_owned());
    let source = IpAddr::from(Ipv4Addr::new(127, 0, 9, 8));
    let check = Check { source: Some(source), ..get(probe.clone()) };
    assert_eq!(verdict(&start(), check).await.0, State::Up);
    let seen = &endpoint.seen()[0];
    assert_eq!(seen.from.ip(), source);
    let request = seen.request.to_lowercase();
    assert!(request.starts_with("get /health?full=1 http/1.1\r\n"), "{request}");
    let host = format!("host: www.example:{}", endpoint.address.port());
    for header in [host.as_str(), "x-one: 1", "user-agent: checker/7"] {
        let found = request.lines().filter(|line| *line == header).count();
        assert_eq!(found, 1, "{header} in {request}");
    }

    probe.http.headers = vec![("Host".to_owned(), "other.example".to_owned())];
    probe.http.user_agent = None;
    assert_eq!(verdict(&start(), get(probe)).await.0, State::Up);
    let request = endpoint.seen().last().expect("a request").request.to_lowercase();
    assert!(request.contains("\r\nhost: other.example\r\n"), "{request}");
    assert_eq!(request.matches("\r\nhost:").count(), 1, "{request}");
    assert!(request.contains("\r\nuser-agent: halfmoon/"), "{request}");
}

#[tokio::test]
async fn each_address_of_a_host_is_probed_for_itself() {
    let good = Endpoint::http(Ipv4Addr::new(127, 0, 2, 6), &status(200, "")).await;
    let url = good.url("http", "www.example", "/");
    let health = start();
    let up = health.acquire(http(url.clone(), good.address.ip())).expect("an allowed target");
    // Nothing listens there.
    let bad = IpAddr::from(Ipv4Addr::new(127, 0, 2, 7));
    let down = health.acquire(http(url, bad)).expect("an allowed target");
    let mut reader = health.reader();
    common::until("both verdicts", || {
        let snapshot = reader.load();
        let states = [up.id(), down.id()].map(|id| snapshot.verdict(id).state);
        (states == [State::Up, State::Down]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn without_an_address_the_host_is_resolved_and_judged() {
    let endpoint = Endpoint::http(Ipv4Addr::LOCALHOST, &status(200, "9")).await;
    let url = endpoint.url("http", "localhost", "/");
    let (state, weight, _) = verdict(&start(), get(HttpProbe::new(url.clone(), None))).await;
    assert_eq!((state, weight), (State::Up, 9));
    let literal = endpoint.url("http", "127.0.0.1", "/");
    assert_eq!(verdict(&start(), get(HttpProbe::new(literal, None))).await.0, State::Up);

    let deny = ["127.0.0.0/8", "::1/128"].map(|net| net.parse().expect("a network")).to_vec();
    let allow = ["0.0.0.0/0", "::/0"].map(|net| net.parse().expect("a network")).to_vec();
    let health = halfmoon_healthcheck::Health::start(halfmoon_healthcheck::Settings {
        targets: TargetPolicy::new(allow, deny),
        ..Default::default()
    })
    .expect("threads");
    let before = endpoint.seen().len();
    let (state, _, reason) = verdict(&health, get(HttpProbe::new(url, None))).await;
    assert_eq!(state, State::Down);
    assert!(reason.starts_with("localhost resolves to a target that is not allowed: "), "{reason}");
    assert_eq!(endpoint.seen().len(), before, "no packet was sent");
}

#[tokio::test]
async fn a_host_that_is_not_a_name_does_not_resolve() {
    // A label of 64 octets is refused by the resolver without asking anybody.
    let url = format!("http://{}.invalid/", "x".repeat(64));
    let url = Url::parse(&url).expect("a URL");
    let (state, _, reason) = verdict(&start(), get(HttpProbe::new(url, None))).await;
    assert_eq!(state, State::Down);
    assert!(reason.contains(" does not resolve: "), "{reason}");
}

#[tokio::test]
async fn statuses_may_be_many() {
    let of = |text: &'static str| {
        move |probe: &mut HttpProbe| probe.http.statuses = text.parse().expect("statuses")
    };
    check(&status(204, ""), of("200-299,401"), (State::Up, 0, "")).await;
    check(&status(401, ""), of("200-299,401"), (State::Up, 0, "")).await;
    check(&status(403, ""), of("200-299,401"), {
        (State::Down, 0, "status 403, expected 200-299,401")
    })
    .await;
}

#[tokio::test]
async fn each_method_sends_what_it_may() {
    for (method, body, line, end) in [
        (Method::Get, "", "GET / HTTP/1.1", "\r\n\r\n"),
        (Method::Head, "", "HEAD / HTTP/1.1", "\r\n\r\n"),
        (Method::Options, "", "OPTIONS / HTTP/1.1", "\r\n\r\n"),
        (Method::Options, "who?", "OPTIONS / HTTP/1.1", "\r\n\r\nwho?"),
        (Method::Post, "{\"a\": 1}", "POST / HTTP/1.1", "\r\n\r\n{\"a\": 1}"),
        (Method::Post, "", "POST / HTTP/1.1", "\r\n\r\n"),
    ] {
        // An answer to HEAD says how long the body would be, and has none.
        let answer = match method {
            Method::Head => "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n".to_owned(),
            _ => status(200, "7"),
        };
        let endpoint = Endpoint::http(Ipv4Addr::new(127, 0, 2, 9), &answer).await;
        let url = endpoint.url("http", "www.example", "/");
        let mut probe = HttpProbe::new(url, Some(endpoint.address.ip()));
        probe.http.method = method;
        probe.http.body = body.to_owned();
        let (state, weight, reason) = verdict(&start(), get(probe)).await;
        let expected = if method == Method::Head { 0 } else { 7 };
        assert_eq!((state, weight), (State::Up, expected), "{method}: {reason}");
        let request = &endpoint.seen()[0].request;
        assert!(request.starts_with(line), "{request}");
        assert!(request.ends_with(end), "{request}");
        let has_length = method == Method::Post || !body.is_empty();
        assert_eq!(request.to_lowercase().contains("content-length: "), has_length, "{request}");
    }
}

#[tokio::test]
async fn a_redirect_of_post_is_an_answer() {
    let to = "HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n";
    let post = |probe: &mut HttpProbe| probe.http.method = Method::Post;
    check(to, post, (State::Down, 0, "status 302, expected 200")).await;
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let health = halfmoon_healthcheck::Health::unprobed(TargetPolicy::default());
    let refused = |change: fn(&mut HttpProbe)| {
        let url = Url::parse("http://www.example/").expect("a URL");
        let mut probe = HttpProbe::new(url, None);
        change(&mut probe);
        health.acquire(get(probe)).map(|_| ()).expect_err("it must be refused").to_string()
    };
    let said = refused(|probe| {
        probe.http.method = Method::Head;
        probe.http.body_match = Some("ok".to_owned());
    });
    assert!(said.starts_with("an answer to HEAD has no body"), "{said}");
    let said = refused(|probe| probe.http.body = "x".to_owned());
    assert!(said.starts_with("GET sends no body"), "{said}");
    let said = refused(|probe| {
        probe.http.method = Method::Post;
        probe.http.body = "x".repeat(16 * 1024 + 1);
    });
    assert!(said.starts_with("a body of 16385 octets is too long"), "{said}");
    let said = refused(|probe| probe.http.weight_header = Some("a b".to_owned()));
    assert!(said.starts_with("header \"a b\""), "{said}");
}

#[tokio::test]
async fn the_weight_may_stand_in_a_header() {
    let answer =
        |value: &str| format!("HTTP/1.1 200 OK\r\nX-Weight: {value}\r\nContent-Length: 1\r\n\r\n9");
    let header = |probe: &mut HttpProbe| probe.http.weight_header = Some("x-weight".to_owned());
    check(&answer("42"), header, (State::Up, 42, "")).await;
    check(&answer("much"), header, (State::Up, 0, "")).await;
    check(&answer("42"), |_| (), (State::Up, 9, "")).await;
    check(&status(200, "9"), header, (State::Up, 0, "")).await;
}

#[tokio::test]
async fn an_answer_without_end_is_read_no_further_than_the_limit() {
    // As many octets as a probe may read, and a connection that stays open.
    let mut endless = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned();
    for _ in 0..32 {
        endless.push_str(&format!("1000\r\n{}\r\n", "5".repeat(4096)));
    }
    check(&endless, |probe| probe.http.byte_limit = 2, (State::Up, 55, "")).await;
    let head = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(300_000));
    check(&head, |_| (), (State::Down, 0, "message head is too large")).await;
}

#[tokio::test]
async fn a_server_that_drips_is_down_after_the_timeout() {
    let listener =
        tokio::net::TcpListener::bind((Ipv4Addr::new(127, 0, 2, 11), 0)).await.expect("a port");
    let address = listener.local_addr().expect("a bound socket");
    let drip = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.read(&mut [0; 1024]).await;
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n".iter();
                for octet in answer.chain(std::iter::repeat_n(&b'x', 2000)) {
                    if stream.write_all(&[*octet]).await.is_err() {
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            });
        }
    });
    let url = Url::parse(&format!("http://www.example:{}/", address.port())).expect("a URL");
    let mut check = http(url, address.ip());
    check.pace.timeout = Duration::from_millis(300);
    let (state, _, reason) = verdict(&start(), check).await;
    assert_eq!((state, reason.as_str()), (State::Down, "no answer within 300 ms"));
    drip.abort();
}
