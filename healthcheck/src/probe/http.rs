//! Is a GET request answered as expected?
//!
//! Every probe makes its own client and its own connection. A client costs three microseconds with
//! the shared TLS configuration, and nothing is left to be kept apart by address and source, or to
//! be thrown away when checks go. A kept connection would hide what a check is to find: that the
//! endpoint takes no new ones, or that its certificate ran out.

use std::net::IpAddr;
use std::sync::Arc;

use reqwest::header::{HOST, HeaderMap, HeaderName, HeaderValue, LOCATION, USER_AGENT};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};
use rustls::ClientConfig;

use super::reason;
use super::resolve::{Judged, Pinned};
use super::tls::Tls;
use crate::check::HttpProbe;
use crate::outcome::Outcome;
use crate::target::TargetPolicy;

/// How many redirects of one probe are followed.
const MOST_REDIRECTS: usize = 5;

const AGENT: &str = concat!("halfmoon/", env!("CARGO_PKG_VERSION"));

/// Sends the request and judges the answer.
pub(super) async fn probe(
    http: &HttpProbe,
    source: Option<IpAddr>,
    tls: &Tls,
    targets: &TargetPolicy,
) -> Outcome {
    let mut url = http.url.clone();
    let mut followed = 0;
    let mut response = loop {
        let response = match get(http, &url, source, tls, targets).await {
            Ok(response) => response,
            Err(outcome) => return outcome,
        };
        let status = response.status().as_u16();
        if status == http.status {
            break response;
        }
        let unexpected = format!("status {status}, expected {}", http.status);
        url = match redirect(&response, &url) {
            None => return Outcome::failure(unexpected),
            Some(Err(Elsewhere)) => {
                return Outcome::failure(format!("{unexpected}: it leads to another place"));
            }
            Some(Ok(_)) if followed == MOST_REDIRECTS => {
                return Outcome::failure(format!("{unexpected}, after {followed} redirects"));
            }
            Some(Ok(next)) => next,
        };
        followed += 1;
    };
    let body = match body(&mut response, http.byte_limit).await {
        Ok(body) => body,
        Err(error) => return reason::request(&error, source),
    };
    if let Some(wanted) = &http.body_match
        // Searching text takes time in proportion to its length, searching octets may not.
        && !String::from_utf8_lossy(&body).contains(wanted)
    {
        return Outcome::Failure(reason::no_match(wanted));
    }
    Outcome::success(leading_number(&body))
}

/// Sends one request.
async fn get(
    http: &HttpProbe,
    url: &Url,
    source: Option<IpAddr>,
    tls: &Tls,
    targets: &TargetPolicy,
) -> Result<Response, Outcome> {
    let is_tls = url.scheme() == "https";
    let config = match is_tls.then(|| tls.config(http.certificate)) {
        None => tls.unused(),
        Some(Ok(config)) => config,
        Some(Err(reason)) => return Err(Outcome::failure(reason.to_owned())),
    };
    let route = Route::of(url, http.address, is_tls);
    let client = client(&route, source, config, targets);
    let request = client.map(|client| client.get(route.url).headers(headers(http, route.host)));
    let result = match request {
        Ok(request) => request.send().await,
        Err(error) => Err(error),
    };
    result.map_err(|error| reason::request(&error, source))
}

/// A redirect that is not followed.
#[derive(Debug, PartialEq, Eq)]
struct Elsewhere;

/// Where an answer sends who asked for `url`, if it sends him anywhere.
fn redirect(response: &Response, url: &Url) -> Option<Result<Url, Elsewhere>> {
    // RFC 9110 section 15.4: these have a Location that a client may go to by itself.
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
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
struct Route {
    url: Url,
    /// The address that the URL's host is taken to have.
    pin: Option<IpAddr>,
    /// The Host header, where it is not the URL's host.
    host: Option<HeaderValue>,
}

impl Route {
    fn of(whole: &Url, address: Option<IpAddr>, is_tls: bool) -> Self {
        let mut url = whole.clone();
        let Some(address) = address else {
            return Self { url, pin: None, host: None };
        };
        let address = address.to_canonical();
        // The resolver is not asked about a host that is an address, and for TLS the host has to
        // stay, as the name that the certificate must have.
        if is_tls && matches!(whole.host(), Some(url::Host::Domain(_))) {
            return Self { url, pin: Some(address), host: None };
        }
        let host =
            HeaderValue::from_str(&whole[url::Position::BeforeHost..url::Position::AfterPort]).ok();
        match url.set_ip_host(address) {
            Ok(()) => Self { url, pin: None, host },
            // Only URLs without hosts take none, and they are refused with the check.
            Err(()) => Self { url, pin: Some(address), host: None },
        }
    }
}

fn client(
    route: &Route,
    source: Option<IpAddr>,
    config: &ClientConfig,
    targets: &TargetPolicy,
) -> reqwest::Result<Client> {
    let builder = Client::builder()
        .tls_backend_preconfigured(config.clone())
        .no_proxy()
        .redirect(Policy::none())
        .http1_only()
        .retry(reqwest::retry::never())
        .referer(false)
        .pool_max_idle_per_host(0)
        .local_address(source);
    match route.pin {
        Some(address) => builder.dns_resolver(Arc::new(Pinned(address))),
        None => builder.dns_resolver(Arc::new(Judged { targets: targets.clone(), source })),
    }
    .build()
}

fn headers(http: &HttpProbe, host: Option<HeaderValue>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(http.headers.len() + 2);
    if let Some(host) = host {
        headers.insert(HOST, host);
    }
    let agent = http.user_agent.as_deref().unwrap_or(AGENT);
    if let Ok(agent) = HeaderValue::from_bytes(agent.as_bytes()) {
        headers.insert(USER_AGENT, agent);
    }
    for (name, value) in &http.headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        // Both were tried when the check was taken on.
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value.as_bytes())) {
            headers.insert(name, value);
        }
    }
    headers
}

/// The beginning of the body, as far as it is to be read.
async fn body(response: &mut Response, byte_limit: u64) -> reqwest::Result<Vec<u8>> {
    let limit = match byte_limit {
        0 => HttpProbe::BODY_CAP,
        limit => limit.min(HttpProbe::BODY_CAP),
    } as usize;
    let mut body = Vec::new();
    while body.len() < limit {
        let Some(chunk) = response.chunk().await? else {
            break;
        };
        let rest = limit - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(rest)]);
    }
    Ok(body)
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
    fn the_host_stays_the_urls_and_the_address_is_pinned() {
        let check = |url: &str, address: &str, expected: (&str, &str, &str)| {
            let address = address.parse().ok();
            let whole = Url::parse(url).expect("a URL");
            let route = Route::of(&whole, address, whole.scheme() == "https");
            let pin = route.pin.map(|pin| pin.to_string()).unwrap_or_default();
            let host = route.host.as_ref().and_then(|host| host.to_str().ok()).unwrap_or_default();
            assert_eq!((route.url.as_str(), pin.as_str(), host), expected, "{url}");
        };
        check("http://w.example/a?b", "192.0.2.1", ("http://192.0.2.1/a?b", "", "w.example"));
        check(
            "http://w.example:8080/",
            "2001:db8::1",
            ("http://[2001:db8::1]:8080/", "", "w.example:8080"),
        );
        check("http://192.0.2.9/", "192.0.2.1", ("http://192.0.2.1/", "", "192.0.2.9"));
        check("https://w.example/", "192.0.2.1", ("https://w.example/", "192.0.2.1", ""));
        check("https://w.example/", "::ffff:192.0.2.1", ("https://w.example/", "192.0.2.1", ""));
        check("https://w.example/", "none", ("https://w.example/", "", ""));
        check("http://u:p@w.example/", "192.0.2.1", ("http://u:p@192.0.2.1/", "", "w.example"));
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
