//! Is an HTTP request answered as expected?
//!
//! A probe makes a connection of its own unless the check says for how long one may be used again:
//! a kept connection hides what a check is to find, that the endpoint takes no new ones, or that its
//! certificate was changed for a bad one.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant, SystemTime};

use data_encoding::BASE64;
use http::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, HOST, LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri};
use http_body_util::Full;
use hyper::body::Bytes;
use rustls::pki_types::ServerName;
use url::{Host, Position, Url};

use super::connect::{self, Secure};
use super::exchange::{Answer, Cut, exchange};
use super::handshake::server_name;
use super::pool::{Kept, Place, Pool};
use super::reason;
use super::resolve::resolve;
use super::tls::{Protocol, Tls, judged};
use crate::check::{HttpOptions, HttpProbe, Method};
use crate::clock::Clock;
use crate::outcome::Outcome;
use crate::target::TargetPolicy;

/// How many redirects of one probe are followed.
const MOST_REDIRECTS: usize = 5;

const AGENT: &str = concat!("halfmoon/", env!("CARGO_PKG_VERSION"));

/// What all probes of URLs share.
#[derive(Debug)]
pub(super) struct Http {
    pub(super) pool: Pool,
    pub(super) targets: TargetPolicy,
    pub(super) clock: Clock,
}

/// From where a check is probed, and how long it may take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Means<'a> {
    pub(super) source: Option<IpAddr>,
    pub(super) timeout: Duration,
    pub(super) tls: &'a Tls,
    /// What may be probed besides: both have to allow it.
    pub(super) targets: Option<&'a TargetPolicy>,
}

impl Http {
    /// Sends the request and judges the answer.
    pub(super) async fn probe(&self, probe: &HttpProbe, means: Means<'_>) -> Outcome {
        match self.ask(probe, means).await {
            Ok((answer, expiry)) => {
                let outcome = verdict(&answer, &probe.http);
                judged(outcome, expiry, &probe.tls, self.clock.date(Clock::now()))
            }
            Err(outcome) => outcome,
        }
    }

    /// The answer that counts, redirects followed, and when the certificate runs out.
    async fn ask(
        &self,
        probe: &HttpProbe,
        means: Means<'_>,
    ) -> Result<(Answer, Option<SystemTime>), Outcome> {
        let options = &probe.http;
        let mut url = probe.url.clone();
        let mut followed = 0;
        loop {
            let (answer, expiry) = self.send(probe, &url, means).await?;
            let status = answer.status;
            if options.statuses.contains(status) {
                return Ok((answer, expiry));
            }
            let unexpected = format!("status {status}, expected {}", options.statuses);
            url = match redirect(&answer, &url).filter(|_| options.method.follows()) {
                None => return Err(Outcome::failure(unexpected)),
                Some(Err(Elsewhere)) => {
                    let reason = format!("{unexpected}: it leads to another place");
                    return Err(Outcome::failure(reason));
                }
                Some(Ok(_)) if followed == MOST_REDIRECTS => {
                    let reason = format!("{unexpected}, after {followed} redirects");
                    return Err(Outcome::failure(reason));
                }
                Some(Ok(next)) => next,
            };
            followed += 1;
        }
    }

    /// Sends one request, over a connection that was kept if there is one.
    async fn send(
        &self,
        probe: &HttpProbe,
        url: &Url,
        means: Means<'_>,
    ) -> Result<(Answer, Option<SystemTime>), Outcome> {
        let options = &probe.http;
        let route = Route::of(url, probe)?;
        let reuse = if options.method == Method::Post { Duration::ZERO } else { options.reuse };
        let is_last = reuse.is_zero();
        let limit = options.body_limit();
        let addresses = match route.address {
            Some(address) => vec![address],
            None => {
                let host = url.host_str().unwrap_or_default();
                let found = resolve(host, (&self.targets, means.targets), means.source).await;
                let found = found.map_err(|nowhere| Outcome::failure(nowhere.to_string()))?;
                found.into_iter().map(|found| SocketAddr::new(found.ip(), route.port)).collect()
            }
        };
        for address in addresses.iter().filter(|_| !is_last) {
            let place = Place::new(*address, means.source, route.secure.as_ref());
            let Some(kept) = self.pool.take(&place, Clock::now()) else {
                continue;
            };
            let Kept { stream, expiry, until } = kept;
            match exchange(stream, request(url, options, is_last)?, limit).await {
                Ok((answer, stream)) => {
                    self.keep(place, stream, expiry, until);
                    return Ok((answer, expiry));
                }
                // The endpoint had closed it, which it may: that says nothing of new ones.
                Err(Cut { was_answered: false, .. }) => {}
                Err(cut) => return Err(reason::of(&cut.error)),
            }
        }
        let made = Clock::now();
        let (address, stream, expiry) = self.connect(&addresses, &route, means).await?;
        match exchange(stream, request(url, options, is_last)?, limit).await {
            Ok((answer, stream)) => {
                if !is_last {
                    let place = Place::new(address, means.source, route.secure.as_ref());
                    self.keep(place, stream, expiry, made + reuse);
                }
                Ok((answer, expiry))
            }
            Err(cut) => Err(reason::of(&cut.error)),
        }
    }

    /// Connects to the first that takes a connection; each of several gets its share of the time.
    async fn connect(
        &self,
        addresses: &[SocketAddr],
        route: &Route,
        means: Means<'_>,
    ) -> Result<(SocketAddr, connect::Stream, Option<SystemTime>), Outcome> {
        let secure = route.secure.as_ref();
        let share = means.timeout / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
        let mut failed = Outcome::failure("the host has no address");
        for (number, address) in addresses.iter().enumerate() {
            let connecting = connect::connect(*address, means.source, secure, means.tls);
            let is_last = number + 1 == addresses.len();
            let result = if is_last {
                connecting.await
            } else {
                let waited = tokio::time::timeout(share, connecting).await;
                waited.unwrap_or_else(|_| Err(Outcome::Failure(reason::no_answer(share))))
            };
            match result {
                Ok((stream, expiry)) => return Ok((*address, stream, expiry)),
                Err(outcome) => failed = outcome,
            }
        }
        if let Outcome::Inconclusive(_) = &failed {
            // Connections that are kept may be what there is too many of.
            self.pool.clear();
        }
        Err(failed)
    }

    fn keep(
        &self,
        place: Place,
        stream: Option<connect::Stream>,
        expiry: Option<SystemTime>,
        until: Instant,
    ) {
        if let Some(stream) = stream {
            self.pool.put(place, Kept { stream, expiry, until }, Clock::now());
        }
    }
}

/// What an answer with an expected status says of the endpoint.
fn verdict(answer: &Answer, options: &HttpOptions) -> Outcome {
    if let Some(wanted) = &options.body_match
        // Searching text takes time in proportion to its length, searching octets may not.
        && !String::from_utf8_lossy(&answer.body).contains(wanted)
    {
        return Outcome::Failure(reason::no_match(wanted));
    }
    let weight = match &options.weight_header {
        None => leading_number(&answer.body),
        Some(name) => answer.headers.get(name).map_or(0, |value| leading_number(value.as_bytes())),
    };
    Outcome::success(weight)
}

/// A redirect that is not followed.
#[derive(Debug, PartialEq, Eq)]
struct Elsewhere;

/// Where an answer sends who asked for `url`, if it sends him anywhere.
fn redirect(answer: &Answer, url: &Url) -> Option<Result<Url, Elsewhere>> {
    // RFC 9110 section 15.4: these have a Location that a client may go to by itself.
    if !matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = answer.headers.get(LOCATION)?.to_str().ok()?;
    Some(within(url, location))
}

/// The URL that `location` names, if it is one of the same host. An endpoint must not choose what
/// else this server connects to: neither another host nor another port, except that of https
/// instead of that of http.
fn within(url: &Url, location: &str) -> Result<Url, Elsewhere> {
    let next = url.join(location).map_err(|_| Elsewhere)?;
    let place = |url: &Url| (url.scheme().to_owned(), url.port_or_known_default());
    let is_same = place(&next) == place(url);
    let is_upgrade = place(url) == ("http".to_owned(), Some(80))
        && place(&next) == ("https".to_owned(), Some(443));
    let is_this_host = next.host() == url.host();
    if is_this_host && (is_same || is_upgrade) { Ok(next) } else { Err(Elsewhere) }
}

/// What is connected to.
#[derive(Debug)]
struct Route {
    /// `None`: the URL's host is to be resolved.
    address: Option<SocketAddr>,
    port: u16,
    secure: Option<Secure>,
}

impl Route {
    fn of(url: &Url, probe: &HttpProbe) -> Result<Self, Outcome> {
        let nowhere = || Outcome::failure("the URL names no host and port");
        let port = url.port_or_known_default().ok_or_else(nowhere)?;
        let literal = match url.host().ok_or_else(nowhere)? {
            Host::Ipv4(address) => Some(IpAddr::from(address)),
            Host::Ipv6(address) => Some(IpAddr::from(address)),
            Host::Domain(_) => None,
        };
        let address = probe.address.or(literal).map(|address| address.to_canonical());
        let secure = (url.scheme() == "https").then(|| Secure {
            name: name_of(url, literal),
            certificate: probe.tls.certificate,
            protocol: Protocol::Http1,
        });
        let address = address.map(|address| SocketAddr::new(address, port));
        Ok(Self { address, port, secure })
    }
}

fn name_of(url: &Url, literal: Option<IpAddr>) -> ServerName<'static> {
    match literal {
        Some(address) => ServerName::from(address),
        None => server_name(url.host_str(), IpAddr::from([0, 0, 0, 0])),
    }
}

/// The request for what a URL names. Every part was tried when the check was taken on.
fn request(
    url: &Url,
    options: &HttpOptions,
    is_last: bool,
) -> Result<Request<Full<Bytes>>, Outcome> {
    let target = &url[Position::BeforePath..Position::AfterQuery];
    let uri: Uri =
        target.parse().map_err(|_| Outcome::failure("the path of the URL cannot be asked for"))?;
    let body = Full::new(Bytes::copy_from_slice(options.body.as_bytes()));
    let mut request = Request::new(body);
    *request.method_mut() = match options.method {
        Method::Get => http::Method::GET,
        Method::Head => http::Method::HEAD,
        Method::Options => http::Method::OPTIONS,
        Method::Post => http::Method::POST,
    };
    *request.uri_mut() = uri;
    *request.headers_mut() = headers(url, options, is_last);
    Ok(request)
}

fn headers(url: &Url, options: &HttpOptions, is_last: bool) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(options.headers.len() + 4);
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            headers.insert(name, value);
        }
    };
    set(HOST, &url[Position::BeforeHost..Position::AfterPort]);
    set(USER_AGENT, options.user_agent.as_deref().unwrap_or(AGENT));
    if is_last {
        set(CONNECTION, "close");
    }
    // RFC 9110 section 8.6: a POST says that it brings nothing.
    if options.method == Method::Post && options.body.is_empty() {
        set(CONTENT_LENGTH, "0");
    }
    if !url.username().is_empty() || url.password().is_some() {
        set(AUTHORIZATION, &credentials(url));
    }
    for (name, value) in &options.headers {
        if let Ok(name) = HeaderName::from_bytes(name.as_bytes()) {
            set(name, value);
        }
    }
    headers
}

/// Who a URL says to be (RFC 7617 section 2). What stands there is percent-encoded.
fn credentials(url: &Url) -> String {
    let mut pair = decoded(url.username());
    pair.push(b':');
    pair.extend(decoded(url.password().unwrap_or_default()));
    format!("Basic {}", BASE64.encode(&pair))
}

fn decoded(text: &str) -> Vec<u8> {
    let mut rest = text.as_bytes();
    let mut octets = Vec::with_capacity(rest.len());
    while let Some((first, tail)) = rest.split_first() {
        let digits = tail.first_chunk::<2>().filter(|_| *first == b'%');
        let digits = digits.and_then(|pair| std::str::from_utf8(pair).ok());
        match digits.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(octet) => {
                octets.push(octet);
                rest = &tail[2..];
            }
            None => {
                octets.push(*first);
                rest = tail;
            }
        }
    }
    octets
}

/// The number at the start, as C's `stoi` reads it: blanks, a sign, digits, anything. 0 if there is
/// none, or it is not positive, or too large for an `int`.
fn leading_number(body: &[u8]) -> u32 {
    let is_blank = |octet: &u8| matches!(octet, b' ' | b'\t'..=b'\r');
    let start = body.iter().position(|octet| !is_blank(octet)).unwrap_or(body.len());
    let text = &body[start..];
    let text = text.strip_prefix(b"+").unwrap_or(text);
    let mut digits = text.iter().take_while(|octet| octet.is_ascii_digit());
    digits
        .try_fold(0_i32, |number, digit| {
            number.checked_mul(10)?.checked_add(i32::from(digit - b'0'))
        })
        .map_or(0, i32::unsigned_abs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_at_the_start_is_a_weight() {
        for (body, weight) in [
            ("", 0),
            ("12", 12),
            ("12\n", 12),
            (" \t\r\n\u{b}\u{c}12", 12),
            ("+7 servers", 7),
            ("-7", 0),
            ("+-7", 0),
            ("- 7", 0),
            ("0", 0),
            ("007", 7),
            ("3.9", 3),
            ("0x10", 0),
            ("ok 5", 0),
            ("2147483647", 2_147_483_647),
            ("2147483648", 0),
            ("99999999999999999999", 0),
        ] {
            assert_eq!(leading_number(body.as_bytes()), weight, "{body:?}");
        }
    }

    #[test]
    fn the_host_stays_the_urls_and_the_address_is_the_one_under_test() {
        let check = |url: &str, address: &str, expected: (&str, &str, &str, &str)| {
            let url = Url::parse(url).expect("a URL");
            let probe = HttpProbe::new(url.clone(), address.parse().ok());
            let route = Route::of(&url, &probe).expect("a route");
            let place = route.address.map(|address| address.to_string()).unwrap_or_default();
            let name = route.secure.map(|secure| secure.name.to_str().into_owned());
            let request = request(&url, &probe.http, false).expect("a request");
            let host = request.headers()[HOST].to_str().expect("text");
            let found = (place.as_str(), request.uri().path(), host, &*name.unwrap_or_default());
            assert_eq!(found, expected, "{url}");
        };
        check("http://w.example/a?b", "192.0.2.1", ("192.0.2.1:80", "/a", "w.example", ""));
        check(
            "http://w.example:8080",
            "2001:db8::1",
            ("[2001:db8::1]:8080", "/", "w.example:8080", ""),
        );
        check("http://192.0.2.9/", "192.0.2.1", ("192.0.2.1:80", "/", "192.0.2.9", ""));
        check("https://w.example/", "192.0.2.1", ("192.0.2.1:443", "/", "w.example", "w.example"));
        check(
            "https://w.example/",
            "::ffff:192.0.2.1",
            ("192.0.2.1:443", "/", "w.example", "w.example"),
        );
        check("https://w.example/", "none", ("", "/", "w.example", "w.example"));
        check("https://[2001:db8::1]/", "none", {
            ("[2001:db8::1]:443", "/", "[2001:db8::1]", "2001:db8::1")
        });
        check("http://u:p@w.example/", "192.0.2.1", ("192.0.2.1:80", "/", "w.example", ""));
    }

    #[test]
    fn a_url_may_say_who_asks() {
        for (url, expected) in [
            ("http://user:pass@w.example/", "Basic dXNlcjpwYXNz"),
            ("http://user@w.example/", "Basic dXNlcjo="),
            ("http://a%3Ab:%C3%A4%zz@w.example/", "Basic YTpiOsOkJXp6"),
        ] {
            let url = Url::parse(url).expect("a URL");
            let request = request(&url, &HttpOptions::default(), true).expect("a request");
            assert_eq!(request.headers()[AUTHORIZATION], expected, "{url}");
        }
    }

    #[test]
    fn redirects_stay_at_the_host_and_port() {
        for (url, location, expected) in [
            ("http://w.example/a", "/b", "http://w.example/b"),
            ("http://w.example/a/", "b?c", "http://w.example/a/b?c"),
            ("http://w.example/", "http://W.example:80/b", "http://w.example/b"),
            ("http://w.example/", "https://w.example/", "https://w.example/"),
            ("http://w.example:8080/", "//w.example:8080/b", "http://w.example:8080/b"),
            ("http://w.example:8080/", "https://w.example/", ""),
            ("http://w.example/", "https://w.example:8443/", ""),
            ("http://w.example/", "http://w.example:22/", ""),
            ("https://w.example/", "http://w.example/", ""),
            ("http://w.example/", "http://w.example.org/", ""),
            ("http://w.example/", "//169.254.169.254/", ""),
            ("http://w.example/", "file:///etc/passwd", ""),
            ("http://w.example/", "http://", ""),
        ] {
            let next = within(&Url::parse(url).expect("a URL"), location);
            let next = next.map_or(String::new(), |url| url.to_string());
            assert_eq!(next, expected, "{url} to {location}");
        }
    }
}
